"""What FreeBSD makes of ICMP errors, and its resets."""

from errno import ECONNREFUSED
from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.dragonfly.errors import DragonflyIcmpErrors
from reference_stack.policies.icmp import IcmpError
from reference_stack.policies.resets import Resets

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class FreebsdIcmpErrors(DragonflyIcmpErrors):
    """A hard error that ends an opening is "connection refused", whatever its code."""

    __slots__ = ()

    def on_error(self, connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        """An error arrived."""
        super().on_error(connection, error._replace(errno=ECONNREFUSED) if error.hard else error, now=now)


class FreebsdResets(Resets):
    """Resets about a connection acknowledge what was received."""

    __slots__ = ()

    def send_abort(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """The user aborts, or closes with octets unread."""
        output.send_reset(connection, seq=connection.tcb.snd_nxt, with_ack=True)
