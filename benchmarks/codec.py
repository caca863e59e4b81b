"""Building and reading packets: ours against scapy, in the same run.

Both sides work from values to all octets of an IPv4 packet with lengths and checksums, and back from the octets to
values with every option read. A SYN with the five usual options and a data segment of 1000 octets, each with the same
timestamps in all packets and with others in each, so that nothing can be remembered from one packet to the next. Times
are processor time of this process.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from wire.ip import Ipv4Header
from wire.options import Mss, Nop, SackPermitted, TcpOption, Timestamps, WindowScale
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import ACK, PSH, SYN, TcpSegment

SRC, DST = "192.0.2.1", "192.0.2.2"
PAYLOAD = bytes(1000)


@dataclass(frozen=True)
class Case:
    """One kind of packet and one direction, as a job for each side. A job works through its inputs once."""

    packet: str
    direction: str
    ours: Callable[[], object]
    scapy: Callable[[], object]
    ours_count: int
    scapy_count: int


@dataclass(frozen=True)
class Figure:
    """Packets a second of both sides: the best of the rounds."""

    case: Case
    ours: float
    scapy: float

    @property
    def ratio(self) -> float:
        return self.ours / self.scapy


def _syn_options(_: int) -> tuple[TcpOption, ...]:
    return Mss(1460), SackPermitted(), Timestamps(100, 0), Nop(), WindowScale(7)


def _changing_syn_options(number: int) -> tuple[TcpOption, ...]:
    return Mss(1460), SackPermitted(), Timestamps(number, number + 1), Nop(), WindowScale(7)


def _constant_timestamps(_: int) -> tuple[TcpOption, ...]:
    return Nop(), Nop(), Timestamps(100, 200)


def _changing_timestamps(number: int) -> tuple[TcpOption, ...]:
    return Nop(), Nop(), Timestamps(number, number + 1)


KINDS = (
    ("SYN, five options", _syn_options, SYN, b""),
    ("SYN, new timestamps", _changing_syn_options, SYN, b""),
    ("data, 1000 octets", _constant_timestamps, ACK | PSH, PAYLOAD),
    ("data, new timestamps", _changing_timestamps, ACK | PSH, PAYLOAD),
)
SCAPY_NAMES = {Nop: "NOP", Mss: "MSS", SackPermitted: "SAckOK", Timestamps: "Timestamp", WindowScale: "WScale"}


def _scapy_option(option: TcpOption) -> tuple[str, object]:
    match option:
        case Mss(value=value):
            return "MSS", value
        case WindowScale(shift=shift):
            return "WScale", shift
        case Timestamps(val=val, ecr=ecr):
            return "Timestamp", (val, ecr)
        case _:
            return SCAPY_NAMES[type(option)], b""


def _build_ours(options: Iterable[tuple[TcpOption, ...]], flags: int, payload: bytes) -> None:
    for area in options:
        segment = TcpSegment(1000, 2000, 1, 2, flags, 65535, options=area, payload=payload)
        build_packet(Packet((Ipv4Header(SRC, DST),), segment))


def _build_scapy(options: Iterable[list[tuple[str, object]]], flags: int, payload: bytes) -> None:
    for area in options:
        header = IP(src=SRC, dst=DST)
        segment = TCP(sport=1000, dport=2000, seq=1, ack=2, flags=flags, window=65535, options=area)
        bytes(header / segment / Raw(payload) if payload else header / segment)


def _read_ours(octets: Iterable[bytes]) -> None:
    for data in octets:
        parse_packet(data)


def _read_scapy(octets: Iterable[bytes]) -> None:
    for data in octets:
        IP(data)


def _octets(area: tuple[TcpOption, ...], flags: int, payload: bytes) -> bytes:
    segment = TcpSegment(1000, 2000, 1, 2, flags, 65535, options=area, payload=payload)
    return build_packet(Packet((Ipv4Header(SRC, DST),), segment))


def cases(scapy_count: int = 200) -> Iterator[Case]:
    """All cases. Ours works through twenty times as many packets, so that both take about the same time."""
    ours_count = 20 * scapy_count
    for name, make, flags, payload in KINDS:
        options = [make(number) for number in range(ours_count)]
        theirs = [[_scapy_option(option) for option in area] for area in options[:scapy_count]]
        octets = [_octets(area, flags, payload) for area in options]
        jobs = {
            "build": (partial(_build_ours, options, flags, payload), partial(_build_scapy, theirs, flags, payload)),
            "read": (partial(_read_ours, octets), partial(_read_scapy, octets[:scapy_count])),
        }
        for direction, (ours, scapy) in jobs.items():
            yield Case(name, direction, ours, scapy, ours_count, scapy_count)


def _seconds(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def measure(case: Case, rounds: int = 5) -> Figure:
    """Run both sides alternately and keep the best round of each, which other load on the machine disturbs least."""
    ours, scapy = [], []
    for _ in range(rounds):
        ours.append(case.ours_count / _seconds(case.ours))
        scapy.append(case.scapy_count / _seconds(case.scapy))
    return Figure(case, max(ours), max(scapy))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks codec", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many rounds counts (default 5)")
    arguments = parser.parse_args(argv)
    print(f"{'packet':<22} {'direction':<9} {'ours/s':>10} {'scapy/s':>10} {'ratio':>7}")
    for case in cases():
        figure = measure(case, arguments.rounds)
        print(
            f"{case.packet:<22} {case.direction:<9} {figure.ours:>10,.0f} {figure.scapy:>10,.0f} {figure.ratio:>7.1f}"
        )
    return 0
