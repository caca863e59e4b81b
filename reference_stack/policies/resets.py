"""Resets that a connection sends about itself (RFC 9293, 3.5.2 and 3.10.5)."""

from typing import TYPE_CHECKING

from reference_stack import output

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class Resets:
    """<SEQ=SND.NXT><CTL=RST>, as section 3.10.5 writes it."""

    __slots__ = ()

    def send_abort(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """The user aborts, or closes with octets unread (RFC 9293, SHLD-3)."""
        output.send_reset(connection, seq=connection.tcb.snd_nxt)

    def send_lost_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:  # noqa: ARG002
        """Octets came for which there is no reader any more (RFC 9293, SHLD-3)."""
        output.send_reset(connection, seq=connection.tcb.snd_nxt)

    def send_refusal(self, connection: "ConnectionCore", ack: int) -> None:
        """An acknowledgment is unacceptable before the connection is synchronized (3.5.2, group 2)."""
        output.send_reset(connection, seq=ack)

    def before_giving_up(self, connection: "ConnectionCore", *, now: int) -> None:
        """The connection is given up for want of answers: RFC 9293, 3.8.3 asks for no reset."""
