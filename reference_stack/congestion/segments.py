"""Congestion controls that count segments, as Linux does (`quantum` is 1), and Linux' Reno among them.

Such a control is asked by `reference_stack.recovery.linux`: how large `ssthresh` is after a loss, what an undone
reduction gives back, and to grow when segments were delivered while the window was the limit.
"""

from reference_stack.congestion.base import INFINITE, CongestionControl, Micros, Registry

segment_registry = Registry()
"""Controls that count segments."""


class SegmentControl(CongestionControl):
    """A control in segments. `is_limited` and `largest_flight` tell whether the window was used to the full."""

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        super().__init__(quantum=quantum, initial_window=initial_window)
        self.acked_credit = 0
        self.is_limited = False
        self.largest_flight = 0
        self._usage_until = 0

    # --- what a control of its own overrides -------------------------------------------------------------------------

    def reduced_threshold(self) -> int:
        """Return `ssthresh` after a loss."""
        return max(self.cwnd >> 1, 2)

    def undone_window(self, prior: int) -> int:
        """Return `cwnd` once a reduction from `prior` segments proves unnecessary."""
        return max(self.cwnd, prior)

    def grow(self, acked: int, *, now: Micros) -> None:  # noqa: ARG002
        """So many segments were delivered while the window was the limit."""
        if self.in_slow_start:
            acked = self.slow_start(acked)
        if acked:
            self.add_in_avoidance(self.cwnd, acked)

    def on_sample(self, rtt: Micros, *, una: int, nxt: int, now: Micros) -> None:
        """A round trip was measured on an acknowledgment."""

    def on_loss_state(self, *, nxt: int, now: Micros) -> None:
        """The retransmission timer expired."""

    def on_send_after_pause(self, *, pause: Micros, now: Micros) -> None:
        """Nothing was in flight for `pause`, and data leaves."""

    # --- common parts ------------------------------------------------------------------------------------------------

    @property
    def was_limit(self) -> bool:
        """The window limited the sender: it was full, or in slow start at least half of it was used."""
        return self.is_limited or (self.in_slow_start and self.cwnd < 2 * self.largest_flight)

    def note_usage(self, *, flight: int, is_full: bool, una: int, nxt: int) -> None:
        """Remember for the present window of data how much of `cwnd` was used."""
        if una >= self._usage_until or is_full or (not self.is_limited and flight > self.largest_flight):
            self.is_limited = is_full
            self.largest_flight = flight
            self._usage_until = nxt

    @property
    def threshold_now(self) -> int:
        """`ssthresh` to fall back to: three quarters of the window at least (RFC 2861)."""
        return max(self.ssthresh, (self.cwnd >> 1) + (self.cwnd >> 2))

    def slow_start(self, acked: int) -> int:
        """Grow up to `ssthresh` by one for each delivered segment; return what is left of `acked`."""
        before = self.cwnd
        self.cwnd = min(self.cwnd + acked, self.ssthresh)
        return acked - (self.cwnd - before)

    def add_in_avoidance(self, per_segment: int, acked: int) -> None:
        """Grow by one for each `per_segment` delivered segments."""
        if self.acked_credit >= per_segment:
            self.acked_credit = 0
            self.cwnd += 1
        self.acked_credit += acked
        if self.acked_credit >= per_segment:
            self.cwnd += self.acked_credit // per_segment
            self.acked_credit %= per_segment

    # --- events of `CongestionControl` -------------------------------------------------------------------------------

    def on_ack(self, acked: int, *, flight: int, now: Micros) -> None:  # noqa: ARG002
        """Grow if the window was the limit."""
        if self.was_limit:
            self.grow(acked, now=now)

    def on_congestion(self, *, flight: int, now: Micros) -> None:  # noqa: ARG002
        """Lower the threshold."""
        self.acked_credit = 0
        self.ssthresh = self.reduced_threshold()

    def on_timeout(self, *, flight: int, is_first: bool, now: Micros) -> None:  # noqa: ARG002
        """Lower the threshold, once for the same data; recovery sets the window."""
        if is_first:
            self.ssthresh = self.reduced_threshold()
        self.acked_credit = 0

    def on_idle(self, *, idle: Micros, rto: Micros, now: Micros) -> None:  # noqa: ARG002
        """Halve the window for each timeout that passed, down to the initial one (RFC 2861)."""
        self.ssthresh = self.threshold_now
        restart = min(self.initial_window, self.cwnd)
        idle -= rto
        while idle > 0 and self.cwnd > restart:
            self.cwnd >>= 1
            idle -= rto
        self.cwnd = max(self.cwnd, restart)

    def on_quantum_change(self, quantum: int) -> None:
        """Segments are counted whatever their size."""


@segment_registry.register
class LinuxReno(SegmentControl):
    """Linux' ``reno``: grows by one for each delivered segment in slow start, by one each window after it."""

    name = "reno"


__all__ = ["INFINITE", "LinuxReno", "SegmentControl", "segment_registry"]
