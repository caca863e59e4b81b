"""Warming up before a script's time begins, for targets on a real clock.

A processor that has slept or worked for others runs the first pass through any code several times slower than the next:
1 ms for a handshake instead of 0.3 ms. Played once on a stage where nothing is real, the code of the interpreter is at
hand when it counts, so that a script's first events stand as close together as in packetdrill.
"""

from functools import cache

from packetdrill_compat.ast import Script
from packetdrill_compat.config import IPV4, Config
from packetdrill_compat.play.dialects import FIRST_EPHEMERAL_PORT
from packetdrill_compat.play.player import Player
from packetdrill_compat.reader import load
from packetdrill_compat.variants import variant_config
from targets.base import CallHandle, Completion, Departure, Happening, Micros, Network, ShellResult
from targets.calls import CallResult, Socket, Syscall, Write
from targets.recording import Recording
from wire.ip import Ipv4Header
from wire.option_kinds import Mss, Nop, SackPermitted
from wire.packet import Packet, build_packet
from wire.tcp import ACK, PSH, SYN, TcpSegment

_SCENE = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,nop>
+0 > S. 0:0(0) ack 1 <mss 1000,sackOK,nop,nop>
+0 < . 1:1(0) ack 1 win 1000
+0 write(3, ..., 10) = 10
+0 > P. 1:11(10) ack 1
+0 < . 1:1(0) ack 11 win 1000
"""
_ISN = 1000
_OPTIONS = (Mss(1000), SackPermitted(), Nop(), Nop())
_TIME_LIMIT: Micros = 1_000_000


def rehearse() -> None:
    """Play a handshake and a segment on a stage. What the interpreter finds wrong there is its own mistake."""
    script, config = _scene()
    Player("rehearsal", config, Recording(_Stage(config)), limit=_TIME_LIMIT).play(script)


@cache
def _scene() -> tuple[Script, Config]:
    return load("rehearsal", text=_SCENE, config=variant_config(IPV4))


class _Stage:
    """A target that gives the calls and packets that the scene expects; its time stands still."""

    name = "stage"
    capabilities: frozenset[str] = frozenset()

    def __init__(self, config: Config) -> None:
        header = Ipv4Header(config.local_ip, config.remote_ip)
        syn_ack = TcpSegment(config.bind_port, FIRST_EPHEMERAL_PORT, _ISN, 1, SYN | ACK, 1000, options=_OPTIONS)
        data = syn_ack._replace(seq=_ISN + 1, flags=ACK | PSH, options=(), payload=bytes(10))
        self._departures = [build_packet(Packet((header,), segment)) for segment in (data, syn_ack)]
        self._waiting: list[Happening] = []
        self._calls = 0

    def open(self, network: Network) -> None:
        """Nothing is there to be opened."""

    def close(self) -> None:
        """Nothing is there to be closed."""

    def begin(self) -> Micros:
        """Any moment is good."""
        return 0

    def now(self) -> Micros:
        """Time stands still."""
        return 0

    def inject(self, packet: bytes, *, gso_size: int = 0) -> None:
        """Answer the SYN; the flags are octet 33 of these packets."""
        if packet[33] == SYN:
            self._depart()

    def call(self, syscall: Syscall) -> CallHandle:
        """Let every call succeed; what is written departs."""
        self._calls += 1
        handle = CallHandle(self._calls, syscall, 0)
        value = {Socket: 3, Write: 10}.get(type(syscall), 0)
        self._waiting.append(Completion(0, handle, CallResult(value)))
        if isinstance(syscall, Write):
            self._depart()
        return handle

    def _depart(self) -> None:
        self._waiting.append(Departure(0, self._departures.pop()))

    def poll(self, deadline: Micros) -> Happening | None:
        """Give what waits."""
        return self._waiting.pop(0) if self._waiting else None

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        """Let every command succeed."""
        return ShellResult(0)
