"""Keeping a script's thread from being held up: by other programs, and by the interpreter's own collector."""

import gc
import os
import threading
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from targets.kernel.processors import FOR_PLAYING, stay_on

# The lowest real-time priority, as packetdrill takes it: above every ordinary program, and behind nothing of ours,
# because a target's thread sleeps nearly all the time. Processes that the thread starts are ordinary again.
_URGENT = os.SCHED_RR | os.SCHED_RESET_ON_FORK
_ORDINARY = os.SCHED_OTHER


class _Thread(NamedTuple):
    """What a thread was before it was hurried: its processors, and whether its policy was changed."""

    processors: set[int]
    is_hurried: bool


_lock = threading.Lock()
_open_targets: Counter[int] = Counter()
_before: dict[int, _Thread] = {}
_was_collecting = True


def begin() -> int:
    """Hurry this thread for one more target; return the thread's number for `end`."""
    global _was_collecting  # noqa: PLW0603  the collector is the process's own state
    thread = threading.get_native_id()
    with _lock:
        if not _open_targets:
            # A collection takes from tens of microseconds to, for the oldest generation of a test process, tens of
            # milliseconds. What exists now is taken out of its sight for the first one behind the scripts under way.
            gc.freeze()
            _was_collecting = gc.isenabled()
            gc.disable()
        _open_targets[thread] += 1
        if _open_targets[thread] == 1:
            _before[thread] = _Thread(os.sched_getaffinity(0), hurry())
            stay_on(FOR_PLAYING)
    return thread


def end(thread: int) -> None:
    """Take back what `begin` did, once no target of that thread, or of any, is open any more."""
    with _lock:
        _open_targets[thread] -= 1
        if not _open_targets[thread]:
            del _open_targets[thread]
            before = _before.pop(thread)
            stay_on(before.processors, thread)
            if before.is_hurried:
                with suppress(OSError):
                    os.sched_setscheduler(thread, _ORDINARY, os.sched_param(0))
        if not _open_targets:
            gc.unfreeze()
            if _was_collecting:
                gc.enable()


def hurry() -> bool:
    """Give the calling thread real-time priority; False where it is not allowed or the user has chosen a policy."""
    try:
        if os.sched_getscheduler(0) != _ORDINARY:
            return False
        os.sched_setscheduler(0, _URGENT, os.sched_param(1))
    except OSError:
        return False
    return True
