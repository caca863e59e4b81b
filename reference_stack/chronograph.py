"""How long a sender was busy, and what held it back (RFC 4898, tcpEStatsPerfSndLimTime...; ``TCP_INFO`` of tcp(7))."""

from enum import Enum

Micros = int


class Activity(Enum):
    """What the sender is doing."""

    IDLE = "nothing to send"
    BUSY = "sending, or waiting for acknowledgments"
    WINDOW_LIMITED = "held back by the peer's window"
    BUFFER_LIMITED = "everything is sent, and the application waits for room in the send buffer"


class Chronograph:
    """Sums up the time of each activity."""

    __slots__ = ("_activity", "_since", "_spent")

    def __init__(self) -> None:
        self._activity = Activity.IDLE
        self._since: Micros = 0
        self._spent = dict.fromkeys(Activity, 0)

    def enter(self, activity: Activity, *, now: Micros) -> None:
        """The activity is this from now on."""
        if activity is not self._activity:
            self._spent[self._activity] += now - self._since
            self._activity = activity
            self._since = now

    def spent(self, activity: Activity, *, now: Micros) -> Micros:
        """Return the time of an activity so far."""
        return self._spent[activity] + (now - self._since if activity is self._activity else 0)

    def busy(self, *, now: Micros) -> Micros:
        """Return all time that was not idle."""
        return sum(self.spent(activity, now=now) for activity in Activity if activity is not Activity.IDLE)
