"""What the kernel target needs on this machine, checked and explained; nothing is changed."""

import os
import shutil
import socket
from dataclasses import dataclass

from targets import calls
from targets.base import Completion, Departure, Micros, Network, TargetError
from targets.calls import SocketAddress
from targets.kernel.capabilities import facts
from targets.kernel.target import KernelTarget

_TUN = "/dev/net/tun"
_ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
_TOOLS = {
    "sysctl": "procps",
    "tc": "iproute2",
    "ip": "iproute2",
    "ethtool": "ethtool",
    "nstat": "iproute2",
}
_NETWORK = Network("192.168.0.1", "192.0.2.1", "192.168.0.1", prefix_length=16, remote_prefix_length=24)
_PATIENCE: Micros = 1_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `is_needed` tells a fault from a loss: without what is not needed, some tests are unsupported."""

    name: str
    is_ok: bool
    message: str
    next_step: str = ""
    is_needed: bool = False


def diagnose() -> list[Check]:
    """Check everything; the order is that in which a user should read it."""
    return [_namespaces(), _tun(), *_link(), _ipv6(), _sysctls(), _cubic(), _processors(), *_tools()]


def _namespaces() -> Check:
    name = "namespaces"
    try:
        facts()
    except TargetError as error:
        return Check(name, False, error.message, error.next_step, is_needed=True)
    how = "as root" if os.geteuid() == 0 else "through a user namespace"
    return Check(name, True, f"Network namespaces can be made {how}.", is_needed=True)


def _tun() -> Check:
    if os.access(_TUN, os.R_OK | os.W_OK):
        return Check("tun", True, f"{_TUN} is open to this user.")
    if os.path.exists(_TUN):
        step = "as root: chmod 0666 /dev/net/tun (udev's rule on most systems), or run as root"
        return Check("tun", False, f"{_TUN} is closed to this user; a veth pair takes its place.", step)
    step = "load it: modprobe tun; in a container: --device /dev/net/tun"
    return Check("tun", False, f"{_TUN} is not there; a veth pair takes its place.", step)


def _link() -> list[Check]:
    """Make a link, let the stack send a datagram, and look at the time that the kernel gave it."""
    target = KernelTarget()
    try:
        target.open(_NETWORK)
        kind = target.link
        target.call(calls.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP))
        made = target.poll(_PATIENCE)
        descriptor = made.result.value if isinstance(made, Completion) else -1
        started = target.now()
        peer = SocketAddress(socket.AF_INET, _NETWORK.remote_ip, 9)
        target.call(calls.SendTo(descriptor, b"?", 1, 0, peer))
        departure = target.poll(started + _PATIENCE)
        ended = target.now()
    except TargetError as error:
        return [Check("link", False, error.message, error.next_step, is_needed=True)]
    finally:
        target.close()
    found = [Check("link", True, f"A link can be made: {kind}.", is_needed=True)]
    if isinstance(departure, Departure) and started <= departure.time <= ended:
        return [*found, Check("timestamps", True, "Packets carry the kernel's own times.", is_needed=True)]
    step = "use a kernel whose packet sockets give SO_TIMESTAMPNS, and a clock that nobody sets meanwhile"
    return [*found, Check("timestamps", False, f"A sent packet came back as {departure}.", step, is_needed=True)]


def _ipv6() -> Check:
    if _knows("ipv6"):
        return Check("ipv6", True, "IPv6 is there.")
    return Check("ipv6", False, "IPv6 is switched off: IPv6 tests are unsupported.", "boot without ipv6.disable=1")


def _sysctls() -> Check:
    if _knows("sysctl"):
        return Check("sysctls", True, "Scripts can set the namespace's own sysctls.")
    step = "mount /proc/sys read-write: docker run --privileged, or -v /proc:/writable-proc and a remount"
    return Check("sysctls", False, "/proc/sys is read-only: scripts that set sysctls fail.", step)


def _cubic() -> Check:
    if _knows("cubic"):
        return Check("cubic", True, "CUBIC can be made a namespace's congestion control.")
    allowed = _read(_ALLOWED) or "reno"
    step = (
        f'modprobe tcp_cubic; sysctl -w net.ipv4.tcp_allowed_congestion_control="{allowed} cubic" '
        "(as root, in the first network namespace; lasts until the next boot)"
    )
    return Check("cubic", False, f"CUBIC is not open to every user (allowed: {allowed}).", step)


def _processors() -> Check:
    count = len(os.sched_getaffinity(0))
    busy = os.getloadavg()[0]
    message = f"{count} processors, on average {busy:.1f} processes wanted one during the last minute."
    if busy < count:
        return Check("processors", True, message)
    return Check("processors", False, message, "packets may go in late: stop other work, or run fewer tests at once")


def _tools() -> list[Check]:
    checks = []
    for tool, package in _TOOLS.items():
        # Some systems keep these out of an ordinary user's path; scripts find them there all the same.
        path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        if path:
            checks.append(Check(tool, True, f"{path} is there for scripts that call it."))
        else:
            checks.append(Check(tool, False, f"{tool} is missing: scripts that call it fail.", f"install {package}"))
    return checks


def _knows(fact: str) -> bool:
    try:
        return facts()[fact]
    except TargetError:
        return False


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
