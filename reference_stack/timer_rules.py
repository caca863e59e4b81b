"""What happens when a timer runs out (RFC 9293, 3.10.8, and the timers of other documents), as rules by timer name."""

from typing import TYPE_CHECKING

from reference_stack import early, opening, transmit
from reference_stack.rules import Rule, TimerRule
from reference_stack.states import OPENING, State
from reference_stack.timers import (
    CORK,
    DELAYED_ACK,
    FIN_WAIT_2,
    KEEPALIVE,
    PERSIST,
    RECOVERY,
    RETRANSMISSION,
    SYN_ACK,
    TIME_WAIT,
)

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


def retransmission_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Send the earliest unacknowledged segment again and back off, or give up when R2 has passed."""
    front = connection.scoreboard.front
    if front is None:
        return
    if connection.limits.is_expired(connection, now=now):
        connection.give_up(now=now)
        return
    if now < connection.rto_deadline:
        # The timer was set early, to look whether R2 has passed.
        connection.arm_retransmission(now=now, since=connection.rto_deadline - connection.rtt.rto)
        return
    is_first = connection.retransmits == 0
    connection.retransmits += 1
    connection.counters.timeouts += 1
    if connection.limits.is_backing_off(connection):
        connection.rtt.on_timeout()
    if connection.tcb.state in OPENING:
        opening.repeat_syn(connection, now=now)
    else:
        connection.mtu_search.on_timeout(connection, now=now)
        connection.icmp.on_timeout(connection, now=now)
        connection.recovery.on_timeout(snd_max=connection.tcb.snd_max, is_first=is_first, now=now)
    connection.arm_retransmission(now=now)


def persist_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Probe the closed window, with growing intervals, as long as the peer answers."""
    tcb = connection.tcb
    is_waiting = (
        connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt or connection.is_probe_outstanding
    )
    if not is_waiting or tcb.state not in transmit.MAY_TRANSMIT:
        return
    if connection.limits.is_probing_expired(connection, now=now):
        connection.give_up(now=now)
        return
    was_sent = connection.probes.send_window_probe(connection, now=now)
    if connection.is_probe_outstanding or not connection.scoreboard.segments:
        connection.probes_out += 1
        connection.probe_backoff += was_sent
        connection.was_refused = not was_sent
        connection.timers.set(PERSIST, now + connection.probes.next_delay(connection, was_sent=was_sent))


def delayed_ack_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Acknowledge what was held back."""
    connection.delayed_ack.on_timeout(connection, now=now)


def keepalive_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Probe an idle peer; give up after too many unanswered probes."""
    settings, timers = connection.settings, connection.timers
    if not settings.is_kept_alive or connection.tcb.state not in KEPT_ALIVE:
        return
    # RFC 9293, MUST-26: only when nothing is outstanding and nothing came during the whole interval.
    # RFC 5482, 4.2: not before the user timeout that both ends agreed on.
    idle_us = max(settings.keepidle_us, connection.user_timeout.adopted_us(connection) or 0)
    idle_at = connection.last_received_at + idle_us
    if connection.scoreboard.segments or connection.send_queue.end > connection.tcb.snd_nxt or now < idle_at:
        connection.keepalive_probes = 0
        timers.set(KEEPALIVE, idle_at if now < idle_at else now + idle_us)
        return
    if connection.limits.is_keepalive_expired(connection, now=now):
        connection.give_up(now=now)
        return
    connection.probes.send_keepalive(connection, now=now)
    connection.keepalive_probes += 1
    timers.set(KEEPALIVE, now + settings.keepintvl_us)


KEPT_ALIVE = frozenset({State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.FIN_WAIT_2})


def time_wait_timeout(connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG001
    """2 MSL have passed: the TCB is deleted."""
    connection.delete()


def fin_wait_2_timeout(connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG001
    """Nobody reads any more and the peer's FIN does not come: the TCB is deleted, in silence."""
    connection.delete()


def recovery_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """Loss recovery asked to be called: a reordering timer or a loss probe."""
    if connection.recovery.on_timer(now=now):
        transmit.send_loss_probe(connection, now=now)
    front = connection.scoreboard.front
    if front is not None and not connection.timers.is_running(RETRANSMISSION):
        connection.arm_retransmission(now=now, since=front.sent_at)


def cork_timeout(connection: "ConnectionCore", *, now: int) -> None:
    """A partial segment was held back for long enough."""
    connection.release_held_back(now=now)


TIMER_RULES: tuple[Rule[TimerRule], ...] = (
    Rule(f"timer/{RETRANSMISSION}", "rfc6298/5", retransmission_timeout),
    Rule(f"timer/{SYN_ACK}", "rfc7413/4.2.2", early.syn_ack_timeout),
    Rule(f"timer/{PERSIST}", "rfc9293/3.8.6.1", persist_timeout),
    Rule(f"timer/{DELAYED_ACK}", "rfc9293/3.8.6.3", delayed_ack_timeout),
    Rule(f"timer/{KEEPALIVE}", "rfc9293/3.8.4", keepalive_timeout),
    Rule(f"timer/{TIME_WAIT}", "rfc9293/3.10.8", time_wait_timeout),
    Rule(f"timer/{FIN_WAIT_2}", "rfc9293/3.6", fin_wait_2_timeout),
    Rule(f"timer/{RECOVERY}", "rfc8985", recovery_timeout),
    Rule(f"timer/{CORK}", "tcp(7)/TCP_CORK", cork_timeout),
)
"""The name of a row is ``timer/`` and the name of its timer in `reference_stack.timers`."""
