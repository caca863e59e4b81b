"""A target on virtual time whose packets and call results the test writes down beforehand."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from targets.base import (
    LINUX,
    SHELL,
    TCP_INFO,
    VIRTUAL_TIME,
    CallHandle,
    Completion,
    Departure,
    Happening,
    Micros,
    Network,
    ShellResult,
)
from targets.calls import CallResult, Socket, Syscall
from wire.ip import Ipv4Header
from wire.options import TcpOption
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import SYN, TcpSegment

LOCAL, REMOTE = "192.168.0.1", "192.0.2.1"
LIVE_ISN = 0xFFFFFFFE


@dataclass
class FakeTarget:
    """Departures are planned in absolute time; `results` answers calls by type, and otherwise with 0."""

    results: dict[type, list[CallResult | tuple[CallResult, Micros]]] = field(default_factory=dict)
    shell_results: dict[str, ShellResult] = field(default_factory=dict)
    on_inject: Callable[["FakeTarget", Packet], None] | None = None
    name: str = "fake"
    capabilities: frozenset[str] = frozenset({VIRTUAL_TIME, LINUX, SHELL, TCP_INFO})

    def __post_init__(self) -> None:
        self.clock: Micros = 0
        self.injected: list[Packet] = []
        self.calls: list[Syscall] = []
        self.commands: list[str] = []
        self.is_open = False
        self.peer_port = 0
        self._plan: list[tuple[Micros, int, Happening]] = []
        self._order = count()

    # ------------------------------------------------------------ the seam

    def open(self, network: Network) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def begin(self) -> Micros:
        return self.clock

    def now(self) -> Micros:
        return self.clock

    def inject(self, packet: bytes, *, gso_size: int = 0) -> None:
        parsed = parse_packet(packet)
        self.injected.append(parsed)
        if isinstance(parsed.body, TcpSegment):
            self.peer_port = parsed.body.src_port
        if self.on_inject is not None:
            self.on_inject(self, parsed)

    def call(self, syscall: Syscall) -> CallHandle:
        self.calls.append(syscall)
        handle = CallHandle(len(self.calls), syscall, self.clock)
        planned = self.results.get(type(syscall))
        answer = planned.pop(0) if planned else CallResult(100 if isinstance(syscall, Socket) else 0)
        result, delay = answer if isinstance(answer, tuple) else (answer, 0)
        self._put(self.clock + delay, Completion(self.clock + delay, handle, result))
        return handle

    def poll(self, deadline: Micros) -> Happening | None:
        if self._plan and self._plan[0][0] <= max(deadline, self.clock):
            time, _order, happening = heapq.heappop(self._plan)
            self.clock = max(self.clock, time)
            return happening
        self.clock = max(self.clock, deadline)
        return None

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        self.commands.append(command)
        return self.shell_results.get(command, ShellResult(0))

    # ------------------------------------------------------------ planning

    def _put(self, time: Micros, happening: Happening) -> None:
        heapq.heappush(self._plan, (time, next(self._order), happening))

    def sends(
        self,
        at: Micros,
        flags: int,
        seq: int,
        ack: int = 0,
        payload: bytes = b"",
        options: tuple[TcpOption, ...] = (),
        window: int = 1000,
        port: int | None = None,
        src_port: int = 8080,
        to: str = REMOTE,
    ) -> None:
        """Plan a segment of the connection; `seq` counts from the stack's ISN, `ack` is the number on the wire."""
        segment = TcpSegment(
            src_port,
            self.peer_port if port is None else port,
            (LIVE_ISN + seq) % 2**32,
            ack,
            flags,
            window,
            options=options,
            payload=payload,
        )
        data = build_packet(Packet((Ipv4Header(LOCAL, to),), segment))
        self._put(at, Departure(at, data))

    def sends_raw(self, at: Micros, data: bytes) -> None:
        """Plan any octets."""
        self._put(at, Departure(at, data))


def answering_syn(target: FakeTarget, packet: Packet) -> None:
    """Answer a SYN with a SYN-ACK at once; what follows is planned by the test."""
    body = packet.body
    if isinstance(body, TcpSegment) and body.flags & SYN:
        target.sends(target.clock, 0x12, 0, (body.seq + 1) % 2**32)
