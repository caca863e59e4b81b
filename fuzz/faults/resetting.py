"""Faults in the judgement of RST and SYN in synchronized states, and in challenge ACKs (RFC 5961)."""

import errno

from fuzz.faults.registry import Area
from reference_stack import output
from reference_stack.arrival import order
from reference_stack.arrival.arrival import Arrival
from reference_stack.arrival.control import take_reset
from reference_stack.core import ConnectionCore
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.sequence import MASK
from wire.tcp import ACK, RST, SYN

NEXT, STOP = Verdict.NEXT, Verdict.STOP
RESET = Area("reset")


@RESET.rule("reset/validate", "rst-in-window-accepted", "RFC 5961 3.2", "RFC 9293 3.10.7.4")
def believe_reset_in_window(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset anywhere in the window ends the connection."""
    tcb = connection.tcb
    if arrival.flags & RST and tcb.rcv_nxt <= arrival.seq < tcb.rcv_adv:
        take_reset(connection)
        return STOP
    return original(connection, arrival)


@RESET.rule("reset/validate", "rst-left-edge-off-by-one", "RFC 9293 3.5.3", "RFC 5961 3.2")
def believe_reset_before_window(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset one below RCV.NXT ends the connection."""
    if arrival.flags & RST and arrival.seq == connection.tcb.rcv_nxt - 1:
        take_reset(connection)
        return STOP
    return original(connection, arrival)


@RESET.rule("sequence/acceptable", "oow-rst-answered", "RFC 9293 3.10.7.4")
def answer_reset_outside(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset outside the window is answered by an ACK."""
    if arrival.flags & RST and not order.is_acceptable(connection, arrival):
        output.send_ack(connection, now=arrival.now)
        return STOP
    return original(connection, arrival)


@RESET.rule("reset/validate", "rst-wraparound", "RFC 9293 3.4")
def compare_without_wrap(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The number of a reset is compared with the window as if numbers did not wrap."""
    left, right = connection.tcb.rcv_nxt & MASK, connection.tcb.rcv_adv & MASK
    if arrival.flags & RST and not left <= arrival.segment.seq < right:
        return STOP
    return original(connection, arrival)


@RESET.rule("reset/validate", "rst-data-ignored", "RFC 9293 3.5.3")
def ignore_reset_with_text(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset that carries text is ignored."""
    return STOP if arrival.flags & RST and arrival.segment.payload else original(connection, arrival)


@RESET.rule("reset/validate", "rstack-invalid-flags", "RFC 9293 3.5.3")
def ignore_reset_with_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset with an ACK bit counts as nonsense and is ignored."""
    return STOP if arrival.flags & (RST | ACK) == RST | ACK else original(connection, arrival)


@RESET.rule("reset/validate", "rst-zero-window-ignored", "RFC 9293 3.4")
def ignore_reset_at_closed_window(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """No reset counts while the receive window is closed."""
    return STOP if arrival.flags & RST and connection.tcb.rcv_wnd == 0 else original(connection, arrival)


@RESET.rule("syn/challenge", "challenge-ack-missing-syn", "RFC 5961 4.2", "RFC 9293 3.10.7.4")
def drop_syn(_original: ArrivalRule, _connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A SYN in the window is dropped in silence."""
    return STOP if arrival.flags & SYN else NEXT


@RESET.rule("syn/challenge", "syn-in-window-resets", "RFC 5961 4.2", "RFC 9293 3.10.7.4")
def reset_on_syn(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A SYN in the window resets the connection."""
    if not arrival.flags & SYN:
        return NEXT
    output.send_reset(connection, seq=connection.tcb.snd_nxt)
    connection.fail(errno.ECONNRESET)
    return STOP


@RESET.rule("reset/validate", "challenge-ack-from-packet", "RFC 5961 3.2")
def challenge_with_foreign_numbers(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A challenge ACK acknowledges the segment that provoked it."""
    before = len(connection.outgoing)
    verdict = original(connection, arrival)
    if len(connection.outgoing) > before:
        last = connection.outgoing[-1]
        connection.outgoing[-1] = last._replace(segment=last.segment._replace(ack=arrival.end & MASK))
    return verdict


@RESET.rule("ack/future", "badack-established-rst", "RFC 9293 3.10.7.4")
def reset_on_future_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An acknowledgment of octets never sent draws a reset in ESTABLISHED too."""
    if arrival.ack <= connection.tcb.snd_max:
        return original(connection, arrival)
    output.send_reset(connection, seq=arrival.ack)
    return STOP
