"""Which congestion control and loss recovery a Linux connection gets."""

from typing import TYPE_CHECKING, cast

from reference_stack.congestion import cubic, segments
from reference_stack.congestion.base import CongestionControl
from reference_stack.negotiation import SYN_LOST_RTO_US
from reference_stack.policies.linux.timing import LinuxRtt
from reference_stack.policies.start import CongestionStart
from reference_stack.recovery.base import LossRecovery
from reference_stack.recovery.linux import LinuxRecovery
from reference_stack.recovery.linux.state import LossSettings

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

RTO_INITIAL_US, RTO_MIN_US, RTO_MAX_US = 1_000_000, 200_000, 120_000_000


def linux_rtt(connection: "ConnectionCore") -> LinuxRtt:
    """Make the round-trip estimator with the limits that the settings give."""
    settings = connection.settings
    return LinuxRtt(
        initial=RTO_INITIAL_US,
        minimum=RTO_MIN_US if settings.rto_min_us is None else settings.rto_min_us,
        maximum=RTO_MAX_US if settings.rto_max_us is None else settings.rto_max_us,
    )


class LinuxCongestionStart(CongestionStart):
    """Windows in segments, one recovery for all."""

    __slots__ = ()

    DEFAULT = cubic.Cubic.name

    def names(self) -> tuple[str, ...]:
        """Congestion controls that may be chosen."""
        return segments.segment_registry.names()

    def initial_window(self, connection: "ConnectionCore") -> int:
        """Ten segments, or one after more than one lost SYN (RFC 6928, section 2)."""
        if connection.syn_retransmissions > 1:
            return 1
        initial = connection.settings.initial_window
        return 10 if initial is None else initial

    def on_early_open(self, connection: "ConnectionCore") -> None:
        """Until there is a measurement, the RTO is that after a lost SYN (measured)."""
        connection.rtt.restart_with(SYN_LOST_RTO_US)

    def on_syn_ack_lost(self, connection: "ConnectionCore", *, now: int) -> None:
        """The SYN-ACK of an early connection goes again: from the second time on the window is that after a loss."""
        if connection.retransmits == 2:
            connection.recovery.on_timeout(snd_max=connection.tcb.snd_max, is_first=True, now=now)

    def congestion(self, connection: "ConnectionCore") -> CongestionControl:
        """Make the congestion control that the settings name."""
        name = connection.settings.congestion_control
        registry = segments.segment_registry
        chosen = name if name in registry.names() else segments.LinuxReno.name
        return registry.create(chosen, quantum=1, initial_window=self.initial_window(connection))

    def recovery(self, connection: "ConnectionCore") -> LossRecovery:
        """Make the loss recovery."""
        settings = connection.settings
        recovery = LinuxRecovery(
            scoreboard=connection.scoreboard,
            congestion=cast(segments.SegmentControl, connection.congestion),
            una=connection.tcb.snd_una,
            rtt=connection.rtt,
            settings=LossSettings(
                has_sack=connection.tcb.has_sack,
                reordering=settings.reordering,
                max_reordering=settings.max_reordering,
                has_frto=settings.has_frto,
                has_loss_probe=settings.early_retransmit in (3, 4),
                rto_min=connection.rtt.minimum,
            ),
        )
        recovery.mss = connection.tcb.snd_mss
        return recovery
