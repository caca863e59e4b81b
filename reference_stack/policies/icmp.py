"""What an ICMP error does to a connection (RFC 9293, 3.9.2.2; RFC 5461, RFC 5927, RFC 1191, RFC 8201)."""

from typing import TYPE_CHECKING, NamedTuple

from reference_stack import opening
from reference_stack.policies.mss import header_octets
from reference_stack.states import SYNCHRONIZED, State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class IcmpError(NamedTuple):
    """An ICMP error that quotes a segment of this connection.

    `errno` is what the application would see, `hard` what the host's table says about the type and code, `mtu` the
    next-hop MTU of "fragmentation needed" or "packet too big" (0: the router did not say), else None. `quoted_seq` is
    the sequence number in the quoted header.
    """

    errno: int
    hard: bool
    mtu: int | None
    quoted_seq: int
    is_unreachable: bool = False
    """The message says that there is no way to the host or its network (RFC 6069, section 2)."""


# RFC 1191, section 7.1: plateaus for routers that do not tell the next-hop MTU.
PLATEAUS = (32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68)


class IcmpErrors:
    """Soft errors are remembered, hard ones end an open attempt, "too big" lowers the segment size."""

    __slots__ = ("_largest_acknowledged", "_pending_mtu")

    TAKES_NEXT = False
    """Whether a quoted SND.MAX counts as in flight."""
    DOUBTS_NEWS = True
    """Whether a message about a size that got through waits for a timeout (RFC 5927, 7.2)."""

    MIN_IPV6_MTU = 1280

    def __init__(self) -> None:
        self._largest_acknowledged = 0
        self._pending_mtu: int | None = None

    def on_error(self, connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        """An error arrived; it counts only if it quotes something in flight (RFC 5927, 4.1)."""
        tcb = connection.tcb
        quoted = connection.sequence.unwrap(tcb.snd_una, error.quoted_seq)
        # A SYN-ACK that waits for its acknowledgment is in flight, too.
        oldest = tcb.iss if connection.is_early else tcb.snd_una
        if not oldest <= quoted < tcb.snd_max + self.TAKES_NEXT:
            return
        if tcb.state in SYNCHRONIZED and connection.authentication.ignores_icmp(connection):
            return
        if error.mtu is not None:
            self._on_too_big(connection, error.mtu, now=now)
        elif error.hard and tcb.state in (State.SYN_SENT, State.SYN_RECEIVED):
            # RFC 9293, SHLD-26.
            connection.fail(0 if tcb.is_passive and not connection.is_early else error.errno)
        else:
            # RFC 9293, MUST-56; RFC 5927, 5.2: in a synchronized state a hard error is taken as a soft one.
            connection.soft_error = error.errno

    def _on_too_big(self, connection: "ConnectionCore", mtu: int, *, now: int) -> None:
        settings = connection.settings
        if not settings.pmtu_discovery:
            return
        current = self._current_mtu(connection)
        if mtu == 0:
            mtu = next((plateau for plateau in PLATEAUS if plateau < current), PLATEAUS[-1])
        # RFC 1191, 3 and RFC 8201, 4: the message never raises the estimate, and not below the least MTU.
        least = settings.min_pmtu if connection.four_tuple.ip_version == 4 else self.MIN_IPV6_MTU
        if connection.four_tuple.ip_version == 6 and mtu < least:
            return
        mtu = max(mtu, least)
        if mtu >= current:
            return
        if self.DOUBTS_NEWS and mtu < self._largest_acknowledged and connection.retransmits == 0:
            # RFC 5927, 7.2: packets of that size got through; believe the message only if data stops flowing.
            self._pending_mtu = mtu
            return
        self._lower(connection, mtu, now=now)

    def on_acknowledged(self, connection: "ConnectionCore", payload: int) -> None:
        """A segment with so many octets of payload was acknowledged."""
        size = payload + connection.tcb.option_octets + header_octets(connection)
        self._largest_acknowledged = max(self._largest_acknowledged, size)
        self._pending_mtu = None

    def on_timeout(self, connection: "ConnectionCore", *, now: int) -> None:
        """The retransmission timer expired: a message that was put off counts now (RFC 5927, 7.2)."""
        if self._pending_mtu is not None:
            mtu, self._pending_mtu = self._pending_mtu, None
            self._lower(connection, mtu, now=now)

    def _lower(self, connection: "ConnectionCore", mtu: int, *, now: int) -> None:
        """Take the new path MTU and send at once what was too big; no congestion signal (RFC 8201, 5.4)."""
        connection.settings.path_mtu = mtu
        connection.update_segment_size()
        if opening.is_text_waiting(connection):
            # RFC 7413, 4.1.3.1: the SYN was lost, and goes again without its text.
            connection.tcb.rcv_mss = connection.mss.announced(connection)
            opening.repeat_syn(connection, now=now)
            connection.arm_retransmission(now=now)
            return
        oversized = [segment for segment in connection.scoreboard if segment.length > connection.tcb.snd_mss]
        connection.recovery.on_too_big(oversized, snd_max=connection.tcb.snd_max)
        connection.arm_retransmission(now=now)

    @staticmethod
    def _current_mtu(connection: "ConnectionCore") -> int:
        settings = connection.settings
        mtu = settings.mtu if settings.path_mtu is None else min(settings.mtu, settings.path_mtu)
        sent = connection.tcb.snd_mss + connection.tcb.option_octets + header_octets(connection)
        # RFC 5927, 7.2: what claims to be larger than anything sent proves nothing.
        return min(mtu, sent)
