"""Taking back a reduction of the window that was not needed.

Detection: the Eifel algorithm by timestamps (RFC 3522), and DSACK for every retransmission (RFC 3708). Response: RFC
4015, section 3.2 (5).
"""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, Micros


class Undo:
    """What one reduction took away, and what has proved it wrong so far."""

    __slots__ = ("_previous_pipe", "_previous_window", "_retransmitted_at", "_unconfirmed")

    def __init__(self, congestion: CongestionControl, *, flight: int) -> None:
        self._previous_window = congestion.cwnd
        # RFC 4015, 3.2 (1): pipe_prev <- max (FlightSize, ssthresh), unless ssthresh is still arbitrarily high.
        known = congestion.ssthresh if congestion.ssthresh_segments < 0x7FFF_FFFF else 0
        self._previous_pipe = max(flight, known)
        self._retransmitted_at: Micros | None = None
        self._unconfirmed: int | None = None

    def on_retransmitted(self, *, now: Micros) -> None:
        """A segment of the episode left again."""
        if self._retransmitted_at is None:
            self._retransmitted_at = now
        self._unconfirmed = (self._unconfirmed or 0) + 1

    def is_proved_wrong(self, report: AckReport, *, now: Micros) -> bool:
        """Tell whether the acknowledgment shows that the original had arrived."""
        if report.dsack is not None and self._unconfirmed:
            self._unconfirmed -= 1
        if self._unconfirmed == 0:
            return True
        if self._retransmitted_at is None or report.echo_delay is None or not report.acked_octets:
            return False
        # RFC 3522, 3.2 (5): the echoed timestamp is older than the retransmission. Timestamps are milliseconds.
        return now // 1000 - report.echo_delay // 1000 < self._retransmitted_at // 1000

    def restore(self, congestion: CongestionControl, *, flight: int, acked: int) -> None:
        """Give back `ssthresh`, and the window without a burst: FlightSize + min (bytes acked, IW)."""
        congestion.ssthresh = max(congestion.ssthresh, self._previous_pipe)
        allowed = flight + min(acked, congestion.initial_window)
        congestion.cwnd = max(congestion.cwnd, min(allowed, self._previous_window))
