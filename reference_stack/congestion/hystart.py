"""HyStart++ (RFC 9406): leave slow start when the round trip grows, carefully, before a loss forces it."""

from reference_stack.congestion.base import Micros

MIN_RTT_THRESH_US: Micros = 4_000
MAX_RTT_THRESH_US: Micros = 16_000
MIN_RTT_DIVISOR = 8
N_RTT_SAMPLE = 8
CSS_GROWTH_DIVISOR = 4
CSS_ROUNDS = 5


class HyStart:
    """Rounds of slow start, and the conservative slow start that follows them (4.2). Sequence numbers are unbounded."""

    __slots__ = (
        "_baseline",
        "_css_rounds",
        "_current",
        "_last",
        "_round_end",
        "_samples",
        "is_conservative",
        "is_over",
    )

    def __init__(self) -> None:
        self._round_end: int | None = None
        self._last: Micros | None = None
        self._current: Micros | None = None
        self._samples = 0
        self._baseline: Micros | None = None
        self._css_rounds = 0
        self.is_conservative = False
        """In conservative slow start (CSS)."""
        self.is_over = False
        """CSS has lasted its rounds: congestion avoidance follows."""

    def on_sample(self, rtt: Micros, *, una: int, nxt: int) -> None:
        """A round trip was measured on an acknowledgment of `una`; `nxt` is SND.NXT."""
        if self._round_end is None or una >= self._round_end:
            self._begin_round(nxt)
        self._current = rtt if self._current is None else min(self._current, rtt)
        self._samples += 1
        if self._samples < N_RTT_SAMPLE:
            return
        if self.is_conservative:
            if self._baseline is not None and self._current < self._baseline:
                # 4.2: the exit was spurious, slow start goes on.
                self.is_conservative, self._baseline = False, None
        elif self._last is not None:
            threshold = max(MIN_RTT_THRESH_US, min(self._last // MIN_RTT_DIVISOR, MAX_RTT_THRESH_US))
            if self._current >= self._last + threshold:
                self._baseline = self._current
                self.is_conservative, self._css_rounds = True, 0

    def _begin_round(self, nxt: int) -> None:
        if self._round_end is not None and self.is_conservative:
            self._css_rounds += 1
            self.is_over = self._css_rounds >= CSS_ROUNDS
        self._last, self._current, self._samples = self._current, None, 0
        self._round_end = nxt

    def growth(self, octets: int) -> int:
        """Return what is left of the growth of slow start."""
        return octets // CSS_GROWTH_DIVISOR if self.is_conservative else octets
