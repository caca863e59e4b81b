"""Segments that leave: new data, retransmissions, acknowledgments, SYN, RST.

Everything that leaves passes `emit` or `send_syn` or `send_reset`, which fill in what all have: acknowledgment,
window, options, urgent pointer, ECN bits. What may leave and how much is asked from policies.
"""

from typing import TYPE_CHECKING

from reference_stack.outgoing import Outgoing
from reference_stack.policies.transmission import Sendable
from reference_stack.sequence import MASK
from reference_stack.states import State
from reference_stack.timers import CORK, PERSIST, RETRANSMISSION
from wire.options import TcpOption
from wire.tcp import ACK, FIN, PSH, RST, SYN, URG, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment

Micros = int

MAY_TRANSMIT = frozenset({State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK})
"""States in which data or FIN may still have to leave."""


def emit(
    connection: "ConnectionCore", *, seq: int, flags: int, now: Micros, payload: bytes = b"", is_new_data: bool = False
) -> None:
    """Queue one segment with the current acknowledgment and window."""
    tcb = connection.tcb
    options = connection.options.other(connection, now=now)
    window = connection.window.select(connection)
    tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + window)
    tcb.offered_window = window
    urgent = 0
    if tcb.snd_up > seq:
        # RFC 9293, MUST-62: the pointer names the octet after the urgent data; it is a positive 16-bit offset.
        urgent = min(tcb.snd_up - seq - connection.settings.urgent_points_to_last, 0xFFFF)
        flags |= URG
    if tcb.has_ecn:
        flags |= connection.ecn.flags(connection, is_new_data=is_new_data)
    _queue(
        connection,
        TcpSegment(
            connection.four_tuple.local_port,
            connection.four_tuple.remote_port,
            seq & MASK,
            tcb.rcv_nxt & MASK,
            flags,
            window >> tcb.rcv_wscale,
            urgent,
            options,
            payload,
        ),
        ecn=connection.ecn.codepoint(connection, is_new_data=is_new_data),
    )
    tcb.last_ack_sent = tcb.rcv_nxt
    connection.ack_now = False
    connection.delayed_ack.on_ack_sent(connection, now=now)


def _queue(connection: "ConnectionCore", segment: TcpSegment, *, ecn: int = 0) -> None:
    connection.outgoing.append(Outgoing(segment, ecn))
    counters = connection.counters
    counters.segments_out += 1
    if segment.payload:
        counters.data_segments_out += 1
        counters.bytes_sent += len(segment.payload)


