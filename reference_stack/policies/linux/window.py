"""Linux' receive window: a share of the buffer, opened step by step, in multiples of the segment size."""

from typing import TYPE_CHECKING, NamedTuple

from reference_stack.policies.linux.memory import Frame, Held, ReceiveMemory, frame_of
from reference_stack.policies.linux.sack import LinuxSackGenerator
from reference_stack.policies.linux.tuning import ReadingRate
from reference_stack.policies.mss import header_octets, payload_of_peer
from reference_stack.policies.window import MAX_FIELD, MAX_SHIFT, ReceiveWindow
from wire.tcp import ACK

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

MAX_SIGNED = 32_767
"""Largest window of a peer that takes the field for a signed number (sysctl ``tcp_workaround_signed_windows``)."""
LEAST_CLAMP = 1152
"""Half of the least receive buffer."""


class Opening(NamedTuple):
    """What our SYN was made of: the window, and the payload that the whole buffer had room for."""

    window: int
    whole: int


class LinuxReceiveWindow(ReceiveWindow):
    """Half of the buffer is taken to be overhead at first (tcp(7), SO_RCVBUF), then what full segments really take.

    The window stays below a ceiling, `rcv_ssthresh`, that follows what arrives, and a clamp that follows the buffer.
    """

    __slots__ = (
        "_clamp",
        "_is_of_cookie",
        "_memory",
        "_newest",
        "_opening",
        "_reading",
        "_share",
        "_threshold",
        "_user_clamp",
    )

    def __init__(self) -> None:
        self._share = 128
        """Of 256 octets of buffer so many are counted as payload."""
        self._memory = ReceiveMemory()
        self._reading = ReadingRate()
        self._newest = Frame(0, 0)
        self._threshold: int | None = None
        self._clamp: int | None = None
        self._opening = Opening(0, 0)
        self._is_of_cookie = False
        self._user_clamp = 0

    def space(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_space``: what was read in a round trip, at first ten segments."""
        return self._reading.space or self._first_space(connection)

    def _first_space(self, connection: "ConnectionCore") -> int:
        tcb = connection.tcb
        return min(self.ceiling(connection), tcb.offered_window, 10 * payload_of_peer(connection))

    def round_trip(self) -> int:
        """``tcpi_rcv_rtt``."""
        return self._reading.rtt

    def ceiling(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_ssthresh``: the largest window that is offered for now."""
        clamp = self.clamp(connection)
        if self._threshold is None:
            self._threshold = min(self._opening.window or self.initial(connection), clamp)
        return self._threshold

    def whole(self, connection: "ConnectionCore") -> int:
        """Payload that the whole buffer has room for."""
        return connection.settings.rcvbuf * self._share >> 8

    def scale(self, connection: "ConnectionCore") -> int:
        """Enough for the largest buffer that automatic tuning may reach, or for one that the user fixed."""
        settings = connection.settings
        largest = self.whole(connection)
        if not settings.rcvbuf_locked:
            largest = max(largest, settings.rmem_max, settings.core_rmem_max)
        if settings.window_clamp:
            largest = min(largest, settings.window_clamp)
        return min(max(largest.bit_length() - 1 - 15, 0), MAX_SHIFT)

    def of_syn(self, connection: "ConnectionCore") -> int:
        """A multiple of the segment size, below 64 kB on the wire."""
        self._opening = Opening(self.initial(connection), self.whole(connection))
        return min(self._opening.window, MAX_FIELD)

    def behind_syn(self, connection: "ConnectionCore", offered: int) -> int:  # noqa: ARG002
        """Measured: the whole first window counts as offered, also where no window field has room for it."""
        return self._opening.window or offered

    def unanswered_scale(self, connection: "ConnectionCore", arrival: "Arrival") -> int:
        """Measured: when SYNs crossed our windows stay scaled, although the peer did not offer it."""
        return 0 if connection.tcb.is_passive or arrival.flags & ACK else connection.tcb.rcv_wscale

    def on_cookie(self) -> None:
        """Measured (cookie_v4_check()): the first window consists of segments of the size that the cookie tells."""
        self._is_of_cookie = True

    def initial(self, connection: "ConnectionCore") -> int:
        """Return the first window in octets."""
        tcb, settings = connection.tcb, connection.settings
        # An answer to a SYN with timestamps reckons with their room in each segment.
        mss = tcb.peer_mss if self._is_of_cookie else tcb.rcv_mss - tcb.option_octets
        window = self._clamped(connection, self.whole(connection))
        if window > mss:
            window -= window % mss
        if settings.signed_windows:
            window = min(window, MAX_SIGNED)
        if settings.initial_receive_window is not None:
            window = min(window, settings.initial_receive_window * mss)
        return window

    # --- clamp and growth --------------------------------------------------------------------------------------------

    def clamp(self, connection: "ConnectionCore") -> int:
        """Upper limit of the window: at first the buffer less room for a segment (sysctl ``tcp_app_win``)."""
        settings = connection.settings
        if self._clamp is None:
            self._clamp = self._first_clamp(connection)
            self._user_clamp = settings.window_clamp
        elif self._user_clamp != settings.window_clamp:
            self._user_clamp = settings.window_clamp
            self._move_clamp(connection, settings.window_clamp or self.whole(connection))
        return self._clamp

    def _first_clamp(self, connection: "ConnectionCore") -> int:
        whole, mss = self._opening.whole or self.whole(connection), payload_of_peer(connection)
        clamp = min(connection.settings.window_clamp or (1 << 30), MAX_FIELD << connection.tcb.rcv_wscale, whole)
        reserved = connection.settings.app_win
        if reserved and clamp >= whole > 4 * mss:
            clamp = max(whole - (whole >> reserved), 4 * mss)
        if reserved and clamp > 2 * mss and clamp + mss > whole:
            clamp = max(2 * mss, whole - mss)
        return clamp

    def _move_clamp(self, connection: "ConnectionCore", clamp: int) -> int:
        """A lower clamp lowers the ceiling; a higher one raises it to the window in use; return the new clamp."""
        clamp = max(clamp, LEAST_CLAMP)
        before, self._clamp = self._clamp, clamp
        if self._threshold is None or before is None:
            return clamp
        if clamp < before:
            self._threshold = min(self._threshold, clamp)
        elif clamp > before:
            self._threshold = max(min(connection.tcb.offered_window, clamp), self._threshold)
        return clamp

    def on_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Count the memory; a segment of a new size, not below the largest, tells how much of it is overhead."""
        tcb, length = connection.tcb, len(arrival.segment.payload)
        if not self._reading.space:
            space = max(self._first_space(connection), 1)
            self._reading.begin(space, read_seq=connection.receive_queue.read_seq, now=arrival.now)
        if arrival.has_timestamps and tcb.has_timestamps:
            self._measure(connection, arrival)
        self._newest = frame_of(header_octets(connection) + tcb.option_octets + length)
        if arrival.text_seq == tcb.rcv_nxt:
            # What was cut off in front is in the buffer still.
            end = arrival.text_seq + len(arrival.text)
            held = Held(end - length, end, self._newest)
            self._memory.add(held, read_seq=connection.receive_queue.read_seq)
        if (arrival.gso_size or length) > connection.delayed_ack.segment_estimate(connection):
            self._learn(connection, length)

    def _measure(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Time the round trip by an echo on a full segment."""
        is_full = len(arrival.segment.payload) >= connection.delayed_ack.segment_estimate(connection)
        if self._reading.is_new_echo(arrival.ts_ecr) and is_full:
            delay = connection.timestamps.delay_of(connection, arrival.ts_ecr, now=arrival.now)
            is_read = connection.receive_queue.read_seq == connection.tcb.rcv_nxt
            self._reading.on_echo(delay or 0, is_read=is_read)

    def on_in_order(self, connection: "ConnectionCore", *, now: int) -> None:
        """In-order text was taken."""
        tcb = connection.tcb
        self._reading.on_window(rcv_nxt=tcb.rcv_nxt, window=tcb.offered_window, now=now)

    def on_out_of_order(self, connection: "ConnectionCore") -> None:
        """Text was taken ahead of RCV.NXT: there has to be room for it beside what is read in a round trip."""
        if self._reading.space and not connection.is_detached:
            self._make_room(connection, self._reading.space)

    def after_read(self, connection: "ConnectionCore", *, read: int, now: int) -> None:
        """The application took octets out. Measured: what counts as read then is the first buffer of them."""
        if not read:
            return
        read_seq = connection.receive_queue.read_seq
        first = min(self._memory.end_of_first(read_seq - read), read_seq)
        most = self._reading.on_read(read_seq=first, rcv_nxt=connection.tcb.rcv_nxt, now=now)
        if most is not None:
            self._make_room(connection, most)

    def _make_room(self, connection: "ConnectionCore", read: int) -> None:
        """So much is read in a round trip: let the buffer hold that of two, and more while that grows."""
        settings = connection.settings
        before, self._reading.space = self._reading.space, read
        if not settings.moderate_rcvbuf or settings.rcvbuf_locked:
            return
        wanted = 2 * read
        wanted += wanted * (read - before) // before << 1
        if connection.reassembly:
            wanted += connection.reassembly.ranges()[-1][1] - connection.tcb.rcv_nxt
        rcvbuf = min((wanted << 8) // self._share, settings.rmem_max)
        if rcvbuf > settings.rcvbuf:
            settings.rcvbuf = rcvbuf
            self.clamp(connection)
            self._clamp = self.whole(connection)

    def _learn(self, connection: "ConnectionCore", length: int) -> None:
        self.ceiling(connection)
        share = min(max((length << 8) // self._newest.memory, 1), 255)
        if share != self._share:
            self._share = share
            clamp = self._move_clamp(connection, self.whole(connection))
            # Measured (tcp_measure_rcv_mss()): more than the buffer has room for was not read.
            self._reading.space = min(self._reading.space, clamp)

    def grow(self, connection: "ConnectionCore", length: int, *, is_early: bool = False) -> bool:
        """Data came: offer more, as far as the buffer allows; tell whether the ceiling rose.

        What is early does not count against the room yet, and nothing grows by what was held before (measured).
        """
        own = 0
        if is_early and isinstance(connection.sack, LinuxSackGenerator):
            if connection.sack.newest is None:
                return False
            own = connection.sack.newest.memory
        ceiling = self.ceiling(connection)
        room = min(self.clamp(connection), self.free_space(connection, besides=own)) - ceiling
        step = self._step(connection, length, ceiling) if room > 0 else 0
        if not step:
            return False
        self._threshold = ceiling + min(room, max(step, 2 * length))
        return True

    def _step(self, connection: "ConnectionCore", length: int, ceiling: int) -> int:
        """Return how much more to offer: small segments in large buffers earn less, or nothing."""
        payload = self._newest.memory * self._share >> 8
        if payload <= length:
            return 2 * payload_of_peer(connection)
        payload >>= 1
        largest = (connection.settings.rmem_max * self._share >> 8) >> 1
        while ceiling <= largest:
            if payload <= length:
                return 2 * connection.delayed_ack.segment_estimate(connection)
            payload >>= 1
            largest >>= 1
        return 0

    def free_space(self, connection: "ConnectionCore", *, besides: int = 0) -> int:
        """Payload that the rest of the buffer has room for; so much memory does not count."""
        used = self.memory(connection) - besides
        return max((connection.settings.rcvbuf - used) * self._share >> 8, 0)

    def memory(self, connection: "ConnectionCore") -> int:
        """Return what the buffers in the receive queue and ahead of RCV.NXT take up."""
        sack, read_seq = connection.sack, connection.receive_queue.read_seq
        if not isinstance(sack, LinuxSackGenerator):
            return self._memory.used(read_seq)
        for held in sack.moved:
            self._memory.add(held, read_seq=read_seq)
        sack.moved.clear()
        return self._memory.used(read_seq) + sack.memory

    # --- offering ----------------------------------------------------------------------------------------------------

    def select(self, connection: "ConnectionCore") -> int:
        """Return the window to offer; one that was offered is not taken back.

        Measured: it counts as offered also beyond what the field has room for (tcp_select_window() sets rcv_wnd first).
        """
        tcb = connection.tcb
        if connection.settings.signed_windows:
            tcb.largest_field = MAX_FIELD if tcb.rcv_wscale else MAX_SIGNED
        if connection.is_request:
            return tcb.offered_window  # Measured: what answers for the listener says its window, rounded down.
        before_rest = connection.segments_before_rest
        if before_rest is not None and connection.counters.segments_in > before_rest:
            # Measured: what is left of it (Linux, tcp_timewait_sock) repeats the window that it had, modulo 16 bits.
            return (tcb.offered_window >> tcb.rcv_wscale & MAX_FIELD) << tcb.rcv_wscale
        current = max(tcb.rcv_adv - tcb.rcv_nxt, 0)
        window = self.wanted(connection)
        unit = 1 << tcb.rcv_wscale
        if window < current:
            window = -(-current // unit) * unit
        return window

    def wanted(self, connection: "ConnectionCore") -> int:
        """Return the window that the buffer suggests."""
        tcb = connection.tcb
        mss = connection.delayed_ack.segment_estimate(connection)
        free, allowed = self.free_space(connection), self.whole(connection)
        full = min(self.clamp(connection), allowed)
        mss = min(mss, full)
        if mss <= 0:
            return 0
        unit = 1 << tcb.rcv_wscale
        if free < full >> 1:
            connection.delayed_ack.on_little_room()
            free -= free % unit
            if free < allowed >> 4 or free < mss:
                return 0
        free = min(free, self.ceiling(connection))
        if tcb.rcv_wscale:
            return -(-free // unit) * unit
        return self._whole_segments(connection.tcb.offered_window, free, mss, full)

    @staticmethod
    def _whole_segments(window: int, free: int, mss: int, full: int) -> int:
        if window <= free - mss or window > free:
            return free - free % mss
        if mss == full and free > window + (full >> 1):
            return free
        return window

    def is_keeping(self, connection: "ConnectionCore") -> bool:
        """Tell whether an acknowledgment now would offer at least the window that was offered last."""
        return self.wanted(connection) >= connection.tcb.offered_window

    def wants_update(self, connection: "ConnectionCore", *, read: int) -> bool:  # noqa: ARG002
        """The window at least doubles."""
        tcb = connection.tcb
        current = max(tcb.rcv_adv - tcb.rcv_nxt, 0)
        if 2 * current > self.clamp(connection):
            return False
        wanted = self.wanted(connection)
        return bool(wanted) and wanted >= 2 * current
