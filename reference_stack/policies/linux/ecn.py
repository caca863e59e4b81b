"""Explicit congestion notification where Linux keeps what was agreed."""

from typing import TYPE_CHECKING

from reference_stack.policies.accecn import AccurateEcn
from wire.tcp import AE, CWR, ECE, SYN

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class LinuxEcn(AccurateEcn):
    """A plain SYN that comes after one with ECE and CWR does not end classic ECN (measured on Linux 6.18)."""

    __slots__ = ()

    def on_syn_again(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """In SYN-RECEIVED the peer's SYN came again; tell whether it fits the first one."""
        is_plain = not arrival.flags & (AE | CWR | ECE)
        return True if is_plain and not self.is_accurate else super().on_syn_again(connection, arrival)

    def on_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Read the marks. Of a segment without new text only CWR counts (measured)."""
        if self.is_accurate or (arrival.text and arrival.end > connection.tcb.rcv_nxt):
            super().on_segment(connection, arrival)
        elif connection.tcb.has_ecn and arrival.flags & CWR and not arrival.flags & SYN:
            self._echo = False
