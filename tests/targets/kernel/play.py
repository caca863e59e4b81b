"""A few lines of TCP peer and of application, so that a test says only what it is about."""

import ipaddress
import socket
import struct
from typing import NamedTuple

from targets import calls
from targets.base import CallHandle, Completion, Departure, Micros, Network, Target
from targets.calls import CallResult, SocketAddress, Syscall
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import Mss, TcpOption
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import ACK, SYN, TcpSegment

PATIENCE: Micros = 2_000_000
SERVER_PORT = 8080
PEER_PORT = 40_000

IPV4 = Network("192.168.0.1", "192.0.2.1", "192.168.0.1", prefix_length=16, remote_prefix_length=24)
IPV6 = Network(
    "fd3d:a0b:17d6::1",
    "fd3d:fa7b:d17d::1",
    "fd3d:a0b:17d6:8888::1",
    prefix_length=48,
    remote_prefix_length=64,
    mtu=1520,
)


class Variant(NamedTuple):
    """What the wire carries and which sockets the application uses."""

    network: Network
    domain: int
    local: SocketAddress


VARIANTS = {
    "ipv4": Variant(IPV4, socket.AF_INET, SocketAddress(socket.AF_INET, IPV4.local_ip, SERVER_PORT)),
    "ipv6": Variant(IPV6, socket.AF_INET6, SocketAddress(socket.AF_INET6, IPV6.local_ip, SERVER_PORT)),
    "mapped": Variant(IPV4, socket.AF_INET6, SocketAddress(socket.AF_INET6, f"::ffff:{IPV4.local_ip}", SERVER_PORT)),
}


def wait_for(target: Target, handle: CallHandle, *, patience: Micros = PATIENCE) -> CallResult:
    """Return the result of a started call; packets that leave meanwhile are let go."""
    deadline = target.now() + patience
    while (happening := target.poll(deadline)) is not None:
        if isinstance(happening, Completion) and happening.handle.id == handle.id:
            return happening.result
    raise AssertionError(f"{handle.syscall} has not returned within {patience} us")


def do(target: Target, syscall: Syscall) -> CallResult:
    """Make a call and return its result."""
    return wait_for(target, target.call(syscall))


def next_segment(target: Target, *, patience: Micros = PATIENCE) -> tuple[Departure, TcpSegment]:
    """Return the next packet that leaves, and its TCP segment."""
    happening = target.poll(target.now() + patience)
    assert isinstance(happening, Departure), happening
    body = parse_packet(happening.packet).body
    assert isinstance(body, TcpSegment)
    return happening, body


def listener(target: Target, variant: Variant) -> int:
    """Return a listening socket."""
    fd = do(target, calls.Socket(variant.domain, socket.SOCK_STREAM, socket.IPPROTO_TCP)).value
    do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_REUSEADDR, struct.pack("=i", 1), 4))
    assert do(target, calls.Bind(fd, variant.local)).value == 0
    assert do(target, calls.Listen(fd, 1)).value == 0
    return fd


class Peer:
    """The other end of one connection."""

    def __init__(self, target: Target, network: Network) -> None:
        self._target = target
        local, remote = (str(ipaddress.ip_address(each)) for each in (network.local_ip, network.remote_ip))
        self._header = Ipv4Header(remote, local) if network.ip_version == 4 else Ipv6Header(remote, local)
        self.snd_nxt = 0
        self.rcv_nxt = 0

    def packet(self, flags: int, payload: bytes = b"", *, options: tuple[TcpOption, ...] = ()) -> bytes:
        """Build a segment with the current numbers."""
        segment = TcpSegment(
            PEER_PORT, SERVER_PORT, self.snd_nxt, self.rcv_nxt, flags, 65_535, options=options, payload=payload
        )
        return build_packet(Packet((self._header,), segment))

    def send(self, flags: int, payload: bytes = b"", *, options: tuple[TcpOption, ...] = (), gso_size: int = 0) -> None:
        """Inject a segment and count it as sent."""
        self._target.inject(self.packet(flags, payload, options=options), gso_size=gso_size)
        self.snd_nxt += len(payload) + bool(flags & SYN)

    def handshake(self) -> Departure:
        """Open the connection actively; return the stack's SYN-ACK."""
        self.send(SYN, options=(Mss(1460),))
        departure, answer = next_segment(self._target)
        assert answer.flags == SYN | ACK
        self.rcv_nxt = (answer.seq + 1) % 2**32
        self.send(ACK)
        return departure


def answer_syn(target: Target, syn: Departure, flags: int) -> None:
    """Answer the SYN of a connecting socket from where it went to."""
    packet = parse_packet(syn.packet)
    asked = packet.body
    assert isinstance(asked, TcpSegment)
    segment = TcpSegment(asked.dst_port, asked.src_port, 0, (asked.seq + 1) % 2**32, flags, 65_535)
    header = type(packet.ip)(packet.ip.dst, packet.ip.src)
    target.inject(build_packet(Packet((header,), segment)))


def established(target: Target, variant: Variant = VARIANTS["ipv4"]) -> tuple[int, Peer]:
    """Return an accepted connection and its peer."""
    fd = listener(target, variant)
    peer = Peer(target, variant.network)
    peer.handshake()
    return do(target, calls.Accept(fd)).value, peer
