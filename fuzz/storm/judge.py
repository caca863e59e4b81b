"""What may become of a connection when a packet comes: the rules of RFC 9293, 3.10.7, as limits on its variables.

Each rule says what must not happen. It does not repeat the stack's own checks in their order, but asks of the outcome
whether any rule of the RFC allows it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fuzz.storm.stage import Stage
from reference_stack.connection import Connection
from reference_stack.states import SYNCHRONIZED, State
from wire.errors import WireError
from wire.icmp import IcmpMessage
from wire.packet import Packet, checksum_errors, parse_packet
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

_HALF = 1 << 31
_ALL = 1 << 32

_FIGURE_5: dict[State, tuple[State, ...]] = {
    State.SYN_SENT: (State.SYN_RECEIVED, State.ESTABLISHED),
    State.SYN_RECEIVED: (State.ESTABLISHED, State.FIN_WAIT_1, State.CLOSE_WAIT),
    State.ESTABLISHED: (State.CLOSE_WAIT,),
    State.FIN_WAIT_1: (State.FIN_WAIT_2, State.CLOSING, State.TIME_WAIT),
    State.FIN_WAIT_2: (State.TIME_WAIT,),
    State.CLOSE_WAIT: (),
    State.CLOSING: (State.TIME_WAIT,),
    State.LAST_ACK: (),
    State.TIME_WAIT: (),
}
"""Arrows that a segment causes (RFC 9293, figure 5 and 3.10.7); those to CLOSED are judged by `_may_end`."""
_FIN_TAKEN = (State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING)
_MOST_CONNECTIONS = 16
"""The listener of a stage has a backlog of 4, so few embryos and few waiting connections."""


@dataclass(frozen=True, slots=True)
class Before:
    """The variables of a connection before a packet."""

    state: State
    snd_una: int
    snd_max: int
    rcv_nxt: int
    rcv_adv: int
    is_detached: bool
    is_fin_sent: bool
    is_passive: bool
    is_deleted: bool
    is_early: bool
    """Fast Open: the user has the connection before its handshake is over (RFC 7413)."""
    sack_edge: int | None


def before(connection: Connection) -> Before:
    """Remember the variables."""
    tcb = connection.tcb
    islands = connection.reassembly.ranges()
    return Before(
        tcb.state,
        tcb.snd_una,
        tcb.snd_max,
        tcb.rcv_nxt,
        tcb.rcv_adv,
        connection.is_detached,
        tcb.is_fin_sent,
        tcb.is_passive,
        connection.is_deleted,
        connection.is_early,
        max((end for _, end in islands), default=None),
    )


@dataclass(frozen=True, slots=True)
class Case:
    """One packet: what it is to a receiver (None: nothing that may be looked at), before and after."""

    packet: Packet | None
    was: Before
    connection: Connection
    departed: list[bytes]
    is_linux: bool

    @property
    def segment(self) -> TcpSegment | None:
        """The segment for this connection, if it is one."""
        body = self.packet.body if self.packet is not None else None
        if self.packet is None or not isinstance(body, TcpSegment):
            return None
        header, name = self.packet.ip, self.connection.four_tuple
        is_ours = (header.src, body.src_port, header.dst, body.dst_port) == (
            name.remote_ip,
            name.remote_port,
            name.local_ip,
            name.local_port,
        )
        return body if is_ours else None

    def distance(self, number: int, base: int) -> int:
        """Return the signed distance of a number on the wire from one of the connection's own."""
        return (number - base + _HALF) % _ALL - _HALF


def received(data: bytes) -> Packet | None:
    """Return the packet as a receiver sees it, None when it has to be dropped unseen (RFC 9293, MUST-2, MUST-3)."""
    try:
        packet = parse_packet(data, tolerant=True)
        return None if len(packet.headers) != 1 or packet.ip.is_fragment or checksum_errors(data, packet) else packet
    except WireError:
        return None


