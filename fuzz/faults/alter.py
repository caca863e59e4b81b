"""Change one attribute of one object: how a fault gets into a policy, a connection or a host."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

Replacement = Callable[..., Any]
"""Called like what it replaces, with the sound original in front: ``replacement(original, self, ...)``."""


def alter(thing: object, name: str, replacement: object) -> None:
    """Replace a method, a property or a constant of this one object; others of its class stay sound.

    A function gets the original (bound, without arguments for a property) and the object in front of the arguments;
    any other value takes the place of a class constant. `AttributeError` when the class has no such attribute.
    """
    cls: Any = type(thing)
    thing.__class__ = _altered(cls, name, replacement)


@cache
def _altered(cls: Any, name: str, replacement: object) -> type:
    # A subclass without slots of its own has the layout of its base, so that an object can change over to it.
    return type(cls.__name__, (cls,), {"__slots__": (), name: _wrapped(getattr(cls, name), replacement)})


def _wrapped(original: Any, replacement: object) -> object:
    if not callable(replacement):
        return replacement
    if isinstance(original, property):

        def read(self: object) -> object:
            return replacement(partial(original.__get__, self), self)

        return property(read)

    def method(self: object, *args: object, **keywords: object) -> object:
        return replacement(partial(original, self), self, *args, **keywords)

    return method
