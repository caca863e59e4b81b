"""A set of half-open integer intervals, kept sorted and merged."""

from bisect import bisect_left


class Intervals:
    """Half-open intervals ``[start, end)``; touching ones are merged."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Add ``[start, end)``; nothing when it is empty."""
        if start >= end:
            return
        low = bisect_left(self._ends, start)
        high = low
        while high < len(self._starts) and self._starts[high] <= end:
            start, end = min(start, self._starts[high]), max(end, self._ends[high])
            high += 1
        self._starts[low:high] = [start]
        self._ends[low:high] = [end]

    def end_of_run(self, start: int) -> int:
        """The end of the interval that contains `start`, else `start` itself."""
        at = bisect_left(self._ends, start + 1)
        if at < len(self._starts) and self._starts[at] <= start:
            return self._ends[at]
        return start

    def __len__(self) -> int:
        return len(self._starts)
