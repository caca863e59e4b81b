"""What a zero-window probe and a keep-alive probe look like (RFC 9293, 3.8.4 and 3.8.6.1)."""

from typing import TYPE_CHECKING

from reference_stack import output, transmit
from wire.tcp import ACK

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class Probes:
    """A window probe is one octet of new data; a keep-alive is empty and lies just below the window."""

    __slots__ = ()

    def send_window_probe(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Send what the silly-window override allows, else one octet (or the FIN) beyond the window.

        RFC 9293, MUST-36: at least one octet of new data, or a retransmission. Returns whether it counts as sent, see
        `output.emit`.
        """
        tcb = connection.tcb
        front = connection.scoreboard.front
        if front is not None:
            return transmit.retransmit(connection, front, now=now)
        unsent = connection.send_queue.end - tcb.snd_nxt
        usable = min(unsent, tcb.send_limit - tcb.snd_nxt, tcb.snd_mss)
        if usable > 0:
            return transmit.send_new(connection, usable, now=now)
        connection.is_probe_outstanding = True
        return transmit.send_new(connection, min(unsent, 1), now=now, is_probe=True)

    def on_idle_ack(self, connection: "ConnectionCore", *, now: int) -> None:
        """An acknowledgment came while nothing was outstanding."""

    def first_delay(self, connection: "ConnectionCore") -> int:
        """Return how long to wait before the first probe.

        One RTO of a closed window (RFC 9293, SHLD-29), or the override timeout of the silly-window rule when the
        window is open but too small.
        """
        if connection.tcb.send_limit > connection.tcb.snd_nxt:
            return connection.transmission.OVERRIDE_US
        return connection.rtt.rto

    def next_delay(self, connection: "ConnectionCore", *, was_sent: bool) -> int:  # noqa: ARG002
        """Return the distance to the next probe: it doubles each time (SHLD-30)."""
        rtt = connection.rtt
        return min(rtt.base_rto << min(connection.probe_backoff, 30), rtt.maximum)

    def send_keepalive(self, connection: "ConnectionCore", *, now: int) -> None:
        """SEQ = SND.NXT-1 and no data (RFC 9293, SHLD-12)."""
        output.emit(connection, seq=connection.tcb.snd_nxt - 1, flags=ACK, now=now)
