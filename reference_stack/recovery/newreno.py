"""Fast retransmit and fast recovery without SACK: RFC 5681 (3.2) with RFC 6582, and limited transmit (RFC 3042)."""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.octets import OctetRecovery
from reference_stack.recovery.scoreboard import Scoreboard
from reference_stack.recovery.undo import Undo


class NewReno(OctetRecovery):
    """Counts duplicate acknowledgments; `cwnd` is inflated while in recovery."""

    def __init__(self, *, scoreboard: Scoreboard, congestion: CongestionControl, una: int, dupthresh: int = 3) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=dupthresh)
        # RFC 6582, 3.2 step 1: the initial send sequence number; the first ACK covers more than that.
        self.recover = una - 2
        self._partial_acks = 0

    def on_ack(self, report: AckReport, *, now: Micros) -> None:
        """Take in an acceptable acknowledgment."""
        self._drop_forced_if_acknowledged(report)
        if self.judge_timeout(report, now=now) or self.undo_if_unneeded(report, now=now):
            return
        if report.acked_octets > 0:
            if self.ca_state is CaState.RECOVERY:
                self._on_ack_in_recovery(report)
            else:
                self._grow(report, now=now)
            self.dupacks = 0
        elif report.is_duplicate:
            self._on_duplicate(report, now=now)

    def _on_duplicate(self, report: AckReport, *, now: Micros) -> None:
        self.dupacks += 1
        if self.ca_state is CaState.RECOVERY:
            # RFC 5681, 3.2 step 4, with the limit on inflation that it allows against forged duplicates.
            if self.dupacks <= self.scoreboard.out.segments:
                self.congestion.cwnd += self.smss
            return
        if self.dupacks == 1:
            self._flight_at_first_duplicate = self.scoreboard.out.octets
        # RFC 6582, 3.2 step 2: only when the acknowledgment covers more than `recover`, the highest number sent then.
        if self.dupacks == self.dupthresh and report.una - 1 > self.recover:
            self._enter(report, now=now)

    def _enter(self, report: AckReport, *, now: Micros) -> None:
        congestion = self.congestion
        self._undo = Undo(congestion, flight=self._flight_without_limited_transmit())
        congestion.on_congestion(flight=self._flight_without_limited_transmit(), now=now)
        # RFC 5681, 3.2 step 3: the three segments that caused the duplicates have left the network.
        congestion.cwnd = congestion.ssthresh + 3 * self.smss
        self.recover = report.snd_max - 1
        self.ca_state = CaState.RECOVERY
        self._partial_acks = 0
        self._force(self.scoreboard.front)

    def _on_ack_in_recovery(self, report: AckReport) -> None:
        congestion = self.congestion
        if report.una > self.recover:
            # RFC 6582, 3.2 step 3, full acknowledgment, option 1.
            congestion.cwnd = min(congestion.ssthresh, max(self.scoreboard.pipe, self.smss) + self.smss)
            self.ca_state = CaState.OPEN
            self._undo = None
            return
        # Partial acknowledgment: the next hole leaves at once, the window deflates by what was acknowledged.
        self._partial_acks += 1
        self._force(self.scoreboard.front)
        congestion.cwnd = max(congestion.cwnd - report.acked_octets, self.smss)
        if report.acked_octets >= self.smss:
            congestion.cwnd += self.smss

    def room(self) -> int:
        """The window less what is outstanding; two segments more for the first duplicates (RFC 3042)."""
        forward = self.new_data_room()
        if forward is not None:
            return forward
        limited = min(self.dupacks, 2) * self.smss if self.ca_state in (CaState.OPEN, CaState.CWR) else 0
        return self.congestion.cwnd + limited - self.scoreboard.pipe

    def restarts_timer(self, report: AckReport) -> bool:
        """RFC 6582, 3.2 step 3: of the partial acknowledgments only the first restarts the timer."""
        if report.acked_octets <= 0:
            return False
        return self.ca_state is not CaState.RECOVERY or self._partial_acks <= 1
