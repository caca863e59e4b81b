"""Which acknowledgments are taken as measurements of the round trip (RFC 6298, section 3; RFC 7323, section 4)."""

from typing import TYPE_CHECKING

from reference_stack.recovery.base import AckReport

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class RoundTripTimer:
    """Karn's algorithm; a timestamp echo stands in where it forbids a sample."""

    __slots__ = ()

    def measure(self, connection: "ConnectionCore", report: AckReport, arrival: "Arrival") -> None:
        """Take a sample if SND.UNA has moved and there is an unambiguous one."""
        if not arrival.advanced_una:
            return
        now = arrival.now
        sample = self.unambiguous(report, now=now)
        if sample is None and connection.tcb.has_timestamps and arrival.has_timestamps and arrival.ts_ecr:
            # RFC 7323, 4.1: the echo removes the ambiguity; only an ACK that advances SND.UNA is a sample.
            sample = connection.timestamps.delay_of(connection, arrival.ts_ecr, now=now)
        report.sample = sample
        if sample is not None:
            # RFC 7323, 4.2: ExpectedSamples = ceiling (FlightSize / (SMSS * 2)).
            expected = max((report.flight_segments + 1) // 2, 1)
            connection.rtt.sample(sample, expected_samples=expected, una=report.una, nxt=report.snd_nxt)

    def unambiguous(self, report: AckReport, *, now: int) -> int | None:
        """Return the age of the earliest segment acknowledged here for the first time; None if one was sent twice."""
        if any(segment.transmissions > 1 for segment in report.acked):
            return None
        timed = next((segment for segment in report.acked if not segment.is_sacked), None)
        return None if timed is None else now - timed.sent_at
