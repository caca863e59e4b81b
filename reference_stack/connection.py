"""One TCP connection without I/O: segments and user calls go in with the time, segments and results come out.

This is the skeleton of the public interface; see the docstrings for what a host may rely on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from reference_stack.personality import Personality
from reference_stack.settings import ConnectionSettings
from reference_stack.states import State

if TYPE_CHECKING:
    from wire.abi import TcpInfo
    from wire.tcp import TcpSegment

Micros: TypeAlias = int


@dataclass(frozen=True, slots=True)
class FourTuple:
    """The name of a connection, seen from this end. Addresses are canonical text."""

    local_ip: str
    local_port: int
    remote_ip: str
    remote_port: int

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.local_ip else 4


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that quotes a segment of this connection (RFC 9293, 3.9.2.2; RFC 5461).

    `errno` is what the application would see, `hard` what the host's table says about the type and code, `mtu` the
    next-hop MTU of "fragmentation needed" or "packet too big" (0: the router did not say), else None. `quoted_seq` is
    the sequence number in the quoted header.
    """

    errno: int
    hard: bool
    mtu: int | None
    quoted_seq: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A segment on its way out, with the ECN codepoint for its IP header (0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE)."""

    segment: "TcpSegment"
    ecn: int = 0


class Connection:
    """One connection. Every entry point takes `now`, integer microseconds that never go backwards.

    There are no callbacks. After each entry (a call, `on_segment`, `on_timer`, ...) the owner drains
    `take_segments`, looks at `state`, `error`, `receive_available`, `receive_eof`, `send_space`, and completes what
    its sockets wait for.
    """

    def __init__(
        self,
        four_tuple: FourTuple,
        *,
        personality: Personality,
        settings: ConnectionSettings,
        isn: int,
        ts_offset: int = 0,
    ) -> None:
        self.four_tuple = four_tuple
        self.personality = personality
        self.settings = settings

    # --- user calls --------------------------------------------------------------------------------------------------

    def connect(self, *, now: Micros) -> None:
        """Active OPEN: the SYN is queued and the state is SYN-SENT (RFC 9293, 3.10.1)."""

    def accept_syn(self, segment: "TcpSegment", *, now: Micros) -> None:
        """Passive OPEN got this SYN: the state is SYN-RECEIVED and the SYN-ACK is queued (RFC 9293, 3.10.7.2)."""

    def send(self, data: bytes, *, now: Micros, more: bool = False, urgent: bool = False) -> int:
        """Queue octets and return how many were taken: 0 up to ``len(data)``, bounded by `send_space`.

        `more` holds a partial segment back (MSG_MORE); `urgent` makes the last octet urgent (MSG_OOB). In SYN-SENT
        and SYN-RECEIVED the octets wait for the connection. Returns 0 where sending is impossible: the caller tells
        from `state` and `may_send` why.
        """
        raise NotImplementedError

    @property
    def may_send(self) -> bool:
        """SEND is allowed: not closed by us, not reset, not over."""
        raise NotImplementedError

    @property
    def send_space(self) -> int:
        """Octets that `send` takes now."""
        raise NotImplementedError

    @property
    def unsent_octets(self) -> int:
        """Queued octets that were never sent (SIOCOUTQNSD)."""
        raise NotImplementedError

    @property
    def unacknowledged_octets(self) -> int:
        """Queued octets that are not acknowledged, sent or not (SIOCOUTQ)."""
        raise NotImplementedError

    @property
    def receive_available(self) -> int:
        """In-order octets that `receive` gives now."""
        raise NotImplementedError

    @property
    def receive_eof(self) -> bool:
        """The peer's FIN was reached in order: after `receive_available` octets comes the end of the stream."""
        raise NotImplementedError

    def receive(self, count: int, *, now: Micros, peek: bool = False) -> bytes:
        """Take up to `count` in-order octets (RFC 9293, 3.10.3); may queue a window update. `peek` leaves them."""
        raise NotImplementedError

    @property
    def urgent_pending(self) -> bool:
        """An urgent pointer lies ahead of what was read (RFC 9293, MUST-33)."""
        raise NotImplementedError

    @property
    def urgent_mark(self) -> int | None:
        """Octets from the read position to the urgent mark; None when none is known, 0 at the mark (sockatmark)."""
        raise NotImplementedError

    @property
    def urgent_count(self) -> int:
        """How often an urgent indication began or moved ahead: each increase is one signal (RFC 9293, MUST-32)."""
        raise NotImplementedError

    def receive_urgent(self, *, now: Micros, peek: bool = False) -> bytes | None:
        """Take the out-of-band octet (MSG_OOB without SO_OOBINLINE).

        Returns b"" while the urgent octet has not come yet and None when there is none to get.
        """
        raise NotImplementedError

    def shutdown_send(self, *, now: Micros) -> None:
        """End our direction: FIN after all queued octets (RFC 9293, 3.10.4); receiving goes on."""

    def shutdown_receive(self, *, now: Micros) -> None:
        """The application will read no more (shutdown(SHUT_RD)); nothing goes out."""

    def close(self, *, now: Micros) -> None:
        """End both directions (close(2)): FIN after all queued octets, or RST when unread octets are lost (SHLD-3)."""

    def abort(self, *, now: Micros) -> None:
        """ABORT: RST where RFC 9293, 3.10.5 says so; everything queued is lost and the TCB is gone."""

    def settings_changed(self, *, now: Micros) -> None:
        """The owner changed `settings`: act on it (uncorked data leaves, keep-alive starts or stops, ...)."""

    # --- events ------------------------------------------------------------------------------------------------------

    def on_segment(self, segment: "TcpSegment", *, now: Micros, ecn: int = 0) -> None:
        """SEGMENT ARRIVES (RFC 9293, 3.10.7); `ecn` is the ECN codepoint of the IP header."""

    def on_icmp_error(self, error: IcmpError, *, now: Micros) -> None:
        """An ICMP error about this connection arrived."""

    def on_timer(self, *, now: Micros) -> None:
        """Run every timer that is due at `now`; harmless when none is."""

    def next_timer(self) -> Micros | None:
        """When `on_timer` wants to be called next, or None."""
        raise NotImplementedError

    # --- what comes out ----------------------------------------------------------------------------------------------

    def take_segments(self) -> "list[TcpSegment]":
        """Return and forget the queued segments, oldest first."""
        return [outgoing.segment for outgoing in self.take_outgoing()]

    def take_outgoing(self) -> list[Outgoing]:
        """Like `take_segments`, with the ECN codepoint of each segment."""
        raise NotImplementedError

    state: State
    """The connection's state."""
    error: int
    """Pending error of the socket as a Linux errno, 0 for none; the owner reads and clears it."""
    soft_error: int
    """Last soft error (RFC 9293, SHLD-25), 0 for none; becomes `error` if the connection times out."""
    is_deleted: bool
    """The TCB is gone: nothing more will come out, and segments for the four-tuple belong to nobody."""

    def info(self, *, now: Micros) -> "TcpInfo":
        """Return what ``getsockopt(TCP_INFO)`` shows."""
        raise NotImplementedError
