"""What Linux does with ICMP errors beyond remembering them: the backoff is taken back (RFC 6069)."""

from typing import TYPE_CHECKING

from reference_stack.policies.icmp import IcmpError, IcmpErrors
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)


class LinuxIcmpErrors(IcmpErrors):
    """An unreachable host or network explains a loss, so the timer backs off one step less (RFC 6069, section 3)."""

    __slots__ = ()

    TAKES_NEXT = True
    """tcp_v4_err() compares inclusively (measured)."""

    def on_error(self, connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        """An error arrived."""
        super().on_error(connection, error, now=now)
        if error.is_unreachable and not connection.is_deleted and connection.tcb.state not in _OPENING:
            self._take_back(connection, error, now=now)

    @staticmethod
    def _take_back(connection: "ConnectionCore", error: IcmpError, *, now: int) -> None:
        tcb, front = connection.tcb, connection.scoreboard.front
        # RFC 6069, 3 (2): the quoted segment is the one that the timer sent again.
        is_repeated = connection.sequence.unwrap(tcb.snd_una, error.quoted_seq) == tcb.snd_una
        if front is None or not is_repeated or not connection.retransmits or not connection.rtt.backoff:
            return
        connection.rtt.backoff -= 1
        connection.arm_retransmission(now=now, since=front.sent_at)
