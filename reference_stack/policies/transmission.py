"""When and in which portions data leaves: Nagle, silly-window avoidance, PSH (RFC 9293, 3.7.4, 3.8.6.2.1, 3.9.1.2)."""

from typing import TYPE_CHECKING, NamedTuple

from reference_stack import output
from reference_stack.timers import CORK, PERSIST
from wire.tcp import ACK

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment


class Sendable(NamedTuple):
    """What there is to send and what limits it, in octets.

    `unsent` is D of RFC 9293 (3.8.6.2.1), `usable` is U, the usable window, `room` is what congestion control lets
    out, `mss` the payload of a full segment now.
    """

    unsent: int
    usable: int
    room: int
    mss: int


class Transmission:
    """Sends full segments whenever possible, and a small one only when RFC 9293 says so."""

    __slots__ = ()

    OVERRIDE_US = 500_000
    """Override timeout of the silly-window rule, 0.1 to 1.0 s (RFC 9293, 3.8.6.2.1)."""

    REPEATING_RESTARTS_TIMER = False
    """Whether repeating the earliest segment outstanding restarts the timer; RFC 6298, 5.1 starts only one at rest."""

    def next_length(self, connection: "ConnectionCore", sendable: Sendable, *, now: int) -> int:  # noqa: ARG002
        """Return how many octets the next segment takes; 0 to wait."""
        unsent, usable, room, mss = sendable
        length = min(unsent, usable, mss)
        if length <= 0 or room < length:
            return 0
        if length == mss:
            return length
        return length if self.may_send_partial(connection, sendable) else 0

    def may_send_partial(self, connection: "ConnectionCore", sendable: Sendable) -> bool:
        """RFC 9293, 3.8.6.2.1, conditions (2) and (3); data is taken as pushed unless the user holds it back."""
        tcb = connection.tcb
        is_closing = tcb.fin_seq is not None
        if connection.is_holding_back and not is_closing:
            return False
        if not (tcb.snd_nxt == tcb.snd_una or connection.settings.nodelay or is_closing):
            return False
        # (2) everything fits; (3) half the largest window ever seen can be filled.
        return sendable.unsent <= sendable.usable or 2 * sendable.usable >= tcb.max_snd_wnd

    def is_pushed(self, connection: "ConnectionCore", start: int, end: int) -> bool:  # noqa: ARG002
        """Tell whether the segment gets PSH: when it empties the queue (RFC 9293, MUST-61)."""
        return end >= connection.send_queue.end

    def on_write(
        self, connection: "ConnectionCore", start: int, end: int, *, more: bool, is_record: bool, now: int
    ) -> None:
        """The application queued the octets from `start` to `end`; `is_record` when a record ends there (MSG_EOR)."""

    def before_new_data(self, connection: "ConnectionCore", *, now: int) -> None:
        """Unsent data is about to be looked at: after idleness the window restarts (RFC 5681, 4.1)."""
        self.restart_after_idle(connection, now=now)

    @staticmethod
    def restart_after_idle(connection: "ConnectionCore", *, now: int) -> None:
        """Restart the window if nothing was sent for longer than a timeout."""
        idle, rto = now - connection.last_sent_at, connection.rtt.rto
        if not connection.scoreboard.segments and connection.settings.slow_start_after_idle and idle > rto:
            connection.congestion.on_idle(idle=idle, rto=rto, now=now)

    def is_parted(self, end: int) -> bool:  # noqa: ARG002
        """Tell whether the unsent octets up to `end` must not be in one segment."""
        return False

    def on_sent(self, connection: "ConnectionCore", start: int, end: int) -> None:
        """The octets from `start` to `end` left for the first time."""

    def acknowledgment(self, connection: "ConnectionCore") -> tuple[int, int]:
        """Return sequence number and flags of a segment that only acknowledges: <SEQ=SND.NXT><CTL=ACK>."""
        return connection.tcb.snd_nxt, ACK

    def on_transmitted(self, connection: "ConnectionCore", *, segments: int, now: int) -> None:
        """An attempt to send new data is over; so many segments left."""

    def arm_waiting(self, connection: "ConnectionCore", *, now: int) -> None:
        """Start the timer that gets waiting data out: window probe, silly-window override, or the end of corking."""
        tcb, timers = connection.tcb, connection.timers
        if not (connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt):
            timers.stop(CORK)
        elif connection.is_holding_back:
            if not timers.is_running(CORK):
                timers.set(CORK, now + connection.settings.cork_timeout_us)
        elif not connection.scoreboard.segments and not timers.is_running(PERSIST):
            connection.probing_since = now
            timers.set(PERSIST, now + connection.probes.first_delay(connection))

    def is_window_open(self, connection: "ConnectionCore") -> bool:
        """Tell whether the window lets something out that may have been probed for."""
        return connection.tcb.snd_wnd > 0

    def may_repeat(self, connection: "ConnectionCore", segment: "SentSegment") -> bool:
        """Tell whether the window allows to send a segment again.

        RFC 9293, SHLD-16: old data inside a shrunken window is sent again; the front always is, as a probe (MUST-35).
        """
        return segment.start == connection.tcb.snd_una or segment.end <= connection.tcb.send_limit

    def retransmission_limit(self, connection: "ConnectionCore", first: "SentSegment") -> int:  # noqa: ARG002
        """Return how many octets `first` may carry when it is sent again: SACK blocks take their room (MUST-16)."""
        return output.payload_limit(connection, is_new_data=False)

    def retransmission_run(self, connection: "ConnectionCore", first: "SentSegment") -> "list[SentSegment]":  # noqa: ARG002
        """Return the segments that leave again as one, beginning with `first`: here each for itself."""
        return [first]

    def frame_flags(self, connection: "ConnectionCore", length: int) -> int:  # noqa: ARG002
        """Return flags that a segment with `length` octets gets only because of its size."""
        return 0

    def is_taken(self, connection: "ConnectionCore", *, now: int) -> bool:  # noqa: ARG002
        """Tell whether a segment that was just queued counts as sent: here always, and what is lost is lost."""
        return True

    def on_retransmission_refused(self, connection: "ConnectionCore", run: "list[SentSegment]", *, now: int) -> None:
        """The device did not take a retransmission."""

    def on_ack(self, connection: "ConnectionCore") -> None:
        """An acknowledgment was taken in."""

    def on_window_change(self, connection: "ConnectionCore", *, now: int) -> None:
        """The peer's window changed."""

    def on_setting(self, connection: "ConnectionCore", setting: str | None) -> None:
        """The user wrote a setting."""
