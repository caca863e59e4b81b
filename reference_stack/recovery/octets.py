"""What the two recoveries of the RFCs share: octet counting, timeout, ECN response, slow start after a loss."""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, CaState, LossRecovery, Micros
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment


class OctetRecovery(LossRecovery):
    """Base of `NewReno` and `SackRecovery`. `SMSS` is the congestion control's `quantum`."""

    def __init__(self, *, scoreboard: Scoreboard, congestion: CongestionControl, una: int, dupthresh: int = 3) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=dupthresh)
        self._flight_at_first_duplicate = 0
        self._marked_until = una - 1
        self._forced: SentSegment | None = None

    @property
    def smss(self) -> int:
        """Octets of a full-sized segment."""
        return self.congestion.quantum

    def on_timeout(self, *, snd_max: int, is_first: bool, now: Micros) -> None:
        """RFC 5681, 3.1 and RFC 6582, 3.2 step 6: one segment, everything outstanding counts as lost."""
        self.congestion.on_timeout(flight=self.scoreboard.out.octets, is_first=is_first, now=now)
        # RFC 2018, section 5: after a timeout the sender should forget what was SACKed: the peer may have dropped it.
        self.scoreboard.mark_all_lost(keep_sacks=False)
        self.recover = snd_max - 1
        self.ca_state = CaState.LOSS
        self.dupacks = 0
        self._forced = self.scoreboard.front

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
        segment = self.scoreboard.next_lost()
        if segment is None:
            return None
        pipe = self.scoreboard.pipe
        return segment if pipe == 0 or pipe + segment.length <= self.congestion.cwnd else None

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """The segment has left."""
        if segment is self._forced:
            self._forced = None
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
        if self.ca_state is CaState.LOSS and report.una > self.recover:
            self.ca_state = CaState.OPEN
        if self.ca_state is CaState.CWR and report.una > self._marked_until:
            self.ca_state = CaState.OPEN
        # RFC 3168, 6.1.2: the window should not grow on an acknowledgment that carries ECE.
        if report.congestion_echo or self.ca_state is CaState.CWR:
            return
        self.congestion.on_ack(report.acked_octets, flight=report.flight, now=now)

    def _flight_without_limited_transmit(self) -> int:
        """RFC 5681, 3.2 step 2: octets sent by limited transmit do not count."""
        return min(self.scoreboard.out.octets, self._flight_at_first_duplicate or self.scoreboard.out.octets)
