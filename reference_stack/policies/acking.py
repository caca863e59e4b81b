"""When received data is acknowledged (RFC 9293, 3.8.6.3; RFC 5681, 4.2)."""

from typing import TYPE_CHECKING

from reference_stack.timers import DELAYED_ACK

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class DelayedAck:
    """At once for every second full-sized segment, else after `DELAY_US`.

    A segment that must be acknowledged at once, such as one out of order, is none of this policy's business: the
    rules then set `Connection.ack_now` themselves.
    """

    __slots__ = ("_largest", "_unacknowledged")

    DELAY_US = 200_000
    """Below the half second of RFC 9293, MUST-40."""

    def __init__(self) -> None:
        self._unacknowledged = 0
        self._largest = 0

    @property
    def timeout_us(self) -> int:
        """``tcpi_ato``: the delay in use, in microseconds."""
        return self.DELAY_US

    @property
    def is_quick(self) -> bool | None:
        """What ``getsockopt(TCP_QUICKACK)`` tells of the mode of the moment; None: there is only what was set."""
        return None

    def delay_us(self, connection: "ConnectionCore") -> int:  # noqa: ARG002
        """Return how long an acknowledgment may wait for company."""
        return self.DELAY_US

    def segment_estimate(self, connection: "ConnectionCore") -> int:  # noqa: ARG002
        """``tcpi_rcv_mss``: how large a full segment of the peer seems to be."""
        return self._largest

    def on_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """In-order text was taken from the segment: acknowledge now or start the timer."""
        self._unacknowledged += len(arrival.text)
        self._largest = max(self._largest, len(arrival.text))
        # RFC 5681, 4.2: at least every second full-sized segment. The peer may be confined to smaller segments than
        # we announced, so the largest seen counts, but none below the default MSS.
        full = min(connection.tcb.rcv_mss - connection.tcb.option_octets, max(self._largest, 536))
        if connection.settings.quickack or self._unacknowledged >= 2 * full:
            connection.ack_now = True
        elif not connection.timers.is_running(DELAYED_ACK):
            connection.timers.set(DELAYED_ACK, arrival.now + self.delay_us(connection))

    def decide(self, connection: "ConnectionCore", *, now: int) -> None:
        """An event is over and data that could leave has left: the last chance to acknowledge now."""

    def on_syn_ack(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """Our active open succeeded: the third segment of the handshake leaves."""
        connection.ack_now = True

    def on_out_of_order(self, connection: "ConnectionCore", arrival: "Arrival") -> None:  # noqa: ARG002
        """Text came ahead of RCV.NXT: acknowledged at once (RFC 5681, 4.2)."""
        connection.ack_now = True

    def on_kept_text(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """Text that waited for the end of the handshake is taken: acknowledged at once."""
        connection.ack_now = True

    def on_gap_filled(self, connection: "ConnectionCore", arrival: "Arrival") -> None:  # noqa: ARG002
        """Text at RCV.NXT came while other text waited behind a gap: acknowledged at once (RFC 5681, 4.2)."""
        connection.ack_now = True

    def on_fin(self, connection: "ConnectionCore", arrival: "Arrival") -> None:  # noqa: ARG002
        """A FIN was heard, in order or ahead of RCV.NXT."""
        connection.ack_now = True

    def flush(self, connection: "ConnectionCore", *, now: int) -> None:
        """An acknowledgment of text ahead of RCV.NXT that is held back is to leave now."""

    def on_little_room(self) -> None:
        """Less than half of the receive buffer is free."""

    def on_unacceptable(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """A segment outside the window is about to be answered."""

    def on_old_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Nothing new is in an acceptable segment, or there is no room for it: it is answered."""
        self.on_unacceptable(connection, arrival)
        connection.ack_now = True

    def on_timeout(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """The delay is over."""
        connection.ack_now = True

    def on_ack_sent(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """A segment with the current acknowledgment number left."""
        self._unacknowledged = 0
        connection.timers.stop(DELAYED_ACK)

    def on_data_sent(self, connection: "ConnectionCore", *, now: int) -> None:
        """Data left."""

    def after_read(self, connection: "ConnectionCore", *, read: int, now: int) -> None:  # noqa: ARG002
        """The application took `read` octets out: send a window update when it is worth it."""
        if connection.window.wants_update(connection, read=read):
            connection.ack_now = True

    def on_settings_changed(self, connection: "ConnectionCore", *, setting: str | None, now: int) -> None:  # noqa: ARG002
        """A setting was written; with TCP_QUICKACK set, what was held back leaves."""
        if connection.settings.quickack and connection.timers.is_running(DELAYED_ACK):
            connection.ack_now = True
