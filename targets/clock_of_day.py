"""The time of day, for texts that show it."""

import time

from targets.base import Micros


def time_of_day() -> Micros:
    """Return the microseconds since 1970."""
    return time.time_ns() // 1000
