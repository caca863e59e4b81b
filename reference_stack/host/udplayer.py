"""UDP of a host: enough for scripts that use datagrams beside TCP (RFC 768, udp(7))."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from reference_stack.host.demux import PortTable
from reference_stack.host.icmp import IcmpReading
from reference_stack.host.iplayer import fields_of
from reference_stack.host.sockets import Socket
from wire.abi import POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM
from wire.udp import UdpDatagram

if TYPE_CHECKING:
    from reference_stack.host.surroundings import Surroundings

QUEUE_LIMIT_OCTETS = 212_992
"""Received octets that a socket holds (net.core.rmem_default); later datagrams are lost."""


class Received(NamedTuple):
    """One datagram in a socket's queue, with its sender."""

    data: bytes
    ip: str
    port: int


class UdpSocket(Socket):
    """A UDP socket; connected when it has a remote port."""

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self.queue: deque[Received] = deque()
        self.sndbuf = QUEUE_LIMIT_OCTETS
        self.rcvbuf = QUEUE_LIMIT_OCTETS
        self.is_read_shut = False
        self.is_write_shut = False

    @property
    def is_connected(self) -> bool:
        """connect(2) gave it a peer."""
        return bool(self.remote_ip)

    def accepts(self, received: Received) -> bool:
        """Whether a connected socket takes this sender's datagrams."""
        return not self.is_connected or (received.ip, received.port) == (self.remote_ip, self.remote_port)

    def events(self) -> int:
        """Always writable; readable with a datagram waiting or after SHUT_RD."""
        events = POLLOUT | POLLWRNORM
        if self.queue or self.is_read_shut:
            events |= POLLIN | POLLRDNORM
        return events | (POLLERR if self.error else 0)


class UdpLayer:
    """All UDP sockets of one host."""

    def __init__(self, around: "Surroundings") -> None:
        self._around = around
        self.ports = PortTable()

    def deliver(self, local_ip: str, remote_ip: str, datagram: UdpDatagram) -> bool:
        """Queue an arriving datagram; False when no socket wants it (RFC 1122 4.1.3.1: port unreachable then)."""
        received = Received(datagram.payload, remote_ip, datagram.src_port)
        candidates = [
            socket
            for socket in self.ports.holders(datagram.dst_port)
            if isinstance(socket, UdpSocket) and socket.takes(local_ip) and socket.accepts(received)
        ]
        if not candidates:
            return False
        socket = max(candidates, key=lambda one: (one.is_connected, bool(one.local_ip)))
        if sum(len(each.data) for each in socket.queue) + len(received.data) <= socket.rcvbuf:
            socket.queue.append(received)
            socket.read_wakeups += 1
        return True

    def bind_ephemeral(self, socket: UdpSocket) -> None:
        """Give an unbound socket a port of the ephemeral range."""
        traits = self._around.traits
        offset = self._around.secrets.hash32("udp", socket.remote_ip)
        socket.local_port = self.ports.pick(socket, traits.first_port, traits.last_port, offset)
        self.ports.add(socket)

    def send(self, socket: UdpSocket, remote_ip: str, remote_port: int, data: bytes) -> None:
        """Send one datagram from a bound socket."""
        local_ip = socket.local_ip or self._around.routes.source_for(remote_ip) or ""
        datagram = UdpDatagram(socket.local_port, remote_port, data)
        self._around.emit(self._around.ip.udp(local_ip, remote_ip, datagram, fields_of(socket)))

    def on_icmp(self, local_port: int, remote_ip: str, remote_port: int, reading: IcmpReading) -> None:
        """An ICMP error quotes a datagram: hard errors reach a connected socket (udp(7); soft ones are dropped)."""
        for socket in self.ports.holders(local_port):
            if (
                isinstance(socket, UdpSocket)
                and (socket.remote_ip, socket.remote_port) == (remote_ip, remote_port)
                and (reading.hard or socket.options.recverr)
            ):
                socket.error = reading.errno
                socket.read_wakeups += 1
                socket.write_wakeups += 1
