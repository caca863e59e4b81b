"""What the two recoveries of the RFCs share: octet counting, timeout, ECN response, slow start after a loss."""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, CaState, LossRecovery, Micros
from reference_stack.recovery.frto import Frto, FrtoVerdict
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment
from reference_stack.recovery.undo import Undo


class OctetRecovery(LossRecovery):
    """Base of `NewReno` and `SackRecovery`. `SMSS` is the congestion control's `quantum`."""

    def __init__(self, *, scoreboard: Scoreboard, congestion: CongestionControl, una: int, dupthresh: int = 3) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=dupthresh)
        self._flight_at_first_duplicate = 0
        self._marked_until = una - 1
        self._forced: SentSegment | None = None
        self.has_frto = False
        """F-RTO is tried after a timeout (RFC 5682)."""
        self._frto: Frto | None = None
        self._new_data_limit: int | None = None
        """While F-RTO waits: up to which flight new data may leave."""
        self._put_off: tuple[AckReport, Micros] | None = None
        self._undo: Undo | None = None

    has_sack = False
    """Whether duplicates bring SACK blocks."""

    @property
    def smss(self) -> int:
        """Octets of a full-sized segment."""
        return self.congestion.quantum

    def on_timeout(self, *, snd_max: int, is_first: bool, now: Micros) -> None:
        """RFC 5681, 3.1 and RFC 6582, 3.2 step 6: one segment, everything outstanding counts as lost."""
        # RFC 5682, 3.1: not when an earlier recovery is under way.
        is_tried = self.has_frto and self.ca_state is not CaState.RECOVERY
        if is_first:
            self._undo = Undo(self.congestion, flight=self.scoreboard.out.octets)
        self.congestion.on_timeout(flight=self.scoreboard.out.octets, is_first=is_first, now=now)
        self.recover = snd_max - 1
        self.ca_state = CaState.LOSS
        self.dupacks = 0
        self._frto = Frto(recover=self.recover, has_sack=self.has_sack) if is_tried else None
        self._new_data_limit = 0 if is_tried else None
        if not is_tried:
            self._go_back()
        self._forced = self.scoreboard.front
        if self._forced is not None:
            self.scoreboard.mark_lost(self._forced)

    def _go_back(self, report: AckReport | None = None) -> None:
        """Everything outstanding counts as lost but what `report` says has arrived (RFC 6675, 5.1)."""
        self._frto = self._new_data_limit = None
        # RFC 2018, section 5: after a timeout the sender should forget what was SACKed: the peer may have dropped it.
        front = self.scoreboard.front
        is_repeated = front is not None and front.is_retransmitted and report is not None and not report.acked_octets
        self.scoreboard.mark_all_lost(keep_sacks=False, on_its_way=front if is_repeated else None)
        for left, right in report.blocks if report is not None else ():
            self.scoreboard.sack(left, right)

    def judge_timeout(self, report: AckReport, *, now: Micros) -> bool:
        """F-RTO: read an acknowledgment behind a timeout; tell whether it needs no further treatment."""
        if self._frto is None:
            return False
        verdict = self._frto.on_ack(report)
        if verdict is FrtoVerdict.SEND_NEW:
            self._new_data_limit = self.scoreboard.out.octets + 2 * self.smss
            self._put_off = report, now
        elif verdict is FrtoVerdict.SPURIOUS:
            self._restore(report)
        elif verdict is not FrtoVerdict.WAIT:
            self._go_back(report)
            if verdict is FrtoVerdict.LOST_AFTER_NEW:
                self.congestion.cwnd = min(self.congestion.cwnd, 3 * self.smss)
            return False
        return True

    def _restore(self, report: AckReport) -> None:
        """The reduction was not needed: what was thought lost is on its way, the window comes back (RFC 4015)."""
        self._frto = self._new_data_limit = None
        for segment in self.scoreboard:
            self.scoreboard.unmark_lost(segment)
        if self._undo is not None:
            self._undo.restore(self.congestion, flight=self.scoreboard.out.octets, acked=report.acked_octets)
        self._undo = self._forced = None
        self.ca_state = CaState.OPEN

    def undo_if_unneeded(self, report: AckReport, *, now: Micros) -> bool:
        """Take a reduction back that the acknowledgment proves wrong; tell whether it did."""
        if self._undo is None or not self._undo.is_proved_wrong(report, now=now):
            return False
        self._restore(report)
        return True

    @property
    def prefers_new_data(self) -> bool:
        """F-RTO sends new data before it sends anything again (RFC 5682, step 2b)."""
        return bool(self._new_data_limit)

    def on_new_data_tried(self, *, snd_nxt: int) -> None:
        """Without new data, or room for it in the peer's window, the usual recovery follows."""
        put_off, self._put_off = self._put_off, None
        if snd_nxt - 1 > self.recover:
            self._new_data_limit = 0
            return
        self._go_back(put_off[0] if put_off is not None else None)
        if put_off is not None:
            report, now = put_off
            self._grow(report, now=now)

    def new_data_room(self) -> int | None:
        """Return what F-RTO lets out; None when it is not at work."""
        if self._new_data_limit is None:
            return None
        return max(self._new_data_limit - self.scoreboard.out.octets, 0)

    def on_congestion_mark(self, *, snd_max: int, now: Micros) -> None:
        """RFC 3168, 6.1.2: halve the window, once per window of data, and not again within loss recovery."""
        front = self.scoreboard.front
        una = front.start if front else snd_max
        if self.ca_state in (CaState.RECOVERY, CaState.LOSS) or una <= self._marked_until:
            return
        self.congestion.on_congestion(flight=self.scoreboard.out.octets, now=now)
        self.congestion.cwnd = self.congestion.ssthresh
        self._marked_until = snd_max - 1
        self.ca_state = CaState.CWR

    def next_retransmission(self) -> SentSegment | None:
        """The forced one first, then lost segments in order as `pipe` allows (RFC 6675, rule 1)."""
        if self._forced is not None:
            return self._forced
        segment = None if self._frto is not None else self.scoreboard.next_lost()
        if segment is None:
            return None
        pipe = self.scoreboard.pipe
        return segment if pipe == 0 or pipe + segment.length <= self.congestion.cwnd else None

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """The segment has left."""
        if segment is self._forced:
            self._forced = None
        if self._undo is not None:
            self._undo.on_retransmitted(now=now)
        super().on_retransmitted(segment, now=now)

    def _force(self, segment: SentSegment | None) -> None:
        """Send this one again whatever `pipe` says (RFC 6675, section 5, step 4.3)."""
        if segment is not None:
            self.scoreboard.mark_lost(segment)
        self._forced = segment

    def _drop_forced_if_acknowledged(self, report: AckReport) -> None:
        if self._forced is not None and self._forced.end <= report.una:
            self._forced = None

    def _grow(self, report: AckReport, *, now: Micros) -> None:
        """Grow the window for new data acknowledged outside fast recovery."""
        if report.sample is not None:
            self.congestion.on_sample(report.sample, una=report.una, nxt=report.snd_nxt, now=now)
        if self.ca_state is CaState.LOSS and report.una > self.recover:
            self.ca_state = CaState.OPEN
            self._undo = None
        if self.ca_state is CaState.CWR and report.una > self._marked_until:
            self.ca_state = CaState.OPEN
        # RFC 3168, 6.1.2: the window should not grow on an acknowledgment that carries ECE.
        if report.congestion_echo or self.ca_state is CaState.CWR:
            return
        self.congestion.on_ack(report.acked_octets, flight=report.flight, now=now)

    def _flight_without_limited_transmit(self) -> int:
        """RFC 5681, 3.2 step 2: octets sent by limited transmit do not count."""
        return min(self.scoreboard.out.octets, self._flight_at_first_duplicate or self.scoreboard.out.octets)
