"""Waiting on a target: one queue for packets, one table for calls, and a limit that names where the script hangs."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError
from targets.base import Completion, Departure, Micros, TargetError
from targets.recording import Recording

# A stack that sends this much without its clock moving has gone mad; the number only has to be far above any burst.
STORM = 100_000
# A script may let virtual hours pass for nothing, in which a stack may well send now and then; but not for ever.
MOST_HAPPENINGS = 1_000_000


@dataclass(slots=True)
class _Storm:
    time: Micros = -1
    count: int = 0
    total: int = 0

    def note(self, time: Micros) -> None:
        self.count = self.count + 1 if time == self.time else 0
        self.time = time
        if self.count > STORM:
            raise TargetError(
                f"the target sent {STORM} packets at one moment of its clock ({time} us)",
                next_step="look at the last packets of the trace: the stack answers itself without end",
            )
        self.total += 1
        if self.total > MOST_HAPPENINGS:
            raise TargetError(
                f"the target did more than {MOST_HAPPENINGS} things in one script (now {time} us)",
                next_step="let less time pass in the script, or look at the last packets of the trace",
            )


class Waiter:
    """Waits for moments, packets and calls. Times are script time: 0 is the start of the script.

    In real time the whole run may take `limit` microseconds. In virtual time only waits whose end the script does not
    say are limited, because a script that says "in two hours" costs nothing there.
    """

    def __init__(self, target: Recording, limit: Micros, on_completion: Callable[[Completion], None]) -> None:
        self.target = target
        self.limit = limit
        self.start: Micros = target.begin()
        self.departures: deque[Departure] = deque()
        self.seen: list[Departure] = []
        self._on_completion = on_completion
        self._virtual = target.has_virtual_time
        self._storm = _Storm()

    def now(self) -> Micros:
        """Script time."""
        return self.target.now() - self.start

    def until(self, moment: Micros) -> None:
        """Let the target live until `moment`; packets queue up, finished calls are reported."""
        allowed = moment if self._virtual else min(moment, self.limit)
        while self._step(allowed):
            pass
        if allowed < moment:
            raise self._out_of_time("for the time of this event")

    def packet(self, patience: Micros | None) -> Departure | None:
        """The next packet, None after `patience` without one; each packet starts a new wait (section 2.4)."""
        if self.departures:
            return self._take()
        now = self.now()
        deadline = now + (self.limit if patience is None else patience)
        allowed = deadline if self._virtual else min(deadline, self.limit)
        while not self.departures and self._step(allowed):
            pass
        if self.departures:
            return self._take()
        if patience is None or allowed < deadline:
            raise self._out_of_time("for a packet")
        return None

    def call(self, is_done: Callable[[], bool], patience: Micros | None) -> bool:
        """Wait until `is_done`, at most `patience` (None: the limit, and then it is an error)."""
        now = self.now()
        deadline = now + (self.limit if patience is None else patience)
        allowed = deadline if self._virtual else min(deadline, self.limit)
        while not is_done() and self._step(allowed):
            pass
        if not is_done() and patience is None:
            raise self._out_of_time("for a system call to return")
        return is_done()

    def _take(self) -> Departure:
        departure = self.departures.popleft()
        self.seen.append(departure)
        return departure

    def _step(self, deadline: Micros) -> bool:
        latest = max(self.start + deadline, self.target.now()) if self._virtual else None
        happening = self.target.poll(self.start + deadline)
        if happening is None:
            return False
        if latest is not None and happening.time > latest:
            raise TargetError(
                f"target '{self.target.name}' gave a happening at {happening.time} us, behind the deadline {latest} us",
                next_step="poll returns None when nothing happens up to the deadline (targets.base.Target)",
            )
        self._storm.note(happening.time)
        if isinstance(happening, Departure):
            self.departures.append(happening)
        else:
            self._on_completion(happening)
        return True

    def _out_of_time(self, waiting: str) -> PlayError:
        return PlayError(
            f"time limit of {self.limit / 1e6:g} s reached while waiting {waiting}",
            kind=FailureKind.LIMIT,
            next_step="mend the script so that this wait ends, or raise the limit (--tcprove-time-limit)",
        )
