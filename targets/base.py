"""The one seam: a TCP implementation under test is a wire, a set of system calls and a clock.

Everything above is single-threaded and deterministic on top of five operations. Times are integer microseconds since
`Target.open` returned, on the target's own clock, which is virtual for in-process stacks and real for a kernel.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from targets.calls import CallResult, Syscall

Micros: TypeAlias = int

# Capabilities: what a test may ask a target beforehand. A target lists those it has; what is not listed makes a test
# that needs it *unsupported*, which is a verdict of its own and never a silent pass.
LINUX = "linux"
DRAGONFLY = "dragonfly"
FREEBSD = "freebsd"
VIRTUAL_TIME = "virtual-time"
IPV4 = "ipv4"
IPV6 = "ipv6"
SHELL = "shell"
TCP_INFO = "tcp-info"
TCP_MD5 = "tcp-md5"
TCP_AO = "tcp-ao"
FAST_OPEN = "fast-open"
MPTCP = "mptcp"
ECN = "ecn"
CUBIC = "cubic"
LINUX_SETTINGS = "linux-settings"
"""sysctl(8) knows the names that Linux has for its settings."""

# What a script may change outside of the world that its target makes for it. A target on a real machine lets no other
# one play meanwhile that claims the same, and with HOST none at all; one that simulates everything need not care.
HOST = "host"
"""Settings of the whole machine: module parameters, sysctls that no namespace has for itself."""
FILES = "files"
"""Files with fixed names, which another script may use as well."""


class TargetError(Exception):
    """The target could not run: no device, no permission, dead. Says what is missing and what to do next."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(f"{message}\n  next step: {next_step}" if next_step else message)


class CommandTimeout(TargetError):
    """A command of `Target.shell` did not end in its time."""


class Unsupported(Exception):
    """The target said beforehand that it does not have this (a call, an option, a command). `reason` is one line."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Network:
    """The simulated or real network around the target: its own address, the peer's, and the link.

    `local_ip` and `remote_ip` are of one family; `prefix_length` is that of the local address, `remote_prefix_length`
    that of the route towards the peer through `gateway_ip`. `speed_mbit` 0 leaves the device's speed alone. `claims`
    is what the test will change outside of this network: `HOST`, `FILES`.
    """

    local_ip: str
    remote_ip: str
    gateway_ip: str
    prefix_length: int
    remote_prefix_length: int
    mtu: int = 1500
    speed_mbit: int = 0
    is_anyip: bool = False
    claims: frozenset[str] = frozenset()

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.local_ip else 4


@dataclass(frozen=True, slots=True)
class Departure:
    """An IP packet left the stack at `time`."""

    time: Micros
    packet: bytes


@dataclass(frozen=True, slots=True)
class CallHandle:
    """A started call. Two handles of one target never have the same `id`."""

    id: int
    syscall: Syscall
    started: Micros


@dataclass(frozen=True, slots=True)
class Completion:
    """The call behind `handle` returned at `time`."""

    time: Micros
    handle: CallHandle
    result: CallResult


Happening: TypeAlias = Departure | Completion


@runtime_checkable
class Target(Protocol):
    """A TCP implementation under test. One object plays one script: `open`, the five operations, `close`."""

    @property
    def name(self) -> str:
        """Stable short name (``reference``, ``kernel``): selects deviations files and labels reports."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What this target can do; constants of this module."""

    def open(self, network: Network) -> None:
        """Set up the network. Raises `TargetError` when that is not possible here."""

    def close(self) -> None:
        """Undo `open` and leave nothing behind; harmless when called twice or without `open`."""

    def begin(self) -> Micros:
        """Wait until the target's clock is at a good place to start a script, and return that moment.

        Virtual time is always good. A kernel's clock is good a little after a timer tick, so that script times of whole
        milliseconds keep away from ticks (packetdrill starts 250 us after one).
        """

    def inject(self, packet: bytes, *, gso_size: int = 0) -> None:
        """An IP packet arrives at the stack now. `gso_size` > 0 marks it as a receive-aggregated TCP packet.

        Raises `Unsupported` when the packet asks for something that was switched on and that the target lacks.
        """

    def call(self, syscall: Syscall) -> CallHandle:
        """Start a system call; its `Completion` comes from `poll`, also when it returns at once.

        When `call` returns, the call has either finished or is blocked in the stack. Raises `Unsupported` for a call
        the target does not have.
        """

    def poll(self, deadline: Micros) -> Happening | None:
        """Return the next thing the stack does, not later than `deadline`; None when the clock is at `deadline`.

        With a deadline in the past it returns what has already happened, else None. Happenings come in the order of
        their times. Raises `TargetError` when the target died.
        """

    def now(self) -> Micros:
        """Return the target's clock."""

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> "ShellResult":
        """Run an init, timed or cleanup command of a script where the target's settings live (``/bin/sh -c``).

        Raises `Unsupported` when the target has no shell or simulates one that does not know the command, and
        `CommandTimeout` when the command does not end within `timeout`.
        """


@dataclass(frozen=True, slots=True)
class ShellResult:
    """How a command ended: exit status (or None), the signal that killed it (or 0), and what it printed."""

    status: int | None
    signal: int = 0
    output: str = ""
