"""Oracles about acknowledgment, window and data: what a TCP may never do with its numbers."""

from oracles.base import Breach, register
from oracles.flow import Flow, shift_of, signed
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment


@register
class NeverAcknowledgeUnreceived:
    """An acknowledgment covers only octets that have arrived."""

    name = "ack-of-unreceived"
    requirement = "RFC 9293 3.4"

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Nothing to note: the flow keeps what arrived."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare the acknowledgment number with the end of the contiguous octets that arrived."""
        # RFC 9293, section 3.4: an ACK of X says that all octets up to but not including X have been received.
        if not segment.flags & ACK or segment.flags & RST:
            return None
        limit = flow.received_up_to
        if limit is None:
            message = f"acknowledges {segment.ack} though no SYN of the peer lies there"
            return Breach(message) if flow.isn is not None else None
        beyond = signed(segment.ack - limit)
        if beyond <= 0:
            return None
        message = f"acknowledges {segment.ack}, {beyond} octets beyond what has arrived"
        return Breach(message, segment._replace(ack=limit))


@register
class NeverSendBeyondWindow:
    """No octet is sent to the right of every edge the peer has offered, but one to probe a closed window."""

    name = "send-beyond-window"
    requirement = "RFC 9293 3.8.6"

    def __init__(self) -> None:
        self._edges: dict[Flow, int] = {}
        self._early: dict[Flow, list[TcpSegment]] = {}

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Note the segment as an offer, unless it acknowledges what was never sent and so is to be dropped."""
        # RFC 9293, section 3.10.7.4: if the ACK acknowledges something not yet sent, send an ACK, drop the segment.
        future = flow.snd_max is not None and signed(segment.ack - flow.snd_max) > 0
        if segment.flags & SYN or (segment.flags & ACK and not future):
            self._early.setdefault(flow, []).append(segment)

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare the end of the data with the rightmost edge ever offered."""
        edge = self._right_edge(flow)
        # A SYN may carry data before any window is known (RFC 7413, section 4.2.1).
        if edge is None or segment.flags & (RST | SYN) or not segment.payload:
            return None
        beyond = signed(segment.seq + len(segment.payload) - edge)
        # RFC 9293, section 3.8.6.1: a probe of a zero window sends at least one octet of new data.
        allowed = 1 if len(segment.payload) == 1 else 0
        if beyond <= allowed:
            return None
        kept = segment._replace(payload=segment.payload[: max(len(segment.payload) - beyond, 0)])
        return Breach(f"sends {beyond} octets beyond the offered window", kept)

    def _right_edge(self, flow: Flow) -> int | None:
        """The rightmost edge of all offers so far, whether or not the stack found them acceptable."""
        if flow.isn is None:
            return None
        edge = self._edges.get(flow)
        shift = (shift_of(flow.accepted_syn) or 0) if flow.scaling and flow.accepted_syn is not None else 0
        for offer in self._early.pop(flow, []):
            acknowledged = offer.ack if offer.flags & ACK else flow.isn + 1
            # What the peer acknowledges cannot lie beyond half the sequence space from our own ISN.
            candidate = acknowledged + (offer.window << (0 if offer.flags & SYN else shift))
            if signed(candidate - flow.isn) > 0 and (edge is None or signed(candidate - edge) > 0):
                edge = candidate & 0xFFFFFFFF
        if edge is not None:
            self._edges[flow] = edge
        return edge


