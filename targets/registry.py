"""Targets by name: ``reference``, ``reference:linux``, ``kernel``, and whatever a plug-in brings."""

from functools import cache
from importlib import import_module
from inspect import Parameter, getattr_static, signature
from typing import TYPE_CHECKING, Any

from targets.base import Target, TargetError
from targets.broken import broken

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tcprove.targets"
"""Entry-point group. Each entry is a callable ``create(**settings) -> Target``; with a name of the form
``name:argument`` the argument is its first positional one."""


BUNDLED = {"reference": "targets.reference:create", "kernel": "targets.kernel:create"}
"""Our own entry points of that group."""


def target_names() -> tuple[str, ...]:
    """Return the names of all installed targets, sorted."""
    return tuple(sorted({entry.name for entry in installed()}))


@cache
def installed() -> "tuple[EntryPoint, ...]":
    """Return the entry points of all targets; looked up once, because that reads every distribution's metadata."""
    from importlib.metadata import entry_points  # noqa: PLC0415  takes longer to load than a short script to play

    return tuple(entry_points(group=GROUP))


def create_target(name: str, **settings: Any) -> Target:
    """Return a new, closed target.

    `name` is an entry point of the group `GROUP`, with ``:argument`` behind it where the target takes one. Raises
    `TargetError` for an unknown name (listing the known ones), a target that cannot be imported, and an argument or
    setting that the target does not take.
    """
    base, _, argument = name.partition(":")
    create = _bundled(base) or _load(_entry(base))
    arguments = (argument,) if argument else ()
    try:
        signature(create).bind(*arguments, **settings)
    except TypeError as error:
        raise TargetError(
            f"target {base!r} does not take that: {error}", next_step=f"it is create{signature(create)}"
        ) from None
    try:
        target: Target = create(*arguments, **settings)
        is_target = not _missing(target)
    except TargetError:
        raise
    except ValueError as error:
        raise TargetError(f"target {name!r}: {error}", next_step=_describe(create)) from None
    except Exception as error:
        raise broken(name, "create", error) from error
    if not is_target:
        raise TargetError(
            f"target {name!r}: {create.__module__}:{create.__qualname__} gave {type(target).__name__!r}, "
            "which is no target",
            next_step=f"repair the plug-in: targets.base.Target also has {', '.join(_missing(target))}",
        )
    return target


def _bundled(base: str) -> Any:
    """Return the factory of one of our own targets, None for others: finding plug-ins takes 20 ms."""
    module, _, attribute = BUNDLED.get(base, "").partition(":")
    return getattr(import_module(module), attribute) if module else None


def _entry(base: str) -> "EntryPoint":
    for entry in installed():
        if entry.name == base:
            return entry
    known = ", ".join(target_names()) or "none"
    raise TargetError(
        f"no target {base!r}; known targets are: {known}",
        next_step=f"install a plug-in with an entry point in the group {GROUP}, or choose a known name",
    )


def _load(entry: "EntryPoint") -> Any:
    try:
        return entry.load()
    except Exception as error:  # a plug-in's module may raise anything while it is imported
        raise TargetError(
            f"target {entry.name!r} cannot be loaded from {entry.value}: {type(error).__name__}: {error}",
            next_step="install what the message names, or repair the plug-in",
        ) from error


def _missing(target: object) -> list[str]:
    names = ("name", "capabilities", "open", "close", "inject", "call", "poll", "now", "shell")
    # Looked up without being evaluated: a target may have to ask a kernel for its capabilities.
    return [name for name in names if getattr_static(target, name, None) is None]


def _describe(create: Any) -> str:
    optional = [each.name for each in signature(create).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    return "its parameters are " + ", ".join(optional)
