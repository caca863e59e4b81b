"""A TCP segment as it arrives at a host, with what the headers in front of it say."""

from typing import NamedTuple

from reference_stack.connection import FourTuple
from wire.ip import Ipv4Header
from wire.packet import Packet
from wire.tcp import TcpSegment
from wire.udp import UdpHeader


class Incoming(NamedTuple):
    """A segment, whose it is, its ECN field, and the peer's UDP port when it came as TCP over UDP (else 0)."""

    name: FourTuple
    segment: TcpSegment
    ecn: int = 0
    tunnel_port: int = 0


def incoming(packet: Packet, segment: TcpSegment) -> Incoming:
    """Return the segment of a packet with the name that its connection has here."""
    header, last = packet.ip, packet.headers[-1]
    octet = header.tos if isinstance(header, Ipv4Header) else header.traffic_class
    name = FourTuple(header.dst, segment.dst_port, header.src, segment.src_port)
    return Incoming(name, segment, octet & 3, last.src_port if isinstance(last, UdpHeader) else 0)
