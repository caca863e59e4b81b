"""Ending code of a script that does not come back, by the real clock (setitimer(2))."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from targets.base import Micros

_AGAIN_S = 0.5


class OutOfTime(BaseException):
    """The time is up. Not an `Exception`, so that ``except Exception`` in a script's code does not keep it."""


@contextmanager
def alarm(limit: Micros) -> Iterator[None]:
    """Raise `OutOfTime` inside when `limit` microseconds have passed, and again until it gets through.

    Python delivers signals in the main thread only; in other threads nothing is limited. A timer that somebody else
    has set (pytest-timeout does) goes on afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_over = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        if not is_over:
            raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    others_left, others_interval = signal.setitimer(signal.ITIMER_REAL, max(limit, 1) / 1e6, _AGAIN_S)
    try:
        try:
            yield
        finally:
            is_over = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, others_left, others_interval)
        signal.signal(signal.SIGALRM, previous)
