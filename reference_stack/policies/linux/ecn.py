"""Explicit congestion notification where Linux keeps what was agreed."""

from typing import TYPE_CHECKING

from reference_stack.policies.accecn import AccurateEcn
from reference_stack.policies.ecn import CE, NOT_ECT
from wire.tcp import AE, CWR, ECE, SYN

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class LinuxEcn(AccurateEcn):
    """A plain SYN that comes after one with ECE and CWR does not end classic ECN (measured on Linux 6.18)."""

    __slots__ = ("_has_seen_ect", "_is_urgent")

    def __init__(self) -> None:
        super().__init__()
        self._has_seen_ect = False
        self._is_urgent = False

    @property
    def is_acknowledgment_urgent(self) -> bool:
        """Text with the first mark, which slows its sender down, or without ECT after such with it: a repetition."""
        return self._is_urgent

    def on_syn_again(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """In SYN-RECEIVED the peer's SYN came again; tell whether it fits the first one."""
        is_plain = not arrival.flags & (AE | CWR | ECE)
        return True if is_plain and not self.is_accurate else super().on_syn_again(connection, arrival)

    def on_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Read the marks. Of a segment without new text only CWR counts; with text it is acknowledged at once.

        Measured (tcp_ecn_accept_cwr(), tcp_data_ecn_check()).
        """
        self._is_urgent = False
        if self.is_accurate:
            super().on_segment(connection, arrival)
            return
        if not connection.tcb.has_ecn or arrival.flags & SYN:
            return
        if arrival.flags & CWR:
            self._echo = False
            if arrival.end > arrival.seq:
                connection.ack_now = True
        if not arrival.text or arrival.end <= connection.tcb.rcv_nxt:
            return
        if arrival.ecn == CE:
            self._is_urgent, self._echo = not self._echo, True
        elif arrival.ecn == NOT_ECT:
            self._is_urgent = self._has_seen_ect
        self._has_seen_ect |= arrival.ecn != NOT_ECT
