"""The sockets an interpreter tracks: script space beside live space (language specification, section 4.1)."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from wire import abi
from wire.tcp import TcpSegment


class SocketState(enum.Enum):
    """How far a tracked socket has come."""

    NEW = enum.auto()
    PASSIVE_LISTENING = enum.auto()
    PASSIVE_PACKET_RECEIVED = enum.auto()
    PASSIVE_SYNACK_SENT = enum.auto()
    PASSIVE_SYNACK_ACKED = enum.auto()
    ACTIVE_CONNECTING = enum.auto()
    ACTIVE_SYN_SENT = enum.auto()
    ACTIVE_SYN_ACKED = enum.auto()


@dataclass(slots=True)
class TimestampMap:
    """What the script's timestamp values were on the wire (section 4.6)."""

    live_of_script: dict[int, int] = field(default_factory=dict)
    base: tuple[int, int] | None = None

    def learn(self, script_val: int, live_val: int) -> None:
        """Remember a pair; the first one is the base for rewriting live values."""
        self.live_of_script[script_val] = live_val
        if self.base is None:
            self.base = (script_val, live_val)

    def to_script(self, live_val: int) -> int:
        """Rewrite a live value; without a base it stays."""
        if self.base is None:
            return live_val
        return (self.base[0] + live_val - self.base[1]) & 0xFFFFFFFF


@dataclass(slots=True)
class Subflow:
    """What an MPTCP subflow has of its own: random numbers of a join, the next subflow sequence number of the script's
    side (relative), and the identifier of its address."""

    own_nonce: int = 0
    stack_nonce: int = 0
    next_ssn: int = 1
    own_address_id: int = 0


@dataclass(slots=True)
class SocketRecord:
    """One socket: descriptors, addresses on the wire, and the ISNs of both spaces.

    `script_fd` and `live_fd` are None until there is one. `local_isn` is the stack's, `remote_isn` the peer's; the
    remote one is the same number in both spaces.
    """

    family: int
    type: int
    protocol: int
    state: SocketState = SocketState.NEW
    script_fd: int | None = None
    live_fd: int | None = None
    is_closed: bool = False
    local_ip: str = ""
    local_port: int = 0
    remote_ip: str = ""
    remote_port: int = 0
    script_local_isn: int = 0
    live_local_isn: int = 0
    remote_isn: int = 0
    timestamps: TimestampMap = field(default_factory=TimestampMap)
    last_injected: TcpSegment | None = None
    last_captured: TcpSegment | None = None
    flow_label: tuple[int, int] | None = None
    subflow: Subflow | None = None

    @property
    def is_tcp(self) -> bool:
        """True when its packets are TCP segments."""
        return self.protocol in (abi.IPPROTO_TCP, abi.IPPROTO_MPTCP)

    @property
    def usable_fd(self) -> int | None:
        """The live descriptor while the script has it open."""
        return None if self.is_closed else self.live_fd


@dataclass(slots=True)
class OtherFd:
    """A descriptor that is no socket (epoll, pipe, file)."""

    script_fd: int
    live_fd: int
    is_closed: bool = False


@dataclass(slots=True)
class SocketTable:
    """All records, newest last; `under_test` is the one packets belong to."""

    records: list[SocketRecord] = field(default_factory=list)
    others: list[OtherFd] = field(default_factory=list)
    under_test: SocketRecord | None = None

    def add(self, record: SocketRecord) -> SocketRecord:
        """Track a new socket, which becomes the socket under test."""
        self.records.append(record)
        self.under_test = record
        return record

    def find(self, script_fd: int) -> SocketRecord | OtherFd | None:
        """Find the open descriptor that the script calls `script_fd`."""
        for entry in self.newest_first():
            if entry.script_fd == script_fd and not entry.is_closed and entry.live_fd is not None:
                return entry
        return None

    def newest_first(self) -> Iterator[SocketRecord | OtherFd]:
        """All tracked descriptors: sockets, then others, the newest of each first."""
        yield from reversed(self.records)
        yield from reversed(self.others)

    def accept_candidate(self) -> SocketRecord | None:
        """The newest passive connection that accept() may return: its SYN-ACK was sent (Fast Open) or acknowledged."""
        states = (SocketState.PASSIVE_SYNACK_SENT, SocketState.PASSIVE_SYNACK_ACKED)
        return next((record for record in reversed(self.records) if record.state in states), None)
