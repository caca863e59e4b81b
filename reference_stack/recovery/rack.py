"""RACK-TLP (RFC 8985) with proportional rate reduction (RFC 9937): losses are found by time, tails are probed."""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.octets import OctetRecovery
from reference_stack.recovery.prr import Prr
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment
from reference_stack.recovery.undo import Undo
from reference_stack.rtt import RttEstimator

MAX_ACK_DELAY_US = 200_000
"""7.2: what the peer may delay the acknowledgment of a single segment."""
INITIAL_PROBE_US = 1_000_000
"""7.2: before there is a round trip."""
PERSIST_RECOVERIES = 16
"""6.2, step 4: so many recoveries a widened reordering window stays."""


class RackRecovery(OctetRecovery):
    """Needs SACK (section 4). Takes the place of the duplicate threshold and of RFC 6675 (9.2)."""

    has_sack = True

    def __init__(
        self,
        *,
        scoreboard: Scoreboard,
        congestion: CongestionControl,
        una: int,
        rtt: RttEstimator,
        dupthresh: int = 3,
    ) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=dupthresh)
        self.rtt = rtt
        self._newest = (0, una)
        """RACK.xmit_ts and RACK.end_seq: the most recently sent segment that was delivered."""
        self._rack_rtt: Micros = 0
        self._min_rtt: Micros | None = None
        self._fack = una
        self.has_seen_reordering = False
        self._steps = 1
        """RACK.reo_wnd_mult."""
        self._persist = 0
        self._widened_until: int | None = None
        self._reorder_deadline: Micros | None = None
        self._probe_deadline: Micros | None = None
        self._probe_end: int | None = None
        """TLP.end_seq while a probe is outstanding."""
        self._is_probe_retransmission = False
        self._probe_needs_sample = False
        self._prr: Prr | None = None
        self._snd_max = una
        self._now: Micros = 0

    # --- acknowledgments ---------------------------------------------------------------------------------------------

    def on_ack(self, report: AckReport, *, now: Micros) -> None:
        """Take in an acceptable acknowledgment (6.2)."""
        self._now = now
        self._drop_forced_if_acknowledged(report)
        self._note_new_data(report)
        self._take_deliveries(report, now=now)
        self._widen(report)
        self._judge_probe(report, now=now)
        if self.judge_timeout(report, now=now) or self.undo_if_unneeded(report, now=now):
            self._prr = None
            return
        lost_before = self.scoreboard.lost.octets
        self._detect(now=now)
        has_new_loss = self.scoreboard.lost.octets > lost_before
        is_over = self.ca_state is CaState.RECOVERY and report.una > self.recover
        if is_over:
            self._leave()
        if self.ca_state is not CaState.RECOVERY:
            if report.acked_octets > 0 and not is_over:
                self._grow(report, now=now)
            if self.scoreboard.next_lost() is None or report.una <= self.recover:
                return
            self._enter(report, now=now)
        self._reduce(report, is_safe=report.acked_octets > 0 and not has_new_loss)

    @property
    def awaits_probe_answer(self) -> bool:
        """A loss probe is out whose answer is not judged."""
        return self._probe_end is not None

    def on_idle_ack(self, report: AckReport, *, now: Micros) -> None:
        """A duplicate behind the last acknowledgment may still tell that a probe was not needed (7.4.2)."""
        self._judge_probe(report, now=now)

    def _note_new_data(self, report: AckReport) -> None:
        if self._prr is not None:
            self._prr.on_sent(max(report.snd_max - self._snd_max, 0))
        self._snd_max = report.snd_max

    def _take_deliveries(self, report: AckReport, *, now: Micros) -> None:
        """Steps 1 to 3: the round trip, the newest delivered segment, and reordering."""
        for segment in (*report.acked, *(each for each in report.newly_sacked if each not in report.acked)):
            if segment.is_sacked and segment not in report.newly_sacked:
                continue
            rtt = now - segment.sent_at
            if segment.transmissions > 1 and self._is_ambiguous(segment, report, rtt, now=now):
                continue
            self._min_rtt = rtt if self._min_rtt is None else min(self._min_rtt, rtt)
            if (segment.sent_at, segment.end) >= self._newest:
                self._newest, self._rack_rtt = (segment.sent_at, segment.end), rtt
                self._probe_needs_sample = False
            if segment.transmissions == 1 and segment.end < self._fack:
                self.has_seen_reordering = True
            self._fack = max(self._fack, segment.end)

    def _is_ambiguous(self, segment: SentSegment, report: AckReport, rtt: Micros, *, now: Micros) -> bool:
        """Step 2: rather the original than the retransmission was delivered."""
        if report.echo_delay is not None and now // 1000 - report.echo_delay // 1000 < segment.sent_at // 1000:
            return True
        return self._min_rtt is not None and rtt < self._min_rtt

    def _widen(self, report: AckReport) -> None:
        """Step 4: duplicates reported widen the reordering window, once in a round trip."""
        if self._widened_until is not None and report.una >= self._widened_until:
            self._widened_until = None
        if report.dsack is not None and self._widened_until is None:
            self._widened_until = report.snd_max
            self._steps += 1
            self._persist = PERSIST_RECOVERIES

    def reorder_window(self) -> Micros:
        """RACK_update_reo_wnd: how much longer than a round trip a segment may take; bounded by SRTT."""
        is_certain = self.ca_state is CaState.RECOVERY or self.scoreboard.sacked.segments >= self.dupthresh
        if not self.has_seen_reordering and is_certain:
            return 0
        return min(self._steps * (self._min_rtt or 0) // 4, self.rtt.srtt or 0)

    def _detect(self, *, now: Micros) -> None:
        """Step 5: mark what is lost; the reordering timer waits for the rest."""
        self._reorder_deadline = None
        window = self.reorder_window()
        for segment in self.scoreboard.segments:
            if segment.is_sacked or (segment.is_lost and not segment.is_retransmitted):
                continue
            if (segment.sent_at, segment.end) >= self._newest:
                continue
            due = segment.sent_at + self._rack_rtt + window
            if due <= now:
                self.scoreboard.mark_lost(segment)
            else:
                self._reorder_deadline = max(self._reorder_deadline or 0, due)
        if self._reorder_deadline is not None:
            self._probe_deadline = None

    # --- recovery ----------------------------------------------------------------------------------------------------

    def _enter(self, report: AckReport, *, now: Micros) -> None:
        sacked_before = self.scoreboard.sacked.octets - sum(segment.length for segment in report.newly_sacked)
        self._begin_reduction(now=now)
        delivered = self._delivered(report)
        # RFC 9937, 6.1: flight at the start, less what was SACKed before, with what this acknowledgment delivers.
        flight = self.scoreboard.out.octets + report.acked_octets - sacked_before
        self._prr = Prr(ssthresh=self.congestion.ssthresh, recover_fs=max(flight, delivered), smss=self.smss)
        self.recover = report.snd_max - 1
        self.ca_state = CaState.RECOVERY

    def _begin_reduction(self, *, now: Micros) -> None:
        flight = self.scoreboard.out.octets
        self._undo = Undo(self.congestion, flight=flight)
        self.congestion.on_congestion(flight=flight, now=now)

    def _reduce(self, report: AckReport, *, is_safe: bool) -> None:
        if self._prr is not None:
            self.congestion.cwnd = self._prr.window(
                delivered=self._delivered(report), in_flight=self.scoreboard.pipe, is_safe=is_safe
            )

    @staticmethod
    def _delivered(report: AckReport) -> int:
        acked = sum(segment.length for segment in report.acked if not segment.is_sacked)
        return acked + sum(segment.length for segment in report.newly_sacked)

    def _leave(self) -> None:
        """RFC 9937, 6.4: `cwnd` is `ssthresh` from here on."""
        self.congestion.cwnd = self.congestion.ssthresh
        self.ca_state = CaState.OPEN
        self._prr = self._undo = None
        if self._persist:
            self._persist -= 1
            if not self._persist:
                self._steps = 1

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """The segment has left; the retransmission timer takes the place of the probe's (7.2)."""
        self._probe_deadline = None
        if self._prr is not None:
            self._prr.on_sent(segment.length)
        super().on_retransmitted(segment, now=now)

    def on_timeout(self, *, snd_max: int, is_first: bool, now: Micros) -> None:
        """6.3: the first segment is lost, and those that are older than a round trip and the reordering window."""
        self._now = now
        super().on_timeout(snd_max=snd_max, is_first=is_first, now=now)
        self._prr = None
        self._probe_end = self._probe_deadline = self._reorder_deadline = None

    def _go_back(self, report: AckReport | None = None) -> None:  # noqa: ARG002
        """Everything outstanding counts as lost, but what left only just now (6.3)."""
        self._frto = self._new_data_limit = None
        oldest_kept = self._now - self._rack_rtt - self.reorder_window()
        for segment in self.scoreboard:
            if segment is self.scoreboard.front or segment.sent_at <= oldest_kept:
                self.scoreboard.mark_lost(segment)

    def room(self) -> int:
        """cwnd - pipe, or what F-RTO lets out."""
        forward = self.new_data_room()
        return self.congestion.cwnd - self.scoreboard.pipe if forward is None else forward

    # --- tail loss probe (section 7) ---------------------------------------------------------------------------------

    def arm_probe(self, *, now: Micros, rto_deadline: Micros) -> bool:
        """7.2: start the probe timer where a probe may be sent; tell whether one of the two timers runs now."""
        self._probe_deadline = None
        if self._reorder_deadline is not None:
            return True
        segments = self.scoreboard.out.segments
        is_allowed = self.ca_state in (CaState.OPEN, CaState.CWR) and self._probe_end is None
        if not segments or not is_allowed or self._probe_needs_sample:
            return False
        if self.rtt.srtt is None:
            wait = INITIAL_PROBE_US
        else:
            wait = 2 * self.rtt.srtt + (MAX_ACK_DELAY_US if segments == 1 else 0)
        self._probe_deadline = min(now + wait, rto_deadline)
        return self._probe_deadline < rto_deadline

    def on_probe_sent(self, *, snd_nxt: int, is_retransmission: bool) -> None:
        """7.3: one probe is outstanding, and a sample is needed before the next."""
        self._probe_end = snd_nxt
        self._is_probe_retransmission = is_retransmission
        self._probe_needs_sample = True

    def _judge_probe(self, report: AckReport, *, now: Micros) -> None:
        """7.4: did the probe repair a loss? Then that was congestion."""
        if self._probe_end is None or report.una < self._probe_end:
            return
        is_duplicate = not (report.acked_octets or report.newly_sacked or report.has_data)
        is_reported = report.dsack is not None and report.dsack[1] == self._probe_end
        if not self._is_probe_retransmission or is_reported or is_duplicate:
            self._probe_end = None
        elif report.una > self._probe_end:
            self._probe_end = None
            self._begin_reduction(now=now)
            self.congestion.cwnd = self.congestion.ssthresh
            self._undo = None

    def deadline(self) -> Micros | None:
        """When the reordering timer or the probe timer runs out; never both (section 8)."""
        return self._reorder_deadline if self._reorder_deadline is not None else self._probe_deadline

    def on_timer(self, *, now: Micros) -> bool:
        """The timer ran out: look for losses again, or send a probe."""
        if self._reorder_deadline is None:
            self._probe_deadline = None
            return True
        self._detect(now=now)
        if self.scoreboard.next_lost() is not None and self.ca_state is not CaState.RECOVERY:
            self._begin_reduction(now=now)
            recover_fs = self.scoreboard.out.octets - self.scoreboard.sacked.octets
            self._prr = Prr(ssthresh=self.congestion.ssthresh, recover_fs=recover_fs, smss=self.smss)
            self.recover = self.scoreboard.segments[-1].end - 1
            self._snd_max = self.recover + 1
            self.ca_state = CaState.RECOVERY
            self.congestion.cwnd = self._prr.window(delivered=0, in_flight=self.scoreboard.pipe, is_safe=False)
        return False
