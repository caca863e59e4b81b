"""Faults in the closing states, from the first FIN to the end of TIME-WAIT."""

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack import output, transmit
from reference_stack.arrival.arrival import Arrival
from reference_stack.connection import Connection
from reference_stack.core import ConnectionCore
from reference_stack.policies.time_wait import TimeWait
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.states import State
from reference_stack.timers import RETRANSMISSION, TIME_WAIT
from wire.tcp import ACK, FIN, RST, TcpSegment

NEXT, STOP = Verdict.NEXT, Verdict.STOP
CLOSE = Area("close")
TIME_WAIT_STATE = Area("timewait")


@CLOSE.rule("fin/take", "fin-in-finwait1-to-timewait", "RFC 9293 3.10.7.4")
def skip_closing(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Crossing FINs lead to TIME-WAIT at once, CLOSING is left out."""
    verdict = original(connection, arrival)
    if connection.tcb.state is State.CLOSING:
        connection.enter(State.TIME_WAIT, now=arrival.now)
    return verdict


@CLOSE.rule("fin/take", "finack-in-finwait1-to-closing", "RFC 9293 3.10.7.4")
def wait_in_closing(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN with the ACK of ours leads to CLOSING, where nothing more comes."""
    verdict = original(connection, arrival)
    if connection.tcb.state is State.TIME_WAIT and arrival.advanced_una:
        connection.timers.stop(TIME_WAIT)
        connection.tcb.state = State.CLOSING
    return verdict


@CLOSE.rule("fin/take", "fin-rtx-after-ack", "RFC 9293 3.10.7.4")
def repeat_acknowledged_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The acknowledgment of our FIN leaves it on the retransmission queue."""
    verdict = original(connection, arrival)
    tcb = connection.tcb
    if tcb.state is State.TIME_WAIT and arrival.advanced_una and tcb.fin_seq is not None:
        tcb.state = State.CLOSING
        connection.scoreboard.on_sent(tcb.fin_seq, tcb.fin_seq + 1, FIN, now=arrival.now)
        connection.timers.set(RETRANSMISSION, arrival.now + connection.rtt.rto)
    return verdict


@CLOSE.rule("timer/retransmission", "fin-not-retransmitted", "RFC 9293 3.8.1", "RFC 9293 3.6")
def forget_lost_fin(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """A FIN is sent once only."""
    front = connection.scoreboard.front
    if front is None or front.flags & FIN == 0:
        original(connection, now=now)


@CLOSE.rule("ack/close", "lastack-any-ack-closes", "RFC 9293 3.10.7.4")
def close_on_any_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Any ACK ends LAST-ACK."""
    if connection.tcb.state is State.LAST_ACK:
        connection.delete()
        return STOP
    return original(connection, arrival)


@CLOSE.rule("ack/close", "lastack-stuck", "RFC 9293 3.8.3", "RFC 9293 3.10.8")
def stay_in_last_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """LAST-ACK never ends."""
    return NEXT if connection.tcb.state is State.LAST_ACK else original(connection, arrival)


@CLOSE.connection("shutdown_send", "api-shutdown-twice", "POSIX shutdown", "RFC 9293 3.10.4")
def send_second_fin(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """Closing a second time sends a second FIN."""
    if connection.tcb.fin_seq is None:
        original(now=now)
    else:
        output.emit(connection, seq=connection.tcb.snd_nxt, flags=FIN | ACK, now=now)


@CLOSE.connection("close", "close-unread-fin", "RFC 2525 2.17", "RFC 9293 3.6.1")
def overlook_unread(original: Replacement, connection: Connection, *, now: int) -> None:
    """Closing with unread octets sends a FIN as if nothing were lost."""
    connection.receive_queue.clear()
    original(now=now)


@CLOSE.connection("close", "close-rst-without-unread", "RFC 9293 3.6.1")
def always_abort(_original: Replacement, connection: Connection, *, now: int) -> None:
    """Closing aborts although nothing is unread."""
    connection.abort(now=now)


@CLOSE.connection("close", "api-close-discards", "RFC 9293 3.10.4")
def discard_queued(original: Replacement, connection: Connection, *, now: int) -> None:
    """Closing throws away what was written and not sent."""
    queue = connection.send_queue
    kept = queue.slice(queue.start, connection.tcb.snd_nxt)
    start = queue.start
    queue.clear()
    queue.start = start
    queue.append(kept)
    original(now=now)


@CLOSE.rule("call/abort", "linger-zero-fin", "RFC 9293 3.10.5")
def send_fin_on_abort(_original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """An abort sends a FIN instead of a reset."""
    output.emit(connection, seq=connection.tcb.snd_nxt, flags=FIN | ACK, now=now)
    connection.delete()


@CLOSE.rule("text/take", "close-then-data-no-rst", "RFC 2525 2.16", "RFC 9293 3.6.1")
def swallow_late_text(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text that nobody can read any more is acknowledged as if it were delivered."""
    if connection.is_detached and arrival.text:
        connection.tcb.rcv_nxt += len(arrival.text)
        connection.ack_now = True
        return NEXT
    return original(connection, arrival)


@CLOSE.policy("transmission.may_send_partial", "nagle-holds-fin", "RFC 9293 3.6", "RFC 2525 2.15")
def hold_last_segment(original: Replacement, _policy: object, connection: ConnectionCore, sendable: object) -> bool:
    """A short last segment and the FIN behind it wait for the ACK of what was sent before."""
    tcb = connection.tcb
    if tcb.fin_seq is not None and tcb.snd_nxt > tcb.snd_una:
        return False
    return bool(original(connection, sendable))


@CLOSE.rule("call/close", "lastack-close-resets", "RFC 9293 3.10.7.4")
def forget_after_close(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """The record is gone as soon as the FIN of a passive close has left."""
    original(connection, now=now)
    if connection.tcb.state is State.LAST_ACK:
        transmit.transmit(connection, now=now)
        connection.delete()


@CLOSE.rule("timer/fin-wait-2", "finwait2-forever", "RFC 9293 3.6.1")
def leave_fin_wait_2_never(_original: Replacement, _connection: ConnectionCore, *, now: int) -> None:
    """A closed connection stays in FIN-WAIT-2 for ever when the peer's FIN does not come."""


@CLOSE.connection("enter", "finwait2-halfclose-timeout", "RFC 9293 3.6")
def time_half_close(original: Replacement, connection: ConnectionCore, state: State, *, now: int) -> None:
    """A connection that is only half closed is dropped after the time meant for closed ones."""
    original(state, now=now)
    if state is State.FIN_WAIT_2:
        connection.watch_fin_wait_2(now=now)


@CLOSE.rule("fin/take", "established-fin-ignored", "RFC 9293 3.10.7.4")
def ignore_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN in ESTABLISHED is not processed."""
    return NEXT if connection.tcb.state is State.ESTABLISHED else original(connection, arrival)


@CLOSE.rule("fin/take", "finwait1-fin-ignored", "RFC 9293 3.10.7.4")
def ignore_fin_in_fin_wait_1(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN in FIN-WAIT-1 is not processed."""
    return NEXT if connection.tcb.state is State.FIN_WAIT_1 else original(connection, arrival)


@CLOSE.rule("fin/take", "finwait2-fin-ignored", "RFC 9293 3.10.7.4")
def ignore_fin_in_fin_wait_2(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN in FIN-WAIT-2 is not processed."""
    return NEXT if connection.tcb.state is State.FIN_WAIT_2 else original(connection, arrival)


# --- TIME-WAIT -------------------------------------------------------------------------------------------------------


@TIME_WAIT_STATE.policy("time_wait.duration_us", "timewait-skipped", "RFC 9293 3.6.1")
def skip_time_wait(_original: Replacement, _policy: TimeWait, _connection: ConnectionCore) -> int:
    """The four-tuple is free at once after an active close."""
    return 0


@TIME_WAIT_STATE.connection("on_segment", "tw-assassination", "RFC 1337 3", "RFC 9293 3.10.7.4")
def end_time_wait(original: Replacement, connection: Connection, segment: TcpSegment, **keywords: int) -> None:
    """A reset ends TIME-WAIT although the system says that it does not."""
    if connection.state is State.TIME_WAIT and segment.flags & RST:
        connection.delete()
    else:
        original(segment, **keywords)


@TIME_WAIT_STATE.rule("time-wait/fin-again", "timewait-no-reack", "RFC 9293 3.10.7.4")
def ignore_repeated_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A repeated FIN in TIME-WAIT is ignored."""
    is_repeated = connection.tcb.state is State.TIME_WAIT and arrival.has_fin
    return STOP if is_repeated else original(connection, arrival)


@TIME_WAIT_STATE.policy("time_wait.may_reopen", "timewait-syn-always-refused", "RFC 6191 2", "RFC 9293 3.6.1")
def refuse_reopening(_original: Replacement, _policy: TimeWait, _connection: object, _arrival: Arrival) -> bool:
    """No SYN opens a new incarnation during TIME-WAIT."""
    return False


@TIME_WAIT_STATE.policy("time_wait.may_reopen", "timewait-syn-old-accepted", "RFC 9293 3.6.1", "RFC 6191 2")
def reopen_for_any(_original: Replacement, _policy: TimeWait, _connection: object, _arrival: Arrival) -> bool:
    """An old SYN opens a new incarnation during TIME-WAIT."""
    return True
