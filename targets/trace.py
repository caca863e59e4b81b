"""A trace: what happened between harness and target, as values. Oracles, reports and the fuzzer read only this."""

from dataclasses import dataclass, field
from typing import TypeAlias

from targets.base import Micros, Network
from targets.calls import CallResult, Syscall


@dataclass(frozen=True, slots=True)
class Injected:
    """A packet went into the stack at `time`; `scheduled` is when it should have (None: at once, no schedule)."""

    time: Micros
    packet: bytes
    scheduled: Micros | None = None

    @property
    def lateness(self) -> Micros:
        """Microseconds by which the harness was late; 0 without a schedule."""
        return 0 if self.scheduled is None else self.time - self.scheduled


@dataclass(frozen=True, slots=True)
class Departed:
    """A packet left the stack at `time`."""

    time: Micros
    packet: bytes


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A system call was made."""

    time: Micros
    call_id: int
    syscall: Syscall


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A system call returned."""

    time: Micros
    call_id: int
    syscall: Syscall
    result: CallResult


@dataclass(frozen=True, slots=True)
class ShellRan:
    """A command of the script ran."""

    time: Micros
    command: str
    status: int | None
    signal: int = 0


TraceEvent: TypeAlias = Injected | Departed | CallStarted | CallFinished | ShellRan


@dataclass(slots=True)
class Trace:
    """Everything one script did, in the order in which it happened.

    `origin` is the target's time at which the script's own time started; the times of the events are the target's.
    """

    target: str = ""
    network: Network | None = None
    events: list[TraceEvent] = field(default_factory=list)
    origin: Micros = 0
