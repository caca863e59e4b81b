"""Expressions: arguments and results of system calls."""

from dataclasses import dataclass
from typing import TypeAlias

from packetdrill_compat.ast.packets import GreEncap, MplsLabel
from packetdrill_compat.ast.position import Position, no_position


@dataclass(frozen=True, slots=True)
class Ellipsis_:
    """``...``."""

    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Integer:
    """A decimal or hexadecimal number; `hexadecimal` keeps the spelling for the printer."""

    value: int
    hexadecimal: bool = False
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Word:
    """A symbol; looked up when the event runs."""

    name: str
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class String:
    """One or more adjacent strings as written (escapes unresolved); `ellipsis` when ``...`` follows."""

    parts: tuple[str, ...]
    ellipsis: bool = False
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Or:
    """``left | right``."""

    left: "Expression"
    right: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class KeyValue:
    """``WORD = value``; in the dialects also ``WORD = ...``. `count` is the number in nplab's ``headers(N) = […]``."""

    key: str
    value: "Expression"
    count: int | None = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class ListExpr:
    """``[a, b, …]``."""

    items: tuple["Expression", ...]
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class BraceList:
    """``{a, b, …}`` that is none of the known structures."""

    items: tuple["Expression", ...]
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class CallExpr:
    """``inet_addr("…")``, ``inet6_addr("…")``, ``htons(N)``, ``htonl(N)``."""

    function: str
    argument: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class SockAddrExpr:
    """``{sa_family = W, sin_port = htons(N), sin_addr = inet_addr("…")}``."""

    family: str
    port: int
    address: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class MsgHdrExpr:
    """``{msg_name(...)=..., msg_iov(N)=[…], msg_flags=…, msg_control=[…]}``; `control` None when absent.

    `control_length` is the number in nplab's ``msg_control(N)``.
    """

    iov_count: int
    iov: "Expression"
    flags: "Expression"
    control: "Expression | None" = None
    control_length: int | None = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class CmsgExpr:
    """``{cmsg_level=…, cmsg_type=…, cmsg_data=…}``; `length` is nplab's ``cmsg_len``."""

    level: "Expression"
    type: "Expression"
    data: "Expression"
    length: "Expression | None" = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class ScmTimestampExpr:
    """``{scm_sec=N, scm_nsec=N}``."""

    seconds: int
    nanoseconds: int
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class ExtendedErrorExpr:
    """``{ee_errno=…, ee_origin=…, ee_type=…, ee_code=…, ee_info=…, ee_data=…}``."""

    errno: "Expression"
    origin: "Expression"
    type: "Expression"
    code: "Expression"
    info: "Expression"
    data: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class IovecExpr:
    """``{..., N}``."""

    length: int
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class PollFdExpr:
    """``{fd=…, events=…, revents=…}``."""

    fd: "Expression"
    events: "Expression"
    revents: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class EpollEventExpr:
    """``{events=…, MEMBER=…}`` with MEMBER one of fd, ptr, u32, u64."""

    events: "Expression"
    member: str
    data: "Expression"
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class LingerExpr:
    """``{onoff=N, linger=N}``; None is ``...`` (dialect nplab)."""

    onoff: int | None
    linger: int | None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class MplsStackExpr:
    """``{(label …) …}`` as a socket option value."""

    labels: tuple[MplsLabel, ...]
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class GreExpr:
    """A GRE header as a socket option value."""

    header: GreEncap
    position: Position = no_position()


Expression: TypeAlias = (
    Ellipsis_
    | Integer
    | Word
    | String
    | Or
    | KeyValue
    | ListExpr
    | BraceList
    | CallExpr
    | SockAddrExpr
    | MsgHdrExpr
    | CmsgExpr
    | ScmTimestampExpr
    | ExtendedErrorExpr
    | IovecExpr
    | PollFdExpr
    | EpollEventExpr
    | LingerExpr
    | MplsStackExpr
    | GreExpr
)
