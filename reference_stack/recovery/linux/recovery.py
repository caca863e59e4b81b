"""The state machine that reads acknowledgments: Open, Disorder, CWR, Recovery, Loss."""

from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.linux.state import Resend
from reference_stack.recovery.linux.timeouts import Timeouts
from reference_stack.recovery.scoreboard import SentSegment

RENEGING_US = 10_000
"""Least time until the timeout when SACKed data was taken back."""


class LinuxRecovery(Timeouts):
    """One connection's loss recovery in the way of Linux 6.18."""

    _original_arrived = False
    _sets_timer = False
    _retransmission_acked = False
    _has_reneged = False

    # --- acknowledgments ---------------------------------------------------------------------------------------------

    def on_ack(self, report: AckReport, *, now: Micros) -> None:
        """Take in an acceptable acknowledgment."""
        delivered_before, lost_before = self.delivered, self._lost_total
        self.una = report.una
        self._sets_timer = bool(report.acked)
        self._has_reneged = False
        if self._forced is not None and self._forced.end <= report.una:
            self._forced = None
        self.resend = Resend.NONE
        had_dsack = self.note_duplicate(report, una_before=report.una_before)
        self._take_deliveries(report, now=now)
        self.rack_widen(had_delivered=delivered_before)
        if self.probe_outcome(report, dsack_of_probe=had_dsack and self._is_dsack_of_probe(report)):
            self._on_probe_repaired(report, now=now)
        if self._is_dubious(report, had_dsack=had_dsack):
            self._alert(report, had_dsack=had_dsack, now=now)
        self._control(report, delivered=self.delivered - delivered_before, lost=self._lost_total - lost_before, now=now)
        self._fack = self.highest_sacked

    @property
    def awaits_probe_answer(self) -> bool:
        """A loss probe is out whose answer is not judged."""
        return self.probe_high_seq is not None

    def on_idle_ack(self, report: AckReport, *, now: Micros) -> None:  # noqa: ARG002
        """A duplicate behind the last acknowledgment may still tell that a probe was not needed."""
        self.probe_outcome(report, dsack_of_probe=False)

    def _is_dsack_of_probe(self, report: AckReport) -> bool:
        return report.dsack is not None and report.dsack[1] == self.probe_high_seq

    def _is_dubious(self, report: AckReport, *, had_dsack: bool) -> bool:
        return (
            not self.is_not_duplicate(report)
            or bool(report.newly_sacked)
            or report.congestion_echo
            or had_dsack
            or self.ca_state is not CaState.OPEN
        )

    def _take_deliveries(self, report: AckReport, *, now: Micros) -> None:
        """Count what arrived, advance RACK, and notice reordering."""
        self._original_arrived = self._retransmission_acked = False
        self._take_sacked(report, now=now)
        low = None
        for segment in report.acked:
            if segment.transmissions > 1:
                self._retransmission_acked = True
            elif not segment.is_sacked:
                low = segment.start if low is None else low
                self._note_original(segment)
            if not segment.is_sacked and self.has_sack:
                self.delivered += 1
                if not self._is_spurious(segment, report, now=now):
                    self.rack_deliver(segment, now=now)
        if not report.acked:
            return
        if not self.has_sack:
            self.remove_reno_sacks(len(report.acked))
            self._original_arrived &= not self._retransmission_acked
        elif low is not None and low < self._fack:
            self.remember_reordering(low, highest=self._fack)

    def _take_sacked(self, report: AckReport, *, now: Micros) -> None:
        highest = self._fack
        low: int | None = None
        for segment in report.newly_sacked:
            self.delivered += 1
            self.rack_deliver(segment, now=now)
            if segment.transmissions == 1:
                if segment.start < highest:
                    low = segment.start if low is None else min(low, segment.start)
                self._note_original(segment)
            highest = max(highest, segment.end)
        if low is not None and (self.ca_state is not CaState.LOSS or self.undo_marker is not None):
            self.remember_reordering(low, highest=highest)
        front = self.scoreboard.front
        first = next((segment for segment in report.newly_sacked if segment.transmissions == 1), None)
        if first is not None and front is not None and first.sent_at < front.sent_at:
            # What was sent before the front's last transmission arrived: the front still has its full time.
            self._sets_timer = True

    def _note_original(self, segment: SentSegment) -> None:
        if segment.end <= self.high_seq:
            self._original_arrived = True

    def _is_spurious(self, segment: SentSegment, report: AckReport, *, now: Micros) -> bool:
        """The echo is older than the retransmission: the original arrived."""
        if segment.transmissions == 1 or report.echo_delay is None:
            return False
        return now // 1000 - report.echo_delay // 1000 < segment.sent_at // 1000

    def _on_probe_repaired(self, report: AckReport, *, now: Micros) -> None:
        """A loss was repaired by a probe: reduce as for any loss (RFC 8985, 7.4.2)."""
        self.init_reduction(snd_nxt=report.snd_nxt, now=now)
        self.ca_state = CaState.CWR
        self.end_reduction()
        self.keep_open(snd_nxt=report.snd_nxt)

    # --- the state machine -------------------------------------------------------------------------------------------

    def _alert(self, report: AckReport, *, had_dsack: bool, now: Micros) -> None:
        """Something is out of the ordinary."""
        is_plain = not (report.acked_octets or self.is_not_duplicate(report) or had_dsack or report.is_old)
        duplicates = int(is_plain)
        if report.congestion_echo:
            self.prior_ssthresh = 0
        front = self.scoreboard.front
        if report.acked_octets and front is not None and front.is_sacked:
            # RFC 2018, section 8: the peer dropped it. Nothing is judged; a timeout comes soon, and forgets the SACKs.
            self._has_reneged = True
            self.probe_deadline = self.reorder_deadline = None
            return
        if self._is_state_over(report, now=now):
            return
        if self.ca_state is CaState.RECOVERY:
            self._in_recovery(report, duplicates, now=now)
        elif self.ca_state is CaState.LOSS:
            self._in_loss(report, duplicates, now=now)
        else:
            self._in_order(report, duplicates, now=now)

    def _is_state_over(self, report: AckReport, *, now: Micros) -> bool:
        """End CWR and Recovery when `high_seq` is acknowledged; tell whether nothing more is to be done."""
        if self.ca_state is CaState.OPEN:
            self.retransmitted_at = None
        elif report.una >= self.high_seq:
            if self.ca_state is CaState.CWR and report.una != self.high_seq:
                self.end_reduction()
                self.ca_state = CaState.OPEN
            elif self.ca_state is CaState.RECOVERY:
                self.reno_sacked = 0
                if self.try_undo_recovery(report, now=now):
                    return True
                self.end_reduction()
        return False

    def _in_recovery(self, report: AckReport, duplicates: int, *, now: Micros) -> None:
        if not report.acked_octets:
            if not self.has_sack:
                self.add_reno_sacks(duplicates)
        elif self._try_undo_partial(report, now=now):
            return
        if self.try_undo_dsack():
            self.try_to_open(snd_nxt=report.snd_nxt, is_marked=report.congestion_echo, now=now)
        self._identify_loss(report, now=now)
        if self.ca_state is not CaState.RECOVERY:
            if not self.scoreboard.lost.segments:
                return
            self.enter_recovery(snd_nxt=report.snd_nxt, is_marked=report.congestion_echo, now=now)
        self.resend = Resend.LOST

    def _try_undo_partial(self, report: AckReport, *, now: Micros) -> bool:
        """A hole was filled by a late original: undo, unless retransmissions are out (then send nothing more)."""
        if self.undo_marker is None or not self.is_packet_delayed(report, now=now):
            return False
        self.remember_reordering(report.una_before, highest=self.highest_sacked)
        if self.scoreboard.retransmitted.segments:
            return True
        if not self.any_retransmission_done():
            self.retransmitted_at = None
        self.undo_reduction(unmark_lost=True)
        self.keep_open(snd_nxt=report.snd_nxt)
        return False

    def _in_loss(self, report: AckReport, duplicates: int, *, now: Micros) -> None:
        self._process_loss(report, duplicates, now=now)
        retransmitted = self.scoreboard.retransmitted.segments
        self._identify_loss(report, now=now)
        if self.ca_state is CaState.OPEN or self.scoreboard.retransmitted.segments < retransmitted:
            self._in_order(report, duplicates, now=now)

    def _process_loss(self, report: AckReport, duplicates: int, *, now: Micros) -> None:
        """F-RTO (RFC 5682), or slow-start retransmission."""
        is_recovered = report.una >= self.high_seq
        if report.acked_octets and self.try_undo_loss(report, is_frto=False, now=now):
            return
        if self.is_frto:
            # Step 3b: something that was never sent again arrived.
            if self._original_arrived and self.try_undo_loss(report, is_frto=True, now=now):
                return
            if self._frto_sends_new(report, duplicates, is_recovered=is_recovered):
                return
        if is_recovered:
            self.try_undo_recovery(report, now=now)
            return
        if not self.has_sack:
            if report.snd_nxt > self.high_seq and duplicates:
                self.add_reno_sacks(duplicates)
            elif report.acked_octets:
                self.reno_sacked = 0
        self.resend = Resend.LOST

    def _frto_sends_new(self, report: AckReport, duplicates: int, *, is_recovered: bool) -> bool:
        if report.snd_nxt > self.high_seq:
            if report.newly_sacked or duplicates:
                self.is_frto = False
        elif report.acked_octets and not is_recovered:
            self.high_seq = report.snd_nxt
            # Step 2b: try new data.
            if report.can_send_new:
                self.resend = Resend.NEW
                return True
            self.is_frto = False
        return False

    def _in_order(self, report: AckReport, duplicates: int, *, now: Micros) -> None:
        """Open, Disorder, CWR, or Loss that ends in a new recovery."""
        if not self.has_sack:
            if report.acked_octets:
                self.reno_sacked = 0
            self.add_reno_sacks(duplicates)
        if self.ca_state <= CaState.DISORDER:
            self.try_undo_dsack()
        self._identify_loss(report, now=now)
        if not self.scoreboard.lost.segments:
            self.try_to_open(snd_nxt=report.snd_nxt, is_marked=report.congestion_echo, now=now)
            return
        if report.is_mtu_probe_first and self.ca_state < CaState.CWR:
            # RFC 4821, 7.6.2: a lost probe is no sign of congestion. It had taken the room of two segments.
            report.has_mtu_probe_failed = True
            self.control.cwnd += 1
            oversized = [segment for segment in self.scoreboard if segment.length > self.mss]
            self.on_too_big(oversized, snd_max=report.snd_nxt)
            return
        self.enter_recovery(snd_nxt=report.snd_nxt, is_marked=report.congestion_echo, now=now)
        self.resend = Resend.LOST

    def _identify_loss(self, report: AckReport, *, now: Micros) -> None:
        """RACK, or the third duplicate and partial acknowledgments of New Reno."""
        front = self.scoreboard.front
        if front is None:
            return
        if self.has_sack:
            if self.rack_detect(now=now):
                self._sets_timer = False
            return
        is_evident = self.ca_state < CaState.RECOVERY and self.reno_sacked >= self.dupthresh
        is_partial = self.ca_state is CaState.RECOVERY and report.acked_octets > 0
        if (is_evident or is_partial) and not front.is_lost:
            self.mark_lost(front)

    def _control(self, report: AckReport, *, delivered: int, lost: int, now: Micros) -> None:
        """Reduce the window, or let it grow."""
        last = next((s for s in reversed(report.acked + report.newly_sacked) if s.transmissions == 1), None)
        if last is not None and not self._retransmission_acked:
            self.control.on_sample(now - last.sent_at, una=report.una, nxt=report.snd_nxt, now=now)
        if self.is_reducing:
            self.reduce(delivered=delivered, lost=lost, una_advanced=report.acked_octets > 0)
        elif report.acked or (self.dupthresh > self.settings.reordering and report.newly_sacked):
            self.control.on_ack(delivered, flight=report.flight_segments, now=now)

    # --- what leaves -------------------------------------------------------------------------------------------------

    @property
    def prefers_new_data(self) -> bool:
        """F-RTO tries new data first (RFC 5682, step 2b)."""
        return self.resend is Resend.NEW

    def on_new_data_tried(self, *, snd_nxt: int) -> None:
        """Without new data the conventional recovery follows."""
        if snd_nxt > self.high_seq:
            self.resend = Resend.NONE
        else:
            self.is_frto = False
            self.resend = Resend.LOST

    def next_retransmission(self) -> SentSegment | None:
        """After a timeout the front; else lost segments, as the window allows."""
        if self._forced is not None:
            return self._forced
        if self.resend is not Resend.LOST or self.control.cwnd <= self.in_flight:
            return None
        board = self.scoreboard
        if board.retransmitted.segments >= board.lost.segments:
            # Also where something else was sent again than what is lost now (tcp_xmit_retransmit_queue()).
            return None
        return board.next_lost()

    @property
    def retransmission_quota(self) -> int:
        """Segments that may leave again in one frame."""
        return 1 if self._forced is not None else max(self.control.cwnd - self.in_flight, 1)

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """A segment has left again; the retransmission timer takes the place of the probe's (RFC 8985, 7.2)."""
        self.probe_deadline = None
        if self._forced is not None:
            self._forced = None
        elif self.is_reducing:
            self.prr_out += 1
        if self.retransmitted_at is None:
            self.retransmitted_at = now
        self.undo_retrans = (self.undo_retrans or 0) + 1
        super().on_retransmitted(segment, now=now)

    def on_retransmission_refused(self, segments: int, *, now: Micros) -> bool:
        """The device refused a retransmission of so many segments; tell whether a timeout had asked for it."""
        is_forced, self._forced = self._forced is not None, None
        if self.retransmitted_at is None:
            self.retransmitted_at = now
        self.undo_retrans = (self.undo_retrans or 0) + segments
        return is_forced

    def hurried_timeout(self) -> Micros | None:
        """Half a round trip, at least 10 ms, after the peer took back what it had SACKed (tcp_check_sack_reneging)."""
        return max((self.rtt.srtt or 0) >> 1, RENEGING_US) if self._has_reneged else None

    def restarts_timer(self, report: AckReport) -> bool:  # noqa: ARG002
        """Tell whether the timer starts anew."""
        return self._sets_timer

    def note_transmission(self, segments: int, *, is_full: bool, snd_nxt: int) -> None:
        """So many new segments left; `is_full` says that the window kept more from leaving."""
        if self.is_reducing:
            self.prr_out += segments
        self.control.note_usage(flight=self.scoreboard.out.segments, is_full=is_full, una=self.una, nxt=snd_nxt)

    # --- timers ------------------------------------------------------------------------------------------------------

    def on_timer(self, *, now: Micros) -> bool:
        """The reordering timer or the probe timer ran out."""
        if self.reorder_deadline is None:
            self.probe_deadline = None
            return self.is_probe_allowed()
        self.reorder_deadline = None
        lost, before = self._lost_total, self.in_flight
        self.rack_mark(now=now)
        if self.in_flight != before:
            if self.ca_state is not CaState.RECOVERY:
                snd_nxt = self.scoreboard.segments[-1].end
                self.enter_recovery(snd_nxt=snd_nxt, is_marked=False, now=now)
                self.reduce(delivered=1, lost=self._lost_total - lost, una_advanced=False)
            self.resend = Resend.LOST
        return False

    def on_congestion_mark(self, *, snd_max: int, now: Micros) -> None:
        """Marks are read in `on_ack`."""