def send_ack(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>."""
    emit(connection, seq=connection.tcb.snd_nxt, flags=ACK, now=now)


def challenge(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send a challenge ACK, unless there were too many lately (RFC 5961, sections 3.2, 4.2 and 7)."""
    if connection.challenge.allows_challenge(connection, now=now):
        connection.counters.challenge_acks += 1
        send_ack(connection, now=now)


def send_syn(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send our SYN, as SYN-ACK once the peer's SYN is known (RFC 9293, 3.10.1 and 3.10.7.2)."""
    tcb = connection.tcb
    is_answer = connection.has_peer_syn
    flags = (
        SYN | ACK | connection.ecn.synack_flags(connection) if is_answer else SYN | connection.ecn.syn_flags(connection)
    )
    window = connection.window.of_syn(connection)
    tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + window) if is_answer else window
    tcb.offered_window = window
    options: tuple[TcpOption, ...] = connection.options.syn(connection, now=now)
    ports = connection.four_tuple
    ack = tcb.rcv_nxt & MASK if is_answer else 0
    _queue(
        connection,
        TcpSegment(ports.local_port, ports.remote_port, tcb.iss & MASK, ack, flags, window, 0, options),
    )
    tcb.last_ack_sent = tcb.rcv_nxt
    connection.ack_now = False
    connection.last_sent_at = now


def send_reset(connection: "ConnectionCore", *, seq: int, with_ack: bool = False) -> None:
    """Send <SEQ=seq><CTL=RST>, with RCV.NXT acknowledged on request (RFC 9293, 3.5.2 and 3.10.5)."""
    ports = connection.four_tuple
    ack = connection.tcb.rcv_nxt & MASK if with_ack else 0
    flags = RST | ACK if with_ack else RST
    _queue(connection, TcpSegment(ports.local_port, ports.remote_port, seq & MASK, ack, flags, 0))


# --- data ------------------------------------------------------------------------------------------------------------


def transmit(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send what may leave now: retransmissions first, then new data, then FIN."""
    if connection.tcb.state not in MAY_TRANSMIT:
        return
    recovery = connection.recovery
    while (segment := recovery.next_retransmission()) is not None:
        if not _is_inside_window(connection, segment):
            break
        retransmit(connection, segment, now=now)
    if not _send_unsent(connection, now=now):
        while (segment := recovery.last_resort()) is not None:
            retransmit(connection, segment, now=now)
    _arm_waiting_timers(connection, now=now)


def _is_inside_window(connection: "ConnectionCore", segment: "SentSegment") -> bool:
    # RFC 9293, SHLD-16: old data inside a shrunken window is retransmitted; the front always is, as a probe (MUST-35).
    return segment.start == connection.tcb.snd_una or segment.end <= connection.tcb.send_limit


def _send_unsent(connection: "ConnectionCore", *, now: Micros) -> bool:
    """Send new data and FIN as far as allowed; tell whether anything left."""
    tcb, queue = connection.tcb, connection.send_queue
    unsent = queue.end - tcb.snd_nxt
    before = tcb.snd_nxt
    if unsent > 0:
        _restart_after_idle(connection, now=now)
        mss = tcb.snd_mss - connection.options.octets_now(connection)
    while unsent > 0:
        sendable = Sendable(unsent, tcb.send_limit - tcb.snd_nxt, connection.recovery.room(), mss)
        length = connection.transmission.next_length(connection, sendable)
        if length <= 0:
            break
        send_new(connection, length, now=now)
        unsent = queue.end - tcb.snd_nxt
    if tcb.fin_seq == tcb.snd_nxt and tcb.send_limit > tcb.snd_nxt and connection.recovery.room() > 0:
        send_new(connection, 0, now=now)
    return tcb.snd_nxt != before


def _restart_after_idle(connection: "ConnectionCore", *, now: Micros) -> None:
    if (
        not connection.scoreboard.segments
        and connection.settings.slow_start_after_idle
        and now - connection.last_sent_at > connection.rtt.rto
    ):
        connection.congestion.on_idle(now=now)


def send_new(connection: "ConnectionCore", length: int, *, now: Micros, is_probe: bool = False) -> None:
    """Send the next `length` unsent octets, and the FIN if it follows them and fits the window or nothing else goes."""
    tcb = connection.tcb
    start = tcb.snd_nxt
    end = start + length
    flags = ACK
    if length and connection.transmission.is_pushed(connection, start, end):
        flags |= PSH
    if tcb.fin_seq == end and (end < tcb.send_limit or not length):
        flags |= FIN
    payload = connection.send_queue.slice(start, end)
    emit(connection, seq=start, flags=flags, payload=payload, now=now, is_new_data=bool(length) and not is_probe)
    if not connection.scoreboard.segments:
        connection.progress_at = now
    tcb.snd_nxt = end + (flags & FIN)
    tcb.snd_max = max(tcb.snd_max, tcb.snd_nxt)
    _enter(connection, start, tcb.snd_nxt, flags & (FIN | PSH), now=now)
    connection.last_sent_at = now
    if length:
        connection.delayed_ack.on_data_sent(connection, now=now)
    if not is_probe:
        connection.timers.stop(PERSIST)
        connection.probe_backoff = 0
        if not connection.timers.is_running(RETRANSMISSION):
            connection.arm_retransmission(now=now)


def _enter(connection: "ConnectionCore", start: int, end: int, flags: int, *, now: Micros) -> None:
    """Put sequence space on the scoreboard, a segment's worth at a time, the flags with the last."""
    mss = connection.tcb.snd_mss
    while end - start - (flags & FIN) > mss:
        connection.scoreboard.on_sent(start, start + mss, 0, now=now)
        start += mss
    connection.scoreboard.on_sent(start, end, flags, now=now)


def retransmit(connection: "ConnectionCore", first: "SentSegment", *, now: Micros) -> None:
    """Send a segment again, or several that follow each other as one where the policy says so."""
    tcb = connection.tcb
    limit = connection.transmission.retransmission_limit(connection)
    if first.length - (first.flags & FIN) > limit:
        connection.scoreboard.split(first, first.start + limit, first_flags=0)
    run = connection.transmission.retransmission_run(connection, first)
    last = run[-1]
    data_end = last.end - (last.flags & FIN)
    payload = connection.send_queue.slice(first.start, data_end)
    emit(connection, seq=first.start, flags=ACK | last.flags, payload=payload, now=now)
    for segment in run:
        connection.recovery.on_retransmitted(segment, now=now)
        connection.counters.total_retransmissions += 1
    connection.counters.bytes_retransmitted += len(payload)
    tcb.snd_max = max(tcb.snd_max, last.end)
    connection.last_sent_at = now
    if not connection.timers.is_running(RETRANSMISSION) and not connection.is_probe_outstanding:
        connection.arm_retransmission(now=now)


def _arm_waiting_timers(connection: "ConnectionCore", *, now: Micros) -> None:
    """Start the timer that gets waiting data out: window probe or silly-window override, or the end of corking."""
    tcb, timers = connection.tcb, connection.timers
    is_waiting = connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt
    if not is_waiting:
        timers.stop(CORK)
        return
    if connection.is_holding_back:
        if not timers.is_running(CORK):
            timers.set(CORK, now + connection.settings.cork_timeout_us)
        return
    if not connection.scoreboard.segments and not timers.is_running(PERSIST):
        connection.probing_since = now
        timers.set(PERSIST, now + connection.probes.first_delay(connection))
