"""Choices while a connection opens."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class Opening:
    """Text and FIN on a SYN are kept (RFC 9293, 3.10.7.2 and 3.10.7.3)."""

    __slots__ = ()

    def take_early_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Text or FIN came with a SYN: keep them until ESTABLISHED, or leave them unacknowledged."""
        text = arrival.text[: connection.tcb.rcv_wnd]
        connection.reassembly.insert(arrival.text_seq, text)
        if arrival.has_fin and len(text) == len(arrival.text):
            connection.pending_fin = arrival.text_seq + len(text)


class ForgetfulOpening(Opening):
    """Text on a SYN is left for the peer to send again."""

    __slots__ = ()

    def take_early_text(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Leave it unacknowledged."""
