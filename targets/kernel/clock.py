"""Real time for a kernel target: a clock in microseconds, the kernel's packet times on it, and precise waiting."""

import ctypes
import functools
import re
import threading
import time
from collections.abc import Sequence

from targets.base import Micros

_POLLIN = 1
_CLOCK_MONOTONIC_COARSE = 6  # linux/time.h; the time module does not name it
_PR_SET_TIMERSLACK = 29

# Sleeping ends late by a wake-up from idle: some 40 us on a virtual machine, most often below 100 us. That much before
# the deadline the sleep ends and polling begins; never more than the project's limit for busy waiting.
_LONGEST_SPIN_NS = 200_000
_SHORTEST_SPIN_NS = 10_000

# Two clocks read one after the other: good enough within this time, else again, so that no preemption lies between.
_CLOSE_READING_NS = 2_000
_READINGS = 4
_FIRST_READINGS = 32

# packetdrill starts 250 us after a jiffy, so that script times of whole milliseconds keep away from timer ticks. Until
# the first delay of a script a few hundred microseconds more pass here than there; starting that much earlier, what
# follows lies at the same places between the ticks.
_AFTER_TICK_NS = 50_000
_TIMER_LIST = "/proc/timer_list"
_WATCHED_TICKS = 3

_libc = ctypes.CDLL(None)
_libc.ppoll.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p]
_libc.ppoll.restype = ctypes.c_int


class _PollFd(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


class _TimeSpec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class Clock:
    """Microseconds since `start`; CLOCK_MONOTONIC, so that nobody who sets the time of day disturbs a test."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()
        self._difference_ns = 0

    def start(self) -> None:
        """Make this moment time 0."""
        self._start_ns = time.monotonic_ns()
        self._difference_ns, _ = _read_difference(_FIRST_READINGS)

    def now(self) -> Micros:
        """Return the microseconds since `start`."""
        return (time.monotonic_ns() - self._start_ns) // 1000

    def from_realtime(self, realtime_ns: int) -> Micros:
        """Map a kernel time stamp (CLOCK_REALTIME, nanoseconds) of the near past to this clock."""
        difference, doubt = _read_difference(_READINGS)
        # Somebody may set or slew the time of day; smaller differences are those of reading, and would be noise.
        if abs(difference - self._difference_ns) > doubt:
            self._difference_ns = difference
        return (realtime_ns - self._difference_ns - self._start_ns) // 1000

    @property
    def realtime_origin_ns(self) -> int:
        """Time 0 on CLOCK_REALTIME."""
        return self._start_ns + self._difference_ns

    def monotonic_ns(self, moment: Micros) -> int:
        """Return when on CLOCK_MONOTONIC this clock shows `moment`."""
        return self._start_ns + moment * 1000


def _read_difference(readings: int) -> tuple[int, int]:
    """Return CLOCK_REALTIME minus CLOCK_MONOTONIC and its possible error, in nanoseconds: the best of some readings."""
    difference, doubt = 0, 1 << 62
    for _ in range(readings):
        before = time.monotonic_ns()
        realtime = time.time_ns()
        after = time.monotonic_ns()
        if after - before < doubt:
            difference, doubt = realtime - (before + after) // 2, after - before
        if doubt < _CLOSE_READING_NS:
            break
    return difference, doubt


def wait_for_tick() -> None:
    """Sleep until shortly after a timer tick, at most a little longer than one."""
    period_ns, phase_ns = tick()
    first = phase_ns + _AFTER_TICK_NS
    passed = time.monotonic_ns() - first
    Waiter([]).wait(first + -(-passed // period_ns) * period_ns)


@functools.cache
def tick() -> tuple[int, int]:
    """Return the period of the timer tick and its phase: on CLOCK_MONOTONIC it comes at phase + n * period.

    In nanoseconds; found out once, because a tick that was left out while the processor idled changes neither.
    """
    period_ns = round(time.clock_getres(_CLOCK_MONOTONIC_COARSE) * 1e9)
    shown = _last_tick()
    return period_ns, (_watched_tick() if shown is None else shown) % period_ns


def _last_tick() -> int | None:
    """Return the time of some tick as the kernel shows it to root; None where it does not."""
    try:
        with open(_TIMER_LIST, encoding="ascii", errors="replace") as file:
            found = re.search(r"^\s*\.last_tick\s*:\s*(\d+) nsecs", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found and int(found[1]) else None


def _watched_tick() -> int:
    """Return the time of a tick, by reading the coarse clock, which a tick moves on, over and over for three ticks.

    Only while the processor is busy does each tick come. What that clock shows is not the moment of the tick; the
    moment at which it changes is, a little late; the change that was seen with the least delay counts.
    """
    least, moment = 1 << 62, 0
    shown = time.clock_gettime_ns(_CLOCK_MONOTONIC_COARSE)
    for turn in range(_WATCHED_TICKS + 1):  # the first one may only catch up after an idle time
        before = shown
        while (shown := time.clock_gettime_ns(_CLOCK_MONOTONIC_COARSE)) == before:
            pass
        now = time.monotonic_ns()
        if turn and now - shown < least:
            least, moment = now - shown, now
    return moment


class Waiter:
    """Waits for descriptors to become readable, up to an exact moment."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._count = len(descriptors)
        self._entries = (_PollFd * max(1, self._count))()
        for entry, descriptor in zip(self._entries, descriptors, strict=False):
            entry.fd, entry.events = descriptor, _POLLIN
        self._limit = _TimeSpec()
        self._limit_pointer = ctypes.byref(self._limit)
        self._spin_ns = _LONGEST_SPIN_NS // 2
        self._thread = 0

    def wait(self, deadline_ns: int) -> list[int]:
        """Wait until `deadline_ns` on CLOCK_MONOTONIC; return the readable descriptors, none at the deadline."""
        if self._thread != threading.get_ident():
            self._sharpen()
        asleep_until = deadline_ns - self._spin_ns
        left = asleep_until - time.monotonic_ns()
        if left > 0:
            if self._poll(left):
                return self._ready()
            self._learn(time.monotonic_ns() - asleep_until)
        # Each turn makes a system call, which lets other threads of the interpreter run, and reads the clock, which
        # lets virtual time pass.
        while not self._poll(0):
            if time.monotonic_ns() >= deadline_ns:
                return []
        return self._ready()

    def doze(self, limit_ns: int) -> None:
        """Wait until a descriptor is readable or roughly that long."""
        self._poll(limit_ns)

    def _poll(self, limit_ns: int) -> bool:
        self._limit.seconds, self._limit.nanoseconds = divmod(limit_ns, 1_000_000_000)
        return bool(_libc.ppoll(self._entries, self._count, self._limit_pointer, None) > 0)

    def _ready(self) -> list[int]:
        return [entry.fd for entry in self._entries if entry.revents]

    def _learn(self, late_ns: int) -> None:
        """Begin the next spin as early as recent sleeps ended late; forget slowly."""
        spin = max(late_ns + late_ns // 4, self._spin_ns - self._spin_ns // 16)
        self._spin_ns = min(_LONGEST_SPIN_NS, max(_SHORTEST_SPIN_NS, spin))

    def _sharpen(self) -> None:
        """Let this thread's sleeps end within a nanosecond of their time instead of 50 us (PR_SET_TIMERSLACK)."""
        _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        self._thread = threading.get_ident()


def blunt() -> None:
    """Give this thread its default timer slack back."""
    _libc.prctl(_PR_SET_TIMERSLACK, 0, 0, 0, 0)
