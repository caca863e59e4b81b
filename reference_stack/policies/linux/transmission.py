"""How Linux cuts written data into frames: buffers of a write, super-segments, Minshall's Nagle, deferral, PSH."""

from collections import deque
from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.linux.buffers import GSO_MAX_OCTETS, Buffer, buffer_size
from reference_stack.policies.linux.pacing import NO_LIMIT, burst_segments, pacing_rate
from reference_stack.policies.transmission import Sendable, Transmission
from reference_stack.recovery.linux import LinuxRecovery
from reference_stack.timers import PERSIST, RETRANSMISSION
from wire.tcp import ACK, FIN, PSH, SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment


RESOURCE_PROBE_US = 500_000
"""When to try again what the device refused."""


def acceptable_seq(connection: "ConnectionCore") -> int:
    """Return the sequence number of a segment without text; what the scale cannot tell is no shrinking."""
    tcb = connection.tcb
    beyond = tcb.snd_nxt - tcb.send_limit
    is_shrunken = beyond > 0 and not (tcb.has_window_scale and beyond < 1 << tcb.rcv_wscale)
    return tcb.send_limit if is_shrunken else tcb.snd_nxt


class LinuxTransmission(Transmission):
    """Frames of up to 64 kB; a frame of several segments always has PSH."""

    __slots__ = (
        "_buffers",
        "_is_cwnd_limited",
        "_is_first_push",
        "_is_flushing",
        "_pushed_end",
        "_rate",
        "_small_end",
        "_written_at",
    )

    REPEATING_RESTARTS_TIMER = True
    """tcp_xmit_retransmit_queue(): repeating the head of the queue sets the timer anew."""

    def __init__(self) -> None:
        self._buffers: deque[Buffer] = deque()
        self._small_end: int | None = None
        self._is_cwnd_limited = False
        self._pushed_end: int | None = None
        self._rate = NO_LIMIT
        self._is_flushing = False
        self._is_first_push = False
        self._written_at = 0

    # --- writing -----------------------------------------------------------------------------------------------------

    def on_write(
        self, connection: "ConnectionCore", start: int, end: int, *, more: bool, is_record: bool, now: int
    ) -> None:
        """Fill the last buffer, then new ones; the end of a write is pushed unless more is to come."""
        goal = buffer_size(connection)
        tail_start = self._tail_start(connection)
        position = start
        tail = self._buffers[-1] if self._buffers else None
        if tail is not None and position - tail_start < goal and not tail.is_record:
            position = min(end, tail_start + goal)
            tail.end = position
            tail.is_pushed = False
            self._push_if_far(connection, tail)
        while position < end:
            # Idleness counts when a buffer is begun, not when it leaves.
            self.restart_after_idle(connection, now=now)
            position = min(end, position + goal)
            self._buffers.append(Buffer(position))
            self._push_if_far(connection, self._buffers[-1])
        if not more:
            self._push(self._buffers[-1])
        self._buffers[-1].is_record = is_record
        self._is_first_push = tail_start == connection.tcb.snd_nxt and end - tail_start >= goal

    def _push(self, buffer: Buffer) -> None:
        buffer.is_pushed = True
        self._pushed_end = buffer.end

    def _push_if_far(self, connection: "ConnectionCore", buffer: Buffer) -> None:
        """More than half of the largest window since the last push gets a push in the middle of a write."""
        if self._pushed_end is None:
            self._pushed_end = connection.send_queue.start
        if buffer.end > self._pushed_end + (connection.tcb.max_snd_wnd >> 1):
            self._push(buffer)

    def before_new_data(self, connection: "ConnectionCore", *, now: int) -> None:
        """The window restarts in `on_write`."""

    def _tail_start(self, connection: "ConnectionCore") -> int:
        """Where the last buffer begins."""
        if len(self._buffers) > 1:
            return self._buffers[-2].end
        return max(connection.tcb.snd_nxt, connection.send_queue.start)

    # --- sending -----------------------------------------------------------------------------------------------------

    def next_length(self, connection: "ConnectionCore", sendable: Sendable, *, now: int) -> int:
        """Return how many octets the next frame takes; 0 to wait."""
        tcb, mss = connection.tcb, sendable.mss
        quota = self._quota(connection, sendable.room // max(tcb.snd_mss, 1), now=now)
        if quota <= 0 or not self._buffers:
            return 0
        head = self._grow_head(connection, quota * mss)
        length = head.end - tcb.snd_nxt
        has_fin = tcb.fin_seq == head.end
        if min(length + has_fin, mss) > sendable.usable:
            return 0
        is_last = len(self._buffers) == 1
        if length <= mss:
            if is_last and not has_fin and not self._passes_nagle(connection, length, mss):
                return 0
            limit = mss
        else:
            if self._is_deferring(connection, sendable, now=now):
                return 0
            limit = self._split_point(connection, sendable, quota, is_last=is_last and not has_fin)
        length = min(length, limit)
        self._is_first_push = False
        return length

    def _quota(self, connection: "ConnectionCore", room: int, *, now: int) -> int:
        """Segments that one frame may have: half the window, and what the pace suggests (TSO autosizing)."""
        if room <= 0:
            return 0
        recovery = connection.recovery
        half = max(recovery.congestion.cwnd >> 1, 1)
        pause = now - connection.last_sent_at
        if isinstance(recovery, LinuxRecovery) and recovery.in_flight == 0 and pause > 0:
            recovery.control.on_send_after_pause(pause=pause, now=now)
        return min(half, room, self._burst(connection))

    def _burst(self, connection: "ConnectionCore") -> int:
        """Segments that one frame has at the present pace."""
        return burst_segments(connection, self._rate, GSO_MAX_OCTETS)

    def _grow_head(self, connection: "ConnectionCore", wanted: int) -> Buffer:
        """Move octets from the second buffer to the first, so that a frame gets full."""
        head = self._buffers[0]
        missing = wanted - (head.end - connection.tcb.snd_nxt)
        if missing > 0 and len(self._buffers) > 1 and not head.is_record:
            second = self._buffers[1]
            head.end = min(head.end + missing, second.end)
            if head.end == second.end:
                head.is_pushed = head.is_pushed or second.is_pushed
                head.is_record = second.is_record
                del self._buffers[1]
        return head

    def _passes_nagle(self, connection: "ConnectionCore", length: int, mss: int) -> bool:
        """Minshall's variant of Nagle: a small segment waits only for another small one (and for the cork)."""
        if length >= mss or connection.tcb.snd_up > connection.tcb.snd_una:
            return True
        return not self._holds_back(connection)

    def _holds_back(self, connection: "ConnectionCore") -> bool:
        if self._is_flushing or connection.is_mid_write:
            # What is sent while a write goes on is pushed (tcp_push_one(), TCP_NAGLE_PUSH).
            return False
        if connection.is_holding_back:
            return True
        if connection.settings.nodelay or not connection.scoreboard.segments:
            return False
        return self._small_end is not None and self._small_end > connection.tcb.snd_una

    def _split_point(self, connection: "ConnectionCore", sendable: Sendable, quota: int, *, is_last: bool) -> int:
        """Where a frame ends: at whole segments, with a small rest only where Nagle allows it."""
        mss = sendable.mss
        most = mss * quota
        if connection.tcb.snd_up > connection.tcb.snd_una:
            return mss
        if most <= sendable.usable and not is_last:
            return most
        needed = min(self._buffers[0].end - connection.tcb.snd_nxt, sendable.usable)
        if most <= needed:
            return most
        rest = needed % mss
        return needed - rest if rest and self._holds_back(connection) else needed

    def _is_deferring(self, connection: "ConnectionCore", sendable: Sendable, *, now: int) -> bool:
        """Wait for the next acknowledgment to send a larger frame (sysctl ``tcp_tso_win_divisor``)."""
        recovery, settings = connection.recovery, connection.settings
        if self._is_first_push or recovery.ca_state >= 3 or now - connection.last_sent_at >= 1_000:
            # Measured: a sender that wrote less than a millisecond ago waits, one that wrote exactly then does not.
            return False
        tcb = connection.tcb
        limit = min(sendable.usable, sendable.room)
        burst = self._burst(connection) * tcb.snd_mss
        length = self._buffers[0].end - tcb.snd_nxt
        if limit >= burst or (len(self._buffers) > 1 and limit >= length):
            return False
        chunk = min(tcb.snd_wnd, recovery.congestion.cwnd * tcb.snd_mss) // max(settings.tso_win_divisor, 1)
        front = connection.scoreboard.front
        if limit >= chunk or front is None:
            return False
        srtt = connection.rtt.srtt or 0
        if front.sent_at + srtt - now > min(srtt >> 1, 1_000):
            return False
        if min(sendable.usable, sendable.room) <= length:
            self._is_cwnd_limited = sendable.room < sendable.usable
            return True
        return tcb.fin_seq is None

    def is_pushed(self, connection: "ConnectionCore", start: int, end: int) -> bool:  # noqa: ARG002
        """Tell whether a write ended here."""
        return any(buffer.end == end and buffer.is_pushed for buffer in self._buffers)

    def is_parted(self, end: int) -> bool:
        """A record ends before `end`."""
        return any(buffer.is_record and buffer.end < end for buffer in self._buffers)

    def on_sent(self, connection: "ConnectionCore", start: int, end: int) -> None:
        """A frame left: forget its buffers, remember a small one."""
        while self._buffers and self._buffers[0].end <= end:
            buffer = self._buffers.popleft()
            connection.scoreboard.segments[-1].ends_record = buffer.is_record
        is_small = (end - start) % output.payload_limit(connection, is_new_data=True) > 0
        if is_small and not connection.mtu_search.is_probe(start):
            self._small_end = end

    def on_transmitted(self, connection: "ConnectionCore", *, segments: int, now: int) -> None:  # noqa: ARG002
        """Note whether the window kept more from leaving."""
        recovery = connection.recovery
        if not isinstance(recovery, LinuxRecovery):
            return
        is_full = self._is_cwnd_limited or recovery.in_flight >= recovery.control.cwnd
        self._is_cwnd_limited = False
        if segments or is_full:
            recovery.note_transmission(segments, is_full=is_full, snd_nxt=connection.tcb.snd_nxt)

    def arm_waiting(self, connection: "ConnectionCore", *, now: int) -> None:
        """Whatever keeps data waiting while nothing is in flight, a window probe lets it go in the end."""
        tcb, timers = connection.tcb, connection.timers
        # MSG_MORE holds for the write that has it, not for what comes later.
        connection.has_more = self._is_flushing = False
        is_waiting = connection.send_queue.end > tcb.snd_nxt or tcb.fin_seq == tcb.snd_nxt
        if is_waiting and not connection.scoreboard.segments and not timers.is_running(PERSIST):
            # The user timeout counts from the first probe.
            connection.probing_since = now + connection.probes.first_delay(connection)
            timers.set(PERSIST, connection.probing_since)

    def is_window_open(self, connection: "ConnectionCore") -> bool:
        """Tell whether the first buffer fits (tcp_ack_probe()); the FIN is part of the last one."""
        tcb = connection.tcb
        end = self._buffers[0].end if self._buffers else tcb.snd_nxt
        has_fin = len(self._buffers) <= 1 and tcb.fin_seq == end
        return tcb.snd_wnd > 0 and end + has_fin <= tcb.send_limit

    # --- sending again -----------------------------------------------------------------------------------------------

    def may_repeat(self, connection: "ConnectionCore", segment: "SentSegment") -> bool:
        """What begins inside the window, and always the front."""
        return segment.start == connection.tcb.snd_una or segment.start < connection.tcb.send_limit

    def retransmission_limit(self, connection: "ConnectionCore", first: "SentSegment") -> int:
        """A segment is cut where the window ends (__tcp_retransmit_skb()), unless the window is shut."""
        limit = super().retransmission_limit(connection, first)
        inside = connection.tcb.send_limit - first.start
        return min(limit, inside) if inside > 0 else limit

    def retransmission_run(self, connection: "ConnectionCore", first: "SentSegment") -> "list[SentSegment]":
        """Lost segments of one frame leave together again; small neighbours are joined up to a full segment."""
        recovery, segments = connection.recovery, connection.scoreboard.segments
        quota = recovery.retransmission_quota if isinstance(recovery, LinuxRecovery) else 1
        most = min(quota, self._burst(connection))
        index = next(i for i, segment in enumerate(segments) if segment is first)
        limit = self.retransmission_limit(connection, first)
        if first.length < limit and not first.flags & (SYN | FIN):
            return [self._collapse(connection, index, limit)]
        run = [first]
        for segment in segments[index + 1 :]:
            is_joined = segment.frame == first.frame and segment.is_lost and not segment.is_retransmitted
            if not is_joined or len(run) >= most or segment.length > limit:
                break
            run.append(segment)
        return run

    @staticmethod
    def _collapse(connection: "ConnectionCore", index: int, limit: int) -> "SentSegment":
        """sysctl ``tcp_retrans_collapse``: fill a small retransmission up with what follows it."""
        segments = connection.scoreboard.segments
        run = [segments[index]]
        room = limit - run[0].length
        for segment in segments[index + 1 :]:
            data = segment.length - (segment.flags & FIN)
            is_fitting = data <= room and segment.end <= connection.tcb.send_limit
            is_apart = segment.is_sacked or run[-1].ends_record
            if is_apart or not is_fitting or not connection.settings.retransmit_collapse:
                break
            room -= data
            run.append(segment)
        return connection.scoreboard.join(run) if len(run) > 1 else run[0]

    def frame_flags(self, connection: "ConnectionCore", length: int) -> int:
        """A frame of several segments has PSH, so that the receiver passes it on at once."""
        return PSH if length > output.payload_limit(connection, is_new_data=False) else 0

    def acknowledgment(self, connection: "ConnectionCore") -> tuple[int, int]:
        """The sequence number lies inside the window, where that shrank below what was sent (tcp_acceptable_seq())."""
        return acceptable_seq(connection), ACK

    # --- events ------------------------------------------------------------------------------------------------------

    def is_taken(self, connection: "ConnectionCore", *, now: int) -> bool:
        """A full device is a sign of congestion, and what it refused stays to be sent."""
        if not connection.settings.device.is_full:
            return True
        if isinstance(connection.recovery, LinuxRecovery):
            connection.recovery.enter_cwr(snd_nxt=connection.tcb.snd_nxt, now=now)
        return False

    def on_retransmission_refused(self, connection: "ConnectionCore", run: "list[SentSegment]", *, now: int) -> None:
        """One that a timeout asked for is tried again after half a second, without backoff."""
        recovery = connection.recovery
        if isinstance(recovery, LinuxRecovery) and recovery.on_retransmission_refused(len(run), now=now):
            connection.rtt.backoff = max(connection.rtt.backoff - 1, 0)
            connection.rto_deadline = now + RESOURCE_PROBE_US
            connection.timers.set(RETRANSMISSION, connection.rto_deadline)

    def on_ack(self, connection: "ConnectionCore") -> None:
        """The pace follows each acknowledgment."""
        self._rate = pacing_rate(connection)

    def on_window_change(self, connection: "ConnectionCore", *, now: int) -> None:
        """A new window for data that waits: idleness counts here too."""
        if connection.send_queue.end > connection.tcb.snd_nxt:
            self.restart_after_idle(connection, now=now)

    def on_setting(self, connection: "ConnectionCore", setting: str | None) -> None:
        """TCP_NODELAY flushes what waits, even while corked (tcp(7))."""
        self._is_flushing = setting == "nodelay" and connection.settings.nodelay
