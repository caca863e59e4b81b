"""Second and fourth check: RST and SYN (RFC 9293, 3.10.7.4 with RFC 5961)."""

import errno
from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.arrival.arrival import Arrival
from reference_stack.rules import Verdict
from reference_stack.states import State
from wire.tcp import RST, SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def check_reset(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A RST at exactly RCV.NXT resets; elsewhere in the window it draws a challenge ACK; outside it is dropped."""
    if not arrival.flags & RST:
        return NEXT
    tcb = connection.tcb
    if arrival.seq == tcb.rcv_nxt:
        take_reset(connection)
    elif tcb.rcv_nxt < arrival.seq < tcb.rcv_adv:
        output.challenge(connection, now=arrival.now)
    return STOP


def take_reset(connection: "ConnectionCore") -> None:
    """Act on a valid reset: what the user is told depends on the state."""
    tcb = connection.tcb
    if tcb.state is State.TIME_WAIT and connection.settings.rfc1337:
        # RFC 1337, fix F1: a reset does not shorten TIME-WAIT.
        return
    # The user of an early connection has it already: for him it is an established one.
    state = State.ESTABLISHED if connection.is_early and tcb.state is State.SYN_RECEIVED else tcb.state
    connection.fail(connection.personality.reset_errno(state, is_passive=tcb.is_passive))


RESET_ERRNO = {
    State.SYN_SENT: errno.ECONNREFUSED,
    State.SYN_RECEIVED: errno.ECONNREFUSED,
    State.ESTABLISHED: errno.ECONNRESET,
    State.FIN_WAIT_1: errno.ECONNRESET,
    State.FIN_WAIT_2: errno.ECONNRESET,
    State.CLOSE_WAIT: errno.ECONNRESET,
}
"""What the user hears of a reset; in CLOSING, LAST-ACK and TIME-WAIT nothing (RFC 9293, 3.10.7.4)."""


def check_syn(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A SYN in a synchronized state draws a challenge ACK; a half-open passive connection returns to LISTEN."""
    if not arrival.flags & SYN:
        return NEXT
    tcb = connection.tcb
    # A SYN left of the window, before text that reaches into it, is one of the "portions that lie outside the window
    # (including SYN and FIN)": it ends nothing.
    if connection.is_request and arrival.seq >= tcb.rcv_nxt:
        connection.delete()
    else:
        output.challenge(connection, now=arrival.now)
    return STOP
