"""Which data leaves now: retransmissions, new data, FIN, probes. The choices are asked from recovery and policies."""

from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.chronograph import Activity
from reference_stack.policies.transmission import Sendable
from reference_stack.states import State
from reference_stack.timers import PERSIST, RETRANSMISSION
from wire.tcp import ACK, FIN, PSH

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment

Micros = int

MAY_TRANSMIT = frozenset({State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK})
"""States in which data or FIN may still have to leave."""


def transmit(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send what may leave now: retransmissions first, then new data, then FIN."""
    if connection.tcb.state not in MAY_TRANSMIT and not connection.is_early:
        return
    if connection.was_refused:
        connection.was_refused = False
        return
    if connection.is_at_rest and not (connection.is_writer_waiting or is_anything_to_send(connection)):
        return
    if connection.is_early:
        send_unsent(connection, now=now)
        return
    recovery = connection.recovery
    repair(connection, now=now)
    if not send_unsent(connection, now=now):
        while (segment := recovery.last_resort()) is not None:
            if not retransmit(connection, segment, now=now):
                break
    connection.transmission.arm_waiting(connection, now=now)
    connection.is_at_rest = not is_anything_to_send(connection)


def is_anything_to_send(connection: "ConnectionCore") -> bool:
    """Tell whether something is outstanding, or waits to be sent."""
    tcb = connection.tcb
    return bool(connection.scoreboard.segments) or connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt


def repair(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send what loss recovery wants to leave now."""
    recovery, transmission = connection.recovery, connection.transmission
    if recovery.prefers_new_data:
        send_unsent(connection, now=now)
        recovery.on_new_data_tried(snd_nxt=connection.tcb.snd_nxt)
    while (segment := recovery.next_retransmission()) is not None:
        if not transmission.may_repeat(connection, segment) or not retransmit(connection, segment, now=now):
            break


def send_unsent(connection: "ConnectionCore", *, now: Micros) -> bool:
    """Send new data and FIN as far as allowed; tell whether anything left."""
    tcb, queue, transmission = connection.tcb, connection.send_queue, connection.transmission
    unsent = queue.end - tcb.snd_nxt
    before = tcb.snd_nxt
    segments_before = connection.scoreboard.out.segments
    if unsent > 0:
        transmission.before_new_data(connection, now=now)
        mss = output.payload_limit(connection, is_new_data=True)
        if not _probe_path_mtu(connection, now=now):
            unsent = 0
    while unsent > 0:
        sendable = Sendable(unsent, tcb.send_limit - tcb.snd_nxt, connection.recovery.room(), mss)
        length = transmission.next_length(connection, sendable, now=now)
        if length <= 0 or not send_new(connection, length, now=now):
            break
        unsent = queue.end - tcb.snd_nxt
    if tcb.fin_seq == tcb.snd_nxt and tcb.send_limit > tcb.snd_nxt and connection.recovery.room() > 0:
        send_new(connection, 0, now=now)
    transmission.on_transmitted(connection, segments=connection.scoreboard.out.segments - segments_before, now=now)
    _note_activity(connection, now=now)
    return tcb.snd_nxt != before


def _probe_path_mtu(connection: "ConnectionCore", *, now: Micros) -> bool:
    """Send a probe for the path MTU when one is due; tell whether other new data may leave."""
    length = connection.mtu_search.next_probe(connection, now=now)
    if length:
        send_new(connection, length, now=now, is_mtu_probe=True)
    return length != 0


def _note_activity(connection: "ConnectionCore", *, now: Micros) -> None:
    tcb = connection.tcb
    unsent = connection.send_queue.end - tcb.snd_nxt
    has_room = connection.recovery.room() >= tcb.snd_mss
    if unsent > 0 and has_room and min(unsent, tcb.snd_mss) > tcb.send_limit - tcb.snd_nxt:
        activity = Activity.WINDOW_LIMITED
    elif not unsent and has_room and connection.is_writer_waiting:
        activity = Activity.BUFFER_LIMITED
    else:
        activity = Activity.BUSY if unsent > 0 or connection.scoreboard.segments else Activity.IDLE
    connection.chronograph.enter(activity, now=now)


def send_new(
    connection: "ConnectionCore",
    length: int,
    *,
    now: Micros,
    is_probe: bool = False,
    is_forced_push: bool = False,
    is_mtu_probe: bool = False,
) -> bool:
    """Send the next `length` unsent octets, and the FIN if it follows them and fits the window or nothing else goes.

    Returns whether they count as sent, see `output.emit`.
    """
    tcb = connection.tcb
    start = tcb.snd_nxt
    end = start + length
    flags = ACK
    if length and (is_forced_push or connection.transmission.is_pushed(connection, start, end)):
        flags |= PSH
    if tcb.fin_seq == end and (end < tcb.send_limit or not length):
        flags |= FIN
    payload = connection.send_queue.slice(start, end)
    mss = output.payload_limit(connection, is_new_data=True)
    is_new_data = bool(length) and not is_probe
    if is_mtu_probe:
        is_taken = output.emit(connection, seq=start, flags=flags, payload=payload, now=now, is_new_data=True)
    else:
        flags_of_frame = flags | connection.transmission.frame_flags(connection, length)
        is_taken = output.emit_frame(
            connection, seq=start, flags=flags_of_frame, payload=payload, now=now, is_new_data=is_new_data
        )
    if is_taken and is_mtu_probe:
        connection.mtu_search.on_sent(connection, start, end)
    connection.last_sent_at = now
    if length:
        connection.delayed_ack.on_data_sent(connection, now=now)
    if is_taken:
        _note_sent(connection, start, end, flags, mss=mss, now=now, is_probe=is_probe)
    return is_taken


def _note_sent(
    connection: "ConnectionCore", start: int, end: int, flags: int, *, mss: int, now: Micros, is_probe: bool
) -> None:
    """New sequence space left: it is outstanding, and watched over."""
    tcb = connection.tcb
    if not connection.scoreboard.segments:
        connection.progress_at = now
    tcb.snd_nxt = end + (flags & FIN)
    tcb.snd_max = max(tcb.snd_max, tcb.snd_nxt)
    _enter(connection, start, tcb.snd_nxt, flags & (FIN | PSH), mss=mss, now=now)
    connection.transmission.on_sent(connection, start, end)
    if not is_probe:
        connection.timers.stop(PERSIST)
        connection.probe_backoff = connection.probes_out = 0
        connection.arm_after_new_data(now=now)


def _enter(connection: "ConnectionCore", start: int, end: int, flags: int, *, mss: int, now: Micros) -> None:
    """Put sequence space on the scoreboard, a segment's worth at a time, the flags with the last."""
    frame = start
    while end - start - (flags & FIN) > mss and not connection.mtu_search.is_probe(start):
        connection.scoreboard.on_sent(start, start + mss, 0, now=now, frame=frame)
        start += mss
    connection.scoreboard.on_sent(start, end, flags, now=now, frame=frame)


def retransmit(connection: "ConnectionCore", first: "SentSegment", *, now: Micros, is_probe: bool = False) -> bool:
    """Send a segment again, or several that follow each other as one where the policy says so.

    A loss probe (`is_probe`) does not count as a retransmission on its way. Returns whether it counts as sent at all,
    see `output.emit`.
    """
    tcb = connection.tcb
    limit = connection.transmission.retransmission_limit(connection, first)
    if first.length - (first.flags & FIN) > limit:
        connection.scoreboard.split(first, first.start + limit, first_flags=0)
    run = [first] if is_probe else connection.transmission.retransmission_run(connection, first)
    last = run[-1]
    payload = connection.send_queue.slice(first.start, last.end - (last.flags & FIN))
    flags = ACK | last.flags | connection.transmission.frame_flags(connection, len(payload))
    is_taken = output.emit_frame(connection, seq=first.start, flags=flags, payload=payload, now=now)
    connection.counters.total_retransmissions += len(run)
    connection.counters.bytes_retransmitted += len(payload)
    connection.last_sent_at = now
    if payload:
        connection.delayed_ack.on_data_sent(connection, now=now)
    if not is_taken:
        connection.transmission.on_retransmission_refused(connection, run, now=now)
        return False
    connection.mtu_search.on_retransmission()
    if connection.first_retransmitted_at is None:
        connection.first_retransmitted_at = now
    for segment in run:
        if is_probe:
            connection.scoreboard.on_probed(segment, now=now)
        else:
            connection.recovery.on_retransmitted(segment, now=now)
    tcb.snd_max = max(tcb.snd_max, last.end)
    is_restarting = connection.transmission.REPEATING_RESTARTS_TIMER and run[0] is connection.scoreboard.front
    is_due = (is_restarting and not is_probe) or not connection.timers.is_running(RETRANSMISSION)
    if is_due and not connection.is_probe_outstanding:
        connection.arm_retransmission(now=now)
    return True


def send_loss_probe(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send one segment to provoke an acknowledgment: new data if the window has room, else the last (RFC 8985, 7.3)."""
    tcb, board = connection.tcb, connection.scoreboard
    unsent = connection.send_queue.end - tcb.snd_nxt
    # A FIN that waits for the congestion window is new as well (measured on Linux 6.18).
    end = tcb.snd_nxt + (min(unsent, tcb.snd_mss) or int(tcb.fin_seq == tcb.snd_nxt))
    is_new = tcb.snd_nxt < end <= tcb.send_limit
    if is_new:
        was_sent = send_new(connection, min(unsent, tcb.snd_mss), now=now)
    else:
        last = board.segments[-1] if board.segments else None
        if last is not None and not connection.transmission.may_repeat(connection, last):
            return
        was_sent = last is not None and retransmit(connection, last, now=now, is_probe=True)
    if was_sent:
        connection.recovery.on_probe_sent(snd_nxt=tcb.snd_nxt, is_retransmission=not is_new)
    connection.was_refused = not was_sent
    connection.arm_retransmission(now=now)
