"""User calls that change the state (RFC 9293, 3.10.1, 3.10.4 and 3.10.5), as rules."""

from typing import TYPE_CHECKING

from reference_stack import negotiation, opening, output
from reference_stack.rules import CallRule, Rule
from reference_stack.states import State
from wire.tcp import SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


def open_active(connection: "ConnectionCore", *, now: int) -> None:
    """CLOSED: an active OPEN sends a SYN with the ISS; SND.UNA is ISS, SND.NXT is ISS+1 (3.10.1)."""
    negotiation.prepare_syn(connection, now=now)
    connection.enter(State.SYN_SENT, now=now)
    begin_handshake(connection, now=now)


def begin_handshake(connection: "ConnectionCore", *, now: int) -> None:
    """Send our SYN (or SYN-ACK) for the first time and watch over it."""
    tcb = connection.tcb
    tcb.snd_nxt = tcb.snd_max = tcb.iss + 1
    connection.progress_at = now
    text = opening.prepare(connection, now=now)
    output.send_syn(connection, now=now, text=text)
    connection.scoreboard.on_sent(tcb.iss, tcb.iss + 1, SYN, now=now)
    if text:
        opening.enter(connection, text, now=now)
    connection.arm_retransmission(now=now)


def close(connection: "ConnectionCore", *, now: int) -> None:
    """CLOSE (3.10.4): a FIN follows all queued octets."""
    tcb = connection.tcb
    if tcb.state is State.SYN_SENT:
        # "Delete the TCB."
        connection.delete()
    elif tcb.state in (State.SYN_RECEIVED, State.ESTABLISHED):
        # In SYN-RECEIVED the FIN, like queued data, waits for ESTABLISHED; the user sees FIN-WAIT-1 from then on.
        # Where data need not wait (`reference_stack.early`), the FIN does not either.
        tcb.fin_seq = connection.send_queue.end
        if tcb.state is State.ESTABLISHED or connection.is_early:
            connection.enter(State.FIN_WAIT_1, now=now)
    elif tcb.state is State.CLOSE_WAIT:
        # RFC 1122, 4.2.2.20 (a): LAST-ACK, not CLOSING.
        tcb.fin_seq = connection.send_queue.end
        connection.enter(State.LAST_ACK, now=now)


def abort(connection: "ConnectionCore", *, now: int) -> None:
    """ABORT (3.10.5): a reset where the peer may have a connection, then the TCB is gone."""
    tcb = connection.tcb
    if tcb.state in RESET_ON_ABORT:
        connection.resets.send_abort(connection, now=now)
    connection.delete()


RESET_ON_ABORT = frozenset(
    {State.SYN_RECEIVED, State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSE_WAIT}
)

CALL_RULES: tuple[Rule[CallRule], ...] = (
    Rule("call/open-active", "rfc9293/3.10.1", open_active),
    Rule("call/close", "rfc9293/3.10.4", close),
    Rule("call/abort", "rfc9293/3.10.5", abort),
)
