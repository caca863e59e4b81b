"""The abstract syntax tree of a packetdrill script.

Every node is a frozen value. `position` says where its first token stands and takes no part in comparison, so that
``parse(print(script)) == script`` can be asked. Times are integer microseconds. Nodes marked with a dialect occur only
in scripts of that dialect.
"""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from wire.options import TcpOption


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column of a token, both counted from 1."""

    line: int = 0
    column: int = 0


def _position() -> Position:
    return field(default=Position(), compare=False, kw_only=True)


# ---------------------------------------------------------------- times


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
    position: Position = _position()


# ---------------------------------------------------------------- packets


class Direction(enum.Enum):
    """Inbound packets are injected into the stack under test, outbound ones are expected from it."""

    INBOUND = "<"
    OUTBOUND = ">"


class EcnMark(enum.Enum):
    """The ECN words of an IP annotation."""

    NOECN = "noecn"
    ECT0 = "ect0"
    ECT1 = "ect1"
    CE = "ce"
    ECT01 = "ect01"


@dataclass(frozen=True, slots=True)
class IpInfo:
    """An IP annotation such as ``[ect0, flowlabel 0x1]``; None means that nothing was written.

    `dscp` (dialect nplab) is the upper six bits of the TOS octet.
    """

    ecn: EcnMark | None = None
    tos: int | None = None
    flow_label: int | None = None
    ttl: int | None = None
    dscp: int | None = None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class IpEncap:
    """``ipv4 A > B:`` or ``ipv6 A > B:`` in front of a packet."""

    version: int
    src: str
    dst: str
    info: IpInfo | None = None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class GreEncap:
    """``gre [flags...]:``. `flags` is the 16-bit flags-and-version word; the other words are 0 when absent."""

    flags: int = 0
    checksum: int = 0
    offset: int = 0
    key: int = 0
    sequence: int = 0
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class MplsLabel:
    """One MPLS label stack entry."""

    label: int
    traffic_class: int
    bottom: bool
    ttl: int


@dataclass(frozen=True, slots=True)
class MplsEncap:
    """``mpls (label ...)...:``."""

    labels: tuple[MplsLabel, ...]
    position: Position = _position()


Encap: TypeAlias = IpEncap | GreEncap | MplsEncap


@dataclass(frozen=True, slots=True)
class TcpFlags:
    """The flag word: a mask of `wire.tcp` flag bits and, when a digit was written, the ACE value 0..7.

    A digit 1 to 7 has its bits in `mask` too. The digit 0 is kept for printing; upstream treats it as no digit.
    """

    mask: int
    ace: int | None = None


@dataclass(frozen=True, slots=True)
class SequenceRange:
    """``start:end(length)``. Dialect nplab: `absolute` for a trailing ``!``, `ignored` for ``...(length)``."""

    start: int
    end: int
    length: int
    absolute: bool = False
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class PlainOption:
    """A TCP option whose bytes the script gives in full."""

    option: TcpOption
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class TimestampPattern:
    """Dialect nplab: ``TS val ... ecr N`` (`val` None = not checked) and ``ecr N!`` (not translated)."""

    val: int | None
    ecr: int
    ecr_absolute: bool = False
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class Md5Valid:
    """Dialect nplab: ``md5 valid``, a signature that is right for the configured secret."""

    position: Position = _position()


@dataclass(frozen=True, slots=True)
class RawOption:
    """Dialect nplab: option bytes given as hex; `spelling` keeps how they were named (``gen-30``, ``exp-F989``, …)."""

    data: bytes
    spelling: str = ""
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class MptcpOption:
    """Dialect mptcp: an option by its script word and its parts in written order; `None` marks a part without value.

    A part is the name that the script gives it and its value: a number, or text in one spelling without blanks, such as
    ``trunc_r64_hmac(ckey)+1`` or ``ckey=5,skey``. Parts without a name of their own are called ``version``, ``key`` and
    ``reason``.
    """

    word: str
    parts: tuple[tuple[str, "str | int | None"], ...] = ()
    position: Position = _position()


ScriptOption: TypeAlias = PlainOption | TimestampPattern | Md5Valid | RawOption | MptcpOption


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Dialect mptcp: one side of ``[end] > [end]``: a port, an address with a port, or an address variable."""

    address: str | None = None
    variable: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class TcpSpec:
    """A TCP packet. `options` None is ``<...>`` (not compared); `ports` None when the script names none."""

    flags: TcpFlags
    sequence: SequenceRange
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[ScriptOption, ...] | None = ()
    ports: tuple[int, int] | None = None
    psp_spi: int | None = None
    udp_ports: tuple[int, int] | None = None
    rst_code: tuple[int, int] | None = None
    endpoints: tuple[Endpoint, Endpoint] | None = None


@dataclass(frozen=True, slots=True)
class UdpSpec:
    """A UDP packet with `length` zero octets.

    `coverage` not None is UDP-Lite (dialect nplab). `endpoints` as in `TcpSpec` (dialect mptcp).
    """

    length: int
    ports: tuple[int, int] | None = None
    coverage: int | None = None
    endpoints: tuple[Endpoint, Endpoint] | None = None


