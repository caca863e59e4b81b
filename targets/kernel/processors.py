"""Which processor plays scripts.

When a processor's timer tick comes a moment before that of the processor that counts the ticks (jiffies), its timers
still see the old count and expire a whole tick later (kernel/time/tick-sched.c): scripts that play beside each other on
several processors see kernel timers late by 4 ms now and then. Measured on 6.18, that is rarest on the last processor.
So the threads that play, which sleep nearly all the time, share it; all else runs where the scheduler puts it.
"""

import os
from contextlib import suppress

FOR_PLAYING = frozenset({max(os.sched_getaffinity(0))})
"""The processor for threads that play: the last one that this process may use."""


def stay_on(processors: frozenset[int] | set[int], thread: int = 0) -> None:
    """Keep a thread (0: the calling one), and what it will start, on these processors, where that is allowed."""
    with suppress(OSError):
        os.sched_setaffinity(thread, processors)
