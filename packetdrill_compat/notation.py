"""Packets as text in packetdrill notation, the way packetdrill dumps them in its messages.

Source: the language specification, sections 4.4 (numbers of the script and numbers on the wire) and 8 (dump). The dump
prints the flags in the order ``FSRP.U`` and then ``EWA``, where a script puts the dot last.
"""

from collections.abc import Callable

from wire.gre import GreHeader
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.mpls import MplsStack
from wire.options import (
    AccEcn,
    Ao,
    Eol,
    FastOpen,
    Md5,
    Mptcp,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
)
from wire.packet import Packet
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment
from wire.udp import UdpDatagram

_MODULUS = 2**32
_FLAG_LETTERS = (
    (FIN, "F"),
    (SYN, "S"),
    (RST, "R"),
    (PSH, "P"),
    (ACK, "."),
    (URG, "U"),
    (ECE, "E"),
    (CWR, "W"),
    (AE, "A"),
)
_ECN_WORDS = {0: "", 1: "ect1", 2: "ect0", 3: "ce"}


def describe_packet(
    packet: Packet,
    *,
    local_isn: int | None,
    remote_isn: int | None,
    outbound: bool,
    local_script_isn: int = 0,
    show_window: bool = True,
) -> str:
    """Return `packet` in packetdrill notation.

    `outbound` packets come from the stack under test. `local_isn` is that stack's initial sequence number on the wire
    and `local_script_isn` what the script calls it; `remote_isn` is the peer's. An unknown number (None) leaves the
    numbers that depend on it as they are on the wire. `show_window` False leaves ``win`` out, for packets whose window
    is not compared.
    """
    text = _prefix(packet)
    body = packet.body
    if isinstance(body, TcpSegment):
        numbers = _Numbers(body, local_isn, remote_isn, local_script_isn, outbound=outbound)
        return text + _describe_tcp(body, numbers, show_window=show_window)
    if isinstance(body, UdpDatagram):
        return text + f"udp ({len(body.payload)})"
    if isinstance(body, IcmpMessage):
        return text + _describe_icmp(body, local_isn)
    return text + f"protocol {_protocol(packet)} ({len(body.data)})"


def describe_flags(flags: int) -> str:
    """Return the flag word of a dump, ``-`` when no flag is set."""
    return "".join(letter for bit, letter in _FLAG_LETTERS if flags & bit) or "-"


class _Numbers:
    """Translates the numbers of one segment from the wire to the script (language specification, section 4.4)."""

    def __init__(
        self,
        segment: TcpSegment,
        local_isn: int | None,
        remote_isn: int | None,
        local_script_isn: int,
        *,
        outbound: bool,
    ) -> None:
        has_syn = bool(segment.flags & SYN)
        local = 0 if local_isn is None else local_isn
        if has_syn and local_isn is not None:
            local -= local_script_isn
        remote = 0 if has_syn or remote_isn is None else remote_isn
        self._sequence_base, self._ack_base = (local, remote) if outbound else (remote, local)

    def sequence(self, number: int) -> int:
        """Translate a sequence number of the sender."""
        return (number - self._sequence_base) % _MODULUS

    def acknowledgment(self, number: int) -> int:
        """Translate an acknowledgment number or a SACK edge."""
        return (number - self._ack_base) % _MODULUS


def _describe_tcp(segment: TcpSegment, numbers: _Numbers, *, show_window: bool) -> str:
    start = numbers.sequence(segment.seq)
    length = len(segment.payload)
    parts = [describe_flags(segment.flags), f"{start}:{(start + length) % _MODULUS}({length})"]
    if segment.flags & ACK:
        parts.append(f"ack {numbers.acknowledgment(segment.ack)}")
    elif segment.ack:
        # Section 4.4: without the ACK flag the number passes untranslated.
        parts.append(f"ack {segment.ack}")
    if show_window:
        parts.append(f"win {segment.window}")
    if segment.urgent:
        parts.append(f"urg {segment.urgent}")
    if segment.options:
        parts.append("<" + ",".join(_describe_option(option, numbers) for option in segment.options) + ">")
    return " ".join(parts)


