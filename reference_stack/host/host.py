"""A simulated host: packets, system calls and commands go in with the time, packets and finished calls come out."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from reference_stack.connection import FourTuple
from reference_stack.host import icmp
from reference_stack.host.callbase import CallBase, Outcome
from reference_stack.host.calls_control import ControlCalls
from reference_stack.host.calls_files import FileCalls
from reference_stack.host.errnos import CallFailed, NotModelled
from reference_stack.host.incoming import incoming
from reference_stack.host.iplayer import TUNNEL_PORT, IpLayer
from reference_stack.host.isn import Secrets
from reference_stack.host.procnet import tcp_table
from reference_stack.host.routes import Routes
from reference_stack.host.shell.bsdsockets import ListedSocket
from reference_stack.host.shell.run import ReadScript, Shell, ShellOutcome
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.surroundings import Surroundings
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.host.traits import traits_of
from reference_stack.host.udplayer import UdpLayer
from reference_stack.host.values import Blocked, FinishedCall, HostEvent, Micros, Result, SentPacket, failure
from reference_stack.personality import Personality
from wire.abi import AF_INET, AF_INET6
from wire.errors import MalformedPacket
from wire.icmp import IcmpMessage, Quoted
from wire.ip import Ipv4Header
from wire.packet import Packet, open_tunnel
from wire.tcp import PROTOCOL as TCP_PROTOCOL
from wire.tcp import TcpSegment
from wire.udp import HEADER_OCTETS as UDP_HEADER
from wire.udp import PROTOCOL as UDP_PROTOCOL
from wire.udp import UdpDatagram

_QUOTED_TCP = 8
"""Octets of a TCP header that tell whose it is: ports and sequence number."""
_QUOTE_MOST = {4: 548, 6: 1232}
"""Octets of the packet that an ICMP error quotes (RFC 1812 4.3.2.3: 576 in all; RFC 4443 2.4 c: 1280 in all)."""


class SystemCalls(FileCalls, ControlCalls):
    """All system calls of the simulated process, one method a call, arguments named as in the manual."""


class Host:
    """One host with its addresses, one process and one clock that the owner moves.

    Every entry takes `now`, integer microseconds that never go backwards. After each entry, `take` gives what came
    out, and `next_event` says when `advance` has work. Equal seeds and equal entries give equal output.
    """

    def __init__(self, routes: Routes, *, personality: Personality, seed: int = 0) -> None:
        self.routes = routes
        traits = traits_of(personality.name)
        controls = personality.policies.congestion().names()
        # In the order of Linux' file: reno is always there, cubic the default; others follow.
        first = tuple(name for name in ("reno", "cubic") if name in controls)
        controls = (*first, *(name for name in controls if name not in first))
        self.sysctls = SysctlSettings(personality.settings, controls, table=traits.sysctls)
        self.files: dict[str, str] = {}
        secrets = Secrets(seed)
        ip = IpLayer(routes, self.sysctls, secrets.hash32("identification") % 2**16)
        self._around = Surroundings(personality, traits, self.sysctls, routes, secrets, ip, self._emit, self.files)
        self.tcp = TcpLayer(self._around)
        self.udp = UdpLayer(self._around)
        self.system = SystemCalls(self._around, self.tcp, self.udp)
        self.sysctls.gauges["net.inet.tcp.pcbcount"] = self._count_control_blocks
        self._out: deque[HostEvent] = deque()
        self._blocked: dict[int, Blocked] = {}
        self._call_ids = count(1)
        self._now: Micros = 0

    @property
    def log(self) -> list[str]:
        """What the host wrote to its log, oldest first (``net.inet.tcp.log_in_vain``)."""
        return self._around.log

    # --- what goes in --------------------------------------------------------------------------------------------

    def inject(self, packet: bytes, *, now: Micros, gso_size: int = 0) -> None:
        """An IP packet arrives. What is malformed, damaged or for somebody else is dropped in silence.

        `gso_size` > 0 marks a TCP packet that receive offload put together from segments of that size.

        Raises `NotModelled` for a packet that asks for something which was switched on and which this host lacks.
        """
        self._enter(now)
        received = self._around.ip.receive(packet)
        if received is not None:
            self._deliver(received, packet, gso_size)
        self._retry()

    def call(self, name: str, arguments: Mapping[str, Any], *, now: Micros) -> int:
        """Start the system call `name` and return its id; a `FinishedCall` with that id comes out, now or later.

        Raises `NotModelled` for a call, or a use of one, that this host does not have; nothing has happened then.
        """
        method = None if hasattr(CallBase, name) else getattr(self.system, name, None)
        if method is None:
            raise NotModelled(f"system call {name}")
        self._enter(now)
        try:
            outcome: Outcome = method(**arguments, now=now)
        except CallFailed as failed:
            outcome = failure(failed.errno)
        call_id = next(self._call_ids)
        if isinstance(outcome, Blocked):
            self._blocked[call_id] = outcome
        else:
            self._finish(call_id, outcome)
        self._retry()
        return call_id

    def cancel(self, call_id: int) -> None:
        """Whoever made the call is gone: it waits no more and never finishes. Harmless when it has returned."""
        self._blocked.pop(call_id, None)

    def shell(
        self,
        command: str,
        *,
        now: Micros,
        directory: str = "/",
        environment: Mapping[str, str] | None = None,
        read_script: ReadScript = lambda _path: None,
    ) -> ShellOutcome:
        """Run commands as sh(1) would; `NotModelled` at the first one that this host does not know.

        `read_script` gives the text of a script file by its absolute path, or None when there is none.
        """
        self._enter(now)
        shell = Shell(
            self.sysctls,
            self.routes,
            self.files,
            directory,
            dict(environment or {}),
            read_script,
            proc={"/proc/net/tcp": lambda: self._table(AF_INET), "/proc/net/tcp6": lambda: self._table(AF_INET6)},
            counters=self._around.counters,
            system_name=self._around.traits.system_name,
            associations=self._around.associations,
            sockets=lambda: self._sockets(now=now),
        )
        version = self.sysctls.version
        try:
            outcome = shell.run(command)
        finally:
            # Commands before one that is not known have been run.
            self._around.ip.routes_changed()
            if self.sysctls.version != version:
                sockets = [file for file in self.system.files.values() if isinstance(file, TcpSocket)]
                self.tcp.settings_changed(sockets, now=now)
            self._retry()
        return outcome

    # --- time ----------------------------------------------------------------------------------------------------

    def next_event(self) -> Micros | None:
        """When `advance` wants to be called next: the earliest timer or deadline, or None."""
        times = [blocked.deadline for blocked in self._blocked.values() if blocked.deadline is not None]
        timer = self.tcp.next_timer()
        return min([*times, timer] if timer is not None else times, default=None)

    def advance(self, *, now: Micros) -> None:
        """Run every timer that is due and end every call whose time is up."""
        self._enter(now)
        self.tcp.run_timers(now=now)
        self._retry()
        for call_id, blocked in list(self._blocked.items()):
            if blocked.deadline is not None and blocked.deadline <= now:
                del self._blocked[call_id]
                self._finish(call_id, blocked.expire(now))

    def take(self) -> list[HostEvent]:
        """Return and forget what came out, in the order in which it happened."""
        taken = list(self._out)
        self._out.clear()
        return taken

    def _table(self, family: int) -> str:
        """Return the sockets of one family as a file of /proc shows them: listeners first."""
        listeners = [each for each in self.tcp.demux.ports if isinstance(each, TcpSocket) and each.is_listening]
        return tcp_table([*listeners, *self.tcp.demux], family)

    def _sockets(self, *, now: Micros) -> Iterator[ListedSocket]:
        """The TCP sockets: those that a process has, then connections that nobody has."""
        owned = {fd: file for fd, file in self.system.files.items() if isinstance(file, TcpSocket)}
        listed: list[tuple[int | None, TcpSocket]] = [*owned.items()]
        listed += [(None, socket) for socket in self.tcp.demux if socket not in owned.values()]
        for fd, socket in listed:
            yield ListedSocket(
                fd,
                socket.local_ip,
                socket.local_port,
                socket.remote_ip,
                socket.remote_port,
                not socket.is_ipv4,
                socket.state,
                partial(self.tcp.drop, socket, now=now),
            )

    # --- inside --------------------------------------------------------------------------------------------------

    def _enter(self, now: Micros) -> None:
        if now < self._now:
            raise ValueError(f"time goes back from {self._now} to {now}")
        self._now = now

    def _count_control_blocks(self) -> int:
        sockets = {file for file in self.system.files.values() if isinstance(file, TcpSocket)}
        return len(sockets | set(self.tcp.demux))

    def _emit(self, packet: bytes) -> None:
        if not self.routes.device.is_full:
            self._out.append(SentPacket(self._now, packet))

    def _finish(self, call_id: int, result: Result) -> None:
        self._out.append(FinishedCall(self._now, call_id, result))

    def _retry(self) -> None:
        """Try every waiting call again until none gets any further (one may wake another)."""
        is_progress = bool(self._blocked)
        while is_progress:
            is_progress = False
            for call_id, blocked in list(self._blocked.items()):
                try:
                    result = blocked.attempt(self._now)
                except CallFailed as failed:
                    result = failure(failed.errno)
                if result is not None:
                    del self._blocked[call_id]
                    self._finish(call_id, result)
                    is_progress = True

    def _deliver_tunnelled(self, packet: Packet) -> None:
        """A datagram for the port of TCP over UDP arrived; one without a whole segment is dropped."""
        with suppress(MalformedPacket):
            opened = open_tunnel(packet, tolerant=True)
            assert isinstance(opened.body, TcpSegment)
            self.tcp.deliver(incoming(opened, opened.body), now=self._now)

    def _deliver(self, packet: Packet, data: bytes, gso_size: int) -> None:
        header, body = packet.ip, packet.body
        if isinstance(body, TcpSegment):
            self.tcp.deliver(incoming(packet, body), now=self._now, gso_size=gso_size)
        elif isinstance(body, UdpDatagram):
            if body.dst_port == self.sysctls.number(TUNNEL_PORT) != 0:
                self._deliver_tunnelled(packet)
            elif not self.udp.deliver(header.dst, header.src, body):
                self._port_unreachable(header.dst, header.src, data)
        elif isinstance(body, IcmpMessage):
            self._on_icmp(header.dst, header.src, body)

    def _port_unreachable(self, local_ip: str, remote_ip: str, data: bytes) -> None:
        """Answer a datagram for a closed port (RFC 1122 4.1.3.1; RFC 4443 3.1, code 4)."""
        version = 6 if ":" in local_ip else 4
        kind, code = (
            (icmp.UNREACHABLE_V4, icmp.PORT_UNREACHABLE_V4)
            if version == 4
            else (icmp.UNREACHABLE_V6, icmp.PORT_UNREACHABLE_V6)
        )
        message = IcmpMessage(version, kind, code, payload=data[: _QUOTE_MOST[version]])
        self._emit(self._around.ip.icmp(local_ip, remote_ip, message))

    def _on_icmp(self, local_ip: str, remote_ip: str, message: IcmpMessage) -> None:
        if (message.version, message.type) in ((4, icmp.ECHO_V4), (6, icmp.ECHO_V6)):
            if not self.sysctls.number("net.ipv4.icmp_echo_ignore_all"):
                kind = icmp.ECHO_REPLY_V4 if message.version == 4 else icmp.ECHO_REPLY_V6
                reply = message._replace(type=kind, code=0, checksum=None)
                self._emit(self._around.ip.icmp(local_ip, remote_ip, reply))
            return
        quoted = message.quoted()
        reading = icmp.read_error(message.version, message.type, message.code, message.rest)
        if quoted is None or reading is None or not self.routes.is_local(quoted.header.src):
            return
        hard = self._around.traits.hard_icmp
        if hard is not None:
            reading = icmp.with_hard_errors(reading, (message.version, message.type, message.code), hard)
        self._on_icmp_error(quoted, reading)

    def _on_icmp_error(self, quoted: Quoted, reading: icmp.IcmpReading) -> None:
        header = quoted.header
        if quoted.src_port is None or quoted.dst_port is None:
            return
        protocol = header.protocol if isinstance(header, Ipv4Header) else header.next_header
        if protocol == TCP_PROTOCOL and quoted.seq is not None:
            name = FourTuple(header.src, quoted.src_port, header.dst, quoted.dst_port)
            self.tcp.on_icmp(name, reading, quoted.seq, now=self._now)
        elif protocol == UDP_PROTOCOL and quoted.src_port == self.sysctls.number(TUNNEL_PORT) != 0:
            self._on_tunnelled_error(quoted, reading)
        elif protocol == UDP_PROTOCOL:
            self.udp.on_icmp(quoted.src_port, header.dst, quoted.dst_port, reading)

    def _on_tunnelled_error(self, quoted: Quoted, reading: icmp.IcmpReading) -> None:
        """An ICMP error quotes TCP over UDP: the numbers of the segment stand behind the UDP header."""
        segment = quoted.payload[UDP_HEADER:]
        if len(segment) >= _QUOTED_TCP:
            ports = int.from_bytes(segment[:2], "big"), int.from_bytes(segment[2:4], "big")
            name = FourTuple(quoted.header.src, ports[0], quoted.header.dst, ports[1])
            seq = int.from_bytes(segment[4:8], "big")
            self.tcp.on_icmp(name, reading, seq, now=self._now, tunnel_port=quoted.dst_port or 0)
