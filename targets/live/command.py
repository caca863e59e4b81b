"""``tcprove serve``: the reference stack as a process of its own, behind a TUN device."""

import argparse
import ipaddress
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from reference_stack.host import Host, Routes, make_prefix
from reference_stack.personality import Personality, personality
from targets.base import TargetError
from targets.kernel.helper import namespaces
from targets.kernel.helper.failure import Failure
from targets.live.control import ControlSocket
from targets.live.device import TunDevice
from targets.live.service import HttpService
from targets.live.stack import LiveStack
from targets.weather import Path, Weather

_LEAST_MTU = {4: 68, 6: 1280}
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXTRA_DELAY = "by how many milliseconds reordered packets are late"


def main(argv: Sequence[str], *, program: str = "python -m targets.live") -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP; return 0 then, 1 when something is missing here, 2 for wrong usage."""
    options = _options(program).parse_args(argv)
    try:
        _serve(options)
    except (TargetError, ValueError) as error:
        print(f"tcprove serve: {error}", file=sys.stderr)
        return 1 if isinstance(error, TargetError) else 2
    return 0


def _options(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("--personality", default="rfc", help="rule set of the stack (default rfc)")
    parser.add_argument("--device", default="tcprove0", help="name of the TUN device (default tcprove0)")
    parser.add_argument("--address", default="192.0.2.2", help="the stack's address (default 192.0.2.2)")
    parser.add_argument("--host-address", default="192.0.2.1", help="this machine's, on the device (192.0.2.1)")
    parser.add_argument("--prefix-length", type=int, default=24, help="of both addresses (default 24)")
    parser.add_argument("--mtu", type=int, default=1500, help="of the device (default 1500)")
    parser.add_argument("--seed", type=int, default=0, help="for sequence numbers, ports and the weather")
    parser.add_argument("--namespace", action="store_true", help="make a network namespace (nsenter -t PID -n)")
    parser.add_argument("--control", metavar="PATH", help="UNIX socket for the stack's system calls")
    parser.add_argument("--http", type=int, metavar="PORT", help="serve HTTP: GET /octets/COUNT, PUT")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets that vanish, each way")
    parser.add_argument("--duplication", type=float, default=0.0, help="share of packets that come twice")
    parser.add_argument("--reordering", type=float, default=0.0, help="share of packets that come late")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="delay of all packets, each way")
    parser.add_argument("--extra-delay-ms", type=float, default=2.0, help=_EXTRA_DELAY)
    return parser


def _serve(options: argparse.Namespace) -> None:
    host = _host(options)
    weather = Weather(
        loss=options.loss,
        duplication=options.duplication,
        reordering=options.reordering,
        delay=round(options.delay_ms * 1000),
        extra_delay=round(options.extra_delay_ms * 1000),
    )
    if options.namespace:
        try:
            namespaces.gain_privilege()
        except Failure as failure:
            raise TargetError(failure.message, next_step=failure.next_step) from failure
    with ExitStack() as stack:
        device = TunDevice(
            options.device, address=options.host_address, prefix_length=options.prefix_length, mtu=options.mtu
        )
        stack.callback(device.close)
        paths = {"inward": Path(weather, seed=options.seed), "outward": Path(weather, seed=options.seed + 1)}
        live = LiveStack(host, device, **paths)
        stack.callback(live.close)
        if options.control:
            stack.callback(ControlSocket(live, options.control).close)
        if options.http is not None:
            HttpService(live, address=options.address, port=options.http)
        with _stopped_by_signals(live):
            print(f"ready: {options.address} behind {options.device}, process {os.getpid()}", flush=True)
            live.run()


def _host(options: argparse.Namespace) -> Host:
    """Return the simulated host. Raises `ValueError` for addresses and numbers that are none."""
    chosen: Personality = personality(options.personality)
    versions = {ipaddress.ip_address(each).version for each in (options.address, options.host_address)}
    if len(versions) != 1 or options.address == options.host_address:
        raise ValueError("--address and --host-address are two addresses of one family")
    least = _LEAST_MTU[versions.pop()]
    if not least <= options.mtu <= 65_535:
        raise ValueError(f"--mtu is {least} to 65535, not {options.mtu}")
    if options.http is not None and not 0 < options.http < 65_536:
        raise ValueError(f"--http is a port, 1 to 65535, not {options.http}")
    prefix = make_prefix(options.address, options.prefix_length)
    # One packet is one segment: the device has no segmentation offload.
    routes = Routes({options.address}, [prefix], options.mtu, offloads={"gso": False, "tso": False})
    return Host(routes, personality=chosen, seed=options.seed)


@contextmanager
def _stopped_by_signals(live: LiveStack) -> Iterator[None]:
    """Let the usual signals end the loop in order."""
    wake, wakeup = os.pipe()
    os.set_blocking(wakeup, False)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        live.stop()

    live.watch(wake, lambda: None)
    signal.set_wakeup_fd(wakeup)
    before = {number: signal.signal(number, on_signal) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        live.unwatch(wake)
        os.close(wake)
        os.close(wakeup)
