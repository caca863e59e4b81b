"""SEGMENT ARRIVES in SYN-SENT (RFC 9293, 3.10.7.3)."""

from typing import TYPE_CHECKING

from reference_stack import acknowledge, negotiation, opening, output
from reference_stack.arrival.arrival import Arrival
from reference_stack.arrival.control import take_reset
from reference_stack.rules import Verdict
from reference_stack.states import State
from wire.tcp import ACK, RST, SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def check_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """First: an ACK that is not for our SYN draws a reset, unless the segment is one; it is dropped."""
    if not arrival.flags & ACK:
        return NEXT
    tcb = connection.tcb
    if tcb.iss < arrival.ack <= tcb.snd_max:
        return NEXT
    if not arrival.flags & RST:
        connection.resets.send_refusal(connection, arrival.ack)
    return STOP


def check_reset(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Second: a RST with an acceptable ACK ends the attempt; one without ACK is dropped."""
    if not arrival.flags & RST:
        return NEXT
    if arrival.flags & ACK:
        take_reset(connection)
    return STOP


def require_syn(connection: "ConnectionCore", arrival: Arrival) -> Verdict:  # noqa: ARG001
    """Fifth: without SYN the segment is dropped."""
    return NEXT if arrival.flags & SYN else STOP


def take_syn(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Fourth: a SYN sets the peer's numbers; with our SYN acknowledged the connection is established."""
    tcb = connection.tcb
    # Nothing was known of the peer's numbers when the segment came in.
    arrival.text_seq = arrival.seq + 1
    negotiation.take_peer_syn(connection, arrival)
    if arrival.flags & ACK:
        acknowledge.take_ack(connection, arrival)
        negotiation.become_established(connection, now=arrival.now)
        opening.on_syn_ack(connection, arrival)
        connection.delayed_ack.on_syn_ack(connection, now=arrival.now)
        return NEXT
    connection.opening.take_early_text(connection, arrival)
    connection.enter(State.SYN_RECEIVED, now=arrival.now)
    tcb.snd_wl2 = tcb.iss
    output.send_syn(connection, now=arrival.now)
    front = connection.scoreboard.front
    if front is not None:
        # The SYN-ACK is another transmission of our SYN: its acknowledgment times nothing.
        connection.scoreboard.on_retransmitted(front, now=arrival.now)
    connection.arm_retransmission(now=arrival.now)
    return STOP
