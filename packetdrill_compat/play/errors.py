"""Why playing stops, before it becomes an `outcome.Failure`: what the stack did, or what the script asked for."""

from packetdrill_compat.outcome import Difference, FailureKind


class PlayError(Exception):
    """The event that is being played failed.

    `message` is the C tool's wording. `can_warn` marks the packet errors that ``--non_fatal=packet`` turns into
    warnings (section 2.6). `event_index` names the event when it is not the one being played. A message that
    `stands_alone` says nothing of the event's packet or call, and is not put behind its name. `excess` is how far the
    stack's moment lies beyond what is tolerated (`timing.excess`); 0 where the moment is the harness's own, or fine.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        want: str = "",
        got: str = "",
        differences: tuple[Difference, ...] = (),
        can_warn: bool = False,
        next_step: str = "",
        event_index: int | None = None,
        stands_alone: bool = False,
        excess: int = 0,
    ) -> None:
        self.message = message
        self.excess = excess
        self.event_index = event_index
        self.kind = kind
        self.stands_alone = stands_alone
        self.want = want
        self.got = got
        self.differences = differences
        self.can_warn = can_warn
        self.next_step = next_step
        super().__init__(message)


def packet_error(message: str) -> PlayError:
    """Make the error of a packet that cannot be played or never comes right."""
    return PlayError(message, kind=FailureKind.PACKET)


def script_error(message: str, *, next_step: str = "", stands_alone: bool = False) -> PlayError:
    """Make the error of a script that asks for what does not exist."""
    return PlayError(message, kind=FailureKind.SCRIPT, next_step=next_step, stands_alone=stands_alone)
