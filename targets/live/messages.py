"""System calls as JSON and back: the arguments of `targets.calls`, the results of `CallResult`.

Octets are base64 text, tuples are lists, addresses and other values are objects with the fields of their class. In a
result, fields that are empty are left out.
"""

import base64
import binascii
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from targets.calls import Syscall, call_name

_CLASSES: dict[str, type[Syscall]] = {call_name(each): each for each in get_args(Syscall)}
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
"""What a register of the simulated machine holds, signed or not."""


class BadMessage(Exception):
    """A message that says no call; the text says why."""


def encode(value: Any) -> Any:
    """Return the JSON of a value: a call's arguments or a part of them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    return value


def encode_result(result: Any) -> dict[str, Any]:
    """Return the JSON of a result (`CallResult`, or the host's own of the same fields)."""
    filled: dict[str, Any] = {"value": result.value, "errno": result.errno}
    for field in fields(result):
        value = getattr(result, field.name)
        if field.name not in filled and value not in (b"", 0, None, ()):
            filled[field.name] = encode(value)
    return filled


def decode_call(name: object, arguments: object) -> Syscall:
    """Return the call; raises `BadMessage`."""
    if not isinstance(name, str) or name not in _CLASSES:
        raise BadMessage(f"no call {name!r}; known are {', '.join(sorted(_CLASSES))}")
    call: Syscall = _object(_CLASSES[name], arguments, name)
    return call


def decode(kind: Any, value: Any, where: str) -> Any:
    """Return the value of type `kind` that the JSON stands for; raises `BadMessage`, which names `where`."""
    if get_origin(kind) in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return None
        return decode(next(each for each in get_args(kind) if each is not NoneType), value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise BadMessage(f"{where}: wants a list, not {_shown(value)}")
        return tuple(decode(get_args(kind)[0], each, f"{where}[{index}]") for index, each in enumerate(value))
    if is_dataclass(kind):
        return _object(kind, value, where)
    if kind is bytes:
        return _octets(value, where)
    # bool is an int to Python, but true is no descriptor.
    if type(value) is not kind:
        raise BadMessage(f"{where}: wants {kind.__name__}, not {_shown(value)}")
    if kind is int and not _LEAST <= value <= _MOST:
        raise BadMessage(f"{where}: {_shown(value)} does not fit 64 bits")
    return value


def _object(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise BadMessage(f"{where}: wants an object, not {_shown(value)}")
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise BadMessage(f"{where}: has no {unknown[0]!r}; it takes {', '.join(hints) or 'nothing'}")
    needed = (field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING)
    missing = [name for name in needed if name not in value]
    if missing:
        raise BadMessage(f"{where}: lacks {', '.join(missing)}")
    return kind(**{name: decode(hints[name], each, f"{where}.{name}") for name, each in value.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _octets(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise BadMessage(f"{where}: wants octets as base64 text, not {_shown(value)}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
