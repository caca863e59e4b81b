"""CUBIC by the letter of RFC 9438, counted in octets, with HyStart++ (RFC 9406) for the initial slow start."""

from reference_stack.congestion.base import Micros, registry
from reference_stack.congestion.hystart import HyStart
from reference_stack.congestion.reno import Reno

C = 0.4
"""5.1."""
BETA = 0.7
"""4.6: multiplicative decrease."""
ALPHA = 3 * (1 - BETA) / (1 + BETA)
"""4.3: growth of the estimated Reno window."""
SECOND: Micros = 1_000_000


def w_cubic(seconds: float, *, w_max: float, k: float) -> float:
    """Return the window in segments after so many seconds of congestion avoidance (4.2, figure 1)."""
    return C * (seconds - k) ** 3 + w_max


@registry.register
class CubicOctets(Reno):
    """Windows are octets outside and segments (as floating point) inside."""

    name = "cubic"

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        super().__init__(quantum=quantum, initial_window=initial_window)
        self._w_max = 0.0
        self._w_est = 0.0
        self._cwnd_prior = 0.0
        self._k = 0.0
        self._fraction = 0.0
        self._epoch: Micros | None = None
        self._last_ack: Micros = 0
        self._rtt: Micros = 0
        self._is_after_timeout = False
        self._hystart: HyStart | None = HyStart()

    # --- growth ------------------------------------------------------------------------------------------------------

    def on_sample(self, rtt: Micros, *, una: int, nxt: int, now: Micros) -> None:  # noqa: ARG002
        """A round trip was measured; 4.10: HyStart++ watches the initial slow start."""
        self._rtt = rtt
        if self._hystart is None or not self.in_slow_start:
            return
        self._hystart.on_sample(rtt, una=una, nxt=nxt)
        if self._hystart.is_over:
            self.ssthresh, self._hystart = self.cwnd, None

    def on_ack(self, acked: int, *, flight: int, now: Micros) -> None:
        """Grow by slow start or by the cubic function, unless the window was not what limited the sender."""
        if self.in_slow_start:
            before = self.cwnd
            super().on_ack(acked, flight=flight, now=now)
            if self._hystart is not None:
                self.cwnd = before + self._hystart.growth(self.cwnd - before)
            self._last_ack = now
            return
        self._unproven = max(self._unproven - acked, 0)
        if 2 * flight < self.cwnd:
            # 4.2: time in which the application was the limit does not count.
            if self._epoch is not None:
                self._epoch += now - max(self._last_ack, self._epoch)
        else:
            self._avoid(acked / self.quantum, now=now)
        self._last_ack = now

    def _avoid(self, segments: float, *, now: Micros) -> None:
        window = self.cwnd / self.quantum
        if self._epoch is None:
            self._begin_epoch(window, now=now)
        seconds = (now - (self._epoch or 0)) / SECOND
        target = w_cubic(seconds + self._rtt / SECOND, w_max=self._w_max, k=self._k)
        # 4.2: not lower than the window, and at most half as much again in a round trip.
        target = min(max(target, window), 1.5 * window)
        alpha = ALPHA if self._w_est < self._cwnd_prior else 1.0
        self._w_est += alpha * segments / window
        if w_cubic(seconds, w_max=self._w_max, k=self._k) < self._w_est:
            grown = max(window, self._w_est)  # 4.3: the Reno-friendly region
        else:
            grown = window + (target - window) / window * segments  # 4.4 and 4.5
        self._fraction += grown - window
        whole = int(self._fraction * self.quantum)
        self._fraction -= whole / self.quantum
        self.cwnd += whole

    def _begin_epoch(self, window: float, *, now: Micros) -> None:
        """4.2: K is the time in which the window reaches W_max again; 4.8: after a timeout it has reached it."""
        self._epoch = now
        self._w_est = window
        if self._is_after_timeout or self._w_max < window:
            self._w_max, self._is_after_timeout = window, False
        self._k = ((self._w_max - window) / C) ** (1 / 3)

    # --- reduction ---------------------------------------------------------------------------------------------------

    def on_congestion(self, *, flight: int, now: Micros) -> None:
        """4.6 and 4.7: seven tenths, with fast convergence."""
        super().on_congestion(flight=flight, now=now)
        self._remember()
        self.ssthresh = max(int(flight * BETA), 2 * self.quantum)

    def on_timeout(self, *, flight: int, is_first: bool, now: Micros) -> None:
        """4.8: as RFC 5681 with CUBIC's factor; what was known of the path is void."""
        if is_first:
            self._cwnd_prior = self.cwnd / self.quantum
        super().on_timeout(flight=flight, is_first=is_first, now=now)
        if is_first:
            self.ssthresh = max(int(flight * BETA), 2 * self.quantum)
        self._hystart = None
        self._epoch, self._is_after_timeout, self._fraction = None, True, 0.0

    def _remember(self) -> None:
        window = self.cwnd / self.quantum
        self._cwnd_prior = window
        self._w_max = window * (1 + BETA) / 2 if window < self._w_max else window
        self._hystart = None
        self._epoch, self._fraction = None, 0.0
