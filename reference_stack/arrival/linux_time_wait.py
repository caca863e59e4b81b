"""SEGMENT ARRIVES in TIME-WAIT as Linux does it: a table of its own, measured on 6.18.

A SYN for a new incarnation is asked for before, see `Connection.may_reopen`.
"""

from typing import TYPE_CHECKING

from reference_stack.arrival import order
from reference_stack.arrival.arrival import Arrival
from reference_stack.arrival.control import take_reset
from reference_stack.rules import ArrivalRule, Rule, Verdict
from reference_stack.timers import TIME_WAIT
from wire.tcp import ACK, RST

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP
PAWS_MSL_US = 60_000_000
"""After a minute without traffic an old timestamp is no reason to ignore a reset."""


def _has_old_timestamp(connection: "ConnectionCore", arrival: Arrival) -> bool:
    tcb = connection.tcb
    if not (tcb.has_timestamps and arrival.has_timestamps):
        return False
    if not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent):
        return False
    return not (arrival.flags & RST and arrival.now - tcb.ts_recent_at >= PAWS_MSL_US)


def _restart(connection: "ConnectionCore", arrival: Arrival) -> None:
    connection.timers.set(TIME_WAIT, arrival.now + connection.time_wait.duration_us(connection))


def take_exact(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """At RCV.NXT a RST ends the state (unless ``tcp_rfc1337``), and a bare ACK restarts its timer, in silence."""
    tcb = connection.tcb
    is_bare = arrival.end == arrival.seq
    if arrival.seq != tcb.rcv_nxt or _has_old_timestamp(connection, arrival) or not (is_bare or arrival.flags & RST):
        return NEXT
    if arrival.flags & RST:
        take_reset(connection)
        return STOP
    _restart(connection, arrival)
    if tcb.has_timestamps and arrival.has_timestamps:
        tcb.ts_recent, tcb.ts_recent_at = arrival.ts_val, arrival.now
    return STOP


def answer_other(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Anything else but a RST is answered by an ACK; unless it is a SYN without ACK, the timer starts anew."""
    if not arrival.flags & RST:
        if arrival.flags & ACK or _has_old_timestamp(connection, arrival):
            _restart(connection, arrival)
        order.reply(connection, arrival)
    return STOP


TIME_WAIT_RULES: tuple[Rule[ArrivalRule], ...] = (
    Rule("time-wait/exact", "rfc9293/3.10.7.4", take_exact),
    Rule("time-wait/other", "rfc9293/3.10.7.4", answer_other),
)
