"""Gives the packets of a trace their script notation: follows each connection to know its initial sequence numbers."""

from dataclasses import dataclass
from typing import TypeAlias

from packetdrill_compat.notation import describe_packet
from wire.errors import WireError
from wire.icmp import IcmpMessage
from wire.packet import Packet, parse_packet
from wire.tcp import ACK, SYN, TcpSegment
from wire.udp import UdpDatagram

_MODULUS = 2**32


@dataclass(slots=True)
class _Flow:
    """What is known of one connection; `offered` is the sequence number of the peer's last SYN."""

    local_isn: int | None = None
    remote_isn: int | None = None
    offered: int | None = None

    def see(self, segment: TcpSegment, *, outbound: bool) -> None:
        """Learn from a SYN."""
        if not segment.flags & SYN:
            return
        if outbound:
            self._see_own_syn(segment)
        else:
            self.offered = segment.seq
            if self.remote_isn is None:
                self.remote_isn = segment.seq

    def _see_own_syn(self, segment: TcpSegment) -> None:
        is_new = self.local_isn != segment.seq
        self.local_isn = segment.seq
        if segment.flags & ACK:
            # The answer decides which of the peer's SYNs counts: a SYN inside a living connection gets a challenge
            # ACK (RFC 9293, section 3.10.7.4) and must not move the numbers.
            if self.offered is not None and (self.offered + 1) % _MODULUS == segment.ack:
                self.remote_isn = self.offered
        elif is_new:
            self.remote_isn = self.offered = None


_Key: TypeAlias = tuple[str, int, str, int]


class Flows:
    """Describes the packets of one trace. Packets must be given in the order of the trace.

    Packets of any connection but the first show their ports.
    """

    def __init__(self) -> None:
        self._flows: dict[_Key, _Flow] = {}

    def describe(self, data: bytes, *, outbound: bool) -> str:
        """Return the notation of the IP packet `data`; one that does not parse is described by its fault."""
        try:
            packet = parse_packet(data, tolerant=True)
        except WireError as error:
            return f"malformed packet of {len(data)} octets: {error}"
        key = _key(packet, outbound=outbound)
        flow = self._flows.setdefault(key, _Flow()) if key is not None else _Flow()
        if isinstance(packet.body, TcpSegment):
            flow.see(packet.body, outbound=outbound)
        return describe_packet(
            packet,
            local_isn=flow.local_isn,
            remote_isn=flow.remote_isn,
            outbound=outbound,
            show_ports=key is not None and key != next(iter(self._flows)),
        )


def _key(packet: Packet, *, outbound: bool) -> _Key | None:
    """Return local address and port, remote address and port; those of the quoted packet for an ICMP error."""
    header, body = packet.ip, packet.body
    if isinstance(body, IcmpMessage):
        quoted = body.quoted()
        if quoted is None or quoted.src_port is None or quoted.dst_port is None:
            return None
        source, destination = (quoted.header.src, quoted.src_port), (quoted.header.dst, quoted.dst_port)
        return (*destination, *source) if outbound else (*source, *destination)
    if not isinstance(body, TcpSegment | UdpDatagram):
        return None
    source, destination = (header.src, body.src_port), (header.dst, body.dst_port)
    return (*source, *destination) if outbound else (*destination, *source)
