"""A host with one connection in a wanted state, and the peer that brought it there."""

from collections.abc import Callable
from random import Random

from reference_stack.connection import Connection
from reference_stack.host import FinishedCall, Host, Result, Routes, make_prefix
from reference_stack.personality import Personality
from targets.base import Micros
from targets.calls import SocketAddress
from targets.trace import Departed, Injected, Trace
from wire.abi import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import Mss, Nop, SackPermitted, TcpOption, Timestamps, WindowScale
from wire.packet import Packet, build_packet
from wire.tcp import ACK, FIN, SYN, TcpSegment

ADDRESSES = {4: ("192.168.0.1", "192.0.2.1"), 6: ("fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1")}
PORT, PEER_PORT = 8080, 40_000
MASK = 0xFFFF_FFFF
_F_SETFL, _O_NONBLOCK = 4, 0o4000


class Stage:
    """One host in virtual time; everything that went in and out is in `trace`.

    `connection` is the connection of the wanted state, None in CLOSED and LISTEN.
    """

    def __init__(self, state: str, chosen: Personality, random: Random) -> None:
        self.is_linux = chosen.name.startswith("linux")
        self.version = random.choice((4, 4, 6))
        self.local_ip, self.remote_ip = ADDRESSES[self.version]
        routes = Routes({self.local_ip}, [make_prefix(self.local_ip, 48 if self.version == 6 else 16)])
        self.host = Host(routes, personality=chosen, seed=random.getrandbits(32))
        self.now: Micros = 0
        self.trace = Trace()
        self.departed: list[bytes] = []
        self.results: dict[int, Result] = {}
        self.peer_isn = random.choice((0, MASK, MASK - 1000, random.getrandbits(32)))
        self.options = self._options(random)
        self.descriptor = -1
        self.connection: Connection | None = None
        self.local_port = PORT
        _BUILDERS[state](self)
        if state not in ("CLOSED", "LISTEN"):
            (socket,) = self.host.tcp.demux
            self.connection = socket.connection
            assert self.connection is not None
            assert self.connection.state.value == state.partition("/")[0], (state, self.connection.state)
        self.departed.clear()

    @staticmethod
    def _options(random: Random) -> tuple[TcpOption, ...]:
        wanted = (Mss(1460), SackPermitted(), Timestamps(1, 0), WindowScale(random.randrange(15)), Nop())
        return tuple(option for option in wanted if random.random() < 0.7)

    # --- in and out ----------------------------------------------------------------------------------------------

    def call(self, name: str, **arguments: object) -> Result | None:
        """Make a call; None while it waits."""
        number = self.host.call(name, arguments, now=self.now)
        self._collect()
        return self.results.pop(number, None)

    def value(self, name: str, **arguments: object) -> int:
        """Make a call that succeeds, and return its value."""
        result = self.call(name, **arguments)
        assert result is not None, name
        assert result.value >= 0, (name, result)
        return result.value

    def inject(self, packet: bytes) -> None:
        """A packet arrives."""
        self.trace.events.append(Injected(self.now, packet))
        self.host.inject(packet, now=self.now)
        self._collect()

    def pass_time(self, most: Micros) -> None:
        """Let time go on to the host's next event, at most by `most`."""
        event = self.host.next_event()
        self.now = max(self.now, min(self.now + most, event if event is not None else self.now + most))
        if event is not None and event <= self.now:
            self.host.advance(now=self.now)
            self._collect()

    def _collect(self) -> None:
        for event in self.host.take():
            if isinstance(event, FinishedCall):
                self.results[event.call_id] = event.result
            else:
                self.departed.append(event.packet)
                self.trace.events.append(Departed(event.time, event.packet))

    def packet(self, segment: TcpSegment) -> bytes:
        """Return the packet in which the peer sends `segment`."""
        header: Ipv4Header | Ipv6Header = Ipv4Header(self.remote_ip, self.local_ip)
        if self.version == 6:
            header = Ipv6Header(self.remote_ip, self.local_ip)
        return build_packet(Packet((header,), segment))

    # --- on the way to a state -----------------------------------------------------------------------------------

    def _peer(self, flags: int, offset: int, *, acknowledged: int | None = None, text: bytes = b"") -> None:
        """Send a segment `offset` octets behind the peer's ISN, acknowledging all or up to a number."""
        ack = 0
        if flags & ACK:
            (socket,) = self.host.tcp.demux
            assert socket.connection is not None
            ack = socket.connection.tcb.snd_nxt if acknowledged is None else acknowledged
        options: tuple[TcpOption, ...] = self.options if flags & SYN else self._stamps()
        self.inject(
            self.packet(
                TcpSegment(
                    PEER_PORT,
                    self.local_port,
                    (self.peer_isn + offset) & MASK,
                    ack & MASK,
                    flags,
                    65_535,
                    options=options,
                    payload=text,
                )
            )
        )

    def _stamps(self) -> tuple[TcpOption, ...]:
        """Timestamps where they were negotiated (RFC 7323, 3.2: then every segment has them)."""
        has_stamps = any(socket.connection and socket.connection.tcb.has_timestamps for socket in self.host.tcp.demux)
        return (Nop(), Nop(), Timestamps(1, 0)) if has_stamps else ()

    def address(self, host: str, port: int) -> SocketAddress:
        """Return a sockaddr of this stage's family."""
        return SocketAddress(self._family, host, port)

    @property
    def _family(self) -> int:
        return AF_INET6 if self.version == 6 else AF_INET

    def _socket(self) -> int:
        descriptor = self.value("socket", domain=self._family, type=SOCK_STREAM, protocol=IPPROTO_TCP)
        self.value("fcntl", fd=descriptor, command=_F_SETFL, argument=_O_NONBLOCK)
        return descriptor

    def listen(self) -> None:
        """LISTEN."""
        self.descriptor = self._socket()
        self.value("bind", fd=self.descriptor, address=self.address(self.local_ip, PORT))
        self.value("listen", fd=self.descriptor, backlog=4)

    def syn_received(self) -> None:
        """SYN-RECEIVED by a passive open."""
        self.listen()
        self._peer(SYN, 0)

    def early(self) -> None:
        """SYN-RECEIVED, opened by the SYN without a cookie (RFC 7413; tcp(7), tcp_fastopen), and accepted."""
        self.host.sysctls.write("net.ipv4.tcp_fastopen", "0x602")
        self.listen()
        self._peer(SYN, 0, text=bytes(10))
        self.descriptor = self.value("accept", fd=self.descriptor)

    def early_close(self) -> None:
        """FIN-WAIT-1 by close(2) before the handshake was over."""
        self.early()
        self.value("read", fd=self.descriptor, count=10, null_buffer=False)
        self.close()

    def syn_sent(self) -> None:
        """SYN-SENT."""
        self.descriptor = self._socket()
        self.call("connect", fd=self.descriptor, address=self.address(self.remote_ip, PEER_PORT))
        (socket,) = self.host.tcp.demux
        self.local_port = socket.local_port

    def crossed(self) -> None:
        """SYN-RECEIVED by a simultaneous open."""
        self.syn_sent()
        self._peer(SYN, 0)

    def established(self) -> None:
        """ESTABLISHED by an active open."""
        self.syn_sent()
        self._peer(SYN | ACK, 0)

    def accepted(self) -> None:
        """ESTABLISHED by a passive open."""
        self.syn_received()
        self._peer(ACK, 1)
        self.descriptor = self.value("accept", fd=self.descriptor)

    def close_wait(self) -> None:
        """CLOSE-WAIT."""
        self.established()
        self._peer(FIN | ACK, 1)

    def last_ack(self) -> None:
        """LAST-ACK, the descriptor closed."""
        self.close_wait()
        self.close()

    def fin_wait_1(self) -> None:
        """FIN-WAIT-1 by shutdown(2): the reading side stays open."""
        self.established()
        self.value("shutdown", fd=self.descriptor, how=1)

    def orphan(self) -> None:
        """FIN-WAIT-1 by close(2)."""
        self.accepted()
        self.close()

    def fin_wait_2(self) -> None:
        """FIN-WAIT-2."""
        self.fin_wait_1()
        self._peer(ACK, 1)

    def closing(self) -> None:
        """CLOSING."""
        self.fin_wait_1()
        (socket,) = self.host.tcp.demux
        assert socket.connection is not None
        self._peer(FIN | ACK, 1, acknowledged=socket.connection.tcb.snd_una)

    def time_wait(self) -> None:
        """TIME-WAIT."""
        self.fin_wait_2()
        self._peer(FIN | ACK, 1)

    def close(self) -> None:
        """Close the descriptor."""
        self.value("close", fd=self.descriptor)
        self.descriptor = -1


