"""What Linux does to the congestion window while it searches the path MTU."""

from typing import TYPE_CHECKING

from reference_stack.policies.mtu_search import MtuSearch
from reference_stack.recovery.linux import LinuxRecovery

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class LinuxMtuSearch(MtuSearch):
    """A probe counts for two segments; with a larger segment size the window has fewer segments."""

    __slots__ = ()

    def on_sent(self, connection: "ConnectionCore", start: int, end: int) -> None:
        """One segment less may be in flight while the probe is."""
        super().on_sent(connection, start, end)
        connection.congestion.cwnd -= 1

    def _on_success(self, connection: "ConnectionCore", packet: int) -> None:
        recovery = connection.recovery
        before = self._packet(connection, connection.tcb.snd_mss)
        connection.congestion.cwnd = max(connection.congestion.cwnd * before // packet, 1)
        if isinstance(recovery, LinuxRecovery):
            recovery.control.acked_credit = 0
            recovery.control.ssthresh = recovery.threshold_now()
        super()._on_success(connection, packet)
