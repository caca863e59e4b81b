"""What DragonFly BSD sends: TCP_NOPUSH, TCP_NOOPT, mssdflt, and the limit of data in flight (tcp(4))."""

from typing import TYPE_CHECKING

from reference_stack.policies.dragonfly.inflight import InflightLimit
from reference_stack.policies.mss import SegmentSizes
from reference_stack.policies.options import SegmentOptions
from reference_stack.policies.transmission import Sendable, Transmission
from reference_stack.timers import PERSIST
from wire.options import TcpOption
from wire.tcp import FIN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment


class BsdTransmission(Transmission):
    """What the systems have of 4.4BSD: who was idle may send all that is there (tcp_output(): Stevens, volume 2, 26.3).

    Whether something is outstanding is looked at once, before the first segment leaves. So the small rest of a write
    follows its full segments, which the Nagle algorithm of RFC 9293 (3.7.4) holds back.
    """

    __slots__ = ("_was_idle",)

    REPEATING_RESTARTS_TIMER = True
    """A fast retransmission stops the timer, so that what leaves starts it anew (4.4BSD, tcp_input())."""

    def __init__(self) -> None:
        self._was_idle = False

    def before_new_data(self, connection: "ConnectionCore", *, now: int) -> None:
        """Unsent data is about to be looked at."""
        super().before_new_data(connection, now=now)
        self._was_idle = connection.tcb.snd_nxt == connection.tcb.snd_una

    def may_send_partial(self, connection: "ConnectionCore", sendable: Sendable) -> bool:
        """Tell whether a segment may leave that is not full."""
        is_rest = self._was_idle and sendable.unsent <= min(sendable.usable, sendable.mss)
        return (is_rest and not connection.is_holding_back) or super().may_send_partial(connection, sendable)

    def retransmission_run(self, connection: "ConnectionCore", first: "SentSegment") -> "list[SentSegment]":
        """What is lost is taken from the send buffer again, a full segment's worth, however it was cut before."""
        board = connection.scoreboard
        run = [first]
        room = self.retransmission_limit(connection, first) - first.length
        for segment in board.segments[board.segments.index(first) + 1 :]:
            if room <= 0 or not segment.is_lost or segment.is_retransmitted or run[-1].flags & FIN:
                break
            if segment.length > room:
                board.split(segment, segment.start + room, first_flags=0)
            room -= segment.length
            run.append(segment)
        return [board.join(run)] if len(run) > 1 else run


class DragonflyTransmission(BsdTransmission):
    """Holds everything back under TCP_NOPUSH, "until the socket is closed or the send buffer is filled"."""

    __slots__ = ("_inflight", "_released_to")

    def __init__(self) -> None:
        super().__init__()
        self._released_to = 0
        """End of what a full send buffer let go."""
        self._inflight = InflightLimit()

    def next_length(self, connection: "ConnectionCore", sendable: Sendable, *, now: int) -> int:
        """Return how many octets the next segment takes; 0 to wait."""
        tcb = connection.tcb
        if self._is_holding(connection):
            sendable = sendable._replace(unsent=max(self._released_to - tcb.snd_nxt, 0))
        limit = self._inflight.window(connection)
        if limit is not None:
            sendable = sendable._replace(room=min(sendable.room, limit - (tcb.snd_nxt - tcb.snd_una)))
        return super().next_length(connection, sendable, now=now)

    @staticmethod
    def _is_holding(connection: "ConnectionCore") -> bool:
        return connection.settings.nopush and connection.tcb.fin_seq is None

    def on_write(
        self, connection: "ConnectionCore", start: int, end: int, *, more: bool, is_record: bool, now: int
    ) -> None:
        """The application queued octets; a buffer that is full now goes out as it is."""
        super().on_write(connection, start, end, more=more, is_record=is_record, now=now)
        if len(connection.send_queue) >= connection.settings.sndbuf:
            self._released_to = end

    def arm_waiting(self, connection: "ConnectionCore", *, now: int) -> None:
        """Start the timer that gets waiting data out; there is none for what TCP_NOPUSH holds."""
        if self._is_holding(connection) and self._released_to <= connection.tcb.snd_nxt:
            connection.timers.stop(PERSIST)
        else:
            super().arm_waiting(connection, now=now)

    def on_ack(self, connection: "ConnectionCore") -> None:
        """An acknowledgment was taken in."""
        self._inflight.on_ack(connection, now=connection.last_received_at)


class DragonflySegmentOptions(SegmentOptions):
    """TCP_NOOPT leaves out even the MSS."""

    __slots__ = ()

    def syn(self, connection: "ConnectionCore", *, now: int) -> tuple[TcpOption, ...]:
        """Return the options of a SYN or SYN-ACK."""
        return () if connection.settings.no_options else super().syn(connection, now=now)


class DragonflySegmentSizes(SegmentSizes):
    """A peer that announces no MSS over IPv4 has ``mssdflt``."""

    __slots__ = ()

    def default(self, connection: "ConnectionCore") -> int:
        """Return what is assumed when the peer sends no MSS option; of IPv6 tcp(4) says nothing."""
        return connection.settings.default_mss if connection.four_tuple.ip_version == 4 else super().default(connection)