def _describe_option(option: TcpOption, numbers: _Numbers) -> str:
    if isinstance(option, Sack):
        edges = (f"{numbers.acknowledgment(left)}:{numbers.acknowledgment(right)}" for left, right in option.blocks)
        return " ".join(["sack", *edges])
    return describe_option(option)


def describe_option(option: TcpOption) -> str:
    """Return one option in script notation, with the numbers it has on the wire.

    Options that packetdrill has no word for get the one of the nplab dialect, ``gen-KIND HEX``.
    """
    formatter = _OPTION_FORMATTERS.get(type(option))
    return formatter(option) if formatter else f"kind {option.kind}"


def _hex(word: str, data: bytes) -> str:
    return f"{word} {data.hex()}" if data else word


def _acc_ecn(option: AccEcn) -> str:
    names = ("e1b", "ceb", "e0b") if option.order else ("e0b", "ceb", "e1b")
    return " ".join(["ECN", *(f"{name} {count}" for name, count in zip(names, option.counters, strict=False))])


def _user_timeout(option: UserTimeout) -> str:
    # RFC 5482, section 3: one granularity bit (minutes when set) and fifteen bits of time.
    return f"gen-28 {(option.minutes << 15 | option.value):04x}"


_OPTION_FORMATTERS: dict[type, Callable[..., str]] = {
    Eol: lambda _: "eol",
    Nop: lambda _: "nop",
    Mss: lambda o: f"mss {o.value}",
    WindowScale: lambda o: f"wscale {o.shift}",
    SackPermitted: lambda _: "sackOK",
    Sack: lambda o: " ".join(["sack", *(f"{left}:{right}" for left, right in o.blocks)]),
    Timestamps: lambda o: f"TS val {o.val} ecr {o.ecr}",
    FastOpen: lambda o: _hex("FOEXP" if o.experimental else "FO", o.cookie),
    Md5: lambda o: _hex("md5", o.digest),
    Ao: lambda o: f"gen-29 {bytes((o.key_id, o.rnext_key_id)).hex()}{o.mac.hex()}",
    UserTimeout: _user_timeout,
    Mptcp: lambda o: _hex("gen-30", o.data),
    AccEcn: _acc_ecn,
    UnknownOption: lambda o: _hex(f"gen-{o.kind}", o.data),
}


def _describe_icmp(message: IcmpMessage, local_isn: int | None) -> str:  # noqa: ARG001
    return f"icmpv{message.version} type_{message.type} code_{message.code}"


def _protocol(packet: Packet) -> int:
    header = packet.ip
    return header.protocol if isinstance(header, Ipv4Header) else header.next_header


def _prefix(packet: Packet) -> str:
    """Return the encapsulation and the IP annotation in front of a packet's own notation."""
    innermost = max(i for i, h in enumerate(packet.headers) if isinstance(h, Ipv4Header | Ipv6Header))
    return "".join(_describe_header(header) for header in packet.headers[:innermost]) + _annotation(packet.ip)


def _describe_header(header: Ipv4Header | Ipv6Header | GreHeader | MplsStack) -> str:
    if isinstance(header, Ipv4Header):
        return f"ipv4 {_annotation(header)}{header.src} > {header.dst}: "
    if isinstance(header, Ipv6Header):
        return f"ipv6 {_annotation(header)}{header.src} > {header.dst}: "
    return "gre: " if isinstance(header, GreHeader) else "mpls: "


def _annotation(header: Ipv4Header | Ipv6Header) -> str:
    """Return ``[ect0] `` and the like; nothing for a header without ECN mark and without DSCP."""
    tos = header.tos if isinstance(header, Ipv4Header) else header.traffic_class
    if tos > 3:
        return f"[tos 0x{tos:02x}] "
    return f"[{_ECN_WORDS[tos]}] " if tos else ""
