"""What is lost without an acknowledgment that says so: the timeout, and segments that are too large for the path."""

from reference_stack.recovery.base import CaState, Micros
from reference_stack.recovery.linux.rack import Rack
from reference_stack.recovery.linux.reduction import Reduction
from reference_stack.recovery.linux.renosacks import RenoSacks
from reference_stack.recovery.linux.state import Resend
from reference_stack.recovery.scoreboard import SentSegment


class Timeouts(Rack, Reduction, RenoSacks):
    """The state Loss, and how it is entered."""

    _fack = 0
    """End of the rightmost SACKed segment before the acknowledgment in hand."""
    _forced: SentSegment | None = None
    """What a timeout sends again, whatever the window says."""
    _lost_total = 0

    def mark_lost(self, segment: SentSegment) -> None:
        """Count a segment, and its retransmission, as lost."""
        if not segment.is_lost or segment.is_retransmitted:
            self._lost_total += 1
        super().mark_lost(segment)

    def on_timeout(self, *, snd_max: int, is_first: bool, now: Micros) -> None:
        """The retransmission timer expired: Loss."""
        is_new = self.ca_state < CaState.RECOVERY
        self._mark_lost_at_timeout(now=now)
        if (
            self.ca_state <= CaState.DISORDER
            or self.high_seq <= self.una
            or (self.ca_state is CaState.LOSS and is_first)
        ):
            self.prior_ssthresh = self.threshold_now()
            self.prior_cwnd = self.control.cwnd
            self.control.on_timeout(flight=self.in_flight, is_first=True, now=now)
            self.control.on_loss_state(nxt=snd_max, now=now)
            self.init_undo()
        self.control.cwnd = self.in_flight + 1
        if self.ca_state <= CaState.DISORDER and self.sacked >= self.settings.reordering:
            self.dupthresh = min(self.dupthresh, self.settings.reordering)
        self.ca_state = CaState.LOSS
        self.high_seq = snd_max
        self.probe_high_seq = None
        self.probe_deadline = self.reorder_deadline = None
        self.is_frto = self.settings.has_frto and (is_new or not is_first)
        self._forced = self.scoreboard.front
        self.resend = Resend.NONE
        self.recover = snd_max - 1

    def _mark_lost_at_timeout(self, *, now: Micros) -> None:
        front = self.scoreboard.front
        if front is not None and front.is_sacked:
            # The peer took back what it had SACKed.
            self.scoreboard.mark_all_lost(keep_sacks=False)
            self._fack = self.una
            return
        self.reno_sacked = 0
        for segment in self.scoreboard:
            if segment is front or not self.has_sack or self.rack_remaining(segment, 0, now=now) <= 0:
                self.mark_lost(segment)

    def on_too_big(self, oversized: list[SentSegment], *, snd_max: int) -> None:
        """Segments were too large for the path: send again without touching the window."""
        for segment in oversized:
            self.mark_lost(segment)
        if not oversized:
            return
        if self.ca_state is not CaState.LOSS:
            self.high_seq = snd_max
            self.control.ssthresh = self.threshold_now()
            self.prior_ssthresh = 0
            self.undo_marker = None
            self.ca_state = CaState.LOSS
        self.resend = Resend.LOST
