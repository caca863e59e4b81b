"""Traps in single packets: what is written and never compared, or compared although it seems not to be."""

from collections.abc import Iterator

from packetdrill_compat.ast import (
    Direction,
    EcnMark,
    IcmpSpec,
    IpEncap,
    PacketEvent,
    PlainOption,
    Position,
    TcpSpec,
    UdpSpec,
)
from packetdrill_compat.lint.finding import Finding
from wire.options import Eol, Timestamps
from wire.tcp import ACK

_UNCHECKED_TTL = 255


def packet_findings(packet: PacketEvent, *, is_strict: bool) -> Iterator[Finding]:
    """Yield the traps of one packet event; `is_strict` is ``--strict_segments``."""
    is_outbound = packet.direction is Direction.OUTBOUND
    yield from _addresses(packet) if is_outbound else ()
    yield from _ttl(packet, is_outbound=is_outbound)
    body = packet.body
    if isinstance(body, TcpSpec):
        yield from _tcp(body, packet.position, is_outbound=is_outbound, is_strict=is_strict)
    if isinstance(body, IcmpSpec) and not is_outbound and body.echoed is None:
        yield Finding(
            packet.position,
            "without a quoted packet this ICMP message quotes a TCP header with the relative sequence number 0",
            "write the quoted segment last: [1:1001(1000)], or [raw (N)] for a message that quotes nothing",
        )


def _addresses(packet: PacketEvent) -> Iterator[Finding]:
    body = packet.body
    if isinstance(body, TcpSpec | UdpSpec) and body.ports is not None:
        yield Finding(
            packet.position,
            "ports of an expected packet are never compared",
            "leave them out; the packet is that of the newest socket",
        )
    if any(isinstance(encap, IpEncap) for encap in packet.encaps):
        yield Finding(
            packet.position,
            "addresses of an expected packet's outer headers are never compared",
            "check them with a capture (--pcap)",
            is_note=True,
        )


def _ttl(packet: PacketEvent, *, is_outbound: bool) -> Iterator[Finding]:
    info = packet.info
    if info is None or info.ttl is None:
        return
    if is_outbound and info.ttl == _UNCHECKED_TTL:
        yield Finding(packet.position, "[ttl 255] of an expected packet means that it is not compared", "leave it out")
    if not is_outbound and info.ttl == 0:
        yield Finding(packet.position, "[ttl 0] goes out as 255", "write the number that is meant, from 1 to 255")
    if is_outbound and info.ecn is EcnMark.NOECN and info.tos:
        yield Finding(packet.position, "with an ECN word only the two ECN bits are compared", "write [tos 0xNN]")


def _tcp(body: TcpSpec, position: Position, *, is_outbound: bool, is_strict: bool) -> Iterator[Finding]:
    if body.ack and not body.flags.mask & ACK:
        what = "compared as it is on the wire" if is_outbound else "sent as it is written"
        yield Finding(
            position,
            f"ack {body.ack} without the flag '.': the number is {what}, not counted from the start of the connection",
            "write the dot among the flags, or leave the ack out",
        )
    if body.flags.ace == 0:
        yield Finding(
            position,
            "the ACE digit 0 is the same as no digit: ECE, CWR and AE are compared bit by bit",
            "leave the digit out",
            is_note=True,
        )
    options = body.options or ()
    if is_outbound and any(isinstance(each, PlainOption) and isinstance(each.option, Timestamps) for each in options):
        yield Finding(
            position,
            "the ecr of an expected packet is never compared, and its val only with --tcp_ts_tick_usecs",
            "set --tcp_ts_tick_usecs to the stack's tick, such as 1000",
            is_note=True,
        )
    if is_outbound and body.sequence.length and not is_strict:
        yield Finding(
            position,
            "packets of the same flow are taken together until this length is there: also a pure ACK in front of it",
            "set --strict_segments to expect every packet by itself",
            is_note=True,
        )
    for index, option in enumerate(options[:-1] if is_outbound else ()):
        rest = options[index + 1 :]
        if isinstance(option, PlainOption) and isinstance(option.option, Eol) and not _is_padding(rest):
            yield Finding(position, "eol does not end the list: what stands behind it is compared", "write eol last")
            return


def _is_padding(options: tuple[object, ...]) -> bool:
    return all(isinstance(each, PlainOption) and isinstance(each.option, Eol) for each in options)
