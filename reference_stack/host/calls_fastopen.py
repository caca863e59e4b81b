"""Sends that open their connection: MSG_FASTOPEN, and the first write behind TCP_FASTOPEN_CONNECT."""

from reference_stack.host.calls_setup import SetupCalls
from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.fastopen import FAST_OPEN_CLIENT
from reference_stack.host.sockets import Phase, TcpSocket
from reference_stack.host.values import AddressLike, Micros
from wire.abi import AF_UNSPEC


class FastOpenCalls(SetupCalls):
    """connect(2) and send(2) in one."""

    def open_by_send(
        self, socket: TcpSocket, address: AddressLike | None, data: bytes, *, now: Micros
    ) -> tuple[int, Errno]:
        """Begin to open the connection with text on its SYN, or find it begun.

        Returns how many octets left with the SYN, and the errno for a caller that does not wait and sent nothing.
        Raises `CallFailed` with the errnos of connect(2), and EOPNOTSUPP where ``tcp_fastopen`` forbids it to clients.
        """
        if not self.around.traits.has_fast_open:
            raise NotModelled("send with MSG_FASTOPEN")
        is_allowed = self.around.sysctls.number("net.ipv4.tcp_fastopen") & FAST_OPEN_CLIENT
        if not is_allowed or (address is not None and address.family == AF_UNSPEC):
            raise CallFailed(Errno.EOPNOTSUPP)
        if socket.is_connect_deferred:
            return self.tcp.connect(socket, now=now, text=data), Errno.EINPROGRESS
        if socket.phase is Phase.CONNECTING:
            return 0, Errno.EALREADY
        if socket.phase is Phase.CONNECTED:
            raise CallFailed(Errno.EISCONN)
        if address is None:
            raise CallFailed(Errno.EINVAL)
        return self._open(socket, self.target(address), now=now, text=data), Errno.EINPROGRESS

    def connect_by_send(self, socket: TcpSocket, address: AddressLike, data: bytes, *, now: Micros) -> int:
        """Connect, because a send names the peer (T/TCP, and FreeBSD's TCP_FASTOPEN); return the octets on the SYN."""
        if not socket.options.fastopen_connect:
            self._open(socket, self.target(address), now=now)
            return 0
        socket.options.fastopen_connect = False
        taken = self._open(socket, self.target(address), now=now, text=data)
        socket.options.fastopen_connect = True
        return taken