def judge(stage: Stage, data: bytes, was: Before | None) -> Iterator[str]:
    """Yield what must not have happened when `data` came; `was` is None where there is no connection."""
    packet = received(data)
    if packet is None and stage.departed:
        yield "answers a packet that is to be dropped unseen (RFC 9293, MUST-3)"
    body = packet.body if packet is not None else None
    if isinstance(body, TcpSegment) and body.flags & RST and any(map(_is_reset, stage.departed)):
        yield "answers a reset by a reset (RFC 9293, 3.5.2)"
    yield from _memory(stage)
    connection = stage.connection
    if was is None or connection is None or was.is_deleted:
        return
    case = Case(packet, was, connection, stage.departed, stage.is_linux)
    for rule in _RULES:
        if (problem := rule(case)) is not None:
            yield problem


def _is_reset(data: bytes) -> bool:
    body = parse_packet(data).body
    return isinstance(body, TcpSegment) and bool(body.flags & RST)


def _memory(stage: Stage) -> Iterator[str]:
    """Whatever comes, queues stay within buffers and tables within backlogs."""
    if len(stage.host.tcp.demux) > _MOST_CONNECTIONS:
        yield f"{len(stage.host.tcp.demux)} connections with a backlog of 4"
    connection = stage.connection
    if connection is None or connection.is_deleted:
        return
    settings = connection.settings
    kept = connection.receive_queue.octets + connection.reassembly.octets
    if kept > 2 * settings.rcvbuf + (1 << connection.tcb.rcv_wscale):
        yield f"keeps {kept} octets with a receive buffer of {settings.rcvbuf}"
    if len(connection.send_queue) > settings.sndbuf:
        yield f"{len(connection.send_queue)} octets in a send buffer of {settings.sndbuf}"


def _unseen(case: Case) -> str | None:
    tcb = case.connection.tcb
    is_same = (tcb.state, tcb.snd_una, tcb.rcv_nxt) == (case.was.state, case.was.snd_una, case.was.rcv_nxt)
    is_about_us = case.segment is not None or isinstance(case.packet and case.packet.body, IcmpMessage)
    if is_about_us or is_same:
        return None
    return "a packet that is for nobody or damaged changes the connection (RFC 9293, MUST-3)"


def _legal_state(case: Case) -> str | None:
    now = case.connection.tcb.state
    if now is case.was.state or case.connection.is_deleted:
        return None
    reached, waiting = set(), [case.was.state]
    while waiting:
        for state in _FIGURE_5[waiting.pop()]:
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    # RFC 9293, 3.10.4: a CLOSE in SYN-RECEIVED waits for ESTABLISHED; the FIN of the segment that leads there is first.
    is_queued = case.was.is_early and now is State.LAST_ACK
    if (now in reached or is_queued) and case.segment is not None:
        return None
    return f"goes from {case.was.state.value} to {now.value}, which figure 5 of RFC 9293 does not have"


def _end(case: Case) -> str | None:
    if not case.connection.is_deleted:
        return None
    if isinstance(case.packet and case.packet.body, IcmpMessage):
        # RFC 5927, 4.1 and 5.2: hard errors end no connection in a synchronized state.
        is_young = case.was.state in (State.SYN_SENT, State.SYN_RECEIVED) and not case.was.is_early
        return None if is_young else f"an ICMP error ends a connection in {case.was.state.value} (RFC 5927, 5.2)"
    segment = case.segment
    if segment is not None and _may_end(case, segment):
        return None
    return f"ends in {case.was.state.value} by a segment that may not do that (RFC 9293, 3.10.7; RFC 5961, 3.2)"


