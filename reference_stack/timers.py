"""The timers of one connection: a deadline each, no clock (RFC 9293, 3.10.8 and what other documents add)."""

from typing import TypeAlias

Micros: TypeAlias = int

RETRANSMISSION = "retransmission"
SYN_ACK = "syn-ack"
PERSIST = "persist"
DELAYED_ACK = "delayed-ack"
KEEPALIVE = "keepalive"
TIME_WAIT = "time-wait"
FIN_WAIT_2 = "fin-wait-2"
RECOVERY = "recovery"
CORK = "cork"


class Timers:
    """Deadlines by name. A timer that is not set is absent."""

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[str, Micros] = {}

    def set(self, name: str, deadline: Micros) -> None:
        """Let the timer run out at `deadline`, whatever it was set to before."""
        self._deadlines[name] = deadline

    def stop(self, name: str) -> None:
        """Let the timer not run; harmless when it does not."""
        self._deadlines.pop(name, None)

    def stop_all(self) -> None:
        """Let no timer run."""
        self._deadlines.clear()

    def deadline(self, name: str) -> Micros | None:
        """Return when the timer runs out, or None."""
        return self._deadlines.get(name)

    def is_running(self, name: str) -> bool:
        """Tell whether the timer is set."""
        return name in self._deadlines

    def next(self) -> Micros | None:
        """Return the earliest deadline, or None."""
        return min(self._deadlines.values(), default=None)

    def pop_due(self, *, now: Micros) -> str | None:
        """Stop the timer with the earliest deadline if that is not after `now`, and return its name."""
        name = min(self._deadlines, key=self._deadlines.__getitem__, default=None)
        if name is None or self._deadlines[name] > now:
            return None
        del self._deadlines[name]
        return name
