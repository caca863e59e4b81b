"""Everything that exists while a kernel target is open."""

import ipaddress
import os
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from targets.base import CommandTimeout, Micros, Network, ShellResult, TargetError
from targets.calls import CapSet
from targets.kernel import leftovers, urgency
from targets.kernel.capture import Capture, Injector
from targets.kernel.clock import Clock, Waiter, blunt
from targets.kernel.descriptors import Descriptors
from targets.kernel.doorway import Doorway
from targets.kernel.helper_process import HelperProcess, pool
from targets.kernel.workers import Workers

# What a helper needs on top of a command's own time to kill it and answer.
_ANSWER_TIME_US = 4_000_000
_MOST_OUTPUT = 1 << 20


class Session:
    """A namespace with its link, the helper in it, the threads for calls, and the script's descriptors."""

    def __init__(self, network: Network, options: dict[str, Any]) -> None:
        self.clock = Clock()
        self.descriptors = Descriptors()
        # Capabilities that the script has taken out of its effective set: what the helper makes is made without them.
        self.dropped: set[int] = set()
        self._undo = ExitStack()
        self._knows_lowat = False
        self._lowat: int | None = None
        try:
            self._open(network, options)
            self.capture.take()
            self.clock.start()
        except BaseException:
            self.close()
            raise

    def _open(self, network: Network, options: dict[str, Any]) -> None:
        request = {"do": "enter", **_settings(network), **options}
        self._is_here = options["link"] == "here"
        self.helper = HelperProcess(is_here=True) if self._is_here else pool.take()
        self.netns = 0
        self._undo.callback(self._release_helper)
        answer, (inject, capture) = self.helper.ask(request)
        self.netns, self.link = answer["netns"], answer["link"]
        self._doorway = Doorway(self.helper.pid)
        self._undo.callback(self._doorway.close)
        is_tun = not answer["has_ethernet_header"]
        self.injector = Injector(inject, has_ethernet_header=not is_tun, mtu=network.mtu)
        self._undo.callback(self.injector.close)
        self.capture = Capture(capture, tun=inject if is_tun else None, clock=self.clock)
        self._undo.callback(self.capture.close)
        self._undo.callback(self.descriptors.close_all)
        self._undo.callback(urgency.end, urgency.begin())
        self._undo.callback(blunt)
        self.workers = Workers(self.clock)
        self._undo.callback(self.workers.close)
        self._waiter = Waiter([self.capture.fileno(), self.workers.fileno(), self.helper.control.fileno()])

    def wait(self, deadline: Micros) -> bool:
        """Wait until something happens; False when the clock shows `deadline` before that.

        Raises `TargetError` when the helper is dead.
        """
        ready = self._waiter.wait(self.clock.monotonic_ns(deadline))
        if self.helper.control.fileno() in ready:
            raise self.helper.death()
        return bool(ready)

    def socket(self, domain: int, kind: int, protocol: int) -> tuple[int, int]:
        """Make a socket in the namespace; return it, or -1, and the errno."""
        if not self.helper.is_alive:
            raise self.helper.death()
        made = None if self.dropped else self._doorway.socket(domain, kind, protocol)
        if made is None:
            request = {"do": "socket", "domain": domain, "type": kind, "protocol": protocol}
            made = self.ask({**request, "dropped": sorted(self.dropped)})
        return made

    def notsent_lowat(self) -> int | None:
        """Return net.ipv4.tcp_notsent_lowat; None where it cannot be read. Only commands of the script change it."""
        if not self._knows_lowat:
            value = self._doorway.sysctl("net/ipv4/tcp_notsent_lowat")
            self._lowat = int(value) if value and value.isdigit() else None
            self._knows_lowat = True
        return self._lowat

    def ask(self, request: dict[str, Any]) -> tuple[int, int]:
        """Let the helper make a descriptor in the namespace; return it, or -1, and the errno."""
        answer, received = self.helper.ask(request)
        return (received[0], 0) if received else (-1, answer["errno"])

    def note_capability(self, call: CapSet) -> None:
        """Note a change of capabilities that worked; only the effective set is asked by system calls."""
        if call.set == 0:
            self.dropped = self.dropped - {call.capability} if call.is_raised else self.dropped | {call.capability}

    def shell(self, command: str, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        """Run a command in the namespace. Raises `CommandTimeout` when it does not end in time."""
        self._knows_lowat = False
        request = {
            "do": "shell",
            "command": command,
            "directory": os.path.abspath(directory or "."),
            "environment": {**os.environ, **environment},
            "timeout_us": timeout,
        }
        answer, (file,) = self.helper.ask(request, timeout=timeout + _ANSWER_TIME_US)
        with open(file, "rb") as output:
            output.seek(0)
            text = output.read(_MOST_OUTPUT).decode(errors="replace")
        if answer["timed_out"]:
            raise CommandTimeout(
                f"a command did not end within {timeout / 1e6:.3f} s: {command}",
                next_step=f"run it by hand; so far it printed: {text.strip() or 'nothing'}",
            )
        return ShellResult(answer["status"], answer["signal"], text)

    def _release_helper(self) -> None:
        if self._is_here:
            # The next script in this namespace needs the device's name again, so this waits until all is gone.
            self.helper.leave()
            self.helper.stop()
            return
        if not self.helper.is_alive and self.netns:
            leftovers.kill_processes_of(self.netns)
        pool.give_back(self.helper)

    def close(self) -> None:
        """Undo everything. Raises `TargetError` when a call could not be interrupted; the rest is undone then, too."""
        self._undo.close()


def _settings(network: Network) -> dict[str, Any]:
    """Return the network as the helper wants it. Raises `TargetError` for impossible addresses."""
    try:
        route = ipaddress.ip_network(f"{network.remote_ip}/{network.remote_prefix_length}", strict=False)
        local = ipaddress.ip_address(network.local_ip)
        gateway = ipaddress.ip_address(network.gateway_ip)
    except ValueError as error:
        raise TargetError(f"impossible network: {error}", next_step="check the addresses of the test") from error
    if ipaddress.ip_address(network.remote_ip) == local:
        raise TargetError(f"the peer's address {local} is the local address", next_step="give the peer another one")
    settings = asdict(network)
    del settings["claims"]
    settings["local_ip"], settings["gateway_ip"] = str(local), str(gateway)
    return {**settings, "remote_network": str(route.network_address)}
