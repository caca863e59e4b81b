"""Packets as text in packetdrill notation, the way packetdrill dumps them in its messages.

Source: the language specification, sections 4.4 (numbers of the script and numbers on the wire) and 8 (dump). The dump
prints the flags in the order ``FSRP.U`` and then ``EWA``, where a script puts the dot last.
"""

from collections.abc import Callable

from packetdrill_compat import icmp
from packetdrill_compat.mptcp_notation import MPTCP_FORMATTERS
from wire.gre import GreHeader
from wire.icmp import IcmpMessage, Quoted
from wire.ip import Ipv4Header, Ipv6Header
from wire.mpls import MplsStack
from wire.options import (
    AccEcn,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Remainder,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    WindowScale,
)
from wire.packet import Header, Packet
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment
from wire.udp import UdpDatagram, UdpHeader

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
_FRAG_NEEDED = (4, 3, 4)
_PACKET_TOO_BIG = (6, 2)
_UDP = 17
_TCP_OCTETS = 20
_UDP_OCTETS = 8


def describe_packet(
    packet: Packet,
    *,
    local_isn: int | None,
    remote_isn: int | None,
    outbound: bool,
    local_script_isn: int = 0,
    show_window: bool = True,
    show_ports: bool = False,
) -> str:
    """Return `packet` in packetdrill notation.

    `outbound` packets come from the stack under test. `local_isn` is that stack's initial sequence number on the wire
    and `local_script_isn` what the script calls it; `remote_isn` is the peer's. An unknown number (None) leaves the
    numbers that depend on it as they are on the wire. `show_window` False leaves ``win`` out, for packets whose window
    is not compared; `show_ports` puts the ports where a script has them.
    """
    text = _prefix(packet)
    body = packet.body
    if isinstance(body, TcpSegment):
        numbers = _Numbers(body, local_isn, remote_isn, local_script_isn, outbound=outbound)
        ports = f"{body.src_port} > {body.dst_port} " if show_ports else ""
        return text + ports + _describe_tcp(body, numbers, show_window=show_window) + _tunnel(packet)
    if isinstance(body, UdpDatagram):
        ports = f"{body.src_port} > {body.dst_port} " if show_ports else ""
        return f"{text}udp {ports}({len(body.payload)})"
    if isinstance(body, IcmpMessage):
        # The quoted packet went the other way, so its sender is the stack when the message is for the stack.
        return text + _describe_icmp(body, remote_isn if outbound else local_isn)
    return text + _describe_raw(packet.ip, len(body.data))


def _tunnel(packet: Packet) -> str:
    """Return the UDP header around a TCP segment as the nplab dialect writes it."""
    header = packet.headers[-1]
    return f"/udp({header.src_port} > {header.dst_port})" if isinstance(header, UdpHeader) else ""


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
    return formatter(option) if formatter else _hex(f"gen-{option.kind}", option.body())


def _hex(word: str, data: bytes) -> str:
    return f"{word} {data.hex()}" if data else word


def _acc_ecn(option: AccEcn) -> str:
    names = ("e1b", "ceb", "e0b") if option.order else ("e0b", "ceb", "e1b")
    return " ".join(["ECN", *(f"{name} {count}" for name, count in zip(names, option.counters, strict=False))])


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
    AccEcn: _acc_ecn,
    **MPTCP_FORMATTERS,
    Remainder: lambda o: f"octets {o.data.hex()}",
}


def _describe_icmp(message: IcmpMessage, isn: int | None) -> str:
    kind = icmp.type_name(message.version, message.type)
    parts = ["icmp", kind]
    if message.code:
        parts.append(icmp.code_name(message.version, message.type, message.code))
    if (message.version, message.type, message.code) == _FRAG_NEEDED:
        # RFC 1191, section 4: the next-hop MTU is the low 16 bits of the word behind the checksum.
        parts.append(f"mtu {message.rest & 0xFFFF}")
    elif (message.version, message.type) == _PACKET_TOO_BIG:
        parts.append(f"mtu {message.rest}")
    quoted = message.quoted()
    if quoted is not None:
        parts.append(_describe_quoted(quoted, isn))
    return " ".join(parts)


def _describe_quoted(quoted: Quoted, isn: int | None) -> str:
    length = max(quoted.total_length - quoted.header.size, 0)
    if quoted.seq is not None:
        start = (quoted.seq - (isn or 0)) % _MODULUS
        payload = max(length - _TCP_OCTETS, 0)
        return f"[{start}:{(start + payload) % _MODULUS}({payload})]"
    if _protocol(quoted.header) == _UDP:
        return f"[udp ({max(length - _UDP_OCTETS, 0)})]"
    return f"[raw ({len(quoted.payload)})]"


def _protocol(header: Ipv4Header | Ipv6Header) -> int:
    return header.protocol if isinstance(header, Ipv4Header) else header.next_header


def _describe_raw(header: Ipv4Header | Ipv6Header, octets: int) -> str:
    what = "fragment of " if header.is_fragment else ""
    return f"{what}protocol {_protocol(header)} ({octets})"


def _prefix(packet: Packet) -> str:
    """Return the encapsulation and the IP annotation in front of a packet's own notation."""
    innermost = max(i for i, h in enumerate(packet.headers) if isinstance(h, Ipv4Header | Ipv6Header))
    return "".join(_describe_header(header) for header in packet.headers[:innermost]) + _annotation(packet.ip)


def _describe_header(header: Header) -> str:
    if isinstance(header, Ipv4Header):
        return f"ipv4 {_annotation(header)}{header.src} > {header.dst}: "
    if isinstance(header, Ipv6Header):
        return f"ipv6 {_annotation(header)}{header.src} > {header.dst}: "
    if isinstance(header, GreHeader):
        return _describe_gre(header)
    return _describe_mpls(header) if isinstance(header, MplsStack) else ""


def _describe_gre(header: GreHeader) -> str:
    text = f"gre flags 0x{header.flags:x} proto 0x{header.protocol:04x}"
    if header.has_checksum:
        text += f" sum 0x{header.checksum or 0:x} off 0x{header.offset:x}"
    if header.has_key:
        text += f" key 0x{header.key:x}"
    if header.has_sequence:
        text += f" seq 0x{header.sequence:x}"
    return text + ": "


def _describe_mpls(stack: MplsStack) -> str:
    entries = (
        f"(label {entry.label}, tc {entry.traffic_class},{' [S],' if entry.bottom else ''} ttl {entry.ttl})"
        for entry in stack.labels
    )
    return " ".join(["mpls", *entries]) + ": "


def _annotation(header: Ipv4Header | Ipv6Header) -> str:
    """Return ``[ect0] `` and the like; nothing for a header without ECN mark and without DSCP."""
    tos = header.tos if isinstance(header, Ipv4Header) else header.traffic_class
    if tos > 3:
        return f"[tos 0x{tos:02x}] "
    return f"[{_ECN_WORDS[tos]}] " if tos else ""
