"""Fifth check: the ACK field (RFC 9293, 3.10.7.4 with RFC 5961, section 5)."""

from typing import TYPE_CHECKING

from reference_stack import acknowledge, negotiation
from reference_stack.arrival import order
from reference_stack.arrival.arrival import Arrival
from reference_stack.rules import Verdict
from reference_stack.states import State
from reference_stack.timers import PERSIST, RETRANSMISSION
from wire.tcp import ACK

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def require_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:  # noqa: ARG001
    """A segment without ACK bit is dropped."""
    return NEXT if arrival.flags & ACK else STOP


def complete_handshake(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """In SYN-RECEIVED an ACK of our SYN establishes the connection; any other draws a reset."""
    tcb = connection.tcb
    if tcb.state is not State.SYN_RECEIVED:
        return NEXT
    if not tcb.snd_una < arrival.ack <= tcb.snd_max:
        connection.resets.send_refusal(connection, arrival.ack)
        connection.ack_now = False
        return STOP
    # RFC 1122, 4.2.2.20 (f): the send window variables are taken from this segment.
    take_window(connection, arrival)
    acknowledge.take_ack(connection, arrival)
    negotiation.become_established(connection, now=arrival.now)
    connection.ecn.on_handshake_ack(connection, arrival)
    # Text that waited since the SYN may have moved RCV.NXT.
    return order.trim(connection, arrival)


def reject_ancient_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK older than SND.UNA - MAX.SND.WND is answered by an ACK, the segment dropped (RFC 5961, 5.2)."""
    tcb = connection.tcb
    if arrival.ack >= tcb.snd_una - tcb.max_snd_wnd:
        return NEXT
    order.reply(connection, arrival)
    return STOP


def reject_future_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK of something not yet sent is answered by an ACK, the segment dropped."""
    if arrival.ack <= connection.tcb.snd_max:
        return NEXT
    order.reply(connection, arrival)
    return STOP


def take_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """SND.UNA < SEG.ACK =< SND.NXT advances SND.UNA; SACK, timing and loss recovery take note in any case."""
    acknowledge.take_ack(connection, arrival)
    return NEXT


def update_window(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """The window is taken from a segment that is not older than the one that set it last (SND.WL1, SND.WL2)."""
    tcb = connection.tcb
    if arrival.ack < tcb.snd_una:
        return NEXT
    if not (tcb.snd_wl1 < arrival.seq or (tcb.snd_wl1 == arrival.seq and tcb.snd_wl2 <= arrival.ack)):
        return NEXT
    take_window(connection, arrival)
    return NEXT


def take_window(connection: "ConnectionCore", arrival: Arrival) -> None:
    """The window of the segment is the newest one."""
    tcb = connection.tcb
    if tcb.snd_wnd == 0 and arrival.window:
        # While it was closed, what lay beyond it could not get through: R2 counts from here (RFC 9293, SHLD-17).
        connection.progress_at = arrival.now
    if tcb.snd_wnd != arrival.window:
        connection.transmission.on_window_change(connection, now=arrival.now)
    tcb.snd_wnd = arrival.window
    tcb.snd_wl1, tcb.snd_wl2 = arrival.seq, arrival.ack
    connection.probes_out = 0
    if arrival.window > tcb.max_snd_wnd:
        tcb.max_snd_wnd = arrival.window
        connection.mss.on_larger_window(connection)
    if connection.transmission.is_window_open(connection):
        _end_probing(connection)


def _end_probing(connection: "ConnectionCore") -> None:
    """The window is open: a probe that was not accepted leaves again as part of a proper segment."""
    tcb = connection.tcb
    connection.probe_backoff = 0
    connection.timers.stop(PERSIST)
    if connection.is_probe_outstanding:
        connection.is_probe_outstanding = False
        if connection.scoreboard.segments:
            tcb.snd_nxt = connection.scoreboard.unsend_last().start
            connection.timers.stop(RETRANSMISSION)


def follow_close(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """The acknowledgment of our FIN moves FIN-WAIT-1, CLOSING and LAST-ACK on."""
    tcb = connection.tcb
    if not tcb.is_fin_acknowledged:
        return NEXT
    if tcb.state is State.FIN_WAIT_1:
        connection.enter(State.FIN_WAIT_2, now=arrival.now)
    elif tcb.state is State.CLOSING:
        connection.enter(State.TIME_WAIT, now=arrival.now)
    elif tcb.state is State.LAST_ACK:
        connection.delete()
        return STOP
    return NEXT
