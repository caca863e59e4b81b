"""The variables of Linux' loss recovery and what all its mechanisms use."""

from dataclasses import dataclass
from enum import Enum
from typing import cast

from reference_stack.congestion.base import CongestionControl
from reference_stack.congestion.segments import SegmentControl
from reference_stack.recovery.base import AckReport, CaState, LossRecovery, Micros
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment
from reference_stack.rtt import RttEstimator


@dataclass(slots=True)
class LossSettings:
    """What sysctls say about loss recovery."""

    has_sack: bool = True
    reordering: int = 3
    """``tcp_reordering``: the duplicate threshold at first."""
    max_reordering: int = 300
    """``tcp_max_reordering``."""
    has_frto: bool = True
    """``tcp_frto``."""
    has_loss_probe: bool = True
    """``tcp_early_retrans`` 3 or 4."""
    rto_min: Micros = 200_000
    """Least timeout; a probe for a single segment waits so much longer."""


class Resend(Enum):
    """What an acknowledgment lets out again."""

    NONE = "nothing"
    LOST = "lost segments"
    NEW = "new data first (F-RTO)"


class RecoveryVariables(LossRecovery):
    """Variables and counts. Everything is counted in segments; sequence numbers are unbounded."""

    def __init__(
        self,
        *,
        scoreboard: Scoreboard,
        congestion: SegmentControl,
        una: int,
        rtt: RttEstimator,
        settings: LossSettings,
    ) -> None:
        super().__init__(scoreboard=scoreboard, congestion=congestion, una=una, dupthresh=settings.reordering)
        self.control = congestion
        self.rtt = rtt
        self.settings = settings
        self.una = una
        self.high_seq = una
        """SND.NXT when the present state began: it ends when this is acknowledged."""
        self.reno_sacked = 0
        """Without SACK: duplicates, each standing for a segment that left the network."""
        self.delivered = 0
        self.resend = Resend.NONE
        self.mss = 1
        self._init_reduction()
        self._init_undo()
        self._init_rack()

    def use(self, congestion: CongestionControl) -> None:
        """Go on with another congestion control; it counts segments."""
        super().use(congestion)
        self.control = cast(SegmentControl, congestion)

    def _init_reduction(self) -> None:
        self.prior_cwnd = 0
        self.prr_delivered = 0
        self.prr_out = 0

    def _init_undo(self) -> None:
        self.undo_marker: int | None = None
        """SND.UNA when the reduction was made that may still be undone."""
        self.undo_retrans: int | None = None
        """Retransmissions not yet reported as duplicates; None: none was made, so nothing proves anything."""
        self.prior_ssthresh = 0
        self.retransmitted_at: Micros | None = None
        """When this episode's first retransmission left."""
        self.is_frto = False

    def _init_rack(self) -> None:
        self.rack_sent_at: Micros = 0
        self.rack_end = 0
        self.rack_rtt: Micros = 0
        self.is_rack_advanced = False
        self.reorder_steps = 1
        self.reorder_persist = 0
        self.reorder_dsack_seen = False
        self.reorder_delivered = 0
        self.probe_high_seq: int | None = None
        """SND.NXT when the outstanding loss probe left."""
        self.is_probe_retransmission = False
        self.probe_deadline: Micros | None = None
        self.reorder_deadline: Micros | None = None

    # --- counts ------------------------------------------------------------------------------------------------------

    @property
    def has_sack(self) -> bool:
        """SACK was negotiated."""
        return self.settings.has_sack

    @property
    def sacked(self) -> int:
        """Segments that left the network out of order."""
        return self.scoreboard.sacked.segments if self.has_sack else self.reno_sacked

    @property
    def in_flight(self) -> int:
        """Segments thought to be in the network."""
        board = self.scoreboard
        return board.out.segments - self.sacked - board.lost.segments + board.retransmitted.segments

    @property
    def is_reducing(self) -> bool:
        """The window is being reduced."""
        return self.ca_state in (CaState.CWR, CaState.RECOVERY)

    def on_segment_size(self, mss: int) -> None:
        """The payload of a full segment changed."""
        self.mss = mss

    @property
    def highest_sacked(self) -> int:
        """End of the rightmost SACKed segment; SND.UNA when there is none."""
        if not self.has_sack or not self.scoreboard.sacked.segments:
            return self.una
        return self.scoreboard.highest_sacked or self.una

    @property
    def min_rtt(self) -> Micros:
        """Shortest round trip."""
        return self.rtt.min_rtt or 0

    def any_retransmission_done(self) -> bool:
        """Tell whether anything outstanding was sent twice."""
        board = self.scoreboard
        return bool(board.retransmitted.segments) or (board.front is not None and board.front.transmissions > 1)

    def mark_lost(self, segment: SentSegment) -> None:
        """Count a segment, and its retransmission, as lost."""
        self.scoreboard.mark_lost(segment)

    def room(self) -> int:
        """Segments' worth of octets that the window lets out."""
        return max(self.control.cwnd - self.in_flight, 0) * self.mss

    def remember_reordering(self, low: int, *, highest: int) -> None:
        """A hole at `low` was filled by an original transmission although `highest` had arrived before."""
        if low >= highest:
            return
        distance = highest - low
        if distance > self.dupthresh * self.mss:
            self.dupthresh = min((distance + self.mss - 1) // self.mss, self.settings.max_reordering)
        self.reorderings += 1

    def is_echo_before_retransmission(self, report: AckReport, *, now: Micros) -> bool:
        """Eifel detection (RFC 3522): the echoed timestamp is older than the first retransmission."""
        if self.retransmitted_at is None or report.echo_delay is None:
            return False
        return now // 1000 - report.echo_delay // 1000 < self.retransmitted_at // 1000
