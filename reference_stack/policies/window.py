"""The offered receive window (RFC 9293, 3.8.6; RFC 7323, section 2)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

MAX_SHIFT = 14
"""RFC 7323, 2.3."""
MAX_FIELD = 0xFFFF


class ReceiveWindow:
    """Offers all free buffer space, in steps that avoid silly windows, and never takes an offer back."""

    __slots__ = ()

    def scale(self, connection: "ConnectionCore") -> int:
        """Return the shift count for our windows: as small as lets the whole buffer be offered."""
        shift = 0
        while connection.settings.rcvbuf >> shift > MAX_FIELD and shift < MAX_SHIFT:
            shift += 1
        return shift

    def on_peer_mss(self, connection: "ConnectionCore") -> None:
        """The peer's SYN has been read, and the size of a segment is known."""

    def unanswered_scale(self, connection: "ConnectionCore", arrival: "Arrival") -> int:  # noqa: ARG002
        """Return the shift count for our windows once a SYN without the option came: none (RFC 7323, 1.3)."""
        return 0

    def of_syn(self, connection: "ConnectionCore") -> int:
        """Return the window field of a SYN or SYN-ACK, which is never scaled (RFC 7323, 2.2)."""
        return min(self._clamped(connection, connection.settings.rcvbuf), MAX_FIELD)

    def behind_syn(self, connection: "ConnectionCore", offered: int) -> int:  # noqa: ARG002
        """Return how many octets may follow our SYN, which offered so many."""
        return offered

    def select(self, connection: "ConnectionCore") -> int:
        """Return the window to offer in octets, a multiple of what the scale can say."""
        tcb = connection.tcb
        current = tcb.rcv_adv - tcb.rcv_nxt
        limit = MAX_FIELD << tcb.rcv_wscale
        step = ~((1 << tcb.rcv_wscale) - 1)
        free = min(self.free_space(connection), limit) & step
        # RFC 9293, 3.8.6.2.2: the right edge stays until it can move by a worthwhile amount (Fr = 1/2).
        if free - current >= self.worthwhile(connection):
            return free
        # Rounding down may draw the edge seen on the wire back by less than one unit of the scale (RFC 7323, 2.4),
        # but what was offered before is still accepted: RCV.ADV remembers it.
        return min(max(current, 0), limit) & step

    def free_space(self, connection: "ConnectionCore") -> int:
        """Return how many octets beyond RCV.NXT the buffer has room for."""
        free = connection.settings.rcvbuf - connection.receive_queue.octets
        return max(self._clamped(connection, free), 0)

    def worthwhile(self, connection: "ConnectionCore") -> int:
        """Return the least step of the right edge: min (RCV.BUFF/2, MSS)."""
        return min(connection.settings.rcvbuf // 2, connection.tcb.rcv_mss)

    def ceiling(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_ssthresh``: the largest window that would be offered now."""
        return self._clamped(connection, connection.settings.rcvbuf)

    def space(self, connection: "ConnectionCore") -> int:
        """``tcpi_rcv_space``: what the automatic tuning of the buffer reckons with; here the buffer."""
        return connection.settings.rcvbuf

    def on_cookie(self) -> None:
        """The connection is about to be made of a SYN cookie (RFC 4987, 3.6)."""

    def memory(self, connection: "ConnectionCore") -> int:
        """Return what the receive buffer holds, in octets of the measure that limits it; here those of text."""
        return connection.receive_queue.octets + connection.reassembly.octets

    def on_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """The segment's text is about to be stored or delivered."""

    def round_trip(self) -> int:
        """``tcpi_rcv_rtt`` in microseconds, 0 for none."""
        return 0

    def on_in_order(self, connection: "ConnectionCore", *, now: int) -> None:
        """In-order text was taken."""

    def on_out_of_order(self, connection: "ConnectionCore") -> None:
        """Text was taken ahead of RCV.NXT."""

    def after_read(self, connection: "ConnectionCore", *, read: int, now: int) -> None:
        """The application took `read` octets out."""

    def grow(self, connection: "ConnectionCore", length: int, *, is_early: bool = False) -> bool:  # noqa: ARG002
        """Data of `length` octets came, `is_early`: ahead of RCV.NXT; tell whether more will be offered than before."""
        return False

    def is_keeping(self, connection: "ConnectionCore") -> bool:  # noqa: ARG002
        """Tell whether an acknowledgment now would offer at least the window that was offered last."""
        return True

    def wants_update(self, connection: "ConnectionCore", *, read: int) -> bool:
        """Tell whether the application's reading of `read` octets is worth a segment of its own."""
        tcb = connection.tcb
        current = tcb.rcv_adv - tcb.rcv_nxt
        gain = self.select(connection) - current
        if read <= 0 or gain <= 0:
            return False
        # Twice the step, so that reading each segment as it comes does not double the acknowledgments; at once when
        # the peer may be waiting for the window (RFC 9293, 3.8.6.2.2).
        return gain >= 2 * self.worthwhile(connection) or current < self.worthwhile(connection)

    @staticmethod
    def _clamped(connection: "ConnectionCore", window: int) -> int:
        clamp = connection.settings.window_clamp
        return min(window, clamp) if clamp else window
