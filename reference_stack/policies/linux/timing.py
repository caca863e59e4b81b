"""Linux' round-trip estimation."""

from typing import TYPE_CHECKING

from reference_stack.policies.timing import RoundTripTimer
from reference_stack.recovery.base import AckReport
from reference_stack.rtt import Micros, RttEstimator

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


TICK_US = 4_000
"""Timeouts are whole ticks; measured with 250 ticks a second: 212 ms after a round trip of 10 ms."""


class LinuxRtt(RttEstimator):
    """RTO is SRTT plus the variance, which is at least the least timeout; it falls only once in a round trip.

    SRTT is kept in eighths and the mean deviation in quarters of a microsecond.
    """

    __slots__ = ("_deviation", "_largest", "_round_end", "_srtt8", "_variance")

    def __init__(self, *, initial: Micros, minimum: Micros, maximum: Micros) -> None:
        super().__init__(initial=initial, minimum=minimum, maximum=maximum)
        self._srtt8 = 0
        self._deviation = 0
        self._largest = 0
        self._variance = 0
        self._round_end = 0

    @property
    def reported_variance(self) -> Micros:
        """``tcpi_rttvar``."""
        return self.initial // 4 if self.srtt is None else self._deviation >> 2

    def sample(self, rtt: Micros, *, expected_samples: int = 1, una: int = 0, nxt: int = 0) -> None:  # noqa: ARG002
        """Take in a measurement."""
        rtt = max(rtt, 1)
        self.min_rtt = rtt if self.min_rtt is None else min(self.min_rtt, rtt)
        if self.srtt is None:
            self._srtt8 = rtt << 3
            self._deviation = rtt << 1
            self._variance = self._largest = max(self._deviation, self.minimum)
            self._round_end = nxt
        else:
            self._update(rtt, una=una, nxt=nxt)
        self.srtt = max(self._srtt8, 1) >> 3
        self.rttvar = self._variance >> 2
        self._base = min(-(-(self.srtt + self._variance) // TICK_US) * TICK_US, self.maximum)
        self.backoff = 0

    def _update(self, rtt: Micros, *, una: int, nxt: int) -> None:
        error = rtt - (self._srtt8 >> 3)
        self._srtt8 += error
        if error < 0:
            error = -error - (self._deviation >> 2)
            # A shorter round trip does not raise the timeout as fast as a longer one.
            if error > 0:
                error >>= 3
        else:
            error -= self._deviation >> 2
        self._deviation += error
        if self._deviation > self._largest:
            self._largest = self._deviation
            self._variance = max(self._variance, self._largest)
        if una > self._round_end:
            if self._largest < self._variance:
                self._variance -= (self._variance - self._largest) >> 2
            self._round_end = nxt
            self._largest = self.minimum


class LinuxRoundTripTimer(RoundTripTimer):
    """SACKs are timed too; an echo counts only where nothing else does."""

    __slots__ = ()

    def measure(self, connection: "ConnectionCore", report: AckReport, arrival: "Arrival") -> None:
        """Take a sample if there is one."""
        now = arrival.now
        sample = self.unambiguous(report, now=now) if report.acked else None
        if sample is None:
            first = next((segment for segment in report.newly_sacked if segment.transmissions == 1), None)
            sample = None if first is None else now - first.sent_at
        if sample is None and report.acked:
            sample = report.echo_delay
        report.sample = sample
        if sample is not None:
            connection.rtt.sample(sample, una=report.una, nxt=report.snd_nxt)
