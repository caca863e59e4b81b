"""How late the kernel target injects packets, measured with a loop like that of a running script.

An established connection receives a small segment every few milliseconds and acknowledges it. Lateness is the target's
clock just before the injection minus the scheduled time, as `targets.recording` notes it.
"""

import argparse
import statistics
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from targets import calls
from targets.base import CallHandle, Completion, Departure, Micros, Network, Target
from targets.calls import SocketAddress
from targets.kernel import create
from wire.ip import Ipv4Header
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import ACK, PSH, SYN, TcpSegment

_NETWORK = Network("192.168.0.1", "192.0.2.1", "192.168.0.1", prefix_length=16, remote_prefix_length=24)
_PORT = 8080
_AF_INET, _SOCK_STREAM, _IPPROTO_TCP = 2, 1, 6
_PATIENCE: Micros = 1_000_000
_BUDGET_US = 100


def main(argv: Sequence[str]) -> int:
    """Print median, 99 % and worst lateness."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lateness", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="packets per target")
    parser.add_argument("--interval", type=int, default=4000, help="microseconds between packets")
    parser.add_argument("--targets", type=int, default=1, help="targets at the same time, in threads")
    parser.add_argument("--link", default="auto", help="tun, veth or auto")
    options = parser.parse_args(argv)
    with ThreadPoolExecutor(options.targets) as pool:
        runs = [
            pool.submit(measure, options.link, options.count, options.interval + 13 * number)
            for number in range(options.targets)
        ]
    lateness = sorted(late for run in runs for late in run.result())
    quantiles = statistics.quantiles(lateness, n=100)
    within = sum(late <= _BUDGET_US for late in lateness) / len(lateness)
    print(
        f"{len(lateness)} packets on {options.targets} target(s): median {statistics.median(lateness):.0f} us, "
        f"90 % {quantiles[89]:.0f} us, 99 % {quantiles[98]:.0f} us, worst {lateness[-1]} us; "
        f"{within:.2%} within {_BUDGET_US} us"
    )
    return 0


def measure(link: str, count: int, interval: Micros) -> list[Micros]:
    """Play one connection; return the lateness of each injection."""
    target = create(link)
    target.open(_NETWORK)
    try:
        iss = _establish(target)
        lateness = []
        scheduled = target.now() + interval
        for number in range(count):
            packet = _segment(1 + 10 * number, iss + 1, ACK | PSH, bytes(10))
            while (happening := target.poll(scheduled)) is not None:
                if isinstance(happening, Departure):
                    parse_packet(happening.packet)
            lateness.append(target.now() - scheduled)
            target.inject(packet)
            scheduled += interval
        return lateness
    finally:
        target.close()


def _establish(target: Target) -> int:
    listener = _result(target, target.call(calls.Socket(_AF_INET, _SOCK_STREAM, _IPPROTO_TCP)))
    target.call(calls.SetSockOpt(listener, 1, 2, struct.pack("=i", 1), 4))
    target.call(calls.Bind(listener, SocketAddress(_AF_INET, _NETWORK.local_ip, _PORT)))
    target.call(calls.Listen(listener, 1))
    target.inject(_segment(0, 0, SYN))
    while True:
        happening = target.poll(target.now() + _PATIENCE)
        if isinstance(happening, Departure):
            body = parse_packet(happening.packet).body
            assert isinstance(body, TcpSegment)
            target.inject(_segment(1, body.seq + 1, ACK))
            _result(target, target.call(calls.Accept(listener)))
            return body.seq


def _result(target: Target, handle: CallHandle) -> int:
    while True:
        happening = target.poll(target.now() + _PATIENCE)
        if isinstance(happening, Completion) and happening.handle.id == handle.id:
            return happening.result.value


def _segment(seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    segment = TcpSegment(40000, _PORT, seq, ack % 2**32, flags, 65535, payload=payload)
    return build_packet(Packet((Ipv4Header(_NETWORK.remote_ip, _NETWORK.local_ip),), segment))


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
