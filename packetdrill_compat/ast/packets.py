"""Packets of a script."""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from packetdrill_compat.ast.position import Position, no_position
from wire.options import TcpOption


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
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class IpEncap:
    """``ipv4 A > B:`` or ``ipv6 A > B:`` in front of a packet."""

    version: int
    src: str
    dst: str
    info: IpInfo | None = None
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class GreEncap:
    """``gre [flags...]:``. `flags` is the 16-bit flags-and-version word; the other words are 0 when absent."""

    flags: int = 0
    checksum: int = 0
    offset: int = 0
    key: int = 0
    sequence: int = 0
    position: Position = no_position()


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
    position: Position = no_position()


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
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class TimestampPattern:
    """Dialect nplab: ``TS val ... ecr N`` (`val` None = not checked) and ``ecr N!`` (not translated)."""

    val: int | None
    ecr: int
    ecr_absolute: bool = False
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class Md5Valid:
    """Dialect nplab: ``md5 valid``, a signature that is right for the configured secret."""

    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class RawOption:
    """Dialect nplab: option bytes given as hex; `spelling` keeps how they were named (``gen-30``, ``exp-F989``, …)."""

    data: bytes
    spelling: str = ""
    position: Position = no_position()


@dataclass(frozen=True, slots=True)
class MptcpOption:
    """Dialect mptcp: an option by its script word and its parts in written order; `None` marks a part without value.

    A part is the name that the script gives it and its value: a number, or text in one spelling without blanks, such as
    ``trunc_r64_hmac(ckey)+1`` or ``ckey=5,skey``. Parts without a name of their own are called ``version``, ``key`` and
    ``reason``.
    """

    word: str
    parts: tuple[tuple[str, "str | int | None"], ...] = ()
    position: Position = no_position()


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
    position: Position = no_position()
