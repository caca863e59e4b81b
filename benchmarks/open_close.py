"""What one script costs on the kernel target besides itself: opening, closing, a socket, a call that blocks."""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

from targets import calls
from targets.base import Completion, Network
from targets.calls import SocketAddress
from targets.kernel import create

_NETWORK = Network("192.168.0.1", "192.0.2.1", "192.168.0.1", prefix_length=16, remote_prefix_length=24)


def main(argv: Sequence[str]) -> int:
    """Print median and worst of each, in microseconds; the first round, which starts the helpers, apart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks open_close", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="rounds")
    parser.add_argument("--link", default="auto", help="tun, veth or auto")
    parser.add_argument("--align", action="store_true", help="wait for a timer tick, as targets do by default")
    options = parser.parse_args(argv)
    rounds = [_round(options.link, align=options.align) for _ in range(options.count + 2)]
    print(f"first open {rounds[0]['open']:.0f} us")
    for name in rounds[0]:
        values = [each[name] for each in rounds[2:]]
        print(f"{name:<16} median {statistics.median(values):6.0f} us, worst {max(values):6.0f} us")
    return 0


def _round(link: str, *, align: bool) -> dict[str, float]:
    target = create(link, align_to_tick=align)
    times = {"open": _timed(lambda: target.open(_NETWORK))}
    times["socket"] = _timed(lambda: target.call(calls.Socket(2, 1, 6)))
    made = target.poll(0)
    assert isinstance(made, Completion)
    listener = made.result.value
    times["bind"] = _timed(lambda: target.call(calls.Bind(listener, SocketAddress(2, _NETWORK.local_ip, 8080))))
    target.call(calls.Listen(listener, 1))
    times["blocking accept"] = _timed(lambda: target.call(calls.Accept(listener)))
    times["close"] = _timed(target.close)
    return times


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - started) / 1000
