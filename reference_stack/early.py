"""A passive connection that its user has before the handshake is over, thanks to a Fast Open cookie (RFC 7413, 4.2.2).

Its text was taken from the SYN, and data may leave in SYN-RECEIVED. Until the acknowledgment of the SYN-ACK comes, only
the SYN-ACK is repeated: SND.UNA is ISS+1 from the beginning, and the SYN-ACK has a timer of its own.
"""

from typing import TYPE_CHECKING

from reference_stack import negotiation, output
from reference_stack.arrival import content, order
from reference_stack.arrival.arrival import Arrival
from reference_stack.rules import Verdict
from reference_stack.states import State
from reference_stack.timers import SYN_ACK

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


def begin(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Take the text of the SYN, answer it with a SYN-ACK for all of it, and be ready to send (RFC 7413, 4.2.2)."""
    tcb, now = connection.tcb, arrival.now
    tcb.snd_una = tcb.snd_nxt = tcb.snd_max = tcb.iss + 1
    text = arrival.text[: connection.window.of_syn(connection)]
    if text:
        connection.counters.data_segments_in += 1
        connection.is_syn_data_acked = True
        content.deliver(connection, text)
    if arrival.has_fin and len(text) == len(arrival.text):
        connection.pending_fin = tcb.rcv_nxt
    negotiation.begin_transfer(connection, now=now)
    output.send_syn(connection, now=now)
    connection.syn_ack_sent_at = now
    connection.timers.set(SYN_ACK, now + connection.rtt.initial)
    connection.is_early = True
    connection.start.on_early_open(connection)


def repeat_syn_ack(connection: "ConnectionCore", *, now: int) -> None:
    """Send the SYN-ACK again; what answers it then times nothing."""
    connection.syn_ack_sent_at = None
    output.send_syn(connection, now=now)


def take_handshake_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An acceptable ACK ends the handshake of an early connection; another draws a reset, which ends nothing."""
    tcb = connection.tcb
    if not connection.is_early:
        return Verdict.NEXT
    if not tcb.snd_una <= arrival.ack <= tcb.snd_max:
        if tcb.state is not State.SYN_RECEIVED:
            # A CLOSE has moved the state on: nothing is taken before the handshake is over (RFC 5961, 5.2).
            order.reply(connection, arrival)
            return Verdict.STOP
        connection.resets.send_refusal(connection, arrival.ack)
        connection.ack_now = False
        return Verdict.STOP
    _complete(connection, arrival)
    return Verdict.NEXT


def _complete(connection: "ConnectionCore", arrival: Arrival) -> None:
    tcb, now = connection.tcb, arrival.now
    connection.is_early = False
    connection.counters.delivered += 1
    connection.timers.stop(SYN_ACK)
    if arrival.ack == tcb.snd_una and connection.syn_ack_sent_at is not None:
        connection.rtt.sample(now - connection.syn_ack_sent_at, una=tcb.snd_una, nxt=tcb.snd_nxt)
    negotiation.end_handshake(connection, now=now)
    if connection.scoreboard.segments:
        connection.arm_retransmission(now=now)
    # A CLOSE has moved the state on already.
    if tcb.state is State.SYN_RECEIVED:
        connection.enter(State.ESTABLISHED, now=now)
    connection.restart_keepalive(now=now)


def syn_ack_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Repeat the SYN-ACK and nothing else, at growing intervals, or give up."""
    if connection.limits.is_syn_ack_expired(connection, now=now):
        connection.give_up(now=now)
        return
    connection.retransmits += 1
    connection.syn_retransmissions += 1
    connection.counters.timeouts += 1
    connection.counters.total_retransmissions += 1
    if connection.first_retransmitted_at is None:
        connection.first_retransmitted_at = now
    connection.start.on_syn_ack_lost(connection, now=now)
    repeat_syn_ack(connection, now=now)
    delay = min(connection.rtt.initial << connection.retransmits, connection.rtt.maximum)
    connection.timers.set(SYN_ACK, now + delay)
