"""Round-trip time estimation and the retransmission timeout (RFC 6298)."""

from typing import TypeAlias

Micros: TypeAlias = int


class RttEstimator:
    """SRTT, RTTVAR, RTO and backoff, by the letter of RFC 6298. All times are microseconds.

    `initial` is the RTO before the first sample (2.1), `minimum` and `maximum` bound it (2.4, 2.5), `granularity` is
    G (2.3). `rto` includes the backoff.
    """

    __slots__ = ("_base", "backoff", "granularity", "initial", "maximum", "min_rtt", "minimum", "rttvar", "srtt")

    def __init__(
        self,
        *,
        initial: Micros = 1_000_000,
        minimum: Micros = 1_000_000,
        maximum: Micros = 60_000_000,
        granularity: Micros = 1_000,
    ) -> None:
        self.initial = initial
        self.minimum = minimum
        self.maximum = maximum
        self.granularity = granularity
        self.srtt: Micros | None = None
        self.rttvar: Micros = 0
        self.min_rtt: Micros | None = None
        self.backoff = 0
        self._base = initial

    @property
    def rto(self) -> Micros:
        """The timeout to use now: doubled for each backoff (5.5), never above the maximum."""
        return min(self._base << self.backoff, self.maximum)

    @property
    def base_rto(self) -> Micros:
        """The timeout without backoff."""
        return self._base

    @property
    def reported_variance(self) -> Micros:
        """``tcpi_rttvar``: RTTVAR, and before the first sample the initial timeout as Linux shows it."""
        return self.initial // 4 if self.srtt is None else self.rttvar

    def sample(self, rtt: Micros, *, expected_samples: int = 1, una: int = 0, nxt: int = 0) -> None:  # noqa: ARG002
        """Take in a measurement that Karn's algorithm allows (3); ends the backoff (5.7).

        `expected_samples` is how many come in one round trip: with several, each weighs less, so that the memory of
        the estimator stays a few round trips long (RFC 7323, 4.2). `una` and `nxt` are SND.UNA and SND.NXT, for
        estimators that count by round trips.
        """
        rtt = max(rtt, 1)
        self.min_rtt = rtt if self.min_rtt is None else min(self.min_rtt, rtt)
        if self.srtt is None:
            self.srtt = rtt
            self.rttvar = rtt // 2
        else:
            # (2.3) RTTVAR uses SRTT from before this sample; gains are 1/4 and 1/8.
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) // (4 * expected_samples)
            self.srtt += (rtt - self.srtt) // (8 * expected_samples)
        self._set_base(self.srtt + max(self.granularity, 4 * self.rttvar))
        self.backoff = 0

    def on_timeout(self) -> None:
        """Back off: the timer expired (5.5)."""
        if self._base << self.backoff < self.maximum:
            self.backoff += 1

    def restart_with(self, rto: Micros) -> None:
        """Use this timeout until the next sample (5.7: three seconds after a SYN was lost)."""
        self._set_base(rto)
        self.backoff = 0

    def _set_base(self, rto: Micros) -> None:
        self._base = min(max(rto, self.minimum), self.maximum)
