"""Open files of the simulated process: what all sockets share, and the TCP socket with its queues."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from reference_stack.connection import Connection
from reference_stack.host.errqueue import ErrorQueue
from reference_stack.host.fastopen import Keys, PendingOpens
from reference_stack.host.sendmemory import UNLIMITED, SendMemory
from reference_stack.host.sendtimes import SendTimes
from reference_stack.host.traits import HostTraits
from reference_stack.host.values import Micros
from reference_stack.settings import ConnectionSettings
from reference_stack.states import State
from wire.abi import (
    AF_INET,
    AF_INET6,
    O_NONBLOCK,
    O_RDWR,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRNORM,
)

_READABLE = POLLIN | POLLRDNORM
_WRITABLE = POLLOUT | POLLWRNORM


class OpenFile:
    """Something behind a descriptor."""

    def __init__(self) -> None:
        self.status_flags = O_RDWR
        self.owner = 0
        self.read_wakeups = 0
        self.write_wakeups = 0
        """How often a process that waits to read or to write was woken; edge-triggered epoll counts these."""

    @property
    def is_nonblocking(self) -> bool:
        """O_NONBLOCK is set."""
        return bool(self.status_flags & O_NONBLOCK)

    def events(self) -> int:
        """Return the events that poll(2) would report now, whatever was asked for."""
        return 0


@dataclass(slots=True)
class SocketOptions:
    """Options that the socket itself keeps; those of the connection are in `ConnectionSettings`."""

    reuseaddr: bool = False
    reuseport: bool = False
    linger_on: bool = False
    linger_s: int = 0
    rcvtimeo_us: int = 0
    sndtimeo_us: int = 0
    rcvlowat: int = 1
    tos: int = 0
    traffic_class: int = 0
    ttl: int | None = None
    hop_limit: int | None = None
    freebind: bool = False
    recverr: bool = False
    v6only: bool = False
    defer_accept_s: int = 0
    inq: bool = False
    notsent_lowat: int = 0
    zerocopy: bool = False
    fastopen_connect: bool = False
    """TCP_FASTOPEN_CONNECT: connect(2) leaves the SYN to the first write."""
    fastopen_no_cookie: bool = False
    """TCP_FASTOPEN_NO_COOKIE: text on a SYN needs none."""
    signs: bool = False
    """TCP_MD5SIG of FreeBSD: segments are signed with the secrets that setkey(8) was told."""
    min_mtu: int = -1
    """IPV6_USE_MIN_MTU: 1 keeps packets to 1280 octets (RFC 3542, 11.1); -1, the default, only multicast."""
    tunnel_port: int = 0
    """TCP_REMOTE_UDP_ENCAPS_PORT: the peer's UDP port of TCP over UDP (FreeBSD); 0 is TCP in IP."""
    stored: dict[tuple[int, int], int] = field(default_factory=dict)
    """Values of options that are kept and given back and have no effect on a simulated host."""


class Socket(OpenFile):
    """A socket. `local_ip` is empty for the wildcard; IPv4 addresses of an IPv6 socket are kept unmapped."""

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__()
        self.family = family
        self.kind = kind
        self.protocol = protocol
        self.options = SocketOptions()
        self.local_ip = ""
        self.local_port = 0
        self.remote_ip = ""
        self.remote_port = 0
        self.error = 0
        self.is_bound = False

    @property
    def is_ipv4(self) -> bool:
        """Packets of this socket are IPv4 (an IPv6 socket with mapped addresses included)."""
        known = self.remote_ip or self.local_ip
        return ":" not in known if known else self.family == AF_INET

    def takes(self, address: str) -> bool:
        """Whether packets to the local `address` can be for this socket."""
        if self.local_ip:
            return self.local_ip == address
        if ":" in address:
            return self.family == AF_INET6
        return self.family == AF_INET or not self.options.v6only

    def overlaps(self, other: "Socket") -> bool:
        """Whether both would take packets to some common address (the question of EADDRINUSE)."""
        if self.local_ip and other.local_ip:
            return self.local_ip == other.local_ip
        if self.local_ip:
            return other.takes(self.local_ip)
        if other.local_ip:
            return self.takes(other.local_ip)
        return self.family == other.family or not (self.options.v6only or other.options.v6only)

    def pop_error(self) -> int:
        """Return the pending error and clear it, as every report of an error does."""
        error, self.error = self.error, 0
        return error


class Phase(Enum):
    """Where a stream socket stands between its calls (the kernel's socket_state)."""

    UNCONNECTED = "unconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LISTENING = "listening"


