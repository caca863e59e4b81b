"""What goes in and out of the simulated system calls, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

Micros: TypeAlias = int


class AddressLike(Protocol):
    """An address as bind(2) and connect(2) take it: `raw`, when given, is the exact sockaddr and wins."""

    @property
    def family(self) -> int:
        """Linux AF number."""

    @property
    def host(self) -> str:
        """Address as text; empty is the wildcard."""

    @property
    def port(self) -> int:
        """Port in host order."""

    @property
    def raw(self) -> bytes | None:
        """Octets of the sockaddr, or None."""


class ControlLike(Protocol):
    """One ancillary message, cmsg(3)."""

    @property
    def level(self) -> int:
        """Originating protocol."""

    @property
    def type(self) -> int:
        """Type within the level."""

    @property
    def data(self) -> bytes:
        """Octets behind the header."""


class PollEntryLike(Protocol):
    """One element of the array of poll(2)."""

    @property
    def fd(self) -> int:
        """Descriptor; a negative one is skipped."""

    @property
    def events(self) -> int:
        """Events asked for."""


class EpollEventLike(Protocol):
    """One epoll_event."""

    @property
    def events(self) -> int:
        """Event mask."""

    @property
    def data(self) -> int:
        """64 bits of user data."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a call gives back. IPv4 peers of an IPv6 socket appear mapped (``::ffff:192.0.2.1``)."""

    family: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Control:
    """One ancillary message that recvmsg(2) gives back."""

    level: int
    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One epoll_event that epoll_wait(2) gives back."""

    events: int
    data: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished call gave back; `value` is -1 and `errno` not 0 when it failed. Unused fields stay empty."""

    value: int
    errno: int = 0
    data: bytes = b""
    optval: bytes = b""
    optlen: int = 0
    address: Address | None = None
    revents: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    control: tuple[Control, ...] = ()
    msg_flags: int = 0
    fds: tuple[int, ...] = ()


OK = Result(0)


def failure(errno: int) -> Result:
    """Return the result of a call that failed with `errno`."""
    return Result(-1, int(errno))


@dataclass(slots=True)
class Blocked:
    """A call that waits. `attempt` is tried after every event; at `deadline` (None: never) `expire` ends the call."""

    attempt: Callable[[Micros], Result | None]
    expire: Callable[[Micros], Result]
    deadline: Micros | None = None


class SentPacket(NamedTuple):
    """The host put an IP packet on the link at `time`."""

    time: Micros
    packet: bytes


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """The call `call_id` returned at `time`."""

    time: Micros
    call_id: int
    result: Result


HostEvent: TypeAlias = SentPacket | FinishedCall
