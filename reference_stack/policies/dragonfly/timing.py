"""Times and counts of DragonFly BSD: retransmission, giving up, acknowledging, TIME-WAIT (tcp(4))."""

from typing import TYPE_CHECKING

from reference_stack.policies.acking import DelayedAck
from reference_stack.policies.limits import Limits
from reference_stack.policies.time_wait import TimeWait
from reference_stack.rtt import Micros, RttEstimator
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)

LONGEST_RTO_US = 64_000_000
"""4.4BSD, TCPTV_REXMTMAX; tcp(4) does not say one."""


class SlopEstimator(RttEstimator):
    """RFC 6298 with ``rexmit_slop`` "added to the raw calculation" and ``rexmit_min`` as "absolute minimum"."""

    __slots__ = ("slop",)

    def __init__(self, *, minimum: Micros, slop: Micros) -> None:
        super().__init__(minimum=minimum, maximum=LONGEST_RTO_US)
        self.slop = slop

    def sample(self, rtt: Micros, *, expected_samples: int = 1, una: int = 0, nxt: int = 0) -> None:
        """Take in a measurement."""
        super().sample(rtt, expected_samples=expected_samples, una=una, nxt=nxt)
        assert self.srtt is not None
        self._set_base(self.srtt + max(self.granularity, 4 * self.rttvar) + self.slop)


def dragonfly_rtt(connection: "ConnectionCore") -> RttEstimator:
    """Make the estimator of a connection."""
    settings = connection.settings
    return SlopEstimator(minimum=settings.rto_min_us or 1_000_000, slop=settings.rexmit_slop_us)


class DragonflyLimits(Limits):
    """An opening may take TCP_KEEPINIT; after that a connection ends with the thirteenth timeout in a row."""

    __slots__ = ()

    MOST_RETRANSMISSIONS = 12
    """4.4BSD, TCP_MAXRXTSHIFT: "dropped due to excessive retransmissions" (tcp(4), ETIMEDOUT) gives no number."""

    def is_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell, when the retransmission timer runs out, whether to give up."""
        if connection.tcb.state in _OPENING:
            return now >= self.next_check(connection)
        if connection.tcb.snd_wnd == 0 and now - connection.last_received_at < self.R2_US:
            return False  # RFC 9293, SHLD-17: the peer answers, its window is shut
        return connection.retransmits >= self.MOST_RETRANSMISSIONS

    def next_check(self, connection: "ConnectionCore") -> int:
        """Return when an opening has lasted too long; retransmissions are counted and not timed."""
        if connection.tcb.state in _OPENING:
            return connection.progress_at + connection.settings.keepinit_us
        return 1 << 62


class DragonflyDelayedAck(DelayedAck):
    """``delayed_ack`` switches the delay off, ``delacktime`` is its length."""

    __slots__ = ()

    def delay_us(self, connection: "ConnectionCore") -> int:
        """Return the longest that an acknowledgment waits."""
        return connection.settings.delack_us

    def on_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """In-order text was taken from the segment."""
        if connection.settings.delayed_ack:
            super().on_data(connection, arrival)
        else:
            connection.ack_now = True


class DragonflyTimeWait(TimeWait):
    """``msl``, twice."""

    __slots__ = ()

    def duration_us(self, connection: "ConnectionCore") -> int:
        """Return how long TIME-WAIT lasts."""
        return 2 * connection.settings.msl_us
