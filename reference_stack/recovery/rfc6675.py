"""Conservative loss recovery with SACK (RFC 6675)."""

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.base import AckReport, CaState, Micros
from reference_stack.recovery.octets import OctetRecovery
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment
from reference_stack.recovery.undo import Undo


class SackRecovery(OctetRecovery):
    """`pipe` decides how much leaves; a duplicate is an acknowledgment with new SACK information (section 2)."""

    has_sack = True

    def __init__(self, *, scoreboard: Scoreboard, congestion: CongestionControl, una: int, dupthresh: int = 3) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=dupthresh)
        self._is_rescued = False

    def on_ack(self, report: AckReport, *, now: Micros) -> None:
        """Take in an acceptable acknowledgment (section 5)."""
        self._drop_forced_if_acknowledged(report)
        if self.judge_timeout(report, now=now) or self.undo_if_unneeded(report, now=now):
            return
        if report.acked_octets > 0:
            self.dupacks = 0
        elif report.newly_sacked:
            self.dupacks += 1
            if self.dupacks == 1:
                self._flight_at_first_duplicate = self.scoreboard.out.octets
        if report.newly_sacked or report.acked_octets > 0:
            self._mark_lost()
        if self.ca_state is CaState.RECOVERY and report.una > self.recover:
            # The window already is ssthresh; SACK marks stay (section 5, step A).
            self.ca_state = CaState.OPEN
            self._undo = None
        if self.ca_state is CaState.RECOVERY:
            return
        if report.acked_octets > 0:
            self._grow(report, now=now)
        # `recover` also keeps a new recovery out until data sent before a timeout is acknowledged (section 5.1).
        if report.una > self.recover and self._is_loss_evident():
            self._enter(report, now=now)

    def _is_loss_evident(self) -> bool:
        front = self.scoreboard.front
        return front is not None and not front.is_sacked and (self.dupacks >= self.dupthresh or front.is_lost)

    def _enter(self, report: AckReport, *, now: Micros) -> None:
        """Section 5, step 4."""
        self.recover = report.snd_max - 1
        flight = self._flight_without_limited_transmit() if self.dupacks > 1 else self.scoreboard.out.octets
        self._undo = Undo(self.congestion, flight=flight)
        self.congestion.on_congestion(flight=flight, now=now)
        self.congestion.cwnd = self.congestion.ssthresh
        self.ca_state = CaState.RECOVERY
        self._is_rescued = False
        self._force(self.scoreboard.front)

    def _mark_lost(self) -> None:
        """IsLost of section 4: three SACKed runs, or more than two segments of SACKed octets, lie above."""
        board = self.scoreboard
        if board.highest_sacked is None:
            return
        runs, octets, inside_run = 0, 0, False
        for index in range(len(board.segments) - 1, -1, -1):
            segment = board.segments[index]
            if segment.is_sacked:
                octets += segment.length
                runs += not inside_run
            inside_run = segment.is_sacked
            if runs >= self.dupthresh or octets > (self.dupthresh - 1) * self.smss:
                self._mark_lost_below(index)
                return

    def _mark_lost_below(self, index: int) -> None:
        segments = self.scoreboard.segments
        for position in range(index - 1, -1, -1):
            segment = segments[position]
            if segment.is_lost or segment.is_retransmitted:
                # What lies further left was judged when this one was.
                if segment.is_lost:
                    return
                continue
            self.scoreboard.mark_lost(segment)

    def room(self) -> int:
        """RFC 6675: cwnd - pipe."""
        forward = self.new_data_room()
        if forward is not None:
            return forward
        return self.congestion.cwnd - self.scoreboard.pipe

    def last_resort(self) -> SentSegment | None:
        """Rules 3 and 4 of NextSeg, asked when no new data can leave: a hole not judged lost, or the rescue."""
        board = self.scoreboard
        if self.ca_state is not CaState.RECOVERY or self.room() < self.smss:
            return None
        highest = board.highest_sacked
        if highest is not None:
            for segment in board.segments:
                if segment.start >= highest:
                    break
                if not (segment.is_sacked or segment.is_lost or segment.is_retransmitted):
                    return segment
        if self._is_rescued:
            return None
        self._is_rescued = True
        last = next((segment for segment in reversed(board.segments) if not segment.is_sacked), None)
        # What is on its way again already needs no rescue.
        return None if last is None or last.is_retransmitted else last
