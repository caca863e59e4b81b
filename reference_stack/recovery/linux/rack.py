"""RACK and tail loss probes (RFC 8985)."""

from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.linux.state import RecoveryVariables
from reference_stack.recovery.scoreboard import SentSegment

INITIAL_PROBE_US = 1_000_000
"""Without a round-trip sample (RFC 8985, 7.2)."""
TIMER_SLACK_US = 2_000
"""Linux' least timeout, two milliseconds; also added to reordering timers."""
PERSIST_RECOVERIES = 16
"""So many recoveries a widened reordering window stays (RFC 8985, 6.2 step 4)."""


class Rack(RecoveryVariables):
    """Time-based loss detection."""

    def rack_deliver(self, segment: SentSegment, *, now: Micros) -> None:
        """A segment was acknowledged or SACKed: it may be the most recently sent one that arrived (6.2, step 2)."""
        rtt = now - segment.sent_at
        if rtt < self.min_rtt and segment.transmissions > 1:
            # Rather the original than the retransmission arrived: it tells nothing.
            return
        self.is_rack_advanced = True
        self.rack_rtt = rtt
        self.rack_sent_at, self.rack_end = max((self.rack_sent_at, self.rack_end), (segment.sent_at, segment.end))

    def reorder_window(self) -> Micros:
        """How much longer than a round trip a segment may take (6.2, step 4)."""
        if not self.reorderings and (self.ca_state >= CaState.RECOVERY or self.sacked >= self.dupthresh):
            return 0
        return min((self.min_rtt >> 2) * self.reorder_steps, self.rtt.srtt or 0)

    def rack_remaining(self, segment: SentSegment, window: Micros, *, now: Micros) -> Micros:
        """How much longer to wait before the segment counts as lost."""
        return self.rack_rtt + window - (now - segment.sent_at)

    def rack_detect(self, *, now: Micros) -> bool:
        """Mark what is lost (6.2, step 5); tell whether the reordering timer was started."""
        if not self.is_rack_advanced:
            return False
        self.is_rack_advanced = False
        longest = self.rack_mark(now=now)
        if longest:
            self.reorder_deadline = now + longest + TIMER_SLACK_US
            self.probe_deadline = None
        return bool(longest)

    def rack_mark(self, *, now: Micros) -> Micros:
        """Mark what is lost now; return the longest wait for the others, 0 for none."""
        window = self.reorder_window()
        longest = 0
        newest = (self.rack_sent_at, self.rack_end)
        for segment in self.scoreboard.segments:
            if segment.is_sacked or (segment.is_lost and not segment.is_retransmitted):
                continue
            if (segment.sent_at, segment.end) >= newest:
                continue
            remaining = self.rack_remaining(segment, window, now=now)
            if remaining <= 0:
                self.mark_lost(segment)
            else:
                longest = max(longest, remaining)
        return longest

    def rack_widen(self, *, had_delivered: int) -> None:
        """Adapt the reordering window to duplicates reported, once in a round trip (6.2, step 4)."""
        if had_delivered < self.reorder_delivered:
            self.reorder_dsack_seen = False
        if self.reorder_dsack_seen:
            self.reorder_steps = min(self.reorder_steps + 1, 255)
            self.reorder_dsack_seen = False
            self.reorder_delivered = self.delivered
            self.reorder_persist = PERSIST_RECOVERIES
        elif not self.reorder_persist:
            self.reorder_steps = 1

    # --- tail loss probe ---------------------------------------------------------------------------------------------

    def arm_probe(self, *, now: Micros, rto_deadline: Micros) -> bool:
        """Start the probe timer where a probe may be sent (7.2); tell whether one of RACK's timers runs now.

        There is one timer for all: a probe takes the place of the reordering timer.
        """
        out = self.scoreboard.out.segments
        self.probe_deadline = None
        if (
            not self.settings.has_loss_probe
            or not self.has_sack
            or not out
            or self.ca_state not in (CaState.OPEN, CaState.CWR)
        ):
            return self.reorder_deadline is not None
        self.reorder_deadline = None
        if self.rtt.srtt is None:
            wait = INITIAL_PROBE_US
        else:
            # Twice the round trip; for a single segment also what the peer may delay its acknowledgment.
            wait = 2 * self.rtt.srtt + (self.settings.rto_min if out == 1 else TIMER_SLACK_US)
        # A timeout that is overdue sets no limit (tcp_schedule_loss_probe()).
        self.probe_deadline = min(now + wait, rto_deadline) if rto_deadline > now else now + wait
        return True

    def deadline(self) -> Micros | None:
        """When the probe or the reordering timer runs out."""
        return self.reorder_deadline if self.reorder_deadline is not None else self.probe_deadline

    def on_probe_sent(self, *, snd_nxt: int, is_retransmission: bool) -> None:
        """One probe is outstanding (7.3)."""
        self.probe_high_seq = snd_nxt
        self.is_probe_retransmission = is_retransmission

    def is_probe_allowed(self) -> bool:
        """Tell whether a probe may leave: at most one is outstanding."""
        return self.probe_high_seq is None

    def probe_outcome(self, report: AckReport, *, dsack_of_probe: bool) -> bool:
        """Judge an acknowledgment that covers the probe (7.4); tell whether a loss was repaired by it."""
        if self.probe_high_seq is None or report.una < self.probe_high_seq:
            return False
        if not self.is_probe_retransmission or dsack_of_probe:
            self.probe_high_seq = None
        elif report.una > self.probe_high_seq:
            return True
        elif not (report.acked_octets or self.is_not_duplicate(report) or report.newly_sacked):
            # A plain duplicate: the original and the probe both arrived.
            self.probe_high_seq = None
        return False

    @staticmethod
    def is_not_duplicate(report: AckReport) -> bool:
        """The acknowledgment does more than repeat: it has data, moves the window or acknowledges."""
        return report.has_data or report.is_window_update or bool(report.acked)
