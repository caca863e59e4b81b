"""Events, their times, and the whole script."""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from packetdrill_compat.ast.expressions import Expression
from packetdrill_compat.ast.packets import PacketEvent
from packetdrill_compat.ast.position import Position, no_position


class TimeKind(enum.Enum):
    """How an event's time is written."""

    ABSOLUTE = "1.5"
    RELATIVE = "+1.5"
    ANY = "*"
    RANGE = "1~2"
    RELATIVE_RANGE = "+1~+2"


@dataclass(frozen=True, slots=True)
class EventTime:
    """When an event is due: microseconds, and for ranges the end of the range."""

    kind: TimeKind
    start: int = 0
    end: int | None = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class SyscallEvent:
    """A system call. `end` not None makes it a blocking call that returns at that time (same anchor as the start)."""

    name: str
    arguments: tuple[Expression, ...]
    result: Expression
    errno: str | None = None
    note: str | None = None
    end: int | None = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command between backquotes, verbatim."""

    text: str
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """The Python text of a ``%{ … }%`` block, blanks stripped at both ends."""

    text: str
    position: Position = no_position()


Action: TypeAlias = PacketEvent | SyscallEvent | Command | CodeBlock


@dataclass(frozen=True, slots=True)
class Event:
    """One timed event; `position` is that of its time token, which is the line that messages name."""

    time: EventTime
    action: Action
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class OptionLine:
    """``--name`` or ``--name=value`` before the events; for definitions `value` is the whole ``NAME=value``.

    `quoting` keeps how the value was written for the printer: empty, ``"`` or a backquote.
    """

    name: str
    value: str | None = None
    quoting: str = ""
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script. `dialect` is the one it was read in, which decides how it is printed."""

    options: tuple[OptionLine, ...]
    init: Command | None
    events: tuple[Event, ...]
    cleanup: Command | None = None
    path: str = field(default="", compare=False)
    dialect: str = field(default="google", compare=False)
    source: str = field(default="", compare=False, repr=False)
