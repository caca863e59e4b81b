"""Sixth to eighth step: urgent pointer, text and FIN (RFC 9293, 3.10.7.4)."""

from typing import TYPE_CHECKING

from reference_stack.arrival.arrival import Arrival
from reference_stack.policies.mss import header_octets
from reference_stack.rules import Verdict
from reference_stack.states import MAY_RECEIVE_DATA, State
from wire.tcp import URG

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def note_congestion_marks(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """CE on an acceptable segment is echoed until CWR comes (RFC 3168, 6.1.3), or counted (RFC 9768, 3.2.1)."""
    connection.ecn.on_segment(connection, arrival)
    return NEXT


def take_user_timeout(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """The peer announces its user timeout (RFC 5482)."""
    connection.user_timeout.on_segment(connection, arrival)
    return NEXT


def check_urgent(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """RCV.UP moves forward to SEG.SEQ+SEG.UP and the user is told; after the peer's FIN it is ignored."""
    if not arrival.flags & URG or connection.tcb.state not in MAY_RECEIVE_DATA:
        return NEXT
    tcb = connection.tcb
    pointer = arrival.seq + arrival.segment.urgent + connection.settings.urgent_points_to_last
    if pointer > connection.receive_queue.read_seq and (tcb.rcv_up is None or pointer > tcb.rcv_up):
        tcb.rcv_up = pointer
        connection.urgent_count += 1
        connection.is_urgent_taken = False
    return NEXT


def take_text(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Text is put in order, delivered and acknowledged; after the peer's FIN it is ignored."""
    tcb = connection.tcb
    if not arrival.text or tcb.state not in MAY_RECEIVE_DATA:
        return NEXT
    connection.counters.data_segments_in += 1
    connection.last_data_received_at = arrival.now
    if connection.is_detached:
        # RFC 9293, SHLD-3: octets for which no reader is left are lost, and the peer is told by a reset.
        connection.resets.send_lost_data(connection, arrival)
        connection.fail(0)
        return STOP
    connection.window.on_text(connection, arrival)
    if arrival.text_seq > tcb.rcv_nxt:
        _store(connection, arrival)
    elif connection.reassembly:
        _fill_gap(connection, arrival)
    else:
        deliver(connection, arrival.text)
        connection.delayed_ack.on_data(connection, arrival)
    return NEXT


def _store(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Keep what came ahead of RCV.NXT and say so at once (RFC 5681, 4.2)."""
    duplicate = connection.reassembly.insert(arrival.text_seq, arrival.text)
    _note_stored(connection, arrival, arrival.text_seq, arrival.text_seq + len(arrival.text), duplicate)
    connection.counters.out_of_order += 1
    connection.delayed_ack.on_out_of_order(connection, arrival)


def _note_stored(
    connection: "ConnectionCore", arrival: Arrival, start: int, end: int, duplicate: tuple[int, int] | None = None
) -> None:
    headers = header_octets(connection) + connection.tcb.option_octets
    connection.sack.reports_duplicates = connection.settings.dsack
    connection.sack.note_stored(
        start,
        end,
        duplicate,
        packet=headers + len(arrival.segment.payload),
        flush=lambda: connection.delayed_ack.flush(connection, now=arrival.now),
    )


def _fill_gap(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Octets at RCV.NXT, with others waiting behind: acknowledge at once (RFC 5681, 4.2)."""
    duplicate = connection.reassembly.insert(arrival.text_seq, arrival.text)
    connection.sack.reports_duplicates = connection.settings.dsack
    connection.sack.note_filled(arrival.text_seq, arrival.text_seq + len(arrival.text), duplicate)
    for chunk in connection.reassembly.pop(connection.tcb.rcv_nxt):
        deliver(connection, chunk)
    connection.delayed_ack.on_gap_filled(connection, arrival)


def deliver(connection: "ConnectionCore", text: bytes) -> None:
    """Octets at RCV.NXT are the user's."""
    connection.tcb.rcv_nxt += len(text)
    connection.receive_queue.append(text)
    connection.counters.bytes_received += len(text)


def take_fin(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A FIN that is reached in order is acknowledged and moves the state; one behind a gap waits."""
    tcb = connection.tcb
    if arrival.has_fin and connection.pending_fin is None and tcb.peer_fin is None:
        connection.pending_fin = arrival.text_seq + len(arrival.text)
        if connection.pending_fin > tcb.rcv_nxt:
            _note_stored(connection, arrival, connection.pending_fin, connection.pending_fin + 1)
            connection.delayed_ack.on_out_of_order(connection, arrival)
    if connection.pending_fin is None or connection.pending_fin > tcb.rcv_nxt:
        return NEXT
    tcb.peer_fin = connection.pending_fin
    connection.pending_fin = None
    tcb.rcv_nxt = tcb.peer_fin + 1
    connection.delayed_ack.on_fin(connection, arrival)
    connection.reassembly.clear()
    connection.sack.on_end()
    _advance_state(connection, now=arrival.now)
    return NEXT


def _advance_state(connection: "ConnectionCore", *, now: int) -> None:
    tcb = connection.tcb
    if tcb.state is State.ESTABLISHED:
        connection.enter(State.CLOSE_WAIT, now=now)
    elif tcb.state is State.FIN_WAIT_1:
        # "If our FIN has been ACKed (perhaps in this segment), then enter TIME-WAIT [...] otherwise, CLOSING."
        connection.enter(State.TIME_WAIT if tcb.is_fin_acknowledged else State.CLOSING, now=now)
    elif tcb.state is State.FIN_WAIT_2:
        connection.enter(State.TIME_WAIT, now=now)
