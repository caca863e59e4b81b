"""A simulated host and a peer made by hand: system calls on one side, segments on the other, time in between.

Segments are written as ``P. 1:101(100) ack 1``: flags (S F R P . U E W), first and next sequence number, octets of
payload, acknowledgment; all numbers relative to the two initial sequence numbers.
"""

import re
from dataclasses import replace
from typing import Any

from reference_stack.host import FinishedCall, Host, Result, Routes, SentPacket, make_prefix
from reference_stack.host.values import Address
from reference_stack.personality import Personality, personality
from wire.abi import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import Mss, TcpOption
from wire.packet import Packet, build_packet, checksum_errors, parse_packet
from wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment

_FLAGS = {"S": SYN, "F": FIN, "R": RST, "P": PSH, ".": ACK, "U": URG, "E": ECE, "W": CWR}
_SEGMENT = re.compile(r"([SFRP.UEW]+) (\d+):(\d+)\((\d+)\)(?: ack (\d+))?(?: win (\d+))?$")
_M = 2**32
PORT, PEER_PORT = 8080, 40000
SECOND = 1_000_000


class SockAddr:
    """An address argument, as the seam's own value looks."""

    def __init__(self, family: int, host: str = "", port: int = 0, raw: bytes | None = None) -> None:
        self.family, self.host, self.port, self.raw = family, host, port, raw


def linux_host() -> Personality:
    """The RFC engine inside a host with the traits of Linux: for tests of the host alone."""
    return replace(personality("rfc"), name="linux+rfc-engine")


