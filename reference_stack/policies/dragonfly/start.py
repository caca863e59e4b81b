"""Loss recovery of DragonFly BSD: ``newreno`` chooses what a partial acknowledgment does (tcp(4))."""

from typing import TYPE_CHECKING

from reference_stack.policies.start import CongestionStart
from reference_stack.recovery.base import LossRecovery
from reference_stack.recovery.plain_reno import PlainReno

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class DragonflyCongestionStart(CongestionStart):
    """As the RFCs say, but without NewReno where the setting is off."""

    __slots__ = ()

    def recovery(self, connection: "ConnectionCore") -> LossRecovery:
        """Make the loss recovery for what was negotiated."""
        if connection.tcb.has_sack or connection.settings.newreno:
            return super().recovery(connection)
        return PlainReno(
            scoreboard=connection.scoreboard,
            congestion=connection.congestion,
            una=connection.tcb.snd_una,
            dupthresh=connection.settings.reordering,
        )
