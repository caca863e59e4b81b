"""What FreeBSD makes of ICMP errors, and its resets."""

from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.dragonfly.errors import DragonflyIcmpErrors
from reference_stack.policies.icmp import IcmpError
from reference_stack.policies.mss import header_octets
from reference_stack.policies.resets import Resets
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class FreebsdIcmpErrors(DragonflyIcmpErrors):
    """News of the path are believed at once; while a SYN is out, IPv4's only below the size that is assumed."""

    __slots__ = ()

    DOUBTS_NEWS = False

    def on_error(self, connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        """An error arrived."""
        is_opening = connection.tcb.state is State.SYN_SENT
        assumed = connection.mss.default(connection) + header_octets(connection)
        if is_opening and connection.four_tuple.ip_version == 4 and error.mtu is not None and error.mtu >= assumed:
            return
        super().on_error(connection, error, now=now)
        if is_opening and error.mtu is not None:
            settings = connection.settings
            settings.path_mtu = min(settings.path_mtu or settings.mtu, max(error.mtu, self.MIN_IPV6_MTU))
            connection.tcb.rcv_mss = connection.mss.announced(connection)


class FreebsdResets(Resets):
    """Resets about a connection acknowledge what was received."""

    __slots__ = ()

    def send_abort(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """The user aborts, or closes with octets unread."""
        output.send_reset(connection, seq=connection.tcb.snd_nxt, with_ack=True)
