"""Faults in congestion control, in the recovery from loss, and in explicit congestion notification."""

from collections.abc import Callable

from fuzz.faults.alter import Replacement, alter
from fuzz.faults.registry import Area
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.policies.ecn import ECT_0, Ecn
from reference_stack.policies.start import CongestionStart
from reference_stack.recovery.base import AckReport, LossRecovery
from reference_stack.rules import ListenRule, ListenVerdict
from wire.tcp import AE, CWR, ECE, TcpSegment

CONGESTION = Area("congestion")
ECN = Area("ecn")
_SEVENTH = 2
"""The count begins with five."""
Maker = Callable[[Replacement, CongestionStart, ConnectionCore], LossRecovery]


def _altering(method: str, replacement: Replacement, title: str) -> Maker:
    """Return a factory of recoveries in which one method is replaced."""

    def make(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> LossRecovery:
        recovery: LossRecovery = original(connection)
        alter(recovery, method, replacement)
        return recovery

    make.__doc__ = title
    return make


def _plant(identifier: str, method: str, replacement: Replacement, title: str, *violates: str) -> None:
    CONGESTION.policy("congestion.recovery", identifier, *violates)(_altering(method, replacement, title))


def _without_limited_transmit(original: Replacement, recovery: LossRecovery) -> int:
    before, recovery.dupacks = recovery.dupacks, 0
    room: int = original()
    recovery.dupacks = before
    return room


def _counting_data(original: Replacement, _recovery: LossRecovery, report: AckReport, *, now: int) -> None:
    report.is_duplicate = report.is_duplicate or (report.has_data and report.acked_octets == 0)
    original(report, now=now)


def _counting_window_updates(original: Replacement, _recovery: LossRecovery, report: AckReport, *, now: int) -> None:
    report.is_duplicate = report.acked_octets == 0 and not report.has_data
    original(report, now=now)


def _stalling(original: Replacement, recovery: LossRecovery, report: AckReport) -> None:
    original(report)
    recovery._forced = None  # type: ignore[attr-defined]
    for segment in recovery.scoreboard:
        recovery.scoreboard.unmark_lost(segment)


def _going_back(_original: Replacement, recovery: LossRecovery, _report: AckReport, *, now: int) -> bool:  # noqa: ARG001
    if recovery._frto is not None:  # type: ignore[attr-defined]
        recovery._go_back()  # type: ignore[attr-defined]
    return False


_plant(
    "cc-no-limited-transmit", "room", _without_limited_transmit,
    "The first two duplicate acknowledgments let nothing out.", "RFC 3042 2",
)  # fmt: skip
_plant(
    "cc-dupack-with-data", "on_ack", _counting_data,
    "Segments with text count as duplicate acknowledgments.", "RFC 5681 2",
)  # fmt: skip
_plant(
    "cc-dupack-window-update", "on_ack", _counting_window_updates,
    "Window updates count as duplicate acknowledgments.", "RFC 5681 2",
)  # fmt: skip
_plant(
    "cc-partial-ack-stall", "_on_ack_in_recovery", _stalling,
    "A partial acknowledgment repeats nothing: a second loss needs a timeout.", "RFC 6582 3.2",
)  # fmt: skip
_plant(
    "frto-never-tried", "judge_timeout", _going_back,
    "Every timeout counts as genuine: what was only late is sent again.", "RFC 5682 2.1",
)  # fmt: skip


@ECN.policy("ecn.codepoint", "ecn-ect-on-control", "RFC 3168 6.1.4", "RFC 3168 6.1.5", "RFC 3168 6.1.6")
def mark_everything(_original: Replacement, _ecn: Ecn, connection: ConnectionCore, *, is_new_data: bool) -> int:  # noqa: ARG001
    """Pure acknowledgments and repeated data are ECN capable."""
    return ECT_0 if connection.tcb.has_ecn else 0


@ECN.policy("ecn.is_congestion_echo", "ecn-ece-ignored", "RFC 3168 6.1.2")
def ignore_echo(_original: Replacement, _ecn: Ecn, _connection: ConnectionCore, _arrival: Arrival) -> bool:
    """ECE has no effect."""
    return False


@ECN.rule("listen/accept-syn", "ecn-setup-syn-refused", "RFC 3168 6.1.1")
def refuse_setup(original: ListenRule, segment: TcpSegment) -> ListenVerdict:
    """A SYN that asks for ECN is dropped."""
    return ListenVerdict.DROP if segment.flags & ECE else original(segment)


@ECN.policy("ecn.synack_flags", "accecn-fixed-feedback", "RFC 9768 3.1.1")
def feed_back_nothing(original: Replacement, _ecn: Ecn, connection: ConnectionCore) -> int:
    """The SYN-ACK says that the SYN came without ECT, whatever it came with."""
    flags: int = original(connection)
    return CWR if flags & (AE | CWR) else flags


@ECN.policy("ecn.flags", "accecn-ace-saturates", "RFC 9768 3.2.2")
def stop_at_seven(original: Replacement, ecn: Ecn, connection: ConnectionCore, *, is_new_data: bool) -> int:
    """The count of marks stays at seven instead of wrapping."""
    flags: int = original(connection, is_new_data=is_new_data)
    return AE | CWR | ECE if ecn.info().get("received_ce", 0) >= _SEVENTH else flags


@ECN.policy("ecn.on_handshake_ack", "accecn-zero-ack-ignored", "RFC 9768 3.2.2.1")
def ignore_last_ack(_original: Replacement, _ecn: Ecn, _connection: ConnectionCore, _arrival: Arrival) -> None:
    """Three zero flags on the ACK of the SYN-ACK do not forbid ECT."""


@ECN.policy("ecn.on_syn_again", "accecn-mixed-syns-accepted", "RFC 9768 3.1.5")
def take_any_syn(_original: Replacement, _ecn: Ecn, _connection: ConnectionCore, _arrival: Arrival) -> bool:
    """A SYN that asks for another kind of feedback than the first is answered like a repetition."""
    return True


@ECN.policy("ecn.is_option_due", "accecn-option-forever", "RFC 9768 3.2.3.2")
def keep_option(original: Replacement, ecn: Ecn, connection: ConnectionCore, *, is_syn: bool = False) -> bool:
    """A repeated SYN-ACK still carries the option."""
    return bool(getattr(ecn, "is_accurate", False)) if is_syn else bool(original(connection))


@ECN.policy("ecn.on_syn_again", "ecn-plain-syn-again-ignored", "RFC 3168 6.1.1")
def keep_ecn(_original: Replacement, _ecn: Ecn, _connection: ConnectionCore, _arrival: Arrival) -> bool:
    """A plain SYN after one that asked for ECN changes nothing."""
    return True
