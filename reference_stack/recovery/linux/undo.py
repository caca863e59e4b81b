"""Taking back reductions that were not needed: DSACK (RFC 3708), Eifel (RFC 3522), F-RTO (RFC 5682)."""

from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.linux.state import RecoveryVariables


class Undo(RecoveryVariables):
    """Remembers what a reduction took away."""

    def init_undo(self) -> None:
        """A reduction begins that may turn out to be unnecessary."""
        self.undo_marker = self.una
        count = self.scoreboard.retransmitted.segments
        if self.probe_high_seq is not None and self.is_probe_retransmission:
            count += 1
        self.undo_retrans = count or None

    def is_packet_delayed(self, report: AckReport, *, now: Micros) -> bool:
        """What was thought lost was only late: nothing was sent again yet, or the echo is older than that."""
        if self.retransmitted_at is not None:
            return self.is_echo_before_retransmission(report, now=now)
        return self.has_sack or report.una < self.high_seq

    def may_undo(self, report: AckReport, *, now: Micros) -> bool:
        """Every retransmission was a duplicate, or was not needed."""
        return self.undo_marker is not None and (self.undo_retrans == 0 or self.is_packet_delayed(report, now=now))

    def undo_reduction(self, *, unmark_lost: bool) -> None:
        """Give back what the reduction took."""
        if unmark_lost:
            for segment in self.scoreboard:
                self.scoreboard.unmark_lost(segment)
        if self.prior_ssthresh:
            self.control.cwnd = self.control.undone_window(self.prior_cwnd)
            self.control.ssthresh = max(self.control.ssthresh, self.prior_ssthresh)
        self.undo_marker = None
        self.is_rack_advanced = True

    def try_undo_recovery(self, report: AckReport, *, now: Micros) -> bool:
        """Recovery is over: undo it where it may be; tell whether the state has to be kept (RFC 6582, section 6)."""
        if self.may_undo(report, now=now):
            self.undo_reduction(unmark_lost=False)
        elif self.reorder_persist:
            self.reorder_persist -= 1
        if self.prevents_reopening(report):
            return True
        self.ca_state = CaState.OPEN
        return False

    def prevents_reopening(self, report: AckReport) -> bool:
        """Without SACK the state is held until something above `high_seq` is acknowledged."""
        if self.has_sack or report.una != self.high_seq:
            return False
        if not self.any_retransmission_done():
            self.retransmitted_at = None
        return True

    def try_undo_dsack(self) -> bool:
        """Every retransmission was reported as a duplicate."""
        if self.undo_marker is None or self.undo_retrans != 0:
            return False
        self.reorder_persist = min(16, self.reorder_persist + 1)
        self.undo_reduction(unmark_lost=False)
        return True

    def try_undo_loss(self, report: AckReport, *, is_frto: bool, now: Micros) -> bool:
        """The timeout was spurious."""
        if not is_frto and not self.may_undo(report, now=now):
            return False
        self.undo_reduction(unmark_lost=True)
        if not self.prevents_reopening(report) and (is_frto or self.has_sack):
            self.ca_state = CaState.OPEN
        return True

    def note_duplicate(self, report: AckReport, *, una_before: int) -> bool:
        """Take a duplicate report into account (RFC 2883); tell whether it is credible."""
        if report.dsack is None:
            return False
        start, end = report.dsack
        count = max(-(-(end - start) // self.mss), 1)
        if report.duplicates_reported > report.retransmissions:
            return False
        if self.reorderings and self.probe_high_seq != end:
            self.reorder_dsack_seen = True
        marker = self.undo_marker
        if marker is not None and self.undo_retrans and marker < end <= una_before:
            self.undo_retrans = max(0, self.undo_retrans - count)
        if marker is not None and self.undo_retrans:
            self._note_duplicate_of_outstanding(start, end, marker)
        return True

    def _note_duplicate_of_outstanding(self, start: int, end: int, marker: int) -> None:
        for segment in self.scoreboard.covering(start, end):
            if segment.transmissions > 1 and segment.end > marker and self.undo_retrans:
                self.undo_retrans -= 1
