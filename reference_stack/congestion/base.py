"""What a congestion control is, and the registry of those there are.

A congestion control owns `cwnd` and `ssthresh` and answers events; it knows no connection, no segment and no timer.
Loss recovery (`reference_stack.recovery`) tells it what happened and, inside recovery, may set `cwnd` itself, as RFC
5681 (3.2) and RFC 6582 do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeAlias, TypeVar

Micros: TypeAlias = int

INFINITE = 0x7FFF_FFFF
"""Initial `ssthresh`: "arbitrarily high" (RFC 5681, 3.1); the number is the one Linux shows."""


class CongestionControl(ABC):
    """`cwnd` and `ssthresh` of one connection, counted in units of which one full-sized segment has `quantum`.

    A control that follows the RFCs counts octets (`quantum` is SMSS), one that follows Linux counts segments
    (`quantum` is 1). `flight` is in the same unit.
    """

    name: ClassVar[str]

    def __init__(self, *, quantum: int, initial_window: int) -> None:
        self.quantum = quantum
        self.initial_window = initial_window
        self.cwnd = initial_window
        self.ssthresh = INFINITE

    @property
    def in_slow_start(self) -> bool:
        """`cwnd` grows exponentially (RFC 5681, 3.1: below `ssthresh`)."""
        return self.cwnd < self.ssthresh

    @property
    def cwnd_segments(self) -> int:
        """`cwnd` in full-sized segments."""
        return self.cwnd // self.quantum

    @property
    def ssthresh_segments(self) -> int:
        """`ssthresh` in full-sized segments."""
        return INFINITE if self.ssthresh >= INFINITE else self.ssthresh // self.quantum

    @abstractmethod
    def on_ack(self, acked: int, *, flight: int, now: Micros) -> None:
        """New data was acknowledged outside loss recovery; `flight` is what was outstanding before."""

    @abstractmethod
    def on_congestion(self, *, flight: int, now: Micros) -> None:
        """A loss was found without a timeout, or an ECN mark came back: lower `ssthresh`, leave `cwnd` alone."""

    @abstractmethod
    def on_timeout(self, *, flight: int, is_first: bool, now: Micros) -> None:
        """The retransmission timer expired; `is_first` unless it did before for the same data."""

    @abstractmethod
    def on_idle(self, *, idle: Micros, rto: Micros, now: Micros) -> None:
        """Nothing was sent for `idle`, which is longer than the timeout `rto`, and data is about to leave."""

    def on_sample(self, rtt: Micros, *, una: int, nxt: int, now: Micros) -> None:  # noqa: B027 (most controls ignore it)
        """A round trip was measured on an acknowledgment; `una` and `nxt` are SND.UNA and SND.NXT."""

    def on_quantum_change(self, quantum: int) -> None:
        """The segment size changed: keep the windows' size in segments (RFC 5681, 3.1)."""
        self.cwnd = max(self.cwnd * quantum // self.quantum, quantum)
        self.initial_window = max(self.initial_window * quantum // self.quantum, quantum)
        if self.ssthresh < INFINITE:
            self.ssthresh = max(self.ssthresh * quantum // self.quantum, 2 * quantum)
        self.quantum = quantum


Factory: TypeAlias = Callable[..., CongestionControl]
_Class = TypeVar("_Class", bound=type[CongestionControl])


class Registry:
    """Congestion controls by the name that TCP_CONGESTION uses."""

    def __init__(self) -> None:
        self._classes: dict[str, type[CongestionControl]] = {}

    def register(self, cls: _Class) -> _Class:
        """Add a class under its `name`; usable as a decorator."""
        self._classes[cls.name] = cls
        return cls

    def forget(self, name: str) -> None:
        """Take a class out again; harmless when there is none of that name."""
        self._classes.pop(name, None)

    def names(self) -> tuple[str, ...]:
        """Every known name, sorted."""
        return tuple(sorted(self._classes))

    def create(self, name: str, *, quantum: int, initial_window: int) -> CongestionControl:
        """Make a control; `ValueError` names the known ones when there is none of that name."""
        if name not in self._classes:
            raise ValueError(f"no congestion control {name!r}; known are {', '.join(self.names())}")
        return self._classes[name](quantum=quantum, initial_window=initial_window)


registry = Registry()
"""Controls that count octets, as the RFCs do."""
