"""Linux' receive window: a share of the buffer, opened step by step, in multiples of the segment size."""

from typing import TYPE_CHECKING

from reference_stack.policies.window import MAX_FIELD, MAX_SHIFT, ReceiveWindow

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


LEAST_CLAMP = 1152
"""Half of the least receive buffer."""


SKB_OVERHEAD, SHARED_INFO, HEADROOM, HEADERS = 256, 320, 64, 40
"""Octets of a packet buffer around its data, as measured with packets from a TUN device."""


def memory_of(length: int) -> int:
    """Return the memory that a received segment with `length` octets takes: its data area is a power of two."""
    area = length + HEADERS + HEADROOM + SHARED_INFO
    return SKB_OVERHEAD + (1 << max(area - 1, 1).bit_length())


class LinuxReceiveWindow(ReceiveWindow):
    """Half of the buffer is taken to be overhead at first (tcp(7), SO_RCVBUF), then what the peer's segments show."""

    __slots__ = ("_clamp", "_held", "_memory", "_threshold", "share")

    def __init__(self) -> None:
        self.share = 128
        """Of 256 octets of buffer so many are counted as payload."""
        self._threshold: int | None = None
        self._clamp: int | None = None
        self._held: deque[tuple[int, int]] = deque()
        self._memory = 0

    def space(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_space``: at first ten segments."""
        return min(self.ceiling(connection), 10 * connection.tcb.rcv_mss)

    def ceiling(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_ssthresh``: the largest window that is offered for now."""
        clamp = self.clamp(connection)
        if self._threshold is None:
            self._threshold = min(self.initial(connection), clamp)
        return self._threshold

    def whole(self, connection: "ConnectionCore") -> int:
        """Payload that the whole buffer has room for."""
        return connection.settings.rcvbuf * self._share >> 8

    def scale(self, connection: "ConnectionCore") -> int:
        """Enough for the largest buffer that automatic tuning may reach, or for one that the user fixed."""
        settings = connection.settings
        largest = self.whole(connection)
        if not settings.rcvbuf_locked:
            largest = max(largest, settings.rmem_max)
        if settings.window_clamp:
            largest = min(largest, settings.window_clamp)
        return min(max(largest.bit_length() - 1 - 15, 0), MAX_SHIFT)

    def of_syn(self, connection: "ConnectionCore") -> int:
        """A multiple of the segment size, below 64 kB on the wire."""
        return min(self.initial(connection), MAX_FIELD)

    def initial(self, connection: "ConnectionCore") -> int:
        """Return the first window in octets."""
        tcb, settings = connection.tcb, connection.settings
        # An answer to a SYN with timestamps reckons with their room in each segment.
        mss = tcb.rcv_mss - tcb.option_octets
        window = self._clamped(connection, self.whole(connection))
        if window > mss:
            window -= window % mss
        if settings.initial_receive_window is not None:
            window = min(window, settings.initial_receive_window * mss)
        return window

    def clamp(self, connection: "ConnectionCore") -> int:
        """Upper limit of the window: the buffer less room for a segment (sysctl ``tcp_app_win``)."""
        if self._clamp is not None:
            return self._clamped(connection, self._clamp)
        whole, mss = self.whole(connection), connection.tcb.rcv_mss
        limit = max(2 * mss, whole - mss) if whole > 2 * mss else whole
        return self._clamped(connection, limit)

    def learn(self, connection: "ConnectionCore", length: int) -> None:
        """The peer's full segments have this length: their share of payload is what counts from now on."""
        share = max((length << 8) // memory_of(length), 1)
        if share != self.share:
            self.share = share
            self._clamp = self.whole(connection)

    def hold(self, connection: "ConnectionCore", length: int) -> None:
        """A segment was queued for the application."""
        size = memory_of(length)
        self._held.append((connection.tcb.rcv_nxt, size))
        self._memory += size

    def grow(self, connection: "ConnectionCore", length: int) -> bool:
        """Data came: offer more, as far as the buffer allows; tell whether the ceiling rose."""
        room = min(self.clamp(connection), self.free_space(connection)) - self.ceiling(connection)
        if room <= 0:
            return False
        step = self._step(connection, length)
        if not step:
            return False
        self._threshold = self.ceiling(connection) + min(room, max(step, 2 * length))
        return True

    def _step(self, connection: "ConnectionCore", length: int) -> int:
        """Return how much more to offer: small segments in large buffers earn less."""
        worth = memory_of(length) * self.share >> 8
        if worth <= length:
            return 2 * connection.tcb.rcv_mss
        worth >>= 1
        window = (connection.settings.rmem_max * self.share >> 8) >> 1
        while self.ceiling(connection) <= window:
            if worth <= length:
                return 2 * connection.delayed_ack.segment_estimate(connection)
            worth >>= 1
            window >>= 1
        return 0

    def free_space(self, connection: "ConnectionCore") -> int:
        """Payload that the rest of the buffer has room for."""
        while self._held and self._held[0][0] <= connection.receive_queue.read_seq:
            self._memory -= self._held.popleft()[1]
        return max((connection.settings.rcvbuf - self._memory) * self.share >> 8, 0)

    def select(self, connection: "ConnectionCore") -> int:
        """Return the window to offer; one that was offered is not taken back."""
        tcb = connection.tcb
        current = max(tcb.rcv_adv - tcb.rcv_nxt, 0)
        window = self.wanted(connection)
        unit = 1 << tcb.rcv_wscale
        if window < current:
            window = -(-current // unit) * unit
        return min(window, MAX_FIELD << tcb.rcv_wscale)

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
