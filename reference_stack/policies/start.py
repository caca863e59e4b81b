"""Which congestion control and loss recovery a connection gets, and with which window it begins."""

from typing import TYPE_CHECKING

from reference_stack.congestion.base import CongestionControl, registry
from reference_stack.congestion.reno import initial_window_rfc6928
from reference_stack.recovery.base import LossRecovery
from reference_stack.recovery.newreno import NewReno
from reference_stack.recovery.rfc6675 import SackRecovery

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class CongestionStart:
    """Windows counted in octets, recovery of RFC 6675 with SACK and of RFC 6582 without."""

    __slots__ = ()

    def names(self) -> tuple[str, ...]:
        """Congestion controls that may be chosen."""
        return registry.names()

    def initial_window(self, connection: "ConnectionCore") -> int:
        """Return the initial window in octets: RFC 6928, or one segment after a lost SYN (RFC 5681, 3.1)."""
        smss = connection.tcb.snd_mss
        if connection.syn_retransmissions:
            return smss
        if connection.settings.initial_window is not None:
            return connection.settings.initial_window * smss
        return initial_window_rfc6928(smss)

    def congestion(self, connection: "ConnectionCore") -> CongestionControl:
        """Make the congestion control that the settings name; the first known one when there is none of that name."""
        name = connection.settings.congestion_control
        return registry.create(
            name if name in registry.names() else "reno",
            quantum=connection.tcb.snd_mss,
            initial_window=self.initial_window(connection),
        )

    def recovery(self, connection: "ConnectionCore") -> LossRecovery:
        """Make the loss recovery for what was negotiated."""
        kind = SackRecovery if connection.tcb.has_sack else NewReno
        return kind(
            scoreboard=connection.scoreboard,
            congestion=connection.congestion,
            una=connection.tcb.snd_una,
            dupthresh=connection.settings.reordering,
        )
