"""Who gets a packet: the tables of connections, listeners and bound ports of one host."""

from collections.abc import Iterable, Iterator

from reference_stack.connection import FourTuple
from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.sockets import Socket, TcpSocket


class PortTable:
    """The bound sockets of one transport protocol, by port."""

    def __init__(self) -> None:
        self._by_port: dict[int, list[Socket]] = {}

    def add(self, socket: Socket) -> None:
        """Enter a socket whose `local_port` is set; entering it twice changes nothing."""
        holders = self._by_port.setdefault(socket.local_port, [])
        if socket not in holders:
            holders.append(socket)

    def remove(self, socket: Socket) -> None:
        """Forget a socket; harmless when it is not there."""
        holders = self._by_port.get(socket.local_port, [])
        if socket in holders:
            holders.remove(socket)
        if not holders:
            self._by_port.pop(socket.local_port, None)

    def holders(self, port: int) -> Iterable[Socket]:
        """Return the sockets that hold `port`."""
        return self._by_port.get(port, ())

    def __iter__(self) -> Iterator[Socket]:
        return (socket for holders in self._by_port.values() for socket in holders)

    def is_free(self, socket: Socket, port: int) -> bool:
        """Whether `socket` may take `port`, by the rules of SO_REUSEADDR and SO_REUSEPORT (socket(7)).

        Two sockets with SO_REUSEADDR share a port unless one of them listens; with SO_REUSEPORT they always do.
        """
        for other in self.holders(port):
            if other is socket or not socket.overlaps(other):
                continue
            if socket.options.reuseport and other.options.reuseport:
                continue
            other_listens = isinstance(other, TcpSocket) and other.is_listening
            if socket.options.reuseaddr and other.options.reuseaddr and not other_listens:
                continue
            return False
        return True

    def pick(self, socket: Socket, first: int, last: int, offset: int) -> int:
        """Return a free port of the range, searched from `offset` on; `CallFailed` EADDRINUSE when all are taken."""
        count = last - first + 1
        for step in range(count):
            port = first + (offset + step) % count
            if not any(socket is not other and socket.overlaps(other) for other in self.holders(port)):
                return port
        raise CallFailed(Errno.EADDRINUSE)


class TcpDemux:
    """Connections by four-tuple and listeners by port."""

    def __init__(self) -> None:
        self.ports = PortTable()
        self._connections: dict[FourTuple, TcpSocket] = {}

    def __iter__(self) -> Iterator[TcpSocket]:
        return iter(list(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    def connection(self, name: FourTuple) -> TcpSocket | None:
        """Return the socket of a connection, or None."""
        return self._connections.get(name)

    def add(self, name: FourTuple, socket: TcpSocket) -> None:
        """Enter a connection."""
        self._connections[name] = socket

    def holds(self, socket: TcpSocket) -> bool:
        """Whether the connection of `socket` is in the table."""
        return socket.connection is not None and self._connections.get(socket.connection.four_tuple) is socket

    def remove(self, socket: TcpSocket) -> None:
        """Forget the connection of a socket; harmless when it is not there."""
        if socket.connection is not None and self.holds(socket):
            del self._connections[socket.connection.four_tuple]

    def bound(self, name: FourTuple) -> TcpSocket | None:
        """Return a socket without a connection that has the local end of `name`."""
        holders = (socket for socket in self.ports.holders(name.local_port) if isinstance(socket, TcpSocket))
        return next((socket for socket in holders if socket.live is None and socket.takes(name.local_ip)), None)

    def listener(self, local_ip: str, port: int) -> TcpSocket | None:
        """Return the listener for a local address: one bound to exactly that address before a wildcard one."""
        found: TcpSocket | None = None
        for socket in self.ports.holders(port):
            if isinstance(socket, TcpSocket) and socket.is_listening and socket.takes(local_ip):
                if socket.local_ip:
                    return socket
                found = found or socket
        return found
