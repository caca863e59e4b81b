"""TIME-WAIT: how long, and when a new SYN may end it (RFC 9293, 3.6.1; RFC 6191)."""

from typing import TYPE_CHECKING

from reference_stack.arrival.arrival import Arrival
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class TimeWait:
    """Twice the MSL; a SYN reopens by the rules of RFC 6191."""

    __slots__ = ()

    MSL_US = 120_000_000
    """RFC 9293, 3.4.2: two minutes."""

    def duration_us(self, connection: "ConnectionCore") -> int:  # noqa: ARG002
        """Return how long the state lasts."""
        return 2 * self.MSL_US

    def is_opening(self, segment: TcpSegment) -> bool:
        """Tell whether a segment asks for a new incarnation at all: a SYN and nothing else."""
        return segment.flags & (SYN | ACK | RST | FIN) == SYN

    def may_reopen(self, connection: "ConnectionCore", arrival: Arrival) -> bool:
        """Tell whether a SYN may start a new incarnation (RFC 6191, section 2)."""
        tcb = connection.tcb
        is_seq_newer = arrival.seq > (tcb.peer_fin if tcb.peer_fin is not None else tcb.rcv_nxt - 1)
        if not tcb.has_timestamps:
            # Without the old timestamps a new one tells nothing; the option alone is taken as a sign of a new start.
            return arrival.has_timestamps or is_seq_newer
        if not arrival.has_timestamps:
            return is_seq_newer
        if arrival.ts_val == tcb.ts_recent:
            return is_seq_newer
        return not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent)

    def successor_isn(self, connection: "ConnectionCore") -> int:
        """Return the least ISN of a new incarnation: above all that was sent (RFC 9293, MAY-2)."""
        return (connection.tcb.snd_nxt + 65_535 + 2) & 0xFFFF_FFFF
