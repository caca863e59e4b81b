"""Packets of a storm: segments near what the connection expects, any segment, damaged octets, ICMP errors, noise."""

from collections.abc import Callable
from random import Random

from fuzz.storm.stage import MASK, PEER_PORT, PORT, Stage
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import (
    MAX_OPTION_OCTETS,
    Ao,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
    build_options,
)
from wire.packet import Packet, build_packet
from wire.tcp import ACK, FIN, PSH, RST, SYN, URG, TcpSegment

_NEAR = (-1461, -1460, -2, -1, 0, 0, 0, 0, 1, 2, 100, 1460, 1461, 65_535, 1 << 31)
_FLAGS = (ACK, ACK, ACK | PSH, ACK | FIN, RST, RST | ACK, SYN, SYN | ACK, ACK | URG, FIN, 0, SYN | FIN, 0x1FF)
_SIZES = (0, 0, 0, 1, 10, 100, 536, 1460)
_ICMP_ERRORS = {
    4: ((3, range(16)), (4, range(1)), (11, range(2)), (12, range(2))),
    6: ((1, range(8)), (2, range(1)), (3, range(2)), (4, range(3))),
}
"""Types and codes of ICMP errors (RFC 792, RFC 4443)."""


def draw(stage: Stage, random: Random) -> bytes:
    """Return the next packet."""
    kind = random.random()
    if kind < 0.04:
        return random.randbytes(random.randrange(100))
    if kind < 0.08:
        return _icmp(stage, random)
    packet = stage.packet(_segment(stage, random))
    return _damaged(packet, random) if kind < 0.2 else packet


def _segment(stage: Stage, random: Random) -> TcpSegment:
    rcv_nxt, snd_una, snd_nxt = _expected(stage, random)
    is_any = random.random() < 0.05
    seq = random.getrandbits(32) if is_any else rcv_nxt + _offset(stage, random)
    ack = random.getrandbits(32) if is_any else random.choice((snd_una, snd_nxt)) + random.choice((0, 0, 0, *_NEAR))
    payload = random.randbytes(random.choice(_SIZES))
    return TcpSegment(
        PEER_PORT if random.random() < 0.97 else random.randrange(65_536),
        stage.local_port if random.random() < 0.99 else random.choice((PORT, 1, 0)),
        seq & MASK,
        ack & MASK,
        random.choice(_FLAGS) if random.random() < 0.9 else random.randrange(512),
        random.choice((0, 1, 100, 65_535, random.randrange(65_536))),
        random.choice((0, 1, 100, 65_535)),
        _options(stage, random, snd_una, snd_nxt),
        payload,
        random.choice((0, 0, 0, 7)),
    )


def _expected(stage: Stage, random: Random) -> tuple[int, int, int]:
    """Return RCV.NXT, SND.UNA and SND.NXT of the connection, or any numbers."""
    if stage.connection is None:
        any_number = random.getrandbits(32)
        return stage.peer_isn, any_number, any_number + random.choice((0, 1, 1000))
    tcb = stage.connection.tcb
    return (tcb.rcv_nxt if stage.connection.has_peer_syn else stage.peer_isn), tcb.snd_una, tcb.snd_nxt


def _offset(stage: Stage, random: Random) -> int:
    """Return a distance from RCV.NXT: small ones, and the edges of the window."""
    window = stage.connection.tcb.rcv_wnd if stage.connection is not None else 65_535
    return random.choice((*_NEAR, window - 1, window, window + 1, random.randrange(window + 1)))


def _options(stage: Stage, random: Random, snd_una: int, snd_nxt: int) -> tuple[TcpOption, ...]:
    tcb = stage.connection.tcb if stage.connection is not None else None
    if tcb is not None and tcb.has_timestamps and random.random() < 0.8:
        stamp = Timestamps((tcb.ts_recent + random.choice((0, 0, 1, 5, -1))) & MASK, 0)
        return (Nop(), Nop(), stamp, *_sack(random, snd_una, snd_nxt))
    if random.random() < 0.5:
        return _sack(random, snd_una, snd_nxt)
    chosen = tuple(random.choice(_ANY)(random) for _ in range(random.randrange(5)))
    return chosen if len(build_options(chosen, pad=True)) <= MAX_OPTION_OCTETS else ()


def _sack(random: Random, snd_una: int, snd_nxt: int) -> tuple[TcpOption, ...]:
    if random.random() < 0.7:
        return ()
    edges = [(random.randint(snd_una - 2, snd_nxt + 2)) & MASK for _ in range(4)]
    return Nop(), Nop(), Sack(((edges[0], edges[1]), (edges[2], edges[3])))


_ANY: tuple[Callable[[Random], TcpOption], ...] = (
    lambda random: Mss(random.choice((0, 1, 100, 1460, 65_535))),
    lambda random: WindowScale(random.randrange(256)),
    lambda _random: SackPermitted(),
    lambda random: Timestamps(random.getrandbits(32), random.getrandbits(32)),
    lambda random: Sack(((random.getrandbits(32), random.getrandbits(32)),)),
    lambda random: UserTimeout(bool(random.randrange(2)), random.randrange(1 << 15)),
    lambda random: Md5(random.randbytes(16)),
    lambda random: Ao(random.randrange(256), random.randrange(256), random.randbytes(12)),
    lambda random: FastOpen(random.randbytes(random.choice((0, 4, 8, 16)))),
    lambda random: UnknownOption(random.choice((9, 76, 253, 254, 255)), random.randbytes(random.randrange(9))),
    lambda _random: Nop(),
)


def _damaged(packet: bytes, random: Random) -> bytes:
    """Flip bits, cut, lengthen; often with the checksum repaired by nobody."""
    octets = bytearray(packet)
    for _ in range(random.randrange(4)):
        octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
    if random.random() < 0.3:
        del octets[random.randrange(len(octets)) :]
    if random.random() < 0.2:
        octets += random.randbytes(random.randrange(20))
    return bytes(octets)


def _icmp(stage: Stage, random: Random) -> bytes:
    """An ICMP error about a segment of the connection, or one that it never sent."""
    _, snd_una, snd_nxt = _expected(stage, random)
    outer: Ipv4Header | Ipv6Header = Ipv4Header(stage.remote_ip, stage.local_ip)
    inner: Ipv4Header | Ipv6Header = Ipv4Header(stage.local_ip, stage.remote_ip)
    if stage.version == 6:
        outer, inner = Ipv6Header(stage.remote_ip, stage.local_ip), Ipv6Header(stage.local_ip, stage.remote_ip)
    seq = random.choice((snd_una, snd_nxt, snd_una - 1, snd_nxt + 1, random.getrandbits(32)))
    segment = TcpSegment(stage.local_port, PEER_PORT, seq & MASK, 0, ACK, 0)
    quoted = build_packet(Packet((inner,), segment))
    kind, codes = random.choice(_ICMP_ERRORS[stage.version])
    mtu = random.choice((0, 1, 67, 68, 296, 1279, 1280, 1400, 1500, 65_535, random.getrandbits(32)))
    octets = quoted[: random.choice((28, 48, len(quoted)))]
    message = IcmpMessage(stage.version, kind, random.choice(codes), mtu, octets)
    return build_packet(Packet((outer,), message))
