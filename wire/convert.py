"""Packets for and from scapy, which is imported only when one of these functions is called.

The conversion goes through octets, so there is one translation between fields and octets in this project, and scapy
sees exactly what goes on the wire.
"""

from typing import Any

from wire.packet import Packet, build_packet, parse_packet


def to_scapy(packet: Packet | bytes) -> Any:
    """Return a dissected scapy packet (``IP`` or ``IPv6``); octets need not be well-formed.

    Raises `ImportError` without scapy, which the ``report`` extra of this distribution brings, and
    `wire.errors.WireError` for a packet that has no form on the wire.
    """
    from scapy.layers.inet import IP  # noqa: PLC0415  # half a second that most runs need not pay
    from scapy.layers.inet6 import IPv6  # noqa: PLC0415

    data = build_packet(packet) if isinstance(packet, Packet) else packet
    return IPv6(data) if data[:1] and data[0] >> 4 == 6 else IP(data)


def from_scapy(packet: Any) -> Packet:
    """Read a scapy packet, from its outermost IP layer on; scapy fills in what it computes.

    Raises `wire.errors.MalformedPacket` when the octets that scapy builds are no packet.
    """
    while packet.payload and packet.name not in ("IP", "IPv6"):
        packet = packet.payload
    return parse_packet(bytes(packet))
