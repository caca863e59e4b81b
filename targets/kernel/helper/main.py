"""The loop of the helper process: one request, one answer, until the process it works for is gone."""

import ctypes
import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from targets.kernel import protocol
from targets.kernel.helper import capabilities, links, namespaces, orphans, probe
from targets.kernel.helper.commands import Commands, OwnerGone, kill_descendants, reap
from targets.kernel.helper.failure import Failure

Answer = tuple[dict[str, Any], list[int]]

_libc = ctypes.CDLL(None, use_errno=True)


class Helper:
    """Serves one kernel target after the other, each in a fresh network namespace; or one, where it was started."""

    def __init__(self, control: socket.socket, owner: int, *, is_here: bool) -> None:
        self._is_here = is_here
        self._connections: orphans.Connections | None = None
        self._control = control
        self._owner = owner
        self._commands = Commands(control, owner)
        self._peer: links.PeerSpace | None = None
        self._kept: list[int] = []
        self._netns = 0
        self._failure: Failure | None = None
        self._requests: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "enter": self._enter,
            "socket": self._socket,
            "open": self._open,
            "shell": self._shell,
            "probe": lambda _: (dict(probe.probe()), []),
        }

    def prepare(self) -> None:
        """Gain the privilege to make namespaces and enter the first; a failure is told to whoever asks."""
        try:
            if not self._is_here:
                namespaces.gain_privilege()
            namespaces.make_sysctls_writable()
            self._netns = namespaces.current_network()
        except Failure as failure:
            self._failure = failure

    def serve(self) -> None:
        """Answer requests until the owner closes the control socket or ends."""
        watched = select.poll()
        watched.register(self._control, select.POLLIN)
        watched.register(self._owner, select.POLLIN)
        while not any(number == self._owner for number, _ in watched.poll()):
            request, _ = protocol.receive(self._control)
            if request["do"] == "leave":
                self._leave()
                protocol.send(self._control, {})
            else:
                self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            if self._failure is not None:
                raise self._failure
            message, descriptors = self._requests[request["do"]](request)
        except Failure as failure:
            message, descriptors = {"failure": failure.message, "next_step": failure.next_step}, []
        protocol.send(self._control, message, descriptors)
        for descriptor in descriptors:
            if descriptor not in self._kept:
                os.close(descriptor)

    def _enter(self, request: dict[str, Any]) -> Answer:
        request["has_ipv6"] = probe.has_ipv6()
        if self._is_here:
            self._connections = orphans.Connections(request["local_ip"])
        is_ipv6 = ":" in request["local_ip"]
        if is_ipv6 and not request["has_ipv6"]:
            raise Failure(
                "this kernel has IPv6 switched off", "boot without ipv6.disable=1, or run the IPv4 variants only"
            )
        link = self._open_link(request)
        # Closing the last descriptor of a TUN device or packet socket takes 10 to 20 ms (the kernel waits until all
        # processors have let go of it): these stay here, so that it happens off the test's path.
        self._kept = [link.inject, link.capture]
        if is_ipv6:
            links.allow_ipv6(everywhere=not self._is_here)
        try:
            links.configure(link, request)
        except Failure:
            self._drop_link()
            if not self._is_here:
                self._netns = namespaces.enter_network()
            raise
        message = {"netns": self._netns, "link": link.kind, "has_ethernet_header": link.has_ethernet_header}
        return message, [link.inject, link.capture]

    def _drop_link(self) -> None:
        for descriptor in self._kept:
            os.close(descriptor)
        self._kept = []

    def _open_link(self, request: dict[str, Any]) -> links.Link:
        """Open the wanted link; ``auto`` takes the veth where there is no TUN device for this user."""
        if self._is_here:
            return links.open_tun_here(request)
        if request["link"] in ("auto", "tun"):
            try:
                link = links.open_tun(request)
            except Failure as failure:
                if request["link"] == "tun":
                    raise
                return self._open_veth(request, failure.message + "; ")
            return link
        return self._open_veth(request, "")

    def _open_veth(self, request: dict[str, Any], why_no_tun: str) -> links.Link:
        try:
            if self._peer is None:
                self._peer = links.PeerSpace()
                self._netns = namespaces.current_network()
            return links.open_veth(request, self._peer)
        except Failure as failure:
            raise Failure(why_no_tun + failure.message, failure.next_step) from failure

    def _leave(self) -> None:
        """End everything that the script left, and be ready for the next one."""
        if reap():
            kill_descendants()
        if self._is_here:
            self.clean()
            return
        orphans.destroy_connections()
        self._drop_link()
        if self._failure is None:
            self._netns = namespaces.enter_network()

    def clean(self) -> None:
        """Leave a namespace that is not ours as it was: without our connections and our device."""
        if self._connections is not None:
            self._connections.destroy()
        self._drop_link()

    def _socket(self, request: dict[str, Any]) -> Answer:
        with capabilities.without(request["dropped"]):
            return _descriptor(lambda: _new_socket(request["domain"], request["type"], request["protocol"]))

    def _open(self, request: dict[str, Any]) -> Answer:
        os.chdir(request["directory"])
        with capabilities.without(request["dropped"]):
            return _descriptor(lambda: os.open(request["path"], request["flags"]))

    def _shell(self, request: dict[str, Any]) -> Answer:
        message, output = self._commands.run(request)
        return message, [output]


def _descriptor(create: Callable[[], int]) -> Answer:
    try:
        return {"errno": 0}, [create()]
    except OSError as error:
        return {"errno": error.errno}, []


def _new_socket(domain: int, kind: int, protocol_number: int) -> int:
    # Not socket.socket: it replaces some of the values that a test may pass.
    descriptor: int = _libc.socket(domain, kind, protocol_number)
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return descriptor


def main(control_number: int, owner_pid: int, *, is_here: bool = False) -> None:
    """Serve the process `owner_pid` over the socket `control_number`, `is_here`: in the namespace it is in."""
    owner = os.pidfd_open(owner_pid)
    if os.getppid() != owner_pid:
        return
    namespaces.become_subreaper()
    with suppress(OSError):
        # As urgent as the thread that waits for it; the commands that it starts are ordinary (SCHED_RESET_ON_FORK).
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    control = socket.socket(fileno=control_number)
    control.set_inheritable(False)  # a command that held it would hide this process's death
    helper = Helper(control, owner, is_here=is_here)
    helper.prepare()
    try:
        helper.serve()
    except (EOFError, OwnerGone, BrokenPipeError):
        pass
    finally:
        kill_descendants()
        if is_here:
            helper.clean()