class TcpSocket(Socket):
    """A TCP socket: unconnected, listening, or the owner of one connection."""

    def __init__(self, family: int, kind: int, protocol: int, settings: ConnectionSettings, traits: HostTraits) -> None:
        super().__init__(family, kind, protocol)
        self.settings = settings
        self.traits = traits
        self.memory: SendMemory | None = None
        if traits.counts_send_memory:
            self.memory, settings.sndbuf = SendMemory(settings.sndbuf), UNLIMITED
        self.error_queue = ErrorQueue()
        self.send_times = SendTimes()
        self.kept_fields: set[str] = set()
        """Names of settings that a socket option has set: a sysctl changes them no more."""
        self.phase = Phase.UNCONNECTED
        self.connection: Connection | None = None
        self.is_orphan = False
        """No descriptor refers to it any more; only its connection lives on."""
        self.is_established = False
        """The handshake of `connection` was completed (it may have ended since)."""
        self.has_ended = False
        """A FIN was read to its end, or the connection is over: a read returns 0 instead of ENOTCONN."""
        self.is_read_shut = False
        self.is_write_shut = False
        self.soft_error = 0
        self.flow_label = 0
        # --- as a listener
        self.backlog = 0
        self.syn_queue: list[TcpSocket] = []
        self.accept_queue: deque[TcpSocket] = deque()
        self.cookie_sent_at: Micros | None = None
        # --- as a child that nobody has accepted yet
        self.parent: TcpSocket | None = None
        self.bare_ack_seen: Micros | None = None
        self.time_wait_since: Micros | None = None
        self._has_fast_open()
        self._has_seen_nothing()

    def _has_fast_open(self) -> None:
        """What Fast Open needs (RFC 7413)."""
        self.is_connect_deferred = False
        """connect(2) has returned and the SYN waits for text (TCP_FASTOPEN_CONNECT)."""
        self.pending_opens = PendingOpens()
        """Of a listener: connections that their SYN opened, and TCP_FASTOPEN as their limit."""
        self.fastopen_keys: Keys = ()
        """Keys of this socket alone (TCP_FASTOPEN_KEY); without any the host's count."""
        self.opened_by: PendingOpens | None = None
        """Where it counts, if its SYN opened it."""

    def _has_seen_nothing(self) -> None:
        """What the owner saw last, to tell what is new."""
        self.seen_available = 0
        self.seen_writable = False
        self.seen_urgent = 0
        self.seen_path_mtu: int | None = None
        self.seen_routes = 0
        self.has_new_route = False

    # --- state ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state as a Linux socket shows it; TIME-WAIT looks closed where the traits say so."""
        if self.phase is Phase.LISTENING:
            return State.LISTEN
        if self.connection is None or self.connection.is_deleted:
            return State.CLOSED
        if self.connection.state is State.TIME_WAIT and self.traits.time_wait_looks_closed:
            return State.CLOSED
        return self.connection.state

    @property
    def is_listening(self) -> bool:
        """listen(2) was called."""
        return self.phase is Phase.LISTENING

    @property
    def is_in_handshake(self) -> bool:
        """The handshake goes on and nothing can be sent or received before its end."""
        return self.live is not None and self.live.is_opening

    @property
    def live(self) -> Connection | None:
        """The connection while its TCB exists."""
        return None if self.connection is None or self.connection.is_deleted else self.connection

    @property
    def is_backlog_full(self) -> bool:
        """No further connection fits into the accept queue."""
        limit = self.backlog + 1 if self.traits.is_backlog_inclusive else max(self.backlog, 1)
        return len(self.accept_queue) >= limit

    @property
    def available(self) -> int:
        """Octets that a read gives at once."""
        return 0 if self.connection is None else self.connection.receive_available

    @property
    def at_end(self) -> bool:
        """Nothing more will come: the peer's FIN was reached, or the connection is over."""
        if self.connection is None:
            return self.has_ended
        return self.has_ended or self.connection.receive_eof or (self.is_established and self.state is State.CLOSED)

    @property
    def lowat(self) -> int:
        """Octets of unsent data from which on the socket is not writable (TCP_NOTSENT_LOWAT, else the sysctl)."""
        return self.options.notsent_lowat or self.settings.notsent_lowat

    @property
    def can_write(self) -> bool:
        """The send side has the room that makes poll(2) report POLLOUT."""
        connection = self.live
        if connection is None:
            return True
        if self.memory is not None:
            return self.memory.is_writable(connection, self.lowat)
        return connection.send_space > 0 and connection.unsent_octets < self.lowat

    # --- readiness -----------------------------------------------------------------------------------------------

    def events(self) -> int:
        """Return the events of poll(2), by the order of questions of Linux (tcp_poll)."""
        if self.is_listening:
            return _READABLE if self.accept_queue else 0
        state = self.state
        is_over = self.connection is not None and self.connection.is_deleted
        is_read_over = is_over or self.is_read_shut or self.at_end
        is_write_over = is_over or self.is_write_shut or (self.is_established and state is State.CLOSED)
        events = POLLERR if self.error or self.error_queue.entries else 0
        if (is_read_over and is_write_over) or state is State.CLOSED:
            events |= POLLHUP
        if is_read_over:
            events |= _READABLE | POLLRDHUP
        if self.is_connect_deferred:
            events |= _WRITABLE
        if not self.is_in_handshake:
            if self.available >= self.options.rcvlowat:
                events |= _READABLE
            if is_write_over or self.can_write:
                events |= _WRITABLE
            elif self.memory is not None:
                self.memory.is_short = True
            if self._has_urgent_octet:
                events |= POLLPRI
        return events

    @property
    def _has_urgent_octet(self) -> bool:
        # Measured: exceptional once the urgent octet itself has come, not while only the pointer is known.
        connection = self.live
        if connection is None or not connection.urgent_pending:
            return False
        return bool(connection.receive_urgent(now=0, peek=True))
