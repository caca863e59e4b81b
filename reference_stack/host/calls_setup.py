"""socket, bind, listen, accept, connect, shutdown, close: the calls that make and end connections."""

from reference_stack.host.callbase import CallBase, Outcome, Target, check_family
from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.sockets import Phase, Socket, TcpSocket
from reference_stack.host.udplayer import UdpSocket
from reference_stack.host.values import OK, AddressLike, Micros, Result, failure
from reference_stack.states import State
from wire.abi import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    IPPROTO_IP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    O_NONBLOCK,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
)

_SOCKET_TYPES = range(1, 11)
_LINGERING = frozenset({State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK})
_SENDS_FIN = frozenset({State.SYN_RECEIVED, State.ESTABLISHED, State.CLOSE_WAIT})


class SetupCalls(CallBase):
    """Calls that make and end connections; each returns its result, or a `Blocked` when it has to wait."""

    def socket(self, *, domain: int, type: int, protocol: int, now: Micros) -> Result:  # noqa: ARG002
        """socket(2) for AF_INET and AF_INET6, stream and datagram."""
        kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
        if kind not in _SOCKET_TYPES or protocol < 0:
            raise CallFailed(Errno.EINVAL)
        if domain not in (AF_INET, AF_INET6):
            if domain in (AF_UNSPEC, 99):
                raise CallFailed(Errno.EAFNOSUPPORT)
            raise NotModelled(f"socket of family {domain}")
        file: Socket
        if kind == SOCK_STREAM and protocol in (IPPROTO_IP, IPPROTO_TCP):
            file = self.tcp.new_socket(domain, kind, IPPROTO_TCP)
        elif kind == SOCK_DGRAM and protocol in (IPPROTO_IP, IPPROTO_UDP):
            file = UdpSocket(domain, kind, IPPROTO_UDP)
        elif {(SOCK_STREAM, IPPROTO_UDP), (SOCK_DGRAM, IPPROTO_TCP)} & {(kind, protocol)}:
            raise CallFailed(Errno.EPROTONOSUPPORT)
        else:
            raise NotModelled(f"socket of type {kind} and protocol {protocol}")
        file.status_flags |= type & SOCK_NONBLOCK and O_NONBLOCK
        return Result(self.install(file))

    # --- bind and listen -----------------------------------------------------------------------------------------

    def bind(self, *, fd: int, address: AddressLike, now: Micros) -> Result:  # noqa: ARG002
        """bind(2)."""
        socket = self.either(fd)
        target = self.target(address)
        check_family(socket, target, is_bind=True)
        self._check_multicast(socket, target)
        routes = self.around.routes
        may_be_foreign = socket.options.freebind or bool(self.around.sysctls.number("net.ipv4.ip_nonlocal_bind"))
        # Measured: bind to a multicast or broadcast address succeeds.
        if target.ip and not (routes.is_local(target.ip) or may_be_foreign or routes.is_unusable_peer(target.ip)):
            raise CallFailed(Errno.EADDRNOTAVAIL)
        if socket.is_bound or socket.local_port:
            raise CallFailed(Errno.EINVAL)
        old_ip, socket.local_ip = socket.local_ip, target.ip
        try:
            self._take_port(socket, target.port)
        except CallFailed:
            socket.local_ip = old_ip
            raise
        return OK

    def _check_multicast(self, socket: Socket, target: Target) -> None:
        errno = self.around.traits.multicast_errno
        is_stream = isinstance(socket, TcpSocket)
        if errno is not None and is_stream and self.around.routes.is_multicast(target.ip):
            raise CallFailed(errno)

    def _take_port(self, socket: TcpSocket | UdpSocket, port: int) -> None:
        ports = self.tcp.demux.ports if isinstance(socket, TcpSocket) else self.udp.ports
        if port == 0:
            offset = self.around.secrets.hash32("bind", socket.local_ip)
            port = ports.pick(socket, *self._port_range(), offset)
        elif not ports.is_free(socket, port):
            raise CallFailed(Errno.EADDRINUSE)
        socket.local_port = port
        socket.is_bound = True
        ports.add(socket)

    def _port_range(self) -> tuple[int, int]:
        sysctls, traits = self.around.sysctls, self.around.traits
        name = "net.ipv4.ip_local_port_range"
        if sysctls.was_written(name):
            return sysctls.number(name), sysctls.number(name, 1)
        return traits.first_port, traits.last_port

    def listen(self, *, fd: int, backlog: int, now: Micros) -> Result:  # noqa: ARG002
        """listen(2); an unbound socket gets an ephemeral port, and a second call changes the backlog."""
        socket = self.stream(fd)
        begins = not socket.is_listening
        if begins:
            if socket.phase is not Phase.UNCONNECTED or socket.state is not State.CLOSED:
                raise CallFailed(Errno.EINVAL)
            if not socket.is_bound:
                self._take_port(socket, 0)
            elif not self.tcp.demux.ports.is_free(socket, socket.local_port):
                raise CallFailed(Errno.EADDRINUSE)
            self.tcp.demux.ports.add(socket)
            socket.phase = Phase.LISTENING
            socket.connection = None
        # listen(2): a backlog above somaxconn is cut; the kernel reads a negative one as a very large one.
        limit = self.around.sysctls.number("net.core.somaxconn")
        socket.backlog = limit if not 0 <= backlog <= limit else backlog
        mode = self.around.sysctls.number("net.ipv4.tcp_fastopen")
        if begins and mode & 0x2 and mode & 0x400 and not socket.pending_opens.limit:
            # Measured: every listener has Fast Open then, with its backlog as the limit.
            socket.pending_opens.limit = socket.backlog
        return OK

    # --- connections ---------------------------------------------------------------------------------------------

    def accept(self, *, fd: int, now: Micros) -> Outcome:
        """accept(2)."""
        socket = self.stream(fd)

        def attempt(_now: Micros) -> Result | None:
            if not socket.is_listening:
                return failure(Errno.EINVAL)
            if not socket.accept_queue:
                return None
            child = socket.accept_queue[0]
            new = self.install(child)
            socket.accept_queue.popleft()
            child.parent = None
            return Result(new, address=self.shown(child, child.remote_ip, child.remote_port))

        timeout = socket.options.rcvtimeo_us
        return self.wait(attempt, now=now, is_nonblocking=socket.is_nonblocking, timeout_us=timeout)

    def connect(self, *, fd: int, address: AddressLike, now: Micros) -> Outcome:
        """connect(2); with AF_UNSPEC it dissolves the association."""
        socket = self.either(fd)
        target = self.target(address)
        if isinstance(socket, UdpSocket):
            return self._connect_udp(socket, target)
        if target.family == AF_UNSPEC:
            self._disconnect(socket, now=now)
            return OK
        if socket.is_connect_deferred:
            raise CallFailed(Errno.EISCONN)
        is_again = socket.phase is Phase.CONNECTING
        if not is_again:
            self._open(socket, target, now=now)
            if socket.is_connect_deferred:
                return OK

        def expire(_now: Micros) -> Result:
            return failure(Errno.EALREADY if is_again else Errno.EINPROGRESS)

        timeout = socket.options.sndtimeo_us
        return self.wait(
            lambda _now: connected(socket),
            now=now,
            is_nonblocking=socket.is_nonblocking,
            timeout_us=timeout,
            expire=expire,
        )

    def _open(self, socket: TcpSocket, target: Target, *, now: Micros, text: bytes | None = None) -> int:
        """Open the connection; return how many octets of `text` its SYN took (MSG_FASTOPEN)."""
        if socket.is_listening:
            raise CallFailed(self.around.traits.listener_connect_errno)
        if socket.phase is not Phase.UNCONNECTED or socket.state is not State.CLOSED:
            raise CallFailed(Errno.EISCONN)
        check_family(socket, target, is_bind=False)
        self._check_multicast(socket, target)
        local_ip = self._source(socket, target)
        kept = socket.local_ip, socket.remote_ip, socket.remote_port
        socket.remote_ip, socket.remote_port = target.ip, target.port
        socket.local_ip = local_ip
        try:
            socket.local_port = self._connect_port(socket, now=now)
        except CallFailed:
            socket.local_ip, socket.remote_ip, socket.remote_port = kept
            raise
        if text is None and socket.options.fastopen_connect:
            if self.tcp.may_send_early(socket, now=now):
                self.tcp.defer_connect(socket, now=now)
                return 0
            text = b""
        return self.tcp.connect(socket, now=now, text=text)

    def _source(self, socket: Socket, target: Target) -> str:
        """Return the source address towards `target`; `CallFailed` ENETUNREACH without a route."""
        routes = self.around.routes
        if not target.ip or routes.is_local(target.ip):
            raise NotModelled("connections of the host to itself")
        source = socket.local_ip or routes.source_for(target.ip)
        # Measured: ENETUNREACH for broadcast and multicast addresses (tcp(7): neither is supported).
        if source is None or routes.is_unusable_peer(target.ip) or (":" in source) != (":" in target.ip):
            raise CallFailed(Errno.ENETUNREACH)
        return source

    def _connect_port(self, socket: TcpSocket, *, now: Micros) -> int:
        """Return the local port of an active open; `CallFailed` EADDRNOTAVAIL when the four-tuple is taken."""
        first, last = (socket.local_port, socket.local_port) if socket.is_bound else self._port_range()
        offset = self.around.secrets.port_offset(socket.local_ip, socket.remote_ip, socket.remote_port)
        count = last - first + 1
        for step in range(count):
            port = first + (offset + step) % count
            if self.tcp.is_port_usable(socket, port, now=now):
                return port
        raise CallFailed(Errno.EADDRNOTAVAIL)

    def _connect_udp(self, socket: UdpSocket, target: Target) -> Result:
        if target.family == AF_UNSPEC:
            socket.remote_ip, socket.remote_port = "", 0
            return OK
        check_family(socket, target, is_bind=False)
        socket.local_ip = self._source(socket, target)
        socket.remote_ip, socket.remote_port = target.ip, target.port
        if not socket.local_port:
            self.udp.bind_ephemeral(socket)
        return OK

    def _disconnect(self, socket: TcpSocket, *, now: Micros) -> None:
        """connect(AF_UNSPEC): listening ends, a connection is aborted, the port is free unless bind(2) took it."""
        if socket.is_listening:
            self.tcp.stop_listening(socket, now=now)
        elif socket.live is not None:
            socket.live.abort(now=now)
            self.tcp.settle(socket, now=now)
            socket.error = Errno.ECONNRESET
        socket.phase = Phase.UNCONNECTED
        socket.is_connect_deferred = False
        socket.connection = None
        socket.is_established = socket.has_ended = socket.is_read_shut = socket.is_write_shut = False
        socket.remote_ip, socket.remote_port = "", 0
        if not socket.is_bound:
            self.tcp.demux.ports.remove(socket)
            socket.local_ip, socket.local_port = "", 0

    # --- the end -------------------------------------------------------------------------------------------------

    def shutdown(self, *, fd: int, how: int, now: Micros) -> Result:
        """shutdown(2)."""
        socket = self.either(fd)
        if how not in (SHUT_RD, SHUT_WR, SHUT_RDWR):
            raise CallFailed(Errno.EINVAL)
        shuts_read, shuts_write = how != SHUT_WR, how != SHUT_RD
        if isinstance(socket, UdpSocket):
            if not socket.is_connected:
                raise CallFailed(Errno.ENOTCONN)
            socket.is_read_shut |= shuts_read
            socket.is_write_shut |= shuts_write
            return OK
        if socket.state is State.CLOSED:
            raise CallFailed(Errno.ENOTCONN)
        if socket.state is State.SYN_SENT or (socket.is_listening and shuts_read):
            self._disconnect(socket, now=now)
        elif socket.live is not None:
            self._shut(socket, shuts_read, shuts_write, now=now)
        return OK

    def _shut(self, socket: TcpSocket, shuts_read: bool, shuts_write: bool, *, now: Micros) -> None:
        connection = socket.live
        assert connection is not None
        if shuts_read:
            socket.is_read_shut = True
            connection.shutdown_receive(now=now)
        if shuts_write:
            socket.is_write_shut = True
            # Measured: an early connection sends its FIN when the handshake is over, unless it is closed altogether.
            if connection.state in _SENDS_FIN and not connection.is_early:
                connection.shutdown_send(now=now)
        socket.read_wakeups += 1
        socket.write_wakeups += 1
        self.tcp.settle(socket, now=now)

    def close(self, *, fd: int, now: Micros) -> Outcome:
        """close(2); waits under SO_LINGER, on a non-blocking socket too (measured)."""
        file = self.file(fd)
        del self.files[fd]
        self.forget(file)
        if isinstance(file, UdpSocket):
            self.udp.ports.remove(file)
        if not isinstance(file, TcpSocket):
            return OK
        self.tcp.release(file, now=now)
        options = file.options

        def attempt(_now: Micros) -> Result | None:
            return None if options.linger_on and file.live and file.live.state in _LINGERING else OK

        return self.wait(
            attempt,
            now=now,
            is_nonblocking=False,
            timeout_us=max(options.linger_s, 0) * 1_000_000,
            expire=lambda _now: OK,
        )


def connected(socket: TcpSocket) -> Result | None:
    """Return how a connection attempt stands: None while the handshake goes on."""
    if socket.is_in_handshake:
        return None
    if socket.state is State.CLOSED:
        # The attempt failed, or the connection ended before this call: the pending error tells, once.
        socket.phase = Phase.UNCONNECTED
        return failure(socket.pop_error() or Errno.ECONNABORTED)
    if socket.phase is Phase.CONNECTED:
        return failure(Errno.EISCONN)
    socket.phase = Phase.CONNECTED
    return OK
