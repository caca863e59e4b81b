"""Gives the packets of a trace their script notation: follows each connection to know its initial sequence numbers."""

from dataclasses import dataclass

from packetdrill_compat.notation import describe_packet
from wire.errors import WireError
from wire.ip import Ipv4Header, Ipv6Header
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


class Flows:
    """Describes the packets of one trace in order. Packets must be given in the order of the trace."""

    def __init__(self) -> None:
        self._flows: dict[tuple[str, int, str, int], _Flow] = {}

    def describe(self, data: bytes, *, outbound: bool) -> str:
        """Return the notation of the IP packet `data`; one that does not parse is described by its fault."""
        try:
            packet = parse_packet(data)
        except WireError as error:
            return f"malformed packet of {len(data)} octets: {error}"
        body = packet.body
        if not isinstance(body, TcpSegment):
            return describe_packet(packet, local_isn=self._single_isn(), remote_isn=None, outbound=outbound)
        flow = self._flow(packet.ip, body, outbound=outbound)
        flow.see(body, outbound=outbound)
        return describe_packet(packet, local_isn=flow.local_isn, remote_isn=flow.remote_isn, outbound=outbound)

    def _flow(self, header: Ipv4Header | Ipv6Header, segment: TcpSegment, *, outbound: bool) -> _Flow:
        source, destination = (header.src, segment.src_port), (header.dst, segment.dst_port)
        key = (*source, *destination) if outbound else (*destination, *source)
        return self._flows.setdefault(key, _Flow())

    def _single_isn(self) -> int | None:
        """Return the stack's initial sequence number when there is only one connection, for packets quoted in ICMP."""
        flows = list(self._flows.values())
        return flows[0].local_isn if len(flows) == 1 else None


def ports_of(packet: Packet) -> tuple[int, int] | None:
    """Return source and destination port, None for a packet without ports."""
    body = packet.body
    return (body.src_port, body.dst_port) if isinstance(body, TcpSegment | UdpDatagram) else None


def connection_count(packets: list[bytes]) -> int:
    """Return how many different pairs of ports occur in `packets`."""
    pairs: set[frozenset[int]] = set()
    for data in packets:
        try:
            ports = ports_of(parse_packet(data))
        except WireError:
            continue
        if ports is not None:
            pairs.add(frozenset(ports))
    return len(pairs)