def _may_end(case: Case, segment: TcpSegment) -> bool:
    was = case.was
    if segment.flags & RST:
        return _may_reset(case, segment)
    start = case.distance(segment.seq, was.rcv_nxt)
    if was.state is State.LAST_ACK and segment.flags & ACK and case.distance(segment.ack, was.snd_max) == 0:
        return True
    if was.state is State.TIME_WAIT:
        # RFC 9293, MAY-2, and RFC 6191: a new SYN may take the connection over.
        return bool(segment.flags & SYN) and not segment.flags & ACK
    if was.state is State.SYN_RECEIVED and was.is_passive and not was.is_early and segment.flags & SYN:
        # RFC 9293, 3.10.7.4, fourth: a passive open goes back to LISTEN by a SYN in the window.
        return 0 <= start <= was.rcv_adv - was.rcv_nxt
    text_end = start + len(segment.payload) + bool(segment.flags & SYN)
    if case.is_linux and was.state in _FIN_TAKEN and start < 0 < text_end and segment.payload:
        # Linux (measured): old text that reaches beyond the peer's FIN.
        return True
    # RFC 9293, 3.6.1 (RFC 1122, 4.2.2.13): text for a user that is gone is answered by a reset, and the TCB deleted.
    return was.is_detached and bool(segment.payload) and text_end > 0


def _may_reset(case: Case, segment: TcpSegment) -> bool:
    was = case.was
    if was.state is State.SYN_SENT:
        # RFC 9293, 3.10.7.3: acceptable if the ACK field acknowledges the SYN.
        return bool(segment.flags & ACK) and case.distance(segment.ack, was.snd_max) <= 0 < case.distance(
            segment.ack, was.snd_una
        )
    offset = case.distance(segment.seq, was.rcv_nxt)
    if offset == 0:
        return True
    if not case.is_linux:
        return False
    # Linux (measured): also at the edge of what was selectively acknowledged, one before RCV.NXT once the peer's FIN
    # has come, and anywhere in the window in TIME-WAIT.
    if was.sack_edge is not None and case.distance(segment.seq, was.sack_edge) == 0:
        return True
    if was.state is State.TIME_WAIT:
        return True
    return offset == -1 and was.state in _FIN_TAKEN


def _reset_of_a_living_connection(case: Case) -> str | None:
    # RFC 9293, 3.5.2, third group: in a synchronized state an unacceptable segment is answered by an ACK, and the
    # connection remains.
    is_half_open = case.was.state not in SYNCHRONIZED or case.was.is_early
    if is_half_open or case.connection.is_deleted or not any(map(_is_reset, case.departed)):
        return None
    return "sends a reset and lives on (RFC 9293, 3.5.2)" if case.segment is not None else None


def _receiving(case: Case) -> str | None:
    was, now = case.was, case.connection.tcb
    if was.state in (State.SYN_SENT, State.SYN_RECEIVED):
        return None  # the numbers begin here, and text that came with a SYN is taken when the handshake is complete
    if now.rcv_nxt < was.rcv_nxt:
        return f"RCV.NXT goes back by {was.rcv_nxt - now.rcv_nxt}"
    if now.rcv_nxt > max(was.rcv_adv, was.rcv_nxt) + 1:
        return f"takes {now.rcv_nxt - was.rcv_adv} octets beyond the window (RFC 9293, 3.10.7.4)"
    if now.rcv_nxt == was.rcv_nxt:
        return None
    segment = case.segment
    if segment is None or segment.flags & (RST | SYN):
        return "RCV.NXT advances without an acceptable segment"
    start = case.distance(segment.seq, was.rcv_nxt)
    is_text = start <= 0 < start + len(segment.payload) + bool(segment.flags & FIN)
    if is_text and segment.flags & ACK:
        return None
    return "RCV.NXT advances by a segment that does not begin there, or has no ACK (RFC 9293, 3.10.7.4)"


def _acknowledging(case: Case) -> str | None:
    was, now = case.was, case.connection.tcb
    if now.snd_una == was.snd_una:
        return None
    if now.snd_una < was.snd_una:
        return f"SND.UNA goes back by {was.snd_una - now.snd_una}"
    if now.snd_una > was.snd_max:
        return f"SND.UNA is {now.snd_una - was.snd_max} beyond what was ever sent (RFC 9293, 3.10.7.4)"
    segment = case.segment
    if segment is None or not segment.flags & ACK or case.distance(segment.ack, now.snd_una):
        return "SND.UNA advances without an acknowledgment of that"
    return None


_RULES: tuple[Callable[[Case], str | None], ...] = (
    _unseen,
    _legal_state,
    _end,
    _reset_of_a_living_connection,
    _receiving,
    _acknowledging,
)