_BUILDERS: dict[str, Callable[[Stage], None]] = {
    "CLOSED": lambda _stage: None,
    "LISTEN": Stage.listen,
    "SYN-SENT": Stage.syn_sent,
    "SYN-RECEIVED": Stage.syn_received,
    "SYN-RECEIVED/crossed": Stage.crossed,
    "SYN-RECEIVED/early": Stage.early,
    "ESTABLISHED": Stage.established,
    "ESTABLISHED/accepted": Stage.accepted,
    "FIN-WAIT-1": Stage.fin_wait_1,
    "FIN-WAIT-1/orphan": Stage.orphan,
    "FIN-WAIT-1/early": Stage.early_close,
    "FIN-WAIT-2": Stage.fin_wait_2,
    "CLOSE-WAIT": Stage.close_wait,
    "CLOSING": Stage.closing,
    "LAST-ACK": Stage.last_ack,
    "TIME-WAIT": Stage.time_wait,
}
STATES = tuple(_BUILDERS)
"""The states of RFC 9293, some in more than one way."""


def states_of(chosen: Personality) -> tuple[str, ...]:
    """Return the states that a stack of this personality can be in: a BSD is no server of Fast Open here."""
    has_fast_open = not chosen.name.startswith(("dragonfly", "freebsd"))
    return tuple(state for state in STATES if has_fast_open or not state.endswith("/early"))
