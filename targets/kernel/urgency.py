"""Keeping a script's thread from being held up: by other programs, and by the interpreter's own collector."""

import gc
import os
import threading
from collections import Counter
from contextlib import suppress

# The lowest real-time priority, as packetdrill takes it: above every ordinary program, and behind nothing of ours,
# because a target's thread sleeps nearly all the time. Processes that the thread starts are ordinary again.
_URGENT = os.SCHED_RR | os.SCHED_RESET_ON_FORK
_ORDINARY = os.SCHED_OTHER

_lock = threading.Lock()
_open_targets: Counter[int] = Counter()
_hurried: set[int] = set()


def begin() -> int:
    """Hurry this thread for one more target; return the thread's number for `end`."""
    thread = threading.get_native_id()
    with _lock:
        if not _open_targets:
            # A collection of the oldest generation takes tens of milliseconds in a test process; what exists now is
            # taken out of its sight, so that it only looks at what the scripts under way have made.
            gc.freeze()
        _open_targets[thread] += 1
        if _open_targets[thread] == 1 and hurry():
            _hurried.add(thread)
    return thread


def end(thread: int) -> None:
    """Take back what `begin` did, once no target of that thread, or of any, is open any more."""
    with _lock:
        _open_targets[thread] -= 1
        if not _open_targets[thread]:
            del _open_targets[thread]
            if thread in _hurried:
                _hurried.discard(thread)
                with suppress(OSError):
                    os.sched_setscheduler(thread, _ORDINARY, os.sched_param(0))
        if not _open_targets:
            gc.unfreeze()


def hurry() -> bool:
    """Give the calling thread real-time priority; False where it is not allowed or the user has chosen a policy."""
    try:
        if os.sched_getscheduler(0) != _ORDINARY:
            return False
        os.sched_setscheduler(0, _URGENT, os.sched_param(1))
    except OSError:
        return False
    return True
