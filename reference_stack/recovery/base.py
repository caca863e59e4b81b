"""What a loss recovery is: it reads acknowledgments and decides what leaves again and how much may be new.

A recovery owns a `Scoreboard` and a `CongestionControl`. It knows no connection: an acknowledgment reaches it as an
`AckReport`, a timeout as a call, and the sender asks `next_retransmission` and `room`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from reference_stack.congestion.base import CongestionControl
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment

Micros: TypeAlias = int


class CaState(IntEnum):
    """``tcpi_ca_state`` of ``TCP_INFO``: how the sender sees the path."""

    OPEN = 0
    DISORDER = 1
    CWR = 2
    RECOVERY = 3
    LOSS = 4


@dataclass(slots=True)
class AckReport:
    """What one acknowledgment said, after the scoreboard took it in.

    `is_duplicate` is the definition of RFC 5681, section 2. `flight` is the outstanding octets and `flight_segments`
    the outstanding segments before this acknowledgment. `dsack` is a block that reported a duplicate (RFC 2883),
    `blocks` are the others, in order.
    `echo_delay` is the age of the timestamp that the peer echoed, or None; `sample` the round trip that was measured.
    `can_send_new` says that unsent data fits the peer's window; `is_old` that the acknowledgment is below SND.UNA.
    `is_mtu_probe_first` says that the segment at SND.UNA is a probe for the path MTU; recovery sets
    `has_mtu_probe_failed` when it takes the loss of that for a sign of its size.
    `duplicates_reported` and `retransmissions` count since the connection began.
    """

    una_before: int
    una: int
    snd_max: int
    flight: int
    flight_segments: int
    is_duplicate: bool = False
    is_window_update: bool = False
    is_old: bool = False
    has_data: bool = False
    snd_nxt: int = 0
    can_send_new: bool = False
    acked: list[SentSegment] = field(default_factory=list)
    newly_sacked: list[SentSegment] = field(default_factory=list)
    dsack: tuple[int, int] | None = None
    blocks: tuple[tuple[int, int], ...] = ()
    has_sack: bool = False
    congestion_echo: bool = False
    duplicates_reported: int = 0
    retransmissions: int = 0
    echo_delay: Micros | None = None
    is_mtu_probe_first: bool = False
    has_mtu_probe_failed: bool = False
    sample: Micros | None = None

    @property
    def acked_octets(self) -> int:
        """Sequence numbers that the acknowledgment newly covers."""
        return self.una - self.una_before


class LossRecovery(ABC):
    """One connection's loss recovery."""

    def __init__(self, *, scoreboard: Scoreboard, congestion: CongestionControl, una: int, dupthresh: int = 3) -> None:
        self.scoreboard = scoreboard
        self.congestion = congestion
        self.dupthresh = dupthresh
        self.dupacks = 0
        self.ca_state = CaState.OPEN
        self.recover = una - 1
        """Highest sequence number sent when the last recovery began (RFC 6582); at first the ISS."""
        self.reorderings = 0
        """How often reordering was seen, where the recovery looks for it."""

    def use(self, congestion: CongestionControl) -> None:
        """Go on with another congestion control."""
        self.congestion = congestion

    @abstractmethod
    def on_ack(self, report: AckReport, *, now: Micros) -> None:
        """Take in an acceptable acknowledgment."""

    @property
    def awaits_probe_answer(self) -> bool:
        """A loss probe is out whose answer is not judged, so that acknowledgments matter with nothing outstanding."""
        return False

    def on_idle_ack(self, report: AckReport, *, now: Micros) -> None:  # noqa: ARG002
        """An acknowledgment came while nothing was outstanding."""
        return

    @abstractmethod
    def on_timeout(self, *, snd_max: int, is_first: bool, now: Micros) -> None:
        """The retransmission timer expired: everything outstanding is to be sent again."""

    def on_too_big(self, oversized: list[SentSegment], *, snd_max: int) -> None:
        """The path has a smaller MTU than these segments: send them again, no congestion signal (RFC 8201, 5.4)."""
        for segment in oversized:
            self.scoreboard.mark_lost(segment)
        if oversized:
            self.ca_state = CaState.LOSS
            self.recover = snd_max - 1

    @abstractmethod
    def room(self) -> int:
        """Octets of new data that congestion control lets out now."""

    @abstractmethod
    def next_retransmission(self) -> SentSegment | None:
        """Return what is to be sent again now, or None."""

    def last_resort(self) -> SentSegment | None:
        """Return what may be sent again although it is not judged lost, asked when no new data can leave; or None."""
        return None

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """The segment that `next_retransmission` gave has left."""
        self.scoreboard.on_retransmitted(segment, now=now)

    def on_congestion_mark(self, *, snd_max: int, now: Micros) -> None:  # noqa: ARG002
        """The peer echoed an ECN mark: react once in a round trip (RFC 3168, 6.1.2)."""
        return

    @property
    def prefers_new_data(self) -> bool:
        """New data is to be tried before retransmissions (F-RTO, RFC 5682, step 2b)."""
        return False

    def on_new_data_tried(self, *, snd_nxt: int) -> None:  # noqa: ARG002
        """New data was tried first; SND.NXT tells whether any could leave."""
        return

    def arm_probe(self, *, now: Micros, rto_deadline: Micros) -> bool:  # noqa: ARG002
        """Tell whether a loss probe or reordering timer runs in place of the retransmission timer."""
        return False

    def on_probe_sent(self, *, snd_nxt: int, is_retransmission: bool) -> None:  # noqa: ARG002
        """A loss probe left."""
        return

    def on_segment_size(self, mss: int) -> None:  # noqa: ARG002
        """The payload of a full segment changed."""
        return

    def restarts_timer(self, report: AckReport) -> bool:
        """Tell whether an acknowledgment of new data restarts the retransmission timer (RFC 6298, 5.3)."""
        return report.acked_octets > 0

    def hurried_timeout(self) -> Micros | None:
        """Return how soon after an acknowledgment the timeout is to come where that differs from the RTO, or None."""
        return None

    def deadline(self) -> Micros | None:
        """When `on_timer` wants to be called (reordering timer, loss probe), or None."""
        return None

    def on_timer(self, *, now: Micros) -> bool:  # noqa: ARG002
        """The deadline has come; tell whether a loss probe is to be sent."""
        return False
