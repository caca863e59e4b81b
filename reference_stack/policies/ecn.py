"""Explicit congestion notification (RFC 3168)."""

from typing import TYPE_CHECKING

from wire.tcp import ACK, CWR, ECE, SYN

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore
    from wire.options import AccEcn

NOT_ECT, ECT_0, CE = 0, 2, 3
ASKS = frozenset({1, 4})
ANSWERS = frozenset({1, 2, 3, 4, 5})
"""Values of ``settings.ecn`` with which this end asks for classic ECN, and grants it."""


class Ecn:
    """Negotiation, echo and response."""

    __slots__ = ("_echo", "_reduced")

    def __init__(self) -> None:
        self._echo = False
        self._reduced = False

    def syn_flags(self, connection: "ConnectionCore") -> int:
        """Return the flags to add to a SYN (RFC 3168, 6.1.1); not on a retransmitted one (6.1.1.1)."""
        return ECE | CWR if self._is_asking(connection) else 0

    @staticmethod
    def _is_asking(connection: "ConnectionCore") -> bool:
        is_given_up = (
            connection.syn_retransmissions > connection.settings.ecn_retries and connection.settings.ecn_fallback
        )
        return connection.settings.ecn in ASKS and not is_given_up

    def synack_flags(self, connection: "ConnectionCore") -> int:
        """Return the flags to add to a SYN-ACK: ECE alone, and only in reply to an ECN-setup SYN."""
        return ECE if connection.tcb.has_ecn else 0

    def on_syn(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Read the peer's SYN or SYN-ACK."""
        flags = arrival.flags & (ECE | CWR)
        if arrival.flags & ACK:
            # We may use ECN only if our SYN asked for it and the answer is ECE without CWR.
            connection.tcb.has_ecn = self._is_asking(connection) and flags == ECE
        else:
            connection.tcb.has_ecn = connection.settings.ecn in ANSWERS and flags == ECE | CWR

    def on_syn_again(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """In SYN-RECEIVED the peer's SYN came again; tell whether the handshake goes on.

        RFC 3168, 6.1.1: whoever sends a SYN without the flags after one with them gives ECN up.
        """
        if not arrival.flags & ACK and arrival.flags & (ECE | CWR) != ECE | CWR:
            connection.tcb.has_ecn = False
        return True

    def on_handshake_ack(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """The ACK of our SYN-ACK came."""

    def info(self) -> dict[str, int]:
        """Return members of ``TCP_INFO`` about accurate feedback."""
        return {}

    def is_option_due(self, connection: "ConnectionCore", *, is_syn: bool = False) -> bool:  # noqa: ARG002
        """Tell whether a segment that leaves now should carry an option."""
        return False

    def option(self, *, room: int, is_syn: bool = False) -> "AccEcn | None":  # noqa: ARG002
        """Return an option for a segment that has `room` octets left for one, or None."""
        return None

    def on_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Read the marks of an acceptable segment (RFC 3168, 6.1.3)."""
        if not connection.tcb.has_ecn or arrival.flags & SYN:
            return
        if arrival.flags & CWR:
            self._echo = False
        if arrival.ecn == CE:
            self._echo = True

    @property
    def is_acknowledgment_urgent(self) -> bool:
        """The marks of the newest text suggest that its sender should not wait for an acknowledgment."""
        return False

    def is_congestion_echo(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether the acknowledgment reports congestion."""
        return connection.tcb.has_ecn and bool(arrival.flags & ECE) and not arrival.flags & SYN

    def on_reduction(self) -> None:
        """The window was reduced: CWR goes on the next new data (RFC 3168, 6.1.2)."""
        self._reduced = True

    def flags(self, connection: "ConnectionCore", *, is_new_data: bool) -> int:
        """Return the flags to add to a segment without SYN."""
        if not connection.tcb.has_ecn:
            return 0
        flags = ECE if self._echo else 0
        if is_new_data and self._reduced:
            self._reduced = False
            flags |= CWR
        return flags

    def codepoint(self, connection: "ConnectionCore", *, is_new_data: bool) -> int:
        """Return the IP codepoint: ECT(0) on new data only (RFC 3168, 6.1.4, 6.1.5, 6.1.6)."""
        return ECT_0 if is_new_data and connection.tcb.has_ecn else NOT_ECT
