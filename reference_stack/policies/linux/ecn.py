"""Explicit congestion notification where Linux keeps what was agreed."""

from typing import TYPE_CHECKING

from reference_stack.policies.accecn import AccurateEcn
from wire.tcp import AE, CWR, ECE

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
