"""Keeping the interpreter from pausing in the middle of a script."""

import gc
import threading

_lock = threading.Lock()
_users = 0


def begin() -> None:
    """Take what exists now out of the garbage collector's sight.

    A collection of the oldest generation takes tens of milliseconds in a test process; with everything from before
    frozen it only looks at what the scripts under way have made.
    """
    global _users  # noqa: PLW0603 - the collector is one per process, and so is the count of those who hush it
    with _lock:
        _users += 1
        if _users == 1:
            gc.freeze()


def end() -> None:
    """Give everything back to the collector when no target is open any more."""
    global _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users == 0:
            gc.unfreeze()
