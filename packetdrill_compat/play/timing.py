"""When an event is due and whether it came in time (language specification, section 2).

Everything is integer microseconds of script time, which starts at 0 with the first event.
"""

from dataclasses import dataclass

from packetdrill_compat.ast import Direction, Event, PacketEvent, SyscallEvent, TimeKind
from targets.base import Micros

RELATIVE_KINDS = (TimeKind.ANY, TimeKind.RELATIVE, TimeKind.RELATIVE_RANGE)
RANGE_KINDS = (TimeKind.RANGE, TimeKind.RELATIVE_RANGE)


@dataclass(frozen=True, slots=True)
class Due:
    """An event's time after its offset was applied; `call_end` is that of a blocking call."""

    kind: TimeKind
    time: Micros
    end: Micros
    offset: Micros = 0
    call_end: Micros | None = None

    @property
    def latest(self) -> Micros:
        """The last moment that is meant, without tolerance."""
        return max(self.time, self.end)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``--tolerance_usecs`` and ``--tolerance_percent``."""

    usecs: Micros
    percent: float

    def over(self, distance: Micros) -> Micros:
        """Tolerance for an event that lies `distance` behind its reference: never less than the fixed part."""
        return max(self.usecs, int(self.percent / 100.0 * distance))


def is_anchored(event: Event) -> bool:
    """Tell whether the next inbound packet counts from this event's own time instead of from now."""
    return isinstance(event.action, PacketEvent) and event.action.direction is Direction.INBOUND


def resolve(
    event: Event, *, previous: Event | None, previous_due: Due | None, now: Micros, finished: Micros | None = None
) -> Due:
    """Apply the offset rule: relative kinds count from now, chained inbound packets from the packet before.

    `finished` is when the previous event was over on the target's clock. A delay counts from there, if it is not over
    yet: what the interpreter itself takes between two events would else add up in the script's times.
    """
    time, action = event.time, event.action
    offset = 0
    if time.kind in RELATIVE_KINDS:
        chained = previous is not None and is_anchored(previous) and is_anchored(event)
        if chained and previous_due is not None:
            offset = previous_due.time
        else:
            offset = finished if finished is not None and finished + time.start > now else now
    call_end = None
    if isinstance(action, SyscallEvent) and action.end is not None:
        call_end = action.end + (offset if time.kind is TimeKind.RELATIVE else 0)
    end = (time.end or 0) + offset if time.kind in RANGE_KINDS else 0
    return Due(time.kind, time.start + offset, end, offset, call_end)


def goes_backward(event: Event, previous: Event | None) -> bool:
    """Tell whether two neighbouring absolute times run backwards, which is all the C tool looks at."""
    if previous is None or event.time.kind in RELATIVE_KINDS or previous.time.kind in RELATIVE_KINDS:
        return False
    return event.time.start < previous.time.start


def check(due: Due, actual: Micros, *, reference: Micros | None, tolerance: Tolerance, what: str) -> str | None:
    """Judge a moment; None when it is in time, else packetdrill's message.

    `reference` is the time of the previous event, None when there is none. Both ends are inclusive.
    """
    if due.kind is TimeKind.ANY or not excess(due, actual, reference=reference, tolerance=tolerance):
        return None
    return _message(due, actual, _slack(due, reference, tolerance), what)


def excess(due: Due, actual: Micros, *, reference: Micros | None, tolerance: Tolerance) -> Micros:
    """How far a moment lies beyond what is tolerated: positive for too late, negative for too early, 0 for in time."""
    slack = _slack(due, reference, tolerance)
    last = due.end if due.kind in RANGE_KINDS else due.time
    return min(0, actual - (due.time - slack)) or max(0, actual - (last + slack))


def _slack(due: Due, reference: Micros | None, tolerance: Tolerance) -> Micros:
    return tolerance.usecs if reference is None else tolerance.over(due.time - reference)


def _message(due: Due, actual: Micros, slack: Micros, what: str) -> str:
    if due.kind is TimeKind.RANGE:
        return (
            f"timing error: expected {what} in time range {seconds(due.time)}~{seconds(due.end)} sec "
            f"but happened at {seconds(actual)} sec"
        )
    if due.kind is TimeKind.RELATIVE_RANGE:
        return (
            f"timing error: expected {what} in relative time range +{seconds(due.time - due.offset)}"
            f"~+{seconds(due.end - due.offset)} sec but happened at {(actual - due.offset) / 1e6:+.6f} sec"
        )
    return (
        f"timing error: expected {what} at {seconds(due.time)} sec but happened at {seconds(actual)} sec; "
        f"tolerance {seconds(slack)} sec"
    )


def show_due(due: Due) -> str:
    """Return the time that an event is due in script time, in seconds."""
    if due.kind is TimeKind.ANY:
        return "*"
    return f"{seconds(due.time)}~{seconds(due.end)}" if due.kind in RANGE_KINDS else seconds(due.time)


def seconds(micros: Micros) -> str:
    """Microseconds as packetdrill prints them, in seconds with six decimals."""
    return f"{micros / 1e6:.6f}"


def receive_timeout(due: Due, previous_time: Micros) -> Micros | None:
    """How long one receive operation waits for an outbound packet: whole seconds, None for ever (spec, 2.4)."""
    if due.kind is TimeKind.ANY:
        return None
    return int((due.latest - previous_time) / 1e6 + 2) * 1_000_000
