"""The counters of a host as nstat(8) shows them: what was counted since the last look."""

from collections import Counter

COUNTED = ("TcpActiveOpens", "TcpPassiveOpens", "TcpExtOutOfWindowIcmps", "TcpExtBeyondWindow")
"""Names of the counters that a simulated host keeps; of the others nothing can be said."""


class CounterHistory:
    """Counters by the names of nstat(8), and what they were when they were looked at."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def count(self, name: str, times: int = 1) -> None:
        """Something happened so many times; `name` is one of `COUNTED`."""
        assert name in COUNTED, name
        self._counts[name] += times

    def look(self, *, is_absolute: bool, keeps_history: bool) -> dict[str, int]:
        """Return every counter: since the last look, or since the beginning."""
        seen = Counter[str]() if is_absolute else self._seen
        found = {name: self._counts[name] - seen[name] for name in COUNTED}
        if not keeps_history:
            self._seen = Counter(self._counts)
        return found