class World:
    """One host, its peer and the clock. `kind` is ipv4, mapped or ipv6."""

    def __init__(
        self, kind: str = "ipv4", chosen: Personality | None = None, *, mtu: int = 1500, seed: int = 0
    ) -> None:
        is_v6 = kind == "ipv6"
        self.kind = kind
        self.family = AF_INET if kind == "ipv4" else AF_INET6
        self.local_ip = "fd3d:a0b:17d6::1" if is_v6 else "192.168.0.1"
        self.remote_ip = "fd3d:fa7b:d17d::1" if is_v6 else "192.0.2.1"
        routes = Routes({self.local_ip}, [make_prefix(self.local_ip, 48 if is_v6 else 16)], mtu)
        self.host = Host(routes, personality=chosen or personality("rfc"), seed=seed)
        self.now = 0
        self.local_isn = 0
        self.remote_isn = 0
        self.local_port, self.remote_port = PORT, PEER_PORT
        self.packets: list[tuple[int, Packet]] = []
        self.results: dict[int, tuple[int, Result]] = {}

    # --- calls ---------------------------------------------------------------------------------------------------

    def start(self, call: str, /, **arguments: Any) -> int:
        """Start a call and return its id."""
        call_id = self.host.call(call, arguments, now=self.now)
        self._collect()
        return call_id

    def call(self, call: str, /, **arguments: Any) -> Result:
        """Make a call that ends at once."""
        call_id = self.start(call, **arguments)
        assert call_id in self.results, f"{call} blocks"
        return self.results[call_id][1]

    def errno(self, call: str, /, **arguments: Any) -> int:
        """Make a call that fails at once and return its errno."""
        result = self.call(call, **arguments)
        assert result.value == -1, result
        return result.errno

    def result(self, call_id: int) -> Result | None:
        """Result of a started call, None while it is blocked."""
        return self.results[call_id][1] if call_id in self.results else None

    def socket(self, kind: int = SOCK_STREAM, protocol: int = IPPROTO_TCP) -> int:
        return self.call("socket", domain=self.family, type=kind, protocol=protocol).value

    def address(self, host: str = "", port: int = 0) -> SockAddr:
        text = host or self.local_ip
        if self.kind == "mapped" and ":" not in text:
            text = f"::ffff:{text}"
        return SockAddr(self.family, text, port or PORT)

    def peer_address(self) -> SockAddr:
        return self.address(self.remote_ip, PEER_PORT)

    def setsockopt(self, fd: int, level: int, name: int, number: int) -> Result:
        value = number.to_bytes(4, "little", signed=number < 0)
        return self.call("setsockopt", fd=fd, level=level, name=name, value=value, size=4)

    def getsockopt(self, fd: int, level: int, name: int) -> int:
        result = self.call("getsockopt", fd=fd, level=level, name=name, size=4, initial=b"")
        assert result.value == 0, result
        return int.from_bytes(result.optval, "little", signed=True)

    def read(self, fd: int, count: int = 65536) -> Result:
        return self.call("read", fd=fd, count=count, null_buffer=False)

    def write(self, fd: int, count: int) -> Result:
        return self.call("write", fd=fd, data=bytes(count), count=count)

    def nonblocking(self, fd: int) -> int:
        self.call("fcntl", fd=fd, command=4, argument=0o4002)
        return fd

    # --- packets -------------------------------------------------------------------------------------------------

    def inject(
        self, text: str, *, options: tuple[TcpOption, ...] = (), payload: bytes | None = None, **fields: Any
    ) -> None:
        """The peer sends a segment; `fields` replace those of the segment."""
        match = _SEGMENT.match(text)
        assert match, text
        flags, seq, _, length, ack, window = match.groups()
        mask = sum(_FLAGS[letter] for letter in flags)
        segment = TcpSegment(
            self.remote_port,
            self.local_port,
            (self.remote_isn + int(seq)) % _M,
            (self.local_isn + int(ack or 0)) % _M if mask & ACK else 0,
            mask,
            65535 if window is None else int(window),
            options=options,
            payload=bytes(int(length)) if payload is None else payload,
        )
        self.inject_packet(build_packet(Packet((self.peer_header(),), segment._replace(**fields))))

    def peer_header(self) -> Ipv4Header | Ipv6Header:
        if ":" in self.remote_ip:
            return Ipv6Header(self.remote_ip, self.local_ip)
        return Ipv4Header(self.remote_ip, self.local_ip, ttl=64)

    def inject_packet(self, packet: bytes) -> None:
        self.host.inject(packet, now=self.now)
        self._collect()

    def inject_icmp(self, kind: int, code: int, quoted: bytes, rest: int = 0) -> None:
        version = 6 if ":" in self.remote_ip else 4
        message = IcmpMessage(version, kind, code, rest, quoted)
        self.inject_packet(build_packet(Packet((self.peer_header(),), message)))

    def quote(self, seq: int = 0, length: int = 0) -> bytes:
        """The octets of a segment of ours, as an ICMP error quotes them."""
        header: Ipv4Header | Ipv6Header = Ipv4Header(self.local_ip, self.remote_ip)
        if ":" in self.remote_ip:
            header = Ipv6Header(self.local_ip, self.remote_ip)
        number = (self.local_isn + seq) % _M
        segment = TcpSegment(self.local_port, self.remote_port, number, 0, ACK, 0, payload=bytes(length))
        return build_packet(Packet((header,), segment))

    def sent_packets(self) -> list[Packet]:
        """Packets since the last question."""
        packets, self.packets = self.packets, []
        return [packet for _, packet in packets]

    def sent(self) -> list[str]:
        """Segments since the last question, as text."""
        return [self._text(packet.body) for packet in self.sent_packets() if isinstance(packet.body, TcpSegment)]

    def sent_at(self) -> list[tuple[int, str]]:
        """Times and segments since the last question."""
        packets, self.packets = self.packets, []
        return [(time, self._text(packet.body)) for time, packet in packets if isinstance(packet.body, TcpSegment)]

    def _text(self, segment: TcpSegment) -> str:
        letters = "".join(letter for letter, bit in _FLAGS.items() if segment.flags & bit)
        seq = (segment.seq - self.local_isn) % _M
        text = f"{letters} {seq}:{(seq + len(segment.payload)) % _M}({len(segment.payload)})"
        return f"{text} ack {(segment.ack - self.remote_isn) % _M}" if segment.flags & ACK else text

    # --- time ----------------------------------------------------------------------------------------------------

    def advance(self, duration_us: int) -> None:
        """Let time pass, stopping at every event."""
        end = self.now + duration_us
        while (event := self.host.next_event()) is not None and event <= end:
            self.now = max(event, self.now)
            self.host.advance(now=self.now)
            self._collect()
        self.now = end

    def _collect(self) -> None:
        for event in self.host.take():
            if isinstance(event, SentPacket):
                assert checksum_errors(event.packet) == []
                packet = parse_packet(event.packet)
                self._learn(packet.body)
                self.packets.append((event.time, packet))
            elif isinstance(event, FinishedCall):
                self.results[event.call_id] = event.time, event.result

    def _learn(self, body: object) -> None:
        if isinstance(body, TcpSegment) and body.flags & SYN:
            self.local_isn = body.seq
            self.local_port = body.src_port

    # --- states --------------------------------------------------------------------------------------------------

    def listen(self, backlog: int = 5, **options: int) -> int:
        """A listening socket on `PORT`."""
        fd = self.socket()
        assert self.call("bind", fd=fd, address=self.address()).value == 0
        assert self.call("listen", fd=fd, backlog=backlog).value == 0
        return fd

    def handshake(self, peer_port: int = PEER_PORT, isn: int = 0, window: int = 65535) -> None:
        """A peer completes a passive open."""
        self.remote_port, self.remote_isn = peer_port, isn
        self.inject(f"S 0:0(0) win {window}", options=(Mss(1460),))
        self.inject(f". 1:1(0) ack 1 win {window}")

    def accept(self, fd: int) -> int:
        result = self.call("accept", fd=fd)
        assert result.value >= 0, result
        return result.value

    def established(self, window: int = 65535) -> int:
        """A passively opened and accepted connection; returns its descriptor."""
        listener = self.listen()
        self.handshake(window=window)
        fd = self.accept(listener)
        self.sent()
        return fd

    def connecting(self) -> int:
        """A non-blocking connect under way; the SYN has been taken."""
        fd = self.nonblocking(self.socket())
        result = self.call("connect", fd=fd, address=self.peer_address())
        assert result.errno == 115, result
        self.sent()
        return fd

    def connected(self) -> int:
        """An actively opened connection; returns its descriptor."""
        fd = self.connecting()
        self.inject("S. 0:0(0) ack 1", options=(Mss(1460),))
        self.sent()
        return fd


def shown(world: World, host: str, port: int) -> Address:
    """An address as a call gives it back."""
    text = f"::ffff:{host}" if world.kind == "mapped" else host
    return Address(world.family, text, port)
