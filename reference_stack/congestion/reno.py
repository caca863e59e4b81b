"""Slow start and congestion avoidance of RFC 5681, counted in octets (`quantum` is SMSS)."""

from reference_stack.congestion.base import CongestionControl, Micros, registry


def initial_window_rfc3390(smss: int) -> int:
    """Return the upper limit of the initial window by RFC 5681 (3.1), which took it from RFC 3390, in octets."""
    if smss > 2190:
        return 2 * smss
    return 3 * smss if smss > 1095 else 4 * smss


def initial_window_rfc6928(smss: int) -> int:
    """Return min(10*MSS, max(2*MSS, 14600)) octets (RFC 6928, section 2)."""
    return min(10 * smss, max(2 * smss, 14_600))


@registry.register
class Reno(CongestionControl):
    """RFC 5681 without fast recovery, which is the business of `reference_stack.recovery`."""

    name = "reno"

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        super().__init__(quantum=quantum, initial_window=initial_window)
        self._avoidance_acked = 0
        self._restart_window = initial_window
        self._unproven = initial_window

    def on_ack(self, acked: int, *, flight: int, now: Micros) -> None:  # noqa: ARG002
        """Grow, unless the window was not what limited the sender."""
        self._unproven = max(self._unproven - acked, 0)
        # A window that the application did not fill says nothing about the path (RFC 7661, section 4.1 names the
        # danger; RFC 5681, section 3 allows being more cautious than its algorithms).
        if 2 * flight < self.cwnd:
            return
        if self.in_slow_start:
            # RFC 5681 (2): "cwnd += min (N, SMSS)".
            self.cwnd += min(acked, self.quantum)
            return
        # RFC 5681, 3.1: one SMSS for each cwnd of acknowledged octets, so ACK division gains nothing.
        self._avoidance_acked += acked
        if self._avoidance_acked >= self.cwnd:
            self._avoidance_acked -= self.cwnd
            self.cwnd += self.quantum

    def on_congestion(self, *, flight: int, now: Micros) -> None:  # noqa: ARG002
        """RFC 5681 (4): ssthresh = max (FlightSize / 2, 2*SMSS)."""
        self.ssthresh = max(flight // 2, 2 * self.quantum)
        self._avoidance_acked = 0
        self._forget_large_restart()

    def on_timeout(self, *, flight: int, is_first: bool, now: Micros) -> None:  # noqa: ARG002
        """RFC 5681, 3.1: ssthresh as for a loss, but only once for the same data; cwnd is one segment."""
        if is_first:
            self.ssthresh = max(flight // 2, 2 * self.quantum)
        self.cwnd = self.quantum
        self._avoidance_acked = 0
        self._forget_large_restart()

    def on_idle(self, *, idle: Micros, rto: Micros, now: Micros) -> None:  # noqa: ARG002
        """RFC 5681, 4.1: the restart window is min (IW, cwnd)."""
        self.cwnd = min(self.cwnd, self._restart_window)
        self._unproven = self.cwnd

    def _forget_large_restart(self) -> None:
        # RFC 6928, section 2: after a loss in the initial or restart window, restart with no more than RFC 3390 has.
        if self._unproven:
            self._restart_window = min(self._restart_window, initial_window_rfc3390(self.quantum))
