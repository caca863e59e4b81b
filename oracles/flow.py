"""What the packets of one four-tuple tell about a connection, seen from outside.

A flow starts anew when the stack sends a SYN with another sequence number: that is another incarnation.
"""

from dataclasses import dataclass, field

from oracles.intervals import Intervals
from wire.options import WindowScale
from wire.packet import Packet
from wire.seq import Seq
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

Key = tuple[str, int, str, int]


def signed(distance: int) -> int:
    """A difference of sequence numbers as a signed 32-bit number."""
    return ((distance + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@dataclass(slots=True, eq=False)
class Flow:
    """Both directions of one incarnation. Sequence numbers are those on the wire.

    `peer_syns` are the peer's SYNs; `isn` is the stack's own number; `irs` the peer's, known as soon as the stack has
    acknowledged one of the peer's SYNs. `snd_max` lies behind the last octet that the stack has sent.
    """

    key: Key
    isn: int | None = None
    irs: int | None = None
    peer_syns: list[TcpSegment] = field(default_factory=list)
    own_shift: int | None = None
    snd_max: int | None = None
    peer_injected: list[TcpSegment] = field(default_factory=list)
    received: Intervals = field(default_factory=Intervals)

    def is_left_by(self, syn: TcpSegment) -> bool:
        """Tell whether a SYN of the stack opens another incarnation.

        Its number alone does not say so: the clock of RFC 6528, section 3, may show the same time twice.
        """
        if self.isn is None:
            return False
        accepted = self.accepted_syn
        if syn.seq != self.isn or not syn.flags & ACK or accepted is None:
            return syn.seq != self.isn
        return not 1 <= signed(syn.ack - accepted.seq) <= len(accepted.payload) + 2

    def note_injected(self, segment: TcpSegment) -> None:
        """Learn from a segment that arrived."""
        if segment.flags & SYN:
            self.peer_syns.append(segment)
        if self.irs is None:
            self.peer_injected.append(segment)
        else:
            self._receive(segment, self.irs)

    def note_departed(self, segment: TcpSegment) -> None:
        """Learn from a segment that left."""
        if segment.flags & RST:
            return
        if segment.flags & SYN:
            self.isn = segment.seq
            self.own_shift = shift_of(segment)
        end = (segment.seq + segment.seg_len) & 0xFFFFFFFF
        if self.snd_max is None or signed(end - self.snd_max) > 0:
            self.snd_max = end
        if segment.flags & ACK and self.irs is None:
            self._learn_irs(segment.ack)

    def _learn_irs(self, ack: int) -> None:
        behind = [syn for syn in self.peer_syns if 0 <= signed(ack - syn.seq - 1) <= len(syn.payload) + 1]
        if not behind:
            return
        self.irs = min(behind, key=lambda syn: signed(ack - syn.seq - 1)).seq
        for segment in self.peer_injected:
            self._receive(segment, self.irs)
        self.peer_injected.clear()

    def _receive(self, segment: TcpSegment, irs: int) -> None:
        start = signed(segment.seq - irs)
        length = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        self.received.add(start, start + length)

    @property
    def received_up_to(self) -> int | None:
        """The first number on the wire that cannot have been received; None before the peer's ISN is known."""
        if self.irs is None:
            return None
        return int(Seq(self.irs + self.received.end_of_run(0)))

    @property
    def accepted_syn(self) -> TcpSegment | None:
        """The peer's SYN that the stack acknowledged."""
        return next((syn for syn in self.peer_syns if syn.seq == self.irs), None)

    @property
    def scaling(self) -> bool:
        """Whether both SYNs carried a window scale (RFC 7323, section 2.2)."""
        syn = self.accepted_syn
        return syn is not None and shift_of(syn) is not None and self.own_shift is not None


def shift_of(segment: TcpSegment) -> int | None:
    """The window shift a SYN offers; values above 14 count as 14 (RFC 7323, section 2.3)."""
    return next((min(o.shift, 14) for o in segment.options if isinstance(o, WindowScale)), None)


class FlowTable:
    """The current incarnation of each four-tuple, as (stack address, port, peer address, port)."""

    def __init__(self) -> None:
        self._flows: dict[Key, Flow] = {}

    def of_injected(self, packet: Packet, segment: TcpSegment) -> Flow:
        """The flow that an arriving segment belongs to."""
        key = (packet.ip.dst, segment.dst_port, packet.ip.src, segment.src_port)
        return self._flows.setdefault(key, Flow(key))

    def of_departed(self, packet: Packet, segment: TcpSegment) -> Flow:
        """The flow that a leaving segment belongs to, a new one when it opens another incarnation."""
        key = (packet.ip.src, segment.src_port, packet.ip.dst, segment.dst_port)
        flow = self._flows.setdefault(key, Flow(key))
        if segment.flags & (SYN | RST) == SYN and flow.is_left_by(segment):
            # The SYNs that the peer has sent are still those that this incarnation may answer.
            renewed = Flow(key, peer_syns=list(flow.peer_syns[-4:]), peer_injected=list(flow.peer_syns[-4:]))
            self._flows[key] = flow = renewed
        return flow
