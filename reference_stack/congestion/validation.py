"""Congestion window validation for rate-limited traffic (RFC 7661) on top of RFC 5681."""

from collections import deque

from reference_stack.congestion.base import Micros, registry
from reference_stack.congestion.reno import Reno

SECOND: Micros = 1_000_000
NON_VALIDATED_US: Micros = 300 * SECOND
"""4.4: a window that nothing confirms is kept for five minutes at most."""


@registry.register
class ValidatedReno(Reno):
    """Keeps `cwnd` while the application uses little of it, and does not trust it after a loss."""

    name = "newcwv"

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        super().__init__(quantum=quantum, initial_window=initial_window)
        self._rounds: deque[tuple[Micros, int]] = deque()
        self._round_end: int | None = None
        self._round_start = 0
        self._validated_at: Micros | None = None

    @property
    def pipe_ack(self) -> int | None:
        """pipeACK (4.2): the most octets acknowledged in one of the latest round trips; None while undefined."""
        return max((octets for _, octets in self._rounds), default=None)

    @property
    def is_validated(self) -> bool:
        """4.3: at least half of the window was used lately, or nothing is known yet."""
        used = self.pipe_ack
        return used is None or 2 * used >= self.cwnd

    def on_sample(self, rtt: Micros, *, una: int, nxt: int, now: Micros) -> None:
        """A round trip was measured: one sample of pipeACK each; the latest three round trips or second count."""
        if self._round_end is None:
            self._round_end, self._round_start = nxt, una
        elif una >= self._round_end:
            self._rounds.append((now, una - self._round_start))
            self._round_end, self._round_start = nxt, una
        while self._rounds and now - self._rounds[0][0] > max(3 * rtt, SECOND):
            self._rounds.popleft()

    def on_ack(self, acked: int, *, flight: int, now: Micros) -> None:
        """4.4: in the non-validated phase the window is kept, unless it is what limits the sender."""
        if self.is_validated:
            self._validated_at = now
        elif flight + self.quantum <= self.cwnd:
            self._give_up_after_five_minutes(now=now)
            return
        super().on_ack(acked, flight=flight, now=now)

    def _give_up_after_five_minutes(self, *, now: Micros) -> None:
        if self._validated_at is None:
            self._validated_at = now
        if now - self._validated_at > NON_VALIDATED_US:
            # 4.4.3
            self.ssthresh = max(self.ssthresh if self.ssthresh_segments < 0x7FFF_FFFF else 0, self.cwnd * 3 // 4)
            self.cwnd = max(self.cwnd // 2, self.initial_window)
            self._validated_at = now

    def on_congestion(self, *, flight: int, now: Micros) -> None:
        """4.4.1: what was really used is halved, not the window."""
        used = flight if self.is_validated else max(self.pipe_ack or 0, flight)
        super().on_congestion(flight=used, now=now)
        self._rounds.clear()

    def on_idle(self, *, idle: Micros, rto: Micros, now: Micros) -> None:  # noqa: ARG002
        """4.4: the window outlasts a pause (RFC 7661 replaces the restart of RFC 5681, 4.1, and RFC 2861)."""
        self._give_up_after_five_minutes(now=now)
