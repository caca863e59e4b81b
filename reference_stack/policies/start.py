"""Which congestion control and loss recovery a connection gets, and with which window it begins."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from reference_stack.congestion import cubic_octets, validation  # noqa: F401 (each registers its control)
from reference_stack.congestion.base import CongestionControl, registry
from reference_stack.congestion.reno import initial_window_rfc6928
from reference_stack.recovery.base import LossRecovery
from reference_stack.recovery.newreno import NewReno
from reference_stack.recovery.octets import OctetRecovery
from reference_stack.recovery.rack import RackRecovery
from reference_stack.recovery.rfc6675 import SackRecovery

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


recoveries: dict[str, Callable[..., OctetRecovery]] = {"rack": RackRecovery}
"""Loss recoveries for SACK that may be chosen by `settings.loss_recovery`; another one is added by its name."""


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

    def on_early_open(self, connection: "ConnectionCore") -> None:
        """Data may leave although the handshake has measured no round trip."""

    def on_syn_ack_lost(self, connection: "ConnectionCore", *, now: int) -> None:
        """The SYN-ACK of an early connection goes again: one segment from now on (RFC 5681, 3.1)."""
        if connection.retransmits > 1:
            return
        if connection.scoreboard.segments:
            connection.recovery.on_timeout(snd_max=connection.tcb.snd_max, is_first=True, now=now)
        else:
            connection.start_congestion_control()

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
        settings = connection.settings
        kind: Callable[..., OctetRecovery] = SackRecovery if connection.tcb.has_sack else NewReno
        if connection.tcb.has_sack and settings.loss_recovery in recoveries:
            kind = partial(recoveries[settings.loss_recovery], rtt=connection.rtt)
        made = kind(
            scoreboard=connection.scoreboard,
            congestion=connection.congestion,
            una=connection.tcb.snd_una,
            dupthresh=settings.reordering,
        )
        made.has_frto = connection.settings.has_frto
        return made
