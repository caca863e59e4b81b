"""Forward RTO-Recovery (RFC 5682): was a retransmission timeout spurious? Two acknowledgments and new data tell."""

from enum import Enum

from reference_stack.recovery.base import AckReport


class FrtoVerdict(Enum):
    """What an acknowledgment after a timeout tells, and what is to be done."""

    WAIT = "nothing: take no step"
    SEND_NEW = "send up to two new segments and wait for the next acknowledgment"
    LOST = "the timeout was genuine: recover as usual"
    LOST_AFTER_NEW = "genuine, seen in step 3: as usual with at most three segments"
    SPURIOUS = "the timeout was spurious: nothing more is sent again"


class Frto:
    """The steps behind one timeout. `recover` is the highest sequence number sent before it."""

    __slots__ = ("_has_sack", "_has_sent_new", "recover")

    def __init__(self, *, recover: int, has_sack: bool) -> None:
        self.recover = recover
        self._has_sack = has_sack
        self._has_sent_new = False

    def on_ack(self, report: AckReport) -> FrtoVerdict:
        """Judge an acknowledgment (section 2.1; with SACK section 3.1)."""
        if not self._has_sent_new:
            return self._second_step(report)
        if report.acked_octets > 0 or self._shows_an_original(report):
            return FrtoVerdict.SPURIOUS
        return FrtoVerdict.LOST_AFTER_NEW if report.is_duplicate or report.newly_sacked else FrtoVerdict.WAIT

    def _second_step(self, report: AckReport) -> FrtoVerdict:
        if report.acked_octets <= 0:
            # 3.1: with SACK duplicates tell nothing yet.
            return FrtoVerdict.LOST if report.is_duplicate and not self._has_sack else FrtoVerdict.WAIT
        if report.una > self.recover:
            return FrtoVerdict.LOST
        self._has_sent_new = True
        return FrtoVerdict.SEND_NEW

    def _shows_an_original(self, report: AckReport) -> bool:
        """3.1, step 3b: a block reports what was sent before the timeout and not again."""
        return any(segment.transmissions == 1 and segment.end - 1 <= self.recover for segment in report.newly_sacked)
