"""Faults in round-trip times, retransmission timeouts, limits, and the recovery from loss."""

from typing import Any

from fuzz.faults.alter import Replacement, alter
from fuzz.faults.registry import Area
from reference_stack import transmit
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.policies.start import CongestionStart
from reference_stack.recovery.base import LossRecovery
from reference_stack.rtt import RttEstimator
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.sequence import MASK
from reference_stack.states import State
from reference_stack.timers import FIN_WAIT_2, RETRANSMISSION
from wire.tcp import SYN

RTO = Area("rto")
USER_TIMEOUT = Area("usertimeout")
RECOVERY = Area("congestion")
OPENING = frozenset({State.SYN_SENT, State.SYN_RECEIVED})


@RTO.rule("timer/retransmission", "syn-rtx-linear", "RFC 6298 5.5")
def repeat_syn_steadily(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """SYNs are repeated at constant distance."""
    original(connection, now=now)
    if connection.tcb.state in OPENING:
        connection.rtt.backoff = 0
        connection.arm_retransmission(now=now)


@RTO.rule("timer/retransmission", "rto-no-backoff", "RFC 6298 5.5")
def repeat_data_steadily(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """The timeout of data does not grow."""
    original(connection, now=now)
    if connection.tcb.state not in OPENING and not connection.is_deleted:
        connection.rtt.backoff = 0
        connection.arm_retransmission(now=now)


@RTO.rule("timer/retransmission", "syn-rtx-seq-advances", "RFC 9293 3.8.1")
def repeat_syn_with_next_number(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """A repeated SYN carries the next sequence number."""
    before = len(connection.outgoing)
    original(connection, now=now)
    for index in range(before, len(connection.outgoing)):
        each = connection.outgoing[index]
        if each.segment.flags & SYN:
            segment = each.segment._replace(seq=(each.segment.seq + 1) & MASK)
            connection.outgoing[index] = each._replace(segment=segment)


@RTO.policy("rtt.sample", "rto-srtt-scale-mixup", "RFC 6298 2.3", "RFC 6298 5.5")
def mix_scales(original: Replacement, _rtt: RttEstimator, rtt: int, **keywords: int) -> None:
    """The sample enters eight times as large as it is."""
    original(rtt * 8, **keywords)


@RTO.policy("rtt.rto", "rto-initial-low", "RFC 6298 2.1")
def begin_impatiently(original: Replacement, rtt: RttEstimator) -> int:
    """Before the first sample the timeout is a tenth of a second."""
    return 100_000 << rtt.backoff if rtt.srtt is None else int(original())


@RTO.policy("rtt.rto", "rto-zero", "RFC 6298 2.4")
def forget_minimum(original: Replacement, rtt: RttEstimator) -> int:
    """The timeout has no lower limit: it follows a short round trip down to milliseconds."""
    if rtt.srtt is None:
        return int(original())
    return min((rtt.srtt + 4 * rtt.rttvar) << rtt.backoff, rtt.maximum)


@RTO.policy("rtt.restart_with", "syn-timeout-rto-not-raised", "RFC 6298 5.7")
def forget_lost_syn(_original: Replacement, rtt: RttEstimator, _rto: int) -> None:
    """After a lost SYN data begins with a timeout of one second."""
    rtt.backoff = 0


@RTO.rule("ack/advance", "rto-karn", "RFC 6298 3")
def time_retransmissions(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The round trip of a retransmitted segment is timed from its last transmission."""
    for segment in connection.scoreboard:
        segment.transmissions = 1
    return original(connection, arrival)


@RTO.rule("ack/advance", "rto-backoff-not-kept", "RFC 6298 3")
def forget_backoff(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Any acknowledgment of new data ends the backoff, a valid sample or not."""
    if arrival.ack > connection.tcb.snd_una:
        connection.rtt.backoff = 0
    return original(connection, arrival)


@RTO.rule("ack/advance", "rto-timer-restarted-by-anything", "RFC 6298 5.1", "RFC 6298 5.3")
def push_timer_out(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Duplicate acknowledgments restart the retransmission timer."""
    verdict = original(connection, arrival)
    if connection.scoreboard.segments:
        connection.arm_retransmission(now=arrival.now)
    return verdict


@RTO.rule("ack/advance", "rto-timer-not-restarted", "RFC 6298 5.3")
def leave_timer_running(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An acknowledgment of new data does not restart the retransmission timer."""
    deadline, due = connection.timers.deadline(RETRANSMISSION), connection.rto_deadline
    verdict = original(connection, arrival)
    if deadline is not None and connection.scoreboard.segments:
        connection.timers.set(RETRANSMISSION, deadline)
        connection.rto_deadline = due
    return verdict


@RTO.rule("ack/advance", "rto-timer-stopped-early", "RFC 6298 5.2")
def stop_timer_on_any_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The retransmission timer stops although data is outstanding."""
    before = connection.tcb.snd_una
    verdict = original(connection, arrival)
    if connection.tcb.snd_una > before:
        connection.timers.stop(RETRANSMISSION)
    return verdict


@RTO.rule("timer/retransmission", "rto-sends-whole-flight", "RFC 5681 3.1", "RFC 6298 5.4")
def repeat_everything(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """A timeout sends everything outstanding again at once."""
    original(connection, now=now)
    if connection.tcb.state in transmit.MAY_TRANSMIT:
        for segment in list(connection.scoreboard):
            transmit.retransmit(connection, segment, now=now)


RTO.constant(
    "limits.SYN_R2_US",
    3_000_000,
    "syn-r2-short",
    "An attempt to connect is given up after three seconds.",
    "RFC 9293 3.8.3",
)


# --- user timeout ----------------------------------------------------------------------------------------------------


@USER_TIMEOUT.connection("settle", "user-timeout-ignored", "RFC 9293 3.8.3", "RFC 5482 3")
def forget_user_timeout(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """TCP_USER_TIMEOUT has no effect."""
    connection.settings.user_timeout_us = 0
    original(now=now)


@USER_TIMEOUT.connection("settings_changed", "user-timeout-fires-idle", "RFC 5482 3")
def time_idle_connection(original: Replacement, connection: ConnectionCore, *, now: int, **keywords: Any) -> None:
    """The user timeout ends a connection on which nothing is outstanding."""
    original(now=now, **keywords)
    if connection.settings.user_timeout_us:
        # The rule of this timer deletes the connection.
        connection.timers.set(FIN_WAIT_2, now + connection.settings.user_timeout_us)


# --- loss recovery ---------------------------------------------------------------------------------------------------


@RECOVERY.policy("congestion.recovery", "cc-dupthresh-wrong", "RFC 5681 3.2")
def retransmit_early(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> LossRecovery:
    """The second duplicate ACK is taken as a loss."""
    recovery: LossRecovery = original(connection)
    recovery.dupthresh = 2
    return recovery


@RECOVERY.policy("congestion.recovery", "cc-no-fast-retransmit", "RFC 5681 3.2")
def retransmit_never(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> LossRecovery:
    """Duplicate ACKs are never taken as a loss."""
    recovery: LossRecovery = original(connection)
    recovery.dupthresh = 1_000_000
    return recovery


@RECOVERY.policy("congestion.initial_window", "cc-iw-too-large", "RFC 6928 2")
def begin_greedily(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> int:
    """The initial window is four times what is allowed."""
    return 4 * int(original(connection))


@RECOVERY.policy("congestion.recovery", "rto-no-slow-start", "RFC 5681 3.1")
def keep_window(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> LossRecovery:
    """A timeout leaves the congestion window as it was."""
    recovery: LossRecovery = original(connection)
    alter(recovery.congestion, "on_timeout", _ignore_timeout)
    return recovery


def _ignore_timeout(_original: Replacement, _control: object, **_keywords: int) -> None:
    return
