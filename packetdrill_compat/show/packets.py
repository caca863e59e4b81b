"""Packets as script text."""

from packetdrill_compat.ast import (
    Echoed,
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    Endpoint,
    IcmpSpec,
    PacketBody,
    PacketEvent,
    SequenceRange,
    TcpFlags,
    TcpSpec,
    UdpSpec,
)
from packetdrill_compat.show.headers import show_encap, show_info
from packetdrill_compat.show.options import show_options
from packetdrill_compat.show.words import Style
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG

_LETTERS = ((FIN, "F"), (SYN, "S"), (RST, "R"), (PSH, "P"), (URG, "U"), (ECE, "E"), (CWR, "W"), (AE, "A"))
_ACE_BITS = ECE | CWR | AE


def show_packet(packet: PacketEvent, style: Style) -> str:
    """Return the text of a packet."""
    parts = [packet.direction.value, *map(show_encap, packet.encaps)]
    if packet.info:
        parts.append(show_info(packet.info))
    return " ".join([*parts, show_body(packet.body, style)])


def show_body(body: PacketBody, style: Style) -> str:
    """Return the text of TCP, UDP or ICMP."""
    match body:
        case TcpSpec():
            return _tcp(body, style)
        case UdpSpec():
            return _udp(body)
        case IcmpSpec():
            return _icmp(body, style)


def show_flags(flags: TcpFlags) -> str:
    """Return the flag word: letters, the dot, and the ACE digit instead of ``EWA``."""
    mask = flags.mask if flags.ace is None else flags.mask & ~_ACE_BITS
    text = "".join(letter for bit, letter in _LETTERS if mask & bit) + ("." if mask & ACK else "")
    return (text if flags.ace is None else f"{text}{flags.ace}") or "-"


def _tcp(body: TcpSpec, style: Style) -> str:
    parts = [] if body.psp_spi is None else [f"encap psp spi {body.psp_spi:#x}"]
    parts += [*_ends(body), show_flags(body.flags), _sequence(body.sequence)]
    for word, value in (("ack", body.ack), ("win", body.window), ("urg", body.urgent)):
        if value is not None:
            parts.append(f"{word} {value}")
    if options := show_options(body.options, style):
        parts.append(options)
    if body.rst_code is not None:
        parts.append("[code {}, pen {}]".format(*body.rst_code))
    return " ".join(parts) + _tunnel(body.udp_ports)


def _ends(body: TcpSpec | UdpSpec) -> list[str]:
    if body.endpoints is not None:
        source, destination = body.endpoints
        return [part for part in (_endpoint(source), ">", _endpoint(destination)) if part]
    return ["{} > {}".format(*body.ports)] if body.ports is not None else []


def _endpoint(end: Endpoint) -> str:
    if end.variable is not None:
        return f"addr[{end.variable}]"
    if end.address is not None:
        # The blank keeps the colon apart from an IPv6 address.
        return f"{end.address} :{end.port}" if ":" in end.address else f"{end.address}:{end.port}"
    return "" if end.port is None else str(end.port)


def _sequence(sequence: SequenceRange) -> str:
    if sequence.ignored:
        return f"...({sequence.length})"
    return f"{sequence.start}:{sequence.end}({sequence.length}){'!' if sequence.absolute else ''}"


def _tunnel(udp_ports: tuple[int, int] | None) -> str:
    return "/udp({} > {})".format(*udp_ports) if udp_ports else ""


def _udp(body: UdpSpec) -> str:
    word, numbers = ("udp", f"({body.length})")
    if body.coverage is not None:
        word, numbers = ("udplite", f"({body.length}, {body.coverage})")
    return " ".join([word, *_ends(body), numbers])


def _icmp(body: IcmpSpec, style: Style) -> str:
    parts = ["icmp", style.word(body.type_word)]
    if body.code_word is not None:
        parts.append(style.word(body.code_word))
    if body.mtu is not None:
        parts.append(f"mtu {body.mtu}")
    if body.echo_id is not None:
        parts.append(f"id {body.echo_id}")
    if body.echoed is not None:
        parts.append(f"[{_echoed(body.echoed)}]")
    return " ".join(parts)


def _echoed(echoed: Echoed) -> str:
    match echoed:
        case EchoedTcp():
            return _sequence(echoed.sequence) + _tunnel(echoed.udp_ports)
        case EchoedUdp():
            return (
                f"udp ({echoed.length})" if echoed.coverage is None else f"udplite ({echoed.length}, {echoed.coverage})"
            )
        case EchoedRaw():
            return f"raw ({echoed.length})"
