"""Checks of SEGMENT ARRIVES with the switches of FreeBSD (tcp(4)): the times before RFC 5961 can be had back."""

import errno
from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.arrival import control, order
from reference_stack.arrival.arrival import Arrival
from reference_stack.rules import ListenVerdict, Verdict
from reference_stack.states import State
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def drop_syn_ack(segment: TcpSegment) -> ListenVerdict:
    """LISTEN: a SYN-ACK is dropped in silence; another ACK is bad, a reset is formed from its ACK field."""
    if segment.flags & (SYN | ACK) == SYN | ACK:
        return ListenVerdict.DROP
    return ListenVerdict.RESET if segment.flags & ACK else ListenVerdict.NEXT


def open_window(connection: "ConnectionCore", arrival: Arrival) -> Verdict:  # noqa: ARG001
    """What the buffer has room for is acceptable, offered or not: the field of the window may be too small for it."""
    tcb = connection.tcb
    if connection.has_peer_syn and not (tcb.state is State.SYN_RECEIVED and tcb.is_passive):
        tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + connection.window.free_space(connection))
    return NEXT


def drop_syn_fin(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """``drop_synfin``: a segment with SYN and FIN is dropped unseen."""
    is_both = arrival.flags & (SYN | FIN) == SYN | FIN
    return STOP if is_both and connection.settings.drop_synfin else NEXT


def ignore_fin(connection: "ConnectionCore", arrival: Arrival) -> Verdict:  # noqa: ARG001
    """SYN-SENT: the FIN of a SYN that crosses ours is not kept; the peer will send it again."""
    if arrival.flags & (SYN | ACK) == SYN:
        arrival.flags &= ~FIN
        arrival.has_fin = False
    return NEXT


def acknowledge_in_time_wait(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """TIME-WAIT: whatever is not the acknowledgment that was expected is answered by one; a reset is dropped."""
    tcb = connection.tcb
    if tcb.state is not State.TIME_WAIT:
        return NEXT
    if not arrival.flags & ACK:
        return STOP
    if arrival.flags & SYN:
        return NEXT
    is_expected = arrival.flags & (ACK | FIN) == ACK and arrival.seq == arrival.end == tcb.rcv_nxt
    order.restart_time_wait(connection, arrival)
    if not arrival.flags & RST and not (is_expected and arrival.ack == tcb.snd_nxt):
        output.send_ack(connection, now=arrival.now)
    return STOP


def check_sequence(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """What lies left of the window is acknowledged, and its acknowledgment is taken all the same (4.4BSD)."""
    tcb = connection.tcb
    is_old = arrival.seq < tcb.rcv_nxt and arrival.end <= tcb.rcv_nxt
    if not is_old or arrival.flags & (RST | SYN) or tcb.state in (State.SYN_RECEIVED, State.TIME_WAIT):
        return order.check_sequence(connection, arrival)
    order.note_duplicate(connection, arrival)
    arrival.text, arrival.has_fin = b"", False
    connection.ack_now = True
    return NEXT


def trim(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Cut off what is old; a duplicate that the acknowledgment reports is acknowledged at once."""
    is_duplicate = bool(arrival.text) and arrival.text_seq < connection.tcb.rcv_nxt
    verdict = order.trim(connection, arrival)
    connection.ack_now = connection.ack_now or (is_duplicate and connection.tcb.has_sack)
    return verdict


def check_reset(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """RFC 5961 (3.2), or with ``insecure_rst`` RFC 793: a reset anywhere in the window counts."""
    tcb = connection.tcb
    is_inside = tcb.rcv_nxt <= arrival.seq < tcb.rcv_adv
    if arrival.flags & RST and connection.settings.insecure_rst and is_inside:
        control.take_reset(connection)
        return STOP
    return control.check_reset(connection, arrival)


def check_syn(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """RFC 5961 (4.2), or with ``insecure_syn`` RFC 793: a SYN in the window is an error that ends the connection."""
    tcb = connection.tcb
    if tcb.state in (State.SYN_RECEIVED, State.TIME_WAIT) or arrival.flags & (SYN | RST) != SYN:
        return NEXT
    if connection.settings.insecure_syn and tcb.rcv_nxt <= arrival.seq < tcb.rcv_adv:
        connection.resets.send_abort(connection, now=arrival.now)
        connection.fail(errno.ECONNRESET)
        return STOP
    return control.check_syn(connection, arrival)
