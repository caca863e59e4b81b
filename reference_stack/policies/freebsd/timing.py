"""Times and counts of FreeBSD (tcp(4))."""

from typing import TYPE_CHECKING

from reference_stack.policies.dragonfly.timing import DragonflyDelayedAck, DragonflyTimeWait, SlopEstimator
from reference_stack.timers import DELAYED_ACK

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore
    from reference_stack.rtt import RttEstimator


class FreebsdDelayedAck(DragonflyDelayedAck):
    """Every second segment is acknowledged, whatever its size (4.4BSD; RFC 5681, 4.2 asks for full-sized ones only)."""

    __slots__ = ()

    def on_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """In-order text was taken from the segment."""
        if connection.timers.is_running(DELAYED_ACK):
            connection.ack_now = True
        else:
            super().on_data(connection, arrival)

    def on_kept_text(self, connection: "ConnectionCore", *, now: int) -> None:
        """Text that waited for the end of the handshake is taken: its acknowledgment may wait."""
        connection.timers.set(DELAYED_ACK, now + self.delay_us(connection))


class FreebsdTimeWait(DragonflyTimeWait):
    """A SYN above RCV.NXT reopens, whatever its timestamp (4.4BSD, tcp_input(); RFC 9293, 3.6.1)."""

    __slots__ = ()

    def may_reopen(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether a SYN may start a new incarnation."""
        return arrival.seq > connection.tcb.rcv_nxt


def freebsd_rtt(connection: "ConnectionCore") -> "RttEstimator":
    """Make the estimator of a connection."""
    settings = connection.settings
    return SlopEstimator(minimum=settings.rto_min_us or 30_000, slop=settings.rexmit_slop_us)