@dataclass(frozen=True, slots=True)
class EchoedTcp:
    """``[start:end(length)]`` or, in nplab, with ports."""

    sequence: SequenceRange
    udp_ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class EchoedUdp:
    """``[udp (N)]``; `coverage` not None is UDP-Lite (dialect nplab)."""

    length: int
    coverage: int | None = None


@dataclass(frozen=True, slots=True)
class EchoedRaw:
    """``[raw (N)]``: no echoed header, the ICMP message is `length` octets in all."""

    length: int


Echoed: TypeAlias = EchoedTcp | EchoedUdp | EchoedRaw


@dataclass(frozen=True, slots=True)
class IcmpSpec:
    """An ICMP packet by the words of the script; `packetdrill_compat.icmp` resolves them by address family."""

    type_word: str
    code_word: str | None = None
    mtu: int | None = None
    echo_id: int | None = None
    echoed: Echoed | None = None


PacketBody: TypeAlias = TcpSpec | UdpSpec | IcmpSpec


@dataclass(frozen=True, slots=True)
class PacketEvent:
    """A packet to inject or to expect."""

    direction: Direction
    body: PacketBody
    encaps: tuple[Encap, ...] = ()
    info: IpInfo | None = None
    position: Position = _position()


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Ellipsis_:
    """``...``."""

    position: Position = _position()


@dataclass(frozen=True, slots=True)
class Integer:
    """A decimal or hexadecimal number; `hexadecimal` keeps the spelling for the printer."""

    value: int
    hexadecimal: bool = False
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class Word:
    """A symbol; looked up when the event runs."""

    name: str
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class String:
    """One or more adjacent strings as written (escapes unresolved); `ellipsis` when ``...`` follows."""

    parts: tuple[str, ...]
    ellipsis: bool = False
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class Or:
    """``left | right``."""

    left: "Expression"
    right: "Expression"
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class KeyValue:
    """``WORD = value``; in the dialects also ``WORD = ...``. `count` is the number in nplab's ``headers(N) = […]``."""

    key: str
    value: "Expression"
    count: int | None = None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class ListExpr:
    """``[a, b, …]``."""

    items: tuple["Expression", ...]
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class BraceList:
    """``{a, b, …}`` that is none of the known structures."""

    items: tuple["Expression", ...]
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class CallExpr:
    """``inet_addr("…")``, ``inet6_addr("…")``, ``htons(N)``, ``htonl(N)``."""

    function: str
    argument: "Expression"
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class SockAddrExpr:
    """``{sa_family = W, sin_port = htons(N), sin_addr = inet_addr("…")}``."""

    family: str
    port: int
    address: "Expression"
    position: Position = _position()


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
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class CmsgExpr:
    """``{cmsg_level=…, cmsg_type=…, cmsg_data=…}``; `length` is nplab's ``cmsg_len``."""

    level: "Expression"
    type: "Expression"
    data: "Expression"
    length: "Expression | None" = None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class ScmTimestampExpr:
    """``{scm_sec=N, scm_nsec=N}``."""

    seconds: int
    nanoseconds: int
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class ExtendedErrorExpr:
    """``{ee_errno=…, ee_origin=…, ee_type=…, ee_code=…, ee_info=…, ee_data=…}``."""

    errno: "Expression"
    origin: "Expression"
    type: "Expression"
    code: "Expression"
    info: "Expression"
    data: "Expression"
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class IovecExpr:
    """``{..., N}``."""

    length: int
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class PollFdExpr:
    """``{fd=…, events=…, revents=…}``."""

    fd: "Expression"
    events: "Expression"
    revents: "Expression"
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class EpollEventExpr:
    """``{events=…, MEMBER=…}`` with MEMBER one of fd, ptr, u32, u64."""

    events: "Expression"
    member: str
    data: "Expression"
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class LingerExpr:
    """``{onoff=N, linger=N}``; None is ``...`` (dialect nplab)."""

    onoff: int | None
    linger: int | None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class MplsStackExpr:
    """``{(label …) …}`` as a socket option value."""

    labels: tuple[MplsLabel, ...]
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class GreExpr:
    """A GRE header as a socket option value."""

    header: GreEncap
    position: Position = _position()


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


# ---------------------------------------------------------------- events and scripts


@dataclass(frozen=True, slots=True)
class SyscallEvent:
    """A system call. `end` not None makes it a blocking call that returns at that time (same anchor as the start)."""

    name: str
    arguments: tuple[Expression, ...]
    result: Expression
    errno: str | None = None
    note: str | None = None
    end: int | None = None
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command between backquotes, verbatim."""

    text: str
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """The Python text of a ``%{ … }%`` block, blanks stripped at both ends."""

    text: str
    position: Position = _position()


Action: TypeAlias = PacketEvent | SyscallEvent | Command | CodeBlock


@dataclass(frozen=True, slots=True)
class Event:
    """One timed event; `position` is that of its time token, which is the line that messages name."""

    time: EventTime
    action: Action
    position: Position = _position()


@dataclass(frozen=True, slots=True)
class OptionLine:
    """``--name`` or ``--name=value`` before the events; for definitions `value` is the whole ``NAME=value``.

    `quoting` keeps how the value was written for the printer: empty, ``"`` or a backquote.
    """

    name: str
    value: str | None = None
    quoting: str = ""
    position: Position = _position()


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
