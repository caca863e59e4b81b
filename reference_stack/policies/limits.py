"""When a connection is given up: R1 and R2 of RFC 9293 (3.8.3), window probes, keep-alives."""

from typing import TYPE_CHECKING

from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class Limits:
    """R2 as a time: `settings.user_timeout_us`, or the personality's `R2_US`."""

    __slots__ = ()

    R2_US = 300_000_000
    """Five minutes: the default user timeout of RFC 9293 (3.9.1.1), above the 100 s of SHLD-11."""

    SYN_R2_US = 300_000_000
    """At least three minutes (RFC 9293, MUST-23)."""

    def r2_us(self, connection: "ConnectionCore") -> int:
        """Return R2 in microseconds for the state the connection is in."""
        if connection.settings.user_timeout_us:
            return connection.settings.user_timeout_us
        adopted = connection.user_timeout.adopted_us(connection)
        if adopted is not None:
            return adopted
        return self.SYN_R2_US if connection.tcb.state in (State.SYN_SENT, State.SYN_RECEIVED) else self.R2_US

    def is_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell, when the retransmission timer runs out, whether R2 has passed without progress."""
        return now >= self.next_check(connection)

    def is_syn_ack_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether the SYN-ACK of an early connection went unanswered for R2 (RFC 9293, MUST-23)."""
        return now - connection.progress_at >= self.r2_us(connection)

    def next_check(self, connection: "ConnectionCore") -> int:
        """Return when R2 will have passed if nothing happens."""
        since = connection.progress_at
        if connection.tcb.snd_wnd == 0:
            # RFC 9293, SHLD-17: not because data beyond a shrunken window stays unacknowledged, while the peer answers.
            since = max(since, connection.last_received_at)
        return since + self.r2_us(connection)

    def is_backing_off(self, connection: "ConnectionCore") -> bool:  # noqa: ARG002
        """Tell whether this timeout doubles the next one (RFC 6298, 5.5)."""
        return True

    def is_r1_reached(self, connection: "ConnectionCore") -> bool:
        """Tell whether delivery is in trouble (R1: at least three retransmissions, SHLD-10)."""
        return connection.retransmits >= connection.settings.retries1

    def is_black_hole_suspected(self, connection: "ConnectionCore", *, now: int) -> bool:  # noqa: ARG002
        """Tell whether so many timeouts came that segments of this size may get nowhere (RFC 4821, 7.7)."""
        return self.is_r1_reached(connection)

    def is_probing_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether window probes went unanswered for R2; answered ones never end (RFC 9293, MUST-37)."""
        return now - max(connection.last_received_at, connection.probing_since) >= self.r2_us(connection)

    def is_keepalive_expired(self, connection: "ConnectionCore", *, now: int) -> bool:  # noqa: ARG002
        """Tell whether so many keep-alive probes went unanswered that the peer counts as dead."""
        return connection.keepalive_probes >= connection.settings.keepcnt
