"""CUBIC (RFC 9438) in segments with the fixed-point arithmetic and the HyStart of Linux' ``tcp_cubic``."""

from reference_stack.congestion.base import Micros
from reference_stack.congestion.segments import SegmentControl, segment_registry

SCALE = 1024
BETA = 717
"""Multiplicative decrease: 717/1024, about 0.7 (RFC 9438, 4.6)."""
BIC_SCALE = 41
"""C = 41*10/1024, about 0.4 (RFC 9438, 4.1)."""
CUBE_RTT_SCALE = BIC_SCALE * 10
BETA_SCALE = 8 * (SCALE + BETA) // 3 // (SCALE - BETA)
CUBE_FACTOR = (1 << 40) // CUBE_RTT_SCALE
TICKS_PER_SECOND = 1024
"""Unit of time inside the cubic function."""
SECOND: Micros = 1_000_000

HYSTART_LOW_WINDOW = 16
HYSTART_ACK_DELTA_US = 2_000
HYSTART_MIN_SAMPLES = 8


def cube_root(value: int) -> int:
    """Return the integer cube root, rounded to the nearest."""
    root: int = round(float(value) ** (1 / 3))
    while root**3 > value:
        root -= 1
    while (root + 1) ** 3 <= value:
        root += 1
    return root


@segment_registry.register
class Cubic(SegmentControl):
    """The window follows a cubic function of the time since the last reduction."""

    name = "cubic"

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        super().__init__(quantum=quantum, initial_window=initial_window)
        self._forget()
        self._reset_round(nxt=0, now=0)

    def _forget(self) -> None:
        self._last_max = 0
        self._last_cwnd = 0
        self._last_time = 0
        self._origin = 0
        self._k = 0
        self._delay_min: Micros = 0
        self._epoch: Micros | None = None
        self._reno_window = 0
        self._acked_in_epoch = 0
        self._per_segment = 0
        self._is_found = False

    # --- growth ------------------------------------------------------------------------------------------------------

    def grow(self, acked: int, *, now: Micros) -> None:
        """Slow start below the threshold, the cubic function above it."""
        if self.in_slow_start:
            acked = self.slow_start(acked)
        if not acked:
            return
        self._update(acked, now=now)
        self.add_in_avoidance(self._per_segment, acked)

    def _update(self, acked: int, *, now: Micros) -> None:
        """Compute how many delivered segments make the window grow by one."""
        self._acked_in_epoch += acked
        if self._last_cwnd == self.cwnd and now - self._last_time <= SECOND // 32:
            return
        if self._epoch is None or now != self._last_time:
            self._last_cwnd, self._last_time = self.cwnd, now
            if self._epoch is None:
                self._begin_epoch(acked, now=now)
            self._per_segment = self._cubic_rate(now=now)
        self._be_friendly()
        # At most one segment for two delivered: 1.5 times in a round trip.
        self._per_segment = max(self._per_segment, 2)

    def _begin_epoch(self, acked: int, *, now: Micros) -> None:
        self._epoch = now
        self._acked_in_epoch = acked
        self._reno_window = self.cwnd
        if self._last_max <= self.cwnd:
            self._k, self._origin = 0, self.cwnd
        else:
            self._k = cube_root(CUBE_FACTOR * (self._last_max - self.cwnd))
            self._origin = self._last_max

    def _cubic_rate(self, *, now: Micros) -> int:
        since = now - (self._epoch or 0) + self._delay_min
        ticks = since * TICKS_PER_SECOND // SECOND
        offset = abs(ticks - self._k)
        delta = (CUBE_RTT_SCALE * offset * offset * offset) >> 40
        target = self._origin - delta if ticks < self._k else self._origin + delta
        rate = self.cwnd // (target - self.cwnd) if target > self.cwnd else 100 * self.cwnd
        return min(rate, 20) if self._last_max == 0 else rate

    def _be_friendly(self) -> None:
        """Never slower than Reno would be (RFC 9438, 4.3)."""
        delta = self.cwnd * BETA_SCALE >> 3
        while delta and self._acked_in_epoch > delta:
            self._acked_in_epoch -= delta
            self._reno_window += 1
        if self._reno_window > self.cwnd:
            self._per_segment = min(self._per_segment, self.cwnd // (self._reno_window - self.cwnd))

    # --- reduction ---------------------------------------------------------------------------------------------------

    def reduced_threshold(self) -> int:
        """Return 0.7 of the window; remember where the loss was, and lower when the window is shrinking."""
        self._epoch = None
        shrinking = self.cwnd < self._last_max
        self._last_max = self.cwnd * (SCALE + BETA) // (2 * SCALE) if shrinking else self.cwnd
        return max(self.cwnd * BETA // SCALE, 2)

    def on_loss_state(self, *, nxt: int, now: Micros) -> None:
        """A timeout starts everything anew."""
        self._forget()
        self._reset_round(nxt=nxt, now=now)

    def on_send_after_pause(self, *, pause: Micros, now: Micros) -> None:
        """Time without traffic does not count."""
        if self._epoch is not None and pause > 0:
            self._epoch = min(self._epoch + pause, now)

    # --- HyStart -----------------------------------------------------------------------------------------------------

    def _reset_round(self, *, nxt: int, now: Micros) -> None:
        self._round_start = now
        self._last_ack = now
        self._round_end = nxt
        self._round_rtt: Micros | None = None
        self._samples = 0

    def on_sample(self, rtt: Micros, *, una: int, nxt: int, now: Micros) -> None:
        """Leave slow start when the round trip grows, or a train of acknowledgments gets long (HyStart)."""
        if self._epoch is not None and now - self._epoch < SECOND:
            return
        rtt = max(rtt, 1)
        if self._delay_min == 0 or self._delay_min > rtt:
            self._delay_min = rtt
        if self._is_found or not self.in_slow_start:
            return
        if una > self._round_end:
            self._reset_round(nxt=nxt, now=now)
        if self.cwnd >= HYSTART_LOW_WINDOW:
            self._watch_train(now=now)
            self._watch_delay(rtt)

    def _watch_train(self, *, now: Micros) -> None:
        if now - self._last_ack <= HYSTART_ACK_DELTA_US:
            self._last_ack = now
            if now - self._round_start > self._delay_min >> 1:
                self._leave_slow_start()

    def _watch_delay(self, rtt: Micros) -> None:
        self._round_rtt = rtt if self._round_rtt is None else min(self._round_rtt, rtt)
        if self._samples < HYSTART_MIN_SAMPLES:
            self._samples += 1
        elif self._round_rtt > self._delay_min + min(max(self._delay_min >> 3, 4_000), 16_000):
            self._leave_slow_start()

    def _leave_slow_start(self) -> None:
        self._is_found = True
        self.ssthresh = self.cwnd
