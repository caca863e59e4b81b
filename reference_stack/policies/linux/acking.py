"""When Linux acknowledges: quick at first, then as the traffic suggests (tcp(7), TCP_QUICKACK)."""

from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.acking import DelayedAck
from reference_stack.policies.mss import payload_of_peer
from reference_stack.states import State
from reference_stack.timers import DELAYED_ACK
from wire.tcp import PSH

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

ATO_MIN_US = 40_000
"""Least delay."""
ATO_MAX_US = 200_000
LEAST_US = 1_000
"""A delay of nothing lasts until the next tick: measured, a FIN that begins a connection's traffic waits so long."""
MAX_QUICK = 16
"""Most acknowledgments that leave at once when a connection begins."""
MARKED_QUICK = 2
"""Most of them for the sake of congestion marks."""
COMPRESSED_US = 1_000
"""sysctl ``tcp_comp_sack_delay_ns``."""
COMPRESSED_MOST = 44
"""sysctl ``tcp_comp_sack_nr``."""
LEAST_MSS, DEFAULT_MSS = 88, 536


class LinuxDelayedAck(DelayedAck):
    """Quick acknowledgments, a delay that follows the peer's rhythm, and "ping-pong" for interactive traffic."""

    __slots__ = (
        "_check",
        "_compressed",
        "_duplicates",
        "_duplicates_at",
        "_is_compressed_running",
        "_last_data_at",
        "_last_size",
        "_must",
        "_pingpong",
        "_pushed",
        "_quick",
        "_scheduled",
        "_wanted",
        "ato",
        "rcv_mss",
    )

    def __init__(self) -> None:
        super().__init__()
        self.ato = 0
        self.rcv_mss = 0
        self._quick = 0
        self._pingpong = 0
        self._pushed = 0
        self._scheduled = False
        self._must = False
        self._check = False
        self._last_data_at = 0
        self._last_size = 0
        self._duplicates = 0
        self._duplicates_at = 0
        self._compressed = 0
        self._is_compressed_running = False
        self._wanted: bool | None = None

    @property
    def timeout_us(self) -> int:
        """``tcpi_ato``."""
        return self.ato

    def segment_estimate(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_mss``."""
        if not self.rcv_mss:
            tcb = connection.tcb
            hint = min(tcb.rcv_mss, tcb.snd_mss, max(tcb.offered_window // 2, 1), DEFAULT_MSS)
            self.rcv_mss = max(hint, LEAST_MSS)
        return self.rcv_mss

    # --- events ------------------------------------------------------------------------------------------------------

    def on_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """In-order text was taken."""
        self._receive(connection, arrival)
        self._check = True

    def on_syn_ack(self, connection: "ConnectionCore", *, now: int) -> None:
        """Data that is about to come saves a segment: somebody waits to write, or TCP_QUICKACK was cleared."""
        if connection.expects_write or self._in_pingpong or connection.settings.quickack is False:
            self._scheduled = True
            self._last_data_at = now
            self.enter_quick(connection)
            connection.timers.set(DELAYED_ACK, now + ATO_MAX_US)
        else:
            connection.ack_now = True

    def on_gap_filled(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """With the last gap filled the acknowledgment leaves at once (RFC 5681, 4.2)."""
        self._receive(connection, arrival)
        self._must = self._must or not connection.reassembly
        self._check = True

    def on_out_of_order(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """The first three duplicates leave at once, the following are merged for a millisecond at most."""
        self._scheduled = self._check = True
        self._heed_marks(connection)
        self._measure_segment(connection, arrival)
        # Without SACK the window must not move, or the acknowledgment would be no duplicate.
        if connection.tcb.has_sack and connection.window.grow(connection, len(arrival.segment.payload), is_early=True):
            self._quick |= 1
        connection.window.on_out_of_order(connection)

    def on_fin(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """A FIN in order makes the traffic interactive, so its acknowledgment waits for a reply.

        Where nothing can follow it leaves, before what came ahead of the FIN is forgotten (tcp_fin()).
        """
        self._scheduled = True
        if connection.tcb.state is State.ESTABLISHED:
            self._pingpong = max(self._pingpong, 1)
            self._check = True
        else:
            output.send_ack(connection, now=arrival.now)

    def flush(self, connection: "ConnectionCore", *, now: int) -> None:
        """Merged acknowledgments leave when the blocks are about to get many."""
        if self._is_compressed_running:
            output.send_ack(connection, now=now)

    def on_little_room(self) -> None:
        """Quick acknowledgments would only make the peer send more."""
        self._quick = 0

    def on_unacceptable(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Old text shows that an acknowledgment was lost: quick again."""
        if arrival.segment.payload and arrival.seq < connection.tcb.rcv_nxt:
            self.enter_quick(connection)

    def on_old_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:  # noqa: ARG002
        """Quick again, which ends at once where there is little room (measured)."""
        self.enter_quick(connection)
        self._scheduled = self._check = True

    def on_timeout(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """A delayed acknowledgment leaves; the estimate was wrong."""
        if self._is_compressed_running:
            connection.ack_now = True
            return
        if not self._scheduled:
            return
        if self._in_pingpong:
            self._pingpong = 0
            self.ato = ATO_MIN_US
        else:
            self.ato = min(self.ato << 1, connection.rtt.rto)
        connection.ack_now = True

    def on_ack_sent(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """A segment with the current acknowledgment number left."""
        if self._quick:
            count = int(self._scheduled)
            if count >= self._quick:
                self._quick = 0
                self.ato = ATO_MIN_US
            else:
                self._quick -= count
        self._scheduled = self._must = self._is_compressed_running = False
        self._pushed = self._compressed = 0
        connection.timers.stop(DELAYED_ACK)

    def on_data_sent(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """A reply soon after data came: interactive traffic."""
        if now - self._last_data_at < self.ato:
            self._pingpong += 1

    def after_read(self, connection: "ConnectionCore", *, read: int, now: int) -> None:  # noqa: ARG002
        """Reading may release an acknowledgment, or open the window so far that the peer should know."""
        is_opening = read > 0 and connection.window.wants_update(connection, read=read)
        if is_opening or (self._scheduled and self._is_release_due(connection, read)):
            connection.ack_now = True

    def _is_release_due(self, connection: "ConnectionCore", read: int) -> bool:
        tcb = connection.tcb
        if tcb.rcv_nxt - tcb.last_ack_sent > self.segment_estimate(connection):
            return True
        is_pushed = self._pushed >= 2 or (self._pushed == 1 and not self._in_pingpong)
        return read > 0 and is_pushed and not connection.receive_queue.octets

    def on_settings_changed(self, connection: "ConnectionCore", *, setting: str | None, now: int) -> None:  # noqa: ARG002
        """TCP_QUICKACK was set or cleared."""
        wanted = connection.settings.quickack
        if setting != "quickack" and wanted is self._wanted:
            return
        self._wanted = wanted
        self._pingpong = 0 if wanted else 1
        if wanted and self._scheduled:
            self._pushed = max(self._pushed, 1)
            if self._is_release_due(connection, 1):
                connection.ack_now = True

    # --- decisions ---------------------------------------------------------------------------------------------------

    @property
    def is_quick(self) -> bool | None:
        """Not in interactive mode (Linux, inet_csk_in_pingpong_mode)."""
        return not self._in_pingpong

    @property
    def _in_pingpong(self) -> bool:
        return self._pingpong >= 1

    def enter_quick(self, connection: "ConnectionCore", most: int = MAX_QUICK) -> None:
        """Acknowledge at once for a while."""
        self._raise_quick(connection, most)
        self._pingpong = 0
        self.ato = ATO_MIN_US

    def _raise_quick(self, connection: "ConnectionCore", most: int = MAX_QUICK) -> None:
        count = connection.tcb.offered_window // (2 * self.segment_estimate(connection)) or 2
        self._quick = max(self._quick, min(count, most))

    def _heed_marks(self, connection: "ConnectionCore") -> None:
        if connection.ecn.is_acknowledgment_urgent:
            self.enter_quick(connection, MARKED_QUICK)

    def _receive(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Learn from in-order text: the peer's segment size and rhythm."""
        self._scheduled = True
        self._measure_segment(connection, arrival)
        now = arrival.now
        connection.window.on_in_order(connection, now=now)
        since = now - self._last_data_at
        if not self.ato:
            self._raise_quick(connection)
            self.ato = ATO_MIN_US
        elif since <= ATO_MIN_US // 2:
            self.ato = (self.ato >> 1) + ATO_MIN_US // 2
        elif since < self.ato:
            self.ato = min((self.ato >> 1) + since, connection.rtt.rto)
        elif since > connection.rtt.rto:
            self._raise_quick(connection)
        self._last_data_at = now
        self._heed_marks(connection)
        length = len(arrival.segment.payload)
        if length >= 128 and connection.window.grow(connection, length):
            self._quick |= 1

    def _measure_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        last, self._last_size = self._last_size, 0
        length = arrival.gso_size or len(arrival.segment.payload)
        estimate = self.segment_estimate(connection)
        is_pushed = bool(arrival.flags & PSH)
        if length >= estimate:
            self.rcv_mss = min(length, payload_of_peer(connection))
            if is_pushed:
                self._pushed = max(self._pushed, 1)
            return
        if length >= DEFAULT_MSS or (length >= LEAST_MSS and not is_pushed):
            self._last_size = length
            if length == last:
                self.rcv_mss = length
                return
        self._pushed = 2 if self._pushed else 1

    def decide(self, connection: "ConnectionCore", *, now: int) -> None:
        """Acknowledge now or later, unless data that left did already."""
        if not (self._check and self._scheduled):
            return
        self._check = False
        tcb = connection.tcb
        unacknowledged = tcb.rcv_nxt - tcb.last_ack_sent
        is_window_wide = unacknowledged > self.segment_estimate(connection) and connection.window.is_keeping(connection)
        is_quick = bool(self._quick) and not self._in_pingpong
        if is_window_wide or is_quick or self._must:
            connection.ack_now = True
        elif not connection.reassembly:
            self._delay(connection, now=now)
        elif self._is_duplicate_due(connection):
            connection.ack_now = True
        else:
            self._compress(connection, now=now)

    def _is_duplicate_due(self, connection: "ConnectionCore") -> bool:
        """Without SACK, and for the first three in a row, each segment out of order is acknowledged."""
        if not connection.tcb.has_sack or self._compressed >= COMPRESSED_MOST:
            return True
        if self._duplicates_at != connection.tcb.rcv_nxt:
            self._duplicates_at = connection.tcb.rcv_nxt
            self._duplicates = 0
        if self._duplicates < 3:
            self._duplicates += 1
            return True
        return False

    def _compress(self, connection: "ConnectionCore", *, now: int) -> None:
        self._compressed += 1
        if self._is_compressed_running:
            return
        srtt = connection.rtt.srtt
        delay = COMPRESSED_US if srtt is None else min(COMPRESSED_US, srtt // 20)
        self._is_compressed_running = True
        connection.timers.set(DELAYED_ACK, now + delay)

    def _delay(self, connection: "ConnectionCore", *, now: int) -> None:
        ato = self.ato
        if ato > ATO_MIN_US:
            longest = ATO_MAX_US if self._in_pingpong or self._pushed else 500_000
            if connection.rtt.srtt is not None:
                longest = min(longest, max(connection.rtt.srtt, ATO_MIN_US))
            ato = min(ato, longest)
        ato = min(max(ato, LEAST_US), ATO_MAX_US)
        running = connection.timers.deadline(DELAYED_ACK)
        if running is not None:
            if running <= now + (ato >> 2):
                connection.ack_now = True
                return
            if running <= now + ato:
                return
        connection.timers.set(DELAYED_ACK, now + ato)
