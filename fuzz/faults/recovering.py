"""Faults in the recovery from loss with SACK (RFC 6675)."""

from collections.abc import Callable
from typing import Any

from fuzz.faults.alter import Replacement, alter
from fuzz.faults.registry import Area
from reference_stack.core import ConnectionCore
from reference_stack.policies.start import CongestionStart
from reference_stack.recovery.base import AckReport, CaState, LossRecovery
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment

RECOVERY = Area("recovery")
Change = Callable[[LossRecovery], None]


def _plant(identifier: str, title: str, change: Change, *violates: str) -> None:
    """Register a fault that changes a recovery right after it was made."""

    def make(original: Replacement, _start: CongestionStart, connection: ConnectionCore) -> LossRecovery:
        recovery: LossRecovery = original(connection)
        change(recovery)
        return recovery

    make.__doc__ = title
    RECOVERY.policy("congestion.recovery", identifier, *violates)(make)


def _other(method: str, replacement: Replacement) -> Change:
    def change(recovery: LossRecovery) -> None:
        if hasattr(recovery, method):
            alter(recovery, method, replacement)

    return change


def _keep_marks(original: Replacement, _board: Scoreboard, *, keep_sacks: bool, **rest: Any) -> None:  # noqa: ARG001
    original(keep_sacks=True, **rest)


def _skip_sacked(original: Replacement, _recovery: LossRecovery) -> SentSegment | None:
    segment: SentSegment | None = original()
    return None if segment is not None and segment.is_sacked else segment


def _free_sacked(recovery: LossRecovery) -> None:
    alter(recovery.scoreboard, "mark_all_lost", _keep_marks)
    alter(recovery, "next_retransmission", _skip_sacked)


def _no_room_in_recovery(original: Replacement, recovery: LossRecovery) -> int:
    return 0 if recovery.ca_state is CaState.RECOVERY else int(original())


def _no_last_resort(_original: Replacement, _recovery: LossRecovery) -> SentSegment | None:
    return None


def _counting_on(original: Replacement, recovery: LossRecovery, report: AckReport, *, now: int) -> None:
    before = recovery.dupacks
    original(report, now=now)
    recovery.dupacks = max(recovery.dupacks, before + bool(report.newly_sacked))


def _ending_early(original: Replacement, recovery: LossRecovery, report: AckReport, *, now: int) -> None:
    original(report, now=now)
    recovery.recover = report.una


def _whole_flight(_original: Replacement, recovery: LossRecovery) -> int:
    return recovery.scoreboard.out.octets


def _forgetting_marks(original: Replacement, recovery: LossRecovery, report: AckReport, *, now: int) -> None:
    before = recovery.ca_state
    original(report, now=now)
    if before is CaState.RECOVERY and recovery.ca_state is CaState.OPEN:
        recovery.scoreboard.mark_all_lost(keep_sacks=False)
        for segment in recovery.scoreboard:
            recovery.scoreboard.unmark_lost(segment)


def _forgetting_highest(
    original: Replacement, recovery: LossRecovery, *, snd_max: int, is_first: bool, now: int
) -> None:
    original(snd_max=snd_max, is_first=is_first, now=now)
    recovery.recover = 0
    recovery.dupacks = 3


_plant(
    "rec-sacked-data-freed",
    "What was reported as received is never sent again.",
    _free_sacked,
    "RFC 6675 4",
    "RFC 2018 8",
)
_plant(
    "rec-silent-in-recovery",
    "In recovery no new data leaves.",
    _other("room", _no_room_in_recovery),
    "RFC 6675 4",
    "RFC 5681 3.2",
)
_plant(
    "rec-no-last-resort",
    "Only what is judged lost is sent again: no hole below a block, no rescue.",
    _other("last_resort", _no_last_resort),
    "RFC 6675 4",
)
_plant(
    "rec-count-goes-on",
    "An acknowledgment of new data leaves the count of duplicates as it was.",
    _other("on_ack", _counting_on),
    "RFC 6675 5",
)
_plant(
    "rec-ends-at-first-ack",
    "Recovery ends with the first acknowledgment of new data; what else was lost reduces once more.",
    _other("_enter", _ending_early),
    "RFC 6675 5",
    "RFC 6582 3.2",
)
_plant(
    "rec-limited-transmit-counted",
    "What limited transmit sent counts as flight when the window is halved.",
    _other("_flight_without_limited_transmit", _whole_flight),
    "RFC 6675 5",
    "RFC 5681 3.2",
)
_plant(
    "rec-marks-forgotten",
    "At the end of recovery the scoreboard is emptied.",
    _other("on_ack", _forgetting_marks),
    "RFC 6675 5",
)
_plant(
    "rec-again-behind-timeout",
    "Duplicates behind a timeout start another recovery.",
    _other("on_timeout", _forgetting_highest),
    "RFC 6675 5.1",
)


@RECOVERY.policy("scoreboard.pipe", "rec-pipe-without-repeats", "RFC 6675 4")
def count_originals_only(original: Replacement, board: Scoreboard) -> int:
    """What was sent again does not count as in flight."""
    return int(original()) - board.retransmitted.octets
