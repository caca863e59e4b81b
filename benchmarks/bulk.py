"""Bulk transfer between two reference stacks over a simulated link: segments a second, memory, where the time goes.

Two hosts with sockets, IP and TCP, in one process and virtual time; every packet is built to its octets and parsed
again at the other end, with checksums. One application writes, the other reads all there is. Rates are per second of
processor time, so that a busy machine does not change them much. The peak is that of the memory that Python's objects
take above the state before the transfer.
"""

import argparse
import cProfile
import heapq
import pstats
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any

from reference_stack.host import FinishedCall, Host, Result, Routes, make_prefix
from reference_stack.personality import personality
from targets.calls import SocketAddress
from targets.weather import Path, Weather
from wire.abi import AF_INET, IPPROTO_TCP, SOCK_STREAM

CLIENT, SERVER = 0, 1
ADDRESSES = ("192.0.2.1", "192.0.2.2")
PORT = 8080
CHUNK = 65_536
_HEADERS = 40  # IPv4 and TCP without options: a larger packet carries data or options


@dataclass
class Link:
    """Two hosts and the path between them, in virtual time."""

    hosts: list[Host]
    paths: list[Path]
    now: int = 0
    packets: int = 0
    segments: int = 0
    results: list[dict[int, Result]] = field(default_factory=lambda: [{}, {}])
    flying: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    digest: Any = field(default_factory=sha256)
    _serial: "count[int]" = field(default_factory=count)

    def call(self, end: int, name: str, /, **arguments: Any) -> int:
        """Start a call at one end and return its id; its result comes into `results`."""
        number = self.hosts[end].call(name, arguments, now=self.now)
        self.collect(end)
        return number

    def finish(self, end: int, name: str, /, **arguments: Any) -> Result:
        """Make a call and let time pass until it has returned."""
        number = self.call(end, name, **arguments)
        while number not in self.results[end]:
            self.step()
        return self.results[end].pop(number)

    def collect(self, end: int) -> None:
        """Put what a host has sent on the way, and keep what its calls returned."""
        for event in self.hosts[end].take():
            if isinstance(event, FinishedCall):
                self.results[end][event.call_id] = event.result
                continue
            self.packets += 1
            self.segments += len(event.packet) > CHUNK // 100
            self.digest.update(event.packet)
            for delay in self.paths[end].delays():
                heapq.heappush(self.flying, (self.now + delay, next(self._serial), 1 - end, event.packet))

    def step(self) -> None:
        """Let the next thing happen. Raises `RuntimeError` when nothing will ever happen again."""
        times = [event for host in self.hosts if (event := host.next_event()) is not None]
        if self.flying:
            times.append(self.flying[0][0])
        if not times:
            raise RuntimeError(f"nothing is left to happen at {self.now} us")
        self.now = max(self.now, min(times))
        while self.flying and self.flying[0][0] <= self.now:
            _, _, end, packet = heapq.heappop(self.flying)
            self.hosts[end].inject(packet, now=self.now)
            self.collect(end)
        for end, host in enumerate(self.hosts):
            event = host.next_event()
            if event is not None and event <= self.now:
                host.advance(now=self.now)
                self.collect(end)


def make_link(name: str, weather: Weather, *, seed: int = 0) -> Link:
    """Return two hosts of the personality `name`; their devices send what fits the MTU, one segment a packet."""
    hosts = []
    for address in ADDRESSES:
        routes = Routes({address}, [make_prefix(address, 24)], offloads={"gso": False, "tso": False})
        hosts.append(Host(routes, personality=personality(name), seed=seed))
    return Link(hosts, [Path(weather, seed=seed + end) for end in (CLIENT, SERVER)])


def connect(link: Link) -> tuple[int, int]:
    """Open a connection from the client to the server; return both descriptors."""
    sockets = [
        link.finish(end, "socket", domain=AF_INET, type=SOCK_STREAM, protocol=IPPROTO_TCP).value
        for end in (CLIENT, SERVER)
    ]
    there = SocketAddress(AF_INET, ADDRESSES[SERVER], PORT)
    link.finish(SERVER, "bind", fd=sockets[SERVER], address=there)
    link.finish(SERVER, "listen", fd=sockets[SERVER], backlog=1)
    link.finish(CLIENT, "connect", fd=sockets[CLIENT], address=there)
    return sockets[CLIENT], link.finish(SERVER, "accept", fd=sockets[SERVER]).value


def transfer(link: Link, octets: int) -> None:
    """Move octets from client to server. Raises `RuntimeError` unless they arrive as they were sent."""
    source, sink = connect(link)
    chunk = Random(0).randbytes(CHUNK)
    sent, received = sha256(), sha256()
    left, got = octets, 0
    writing: int | None = None
    reading = link.call(SERVER, "read", fd=sink, count=CHUNK, null_buffer=False)
    while True:
        if writing in link.results[CLIENT]:
            link.results[CLIENT].pop(writing)
            writing = None
        if writing is None and left:
            data = chunk[:left]
            left -= len(data)
            sent.update(data)
            writing = link.call(CLIENT, "write", fd=source, data=data, count=len(data))
            continue
        if writing is None and source >= 0:
            link.finish(CLIENT, "close", fd=source)
            source = -1
        if reading in link.results[SERVER]:
            result = link.results[SERVER].pop(reading)
            if result.value <= 0:
                break
            got += result.value
            received.update(result.data)
            reading = link.call(SERVER, "read", fd=sink, count=CHUNK, null_buffer=False)
            continue
        link.step()
    if got != octets or sent.digest() != received.digest():
        raise RuntimeError(f"{got} octets of {octets} arrived, or not as they were sent")


@dataclass(frozen=True)
class Figures:
    """One transfer: seconds of the processor, virtual seconds, packets in all, data segments."""

    spent: float
    virtual: float
    packets: int
    segments: int


def measure(name: str, octets: int, weather: Weather, *, seed: int = 0) -> Figures:
    """Time one transfer."""
    link = make_link(name, weather, seed=seed)
    begun = time.process_time()
    transfer(link, octets)
    return Figures(time.process_time() - begun, link.now / 1e6, link.packets, link.segments)


def peak_memory(name: str, octets: int, weather: Weather) -> int:
    """Return the most octets that the objects of one transfer take."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        transfer(make_link(name, weather), octets)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks bulk", description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="million octets to move")
    parser.add_argument("--personality", action="append", help="rfc, linux, dragonfly, freebsd (default: all)")
    parser.add_argument("--delay-ms", type=float, default=10, help="one-way delay")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets that vanish")
    parser.add_argument("--memory", action="store_true", help="measure the peak of memory too (slow)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args(argv)
    weather = Weather(delay=round(options.delay_ms * 1000), loss=options.loss)
    for name in options.personality or ("rfc", "linux", "dragonfly", "freebsd"):
        octets = options.megabytes * 1_000_000
        profiler = cProfile.Profile()
        if options.profile:
            profiler.enable()
        figures = measure(name, octets, weather)
        profiler.disable()
        print(
            f"{name:<10} {options.megabytes} MB: {figures.spent:6.2f} s, {figures.virtual:7.2f} s virtual; "
            f"{figures.segments} data segments, {figures.packets} packets; "
            f"{figures.segments / figures.spent:,.0f} segments a second, {figures.packets / figures.spent:,.0f} packets"
        )
        if options.memory:
            print(f"{'':<10} peak of memory {peak_memory(name, octets, weather) / 1e6:.2f} MB")
        if options.profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    return 0
