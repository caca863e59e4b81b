"""What a sysctl setting is: a row with name, default and limits, and how it acts on the settings of connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeAlias

from reference_stack.settings import ConnectionSettings

INT_MIN, INT_MAX, U8_MAX, U32_MAX = -(2**31), 2**31 - 1, 255, 2**32 - 1
# proc_dointvec_jiffies refuses what does not fit in an int of ticks; at 250 ticks a second that is INT_MAX // 250.
SECONDS_MAX = INT_MAX // 250

Values: TypeAlias = tuple[int, ...]
Put: TypeAlias = Callable[[ConnectionSettings, Values], None]
Show: TypeAlias = Callable[[ConnectionSettings], Values | None]


class SysctlError(Exception):
    """A setting could not be read or written; the text is the message of sysctl(8)."""


class Acts(Enum):
    """When a written setting reaches a connection."""

    AT_SOCKET = "when the socket is made"
    AT_CONNECT = "when the connection begins"
    ALWAYS = "at once, also on connections that exist"


@dataclass(frozen=True, slots=True)
class Effect:
    """How a setting acts: `put` stores the numbers in `fields`, `show` reads them back (None: nothing to show)."""

    put: Put
    show: Show
    fields: tuple[str, ...]
    acts: Acts = Acts.AT_CONNECT
    is_switch: bool = False
    """Only zero or not matters, so a default above 1 is shown as it is."""


@dataclass(frozen=True, slots=True)
class Sysctl:
    """One setting. `count` numbers between `minimum` and `maximum`; `is_text` settings take any words instead."""

    name: str
    default: str
    minimum: int = 0
    maximum: int = U8_MAX
    count: int = 1
    is_text: bool = False
    form: Callable[[str], str] | None = None
    """How the file shows a text that was written; `ValueError` for a text that is refused."""
    is_read_only: bool = False
    effect: Effect | None = None
    serves: tuple[tuple[str, int], ...] = ()
    """What the host asks for under another system's name, and that this row answers: Linux name and index."""

    def below(self, prefix: str) -> "Sysctl":
        """Return the same setting with its full name."""
        return replace(self, name=prefix + self.name)


@dataclass(frozen=True, slots=True)
class SysctlTable:
    """The settings of one system by their dotted names. `unknown` is what its sysctl(8) says of any other name.

    `has_files` tells whether they also are files below ``/proc/sys``, so that names may be written as paths.
    """

    rows: Mapping[str, Sysctl]
    unknown: str
    has_files: bool = False

    def unknown_error(self, dotted: str) -> SysctlError:
        """Return the error for a name that the system does not have."""
        return SysctlError(self.unknown.format(dotted=dotted, path=dotted.replace(".", "/")))


def plain(field: str, scale: int = 1, acts: Acts = Acts.AT_CONNECT) -> Effect:
    """One number stored in one field of the settings, multiplied by `scale`."""

    def put(settings: ConnectionSettings, values: Values) -> None:
        setattr(settings, field, values[0] * scale)

    def show(settings: ConnectionSettings) -> Values | None:
        value: Any = getattr(settings, field)
        return None if value is None else (int(value) // scale,)

    return Effect(put, show, (field,), acts)


def switch(field: str, acts: Acts = Acts.AT_CONNECT) -> Effect:
    """A Boolean: "any nonzero value is enabled" (tcp(7))."""

    def put(settings: ConnectionSettings, values: Values) -> None:
        setattr(settings, field, bool(values[0]))

    return Effect(put, lambda settings: (int(getattr(settings, field)),), (field,), acts, is_switch=True)


def inverse(field: str) -> Effect:
    """A switch that turns `field` off."""

    def put(settings: ConnectionSettings, values: Values) -> None:
        setattr(settings, field, not values[0])

    return Effect(put, lambda settings: (int(not getattr(settings, field)),), (field,))