@register
class NeverMoveRightEdgeLeft:
    """The right edge of the advertised window never moves left by more than the rounding of the scale."""

    name = "right-edge-left"
    requirement = "RFC9293-SHLD-14"

    def __init__(self) -> None:
        self._edges: dict[Flow, int] = {}

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Nothing to note."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare this segment's edge with the rightmost one before."""
        if segment.flags & RST or not segment.flags & ACK or flow.irs is None:
            return None
        # RFC 7323, section 2.2: the window field of a segment with SYN is never scaled.
        shift = (flow.own_shift or 0) if flow.scaling and not segment.flags & SYN else 0
        edge = (segment.ack + (segment.window << shift)) & 0xFFFFFFFF
        before = self._edges.get(flow)
        if before is None or signed(edge - before) > 0:
            self._edges[flow] = edge
            return None
        # RFC 7323, section 2.4: rounding to the scale may let the edge go back by less than one unit.
        moved = signed(before - edge)
        unit = 1 << ((flow.own_shift or 0) if flow.scaling else 0)
        # A SYN-ACK that is repeated behind scaled windows (Fast Open) cannot say more than its field has room for.
        is_full_syn = segment.flags & SYN and segment.window == 0xFFFF
        if moved < unit or is_full_syn:
            return None
        window = signed(before - segment.ack) + (1 << shift) - 1 >> shift
        kept = segment._replace(window=min(max(window, 0), 0xFFFF))
        return Breach(f"moves the right window edge {moved} octets to the left", kept)


@register
class AcknowledgmentsNeverGoBack:
    """RCV.NXT only grows, so the acknowledgment number does."""

    name = "ack-goes-back"
    requirement = "RFC 9293 3.10.7.4"

    def __init__(self) -> None:
        self._highest: dict[Flow, int] = {}

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Nothing to note."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare with the highest acknowledgment before."""
        if segment.flags & RST or not segment.flags & ACK or flow.irs is None:
            return None
        before = self._highest.get(flow, segment.ack)
        back = signed(before - segment.ack)
        self._highest[flow] = segment.ack if back <= 0 else before
        if back <= 0:
            return None
        return Breach(f"acknowledges {segment.ack}, {back} octets less than before", segment._replace(ack=before))


@register
class SameOctetSameByte:
    """A retransmission carries the octets that were sent before at the same sequence numbers."""

    name = "retransmission-differs"
    requirement = "RFC 9293 3.8.1"
    MEMORY = 1 << 20

    def __init__(self) -> None:
        self._sent: dict[Flow, bytearray] = {}
        self._known: dict[Flow, bytearray] = {}

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Nothing to note."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare the payload with what was sent before at these numbers (the first mebibyte of a connection)."""
        if flow.isn is None or not segment.payload or segment.flags & RST:
            return None
        start = signed(segment.seq + bool(segment.flags & SYN) - flow.isn - 1)
        end = start + len(segment.payload)
        if not 0 <= start < end <= self.MEMORY:
            return None
        sent = self._sent.setdefault(flow, bytearray())
        known = self._known.setdefault(flow, bytearray())
        if len(sent) < end:
            sent.extend(bytes(end - len(sent)))
            known.extend(bytes(end - len(known)))
        for offset, octet in enumerate(segment.payload, start):
            if known[offset] and sent[offset] != octet:
                message = f"sends 0x{octet:02x} at offset {offset} where it sent 0x{sent[offset]:02x} before"
                return Breach(message, segment._replace(payload=bytes(sent[start:end])))
            sent[offset], known[offset] = octet, 1
        return None


@register
class NothingBehindTheFin:
    """A stack that has sent FIN sends no octet behind it."""

    name = "data-behind-fin"
    requirement = "RFC 9293 3.6"

    def __init__(self) -> None:
        self._fins: dict[Flow, int] = {}

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Nothing to note."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Compare the end of the data with the place of the FIN."""
        if segment.flags & (RST | SYN) or flow.isn is None:
            return None
        end = segment.seq + len(segment.payload)
        fin = self._fins.get(flow)
        if segment.flags & FIN:
            self._fins[flow] = end & 0xFFFFFFFF
            if fin is not None and signed(end - fin) != 0:
                return Breach(f"moves its FIN by {signed(end - fin)} octets")
        elif fin is not None and segment.payload and signed(end - fin) > 0:
            behind = signed(end - fin)
            kept = segment._replace(payload=segment.payload[: max(len(segment.payload) - behind, 0)])
            return Breach(f"sends {behind} octets behind its FIN", kept)
        return None
