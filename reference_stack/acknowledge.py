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
    report = AckReport(
        una_before=tcb.snd_una,
        una=max(tcb.snd_una, arrival.ack),
        snd_max=tcb.snd_max,
        flight=board.pipe,
        flight_segments=board.pipe_segments,
        is_duplicate=_is_duplicate(connection, arrival),
        has_data=bool(arrival.segment.payload),
        congestion_echo=connection.ecn.is_congestion_echo(connection, arrival),
    )
    if arrival.sack_blocks and tcb.has_sack:
        _read_sack(connection, arrival, report)
    if report.una > report.una_before:
        arrival.advanced_una = True
        _advance(connection, report, arrival)
    if not (board.segments or report.acked or report.newly_sacked):
        return
    before = connection.recovery.ca_state
    connection.recovery.on_ack(report, now=arrival.now)
    if before is not CaState.RECOVERY and connection.recovery.ca_state is CaState.RECOVERY:
        connection.counters.fast_recoveries += 1
    if report.congestion_echo:
        _respond_to_mark(connection, now=arrival.now)
    _restart_timer(connection, report, now=arrival.now)


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


def _read_sack(connection: "ConnectionCore", arrival: Arrival, report: AckReport) -> None:
    """Enter the SACK blocks on the scoreboard; recognise a duplicate report (RFC 2883, section 4)."""
    tcb = connection.tcb
    unwrap = connection.sequence.unwrap
    blocks = [(unwrap(arrival.ack, left), unwrap(arrival.ack, right)) for left, right in arrival.sack_blocks]
    first = blocks[0]
    # RFC 2883, section 5: compared with the ACK of the same segment, so that reordered ACKs prove nothing.
    is_inside_second = len(blocks) > 1 and blocks[1][0] <= first[0] and first[1] <= blocks[1][1]
    if first[0] < first[1] and (first[1] <= arrival.ack or is_inside_second):
        report.dsack = first
        connection.counters.duplicates_reported += 1
        blocks = blocks[1:]
    for left, right in blocks:
        if report.una <= left < right <= tcb.snd_max:
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
    _measure(connection, report, arrival)
    connection.retransmits = 0
    connection.progress_at = arrival.now
    connection.soft_error = 0


def _measure(connection: "ConnectionCore", report: AckReport, arrival: Arrival) -> None:
    """Take a round-trip sample, never from an ambiguous acknowledgment (RFC 6298, section 3)."""
    now = arrival.now
    sample: int | None = None
    if not any(segment.transmissions > 1 for segment in report.acked):
        timed = next((segment for segment in report.acked if not segment.is_sacked), None)
        sample = None if timed is None else now - timed.sent_at
    if sample is None and connection.tcb.has_timestamps and arrival.has_timestamps and arrival.ts_ecr:
        # RFC 7323, 4.1: the echo removes the ambiguity; only an ACK that advances SND.UNA is a sample.
        sample = report.echo_delay = connection.timestamps.delay_of(connection, arrival.ts_ecr, now=now)
    if sample is not None:
        # RFC 7323, 4.2: ExpectedSamples = ceiling (FlightSize / (SMSS * 2)).
        connection.rtt.sample(sample, expected_samples=max((report.flight_segments + 1) // 2, 1))


def _respond_to_mark(connection: "ConnectionCore", *, now: int) -> None:
    before = connection.congestion.cwnd
    connection.recovery.on_congestion_mark(snd_max=connection.tcb.snd_max, now=now)
    if connection.congestion.cwnd < before:
        connection.ecn.on_reduction()


def _restart_timer(connection: "ConnectionCore", report: AckReport, *, now: int) -> None:
    """RFC 6298, 5.2 and 5.3."""
    if not connection.scoreboard.segments:
        connection.timers.stop(RETRANSMISSION)
    elif connection.recovery.restarts_timer(report) and not connection.is_probe_outstanding:
        connection.arm_retransmission(now=now)
