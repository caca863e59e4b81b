"""What an acceptable acknowledgment does to the send side: queue, scoreboard, round-trip time, timer, recovery."""

from typing import TYPE_CHECKING

from reference_stack.arrival.arrival import Arrival
from reference_stack.recovery.base import AckReport, CaState
from reference_stack.timers import RETRANSMISSION
from wire.tcp import FIN, SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


def take_ack(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Process SEG.ACK and the SACK blocks of a segment whose ACK field is acceptable."""
    tcb, board = connection.tcb, connection.scoreboard
    is_news = arrival.ack > tcb.snd_una or arrival.sack_blocks or board.segments
    if not (is_news or connection.recovery.awaits_probe_answer):
        return
    report = _report_of(connection, arrival)
    if arrival.sack_blocks and tcb.has_sack:
        _read_sack(connection, arrival, report)
    if report.una > report.una_before:
        arrival.advanced_una = True
        _advance(connection, report, arrival)
    report.is_mtu_probe_first = connection.mtu_search.is_probe(tcb.snd_una)
    if not (board.segments or report.acked or report.newly_sacked or report.dsack):
        connection.recovery.on_idle_ack(report, now=arrival.now)
        return
    report.duplicates_reported = connection.counters.duplicates_reported
    report.retransmissions = connection.counters.total_retransmissions
    connection.timing.measure(connection, report, arrival)
    before = connection.recovery.ca_state
    connection.recovery.on_ack(report, now=arrival.now)
    if report.has_mtu_probe_failed:
        connection.mtu_search.on_failed(connection)
    connection.transmission.on_ack(connection)
    if before is not CaState.RECOVERY and connection.recovery.ca_state is CaState.RECOVERY:
        connection.counters.fast_recoveries += 1
    if report.congestion_echo:
        _respond_to_mark(connection, before, now=arrival.now)
    _restart_timer(connection, report, now=arrival.now)


def _report_of(connection: "ConnectionCore", arrival: Arrival) -> AckReport:
    """Return what the header says, compared with what is known before anything is taken."""
    tcb, board = connection.tcb, connection.scoreboard
    is_unsent = connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt
    report = AckReport(
        una_before=tcb.snd_una,
        una=max(tcb.snd_una, arrival.ack),
        snd_max=tcb.snd_max,
        flight=board.pipe,
        flight_segments=board.pipe_segments,
        is_duplicate=_is_duplicate(connection, arrival),
        is_window_update=_is_window_update(connection, arrival),
        has_data=arrival.end > arrival.seq,
        is_old=arrival.ack < tcb.snd_una,
        snd_nxt=tcb.snd_nxt,
        can_send_new=is_unsent and tcb.snd_nxt < max(tcb.snd_una, arrival.ack) + arrival.window,
        congestion_echo=connection.ecn.is_congestion_echo(connection, arrival),
    )
    if arrival.has_timestamps and tcb.has_timestamps and arrival.ts_ecr:
        report.echo_delay = connection.timestamps.delay_of(connection, arrival.ts_ecr, now=arrival.now)
    return report


def _is_duplicate(connection: "ConnectionCore", arrival: Arrival) -> bool:
    """RFC 5681, section 2: outstanding data, no payload, no SYN or FIN, the same ACK, the same window."""
    tcb = connection.tcb
    return (
        arrival.ack == tcb.snd_una
        and bool(connection.scoreboard.segments)
        and not arrival.segment.payload
        and not arrival.flags & (SYN | FIN)
        and arrival.window == tcb.snd_wnd
        and not connection.is_probe_outstanding
    )


def _is_window_update(connection: "ConnectionCore", arrival: Arrival) -> bool:
    """Tell whether the segment brings a window that is newer, or larger than, what is known."""
    tcb = connection.tcb
    return (
        arrival.ack > tcb.snd_una
        or arrival.seq > tcb.snd_wl1
        or (arrival.seq == tcb.snd_wl1 and (arrival.window > tcb.snd_wnd or not arrival.window))
    )


def _read_sack(connection: "ConnectionCore", arrival: Arrival, report: AckReport) -> None:
    """Enter the SACK blocks on the scoreboard; recognise a duplicate report (RFC 2883, section 4)."""
    tcb = connection.tcb
    unwrap = connection.sequence.unwrap
    blocks = [(unwrap(arrival.ack, left), unwrap(arrival.ack, right)) for left, right in arrival.sack_blocks]
    first = blocks[0]
    # RFC 2883, section 5: compared with the ACK of the same segment, so that reordered ACKs prove nothing.
    is_inside_second = len(blocks) > 1 and blocks[1][0] <= first[0] and first[1] <= blocks[1][1]
    if first[0] < first[1] and (first[0] < arrival.ack or is_inside_second):
        if first[1] - first[0] <= tcb.max_snd_wnd:
            report.dsack = first
            connection.counters.duplicates_reported += max(-(-(first[1] - first[0]) // tcb.snd_mss), 1)
        blocks = blocks[1:]
    # In order, whatever came first: an acknowledgment of much is no sign of reordering (RFC 8985, 6.2, step 3).
    report.blocks = tuple(sorted(block for block in blocks if report.una <= block[0] < block[1] <= tcb.snd_max))
    for left, right in report.blocks:
        report.has_sack = True
        report.newly_sacked += connection.scoreboard.sack(left, right)


def _advance(connection: "ConnectionCore", report: AckReport, arrival: Arrival) -> None:
    """SND.UNA moves: octets leave the queue, segments leave the scoreboard, the round trip is timed."""
    tcb = connection.tcb
    tcb.snd_una = report.una
    tcb.snd_nxt = max(tcb.snd_nxt, tcb.snd_una)
    connection.counters.bytes_acknowledged += connection.send_queue.acknowledge(report.una)
    report.acked = connection.scoreboard.acknowledge(report.una)
    connection.counters.delivered += len(report.acked)
    for segment in report.acked:
        connection.icmp.on_acknowledged(connection, segment.length)
    if not connection.scoreboard.segments:
        connection.is_probe_outstanding = False
    connection.mtu_search.on_acknowledged(connection)
    connection.retransmits = 0
    connection.first_retransmitted_at = None
    connection.progress_at = arrival.now
    connection.soft_error = 0


def _respond_to_mark(connection: "ConnectionCore", was: CaState, *, now: int) -> None:
    """Tell loss recovery; where it begins to reduce, now or bit by bit, the peer hears of it by CWR."""
    before = connection.congestion.cwnd
    connection.recovery.on_congestion_mark(snd_max=connection.tcb.snd_max, now=now)
    is_new = was < CaState.CWR and connection.recovery.ca_state is CaState.CWR
    if is_new or connection.congestion.cwnd < before:
        connection.ecn.on_reduction()


def _restart_timer(connection: "ConnectionCore", report: AckReport, *, now: int) -> None:
    """RFC 6298, 5.2 and 5.3."""
    if not connection.scoreboard.segments:
        connection.timers.stop(RETRANSMISSION)
    elif (delay := connection.recovery.hurried_timeout()) is not None:
        connection.arm_retransmission(now=now, since=now + delay - connection.rtt.rto)
    elif connection.recovery.restarts_timer(report) and not connection.is_probe_outstanding:
        connection.arm_after_ack(now=now)
