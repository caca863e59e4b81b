"""Linux' receive window: a share of the buffer, opened step by step, in multiples of the segment size."""

from typing import TYPE_CHECKING

from reference_stack.policies.window import MAX_FIELD, MAX_SHIFT, ReceiveWindow

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class LinuxReceiveWindow(ReceiveWindow):
    """Half of the buffer is taken to be overhead at first (tcp(7), SO_RCVBUF); growth follows what arrives."""

    __slots__ = ("_clamp", "_threshold")

    SHARE = 128
    """Of 256 octets of buffer so many are counted as payload."""

    def __init__(self) -> None:
        self._threshold: int | None = None
        self._clamp: int | None = None

    def space(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_space``: at first ten segments."""
        return min(self.ceiling(connection), 10 * connection.tcb.rcv_mss)

    def ceiling(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_ssthresh``: the largest window that is offered for now."""
        if self._threshold is None:
            self._threshold = self.of_syn(connection)
        return self._threshold

    def whole(self, connection: "ConnectionCore") -> int:
        """Payload that the whole buffer has room for."""
        return connection.settings.rcvbuf * self.SHARE >> 8

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
        whole, mss = self.whole(connection), connection.tcb.rcv_mss
        limit = max(2 * mss, whole - mss) if whole > 2 * mss else whole
        return self._clamped(connection, limit)

    def grow(self, connection: "ConnectionCore", length: int) -> bool:
        """Data came: offer more, as far as the buffer allows; tell whether the ceiling rose."""
        free = self.free_space(connection)
        room = min(self.clamp(connection), free) - self.ceiling(connection)
        if room <= 0:
            return False
        self._threshold = self.ceiling(connection) + min(room, max(2 * connection.tcb.rcv_mss, 2 * length))
        return True

    def free_space(self, connection: "ConnectionCore") -> int:
        """Payload that the rest of the buffer has room for."""
        return max(self.whole(connection) - connection.receive_queue.octets, 0)

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
