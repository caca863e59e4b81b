"""What DragonFly BSD does with ICMP errors, and what it tells a peer that it gives up (tcp(4); Stevens, 1995)."""

from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.icmp import IcmpError, IcmpErrors
from reference_stack.policies.resets import Resets
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)


class DragonflyIcmpErrors(IcmpErrors):
    """``icmp_may_rst`` decides whether a hard error ends an opening."""

    __slots__ = ()

    def on_error(self, connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        """An error arrived."""
        if not connection.settings.icmp_may_reset:
            error = error._replace(hard=False)
        super().on_error(connection, error, now=now)


class DragonflyResets(Resets):
    """A connection that is given up is reset (4.4BSD, tcp_drop: Stevens, TCP/IP Illustrated, volume 2, 27.3)."""

    __slots__ = ()

    def before_giving_up(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """Tell the peer, unless the connection was never established."""
        if connection.tcb.state not in _OPENING:
            output.send_reset(connection, seq=connection.tcb.snd_max, with_ack=True)
