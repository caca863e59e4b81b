"""read, recv, write, send and their relatives: octets in and out of sockets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reference_stack.connection import Connection
from reference_stack.host.callbase import Outcome, check_family
from reference_stack.host.calls_fastopen import FastOpenCalls
from reference_stack.host.calls_setup import connected
from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.sendmemory import page_room
from reference_stack.host.sockets import Phase, TcpSocket
from reference_stack.host.udplayer import UdpSocket
from reference_stack.host.values import AddressLike, Control, ControlLike, Micros, Result, failure
from reference_stack.states import State
from wire.abi import (
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_ERRQUEUE,
    MSG_FASTOPEN,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    MSG_ZEROCOPY,
    SOL_TCP,
    TCP_CM_INQ,
    cmsg_len,
    pack_int,
)

_DATAGRAM_MOST = 65_507  # 65535 less the headers of IPv4 and UDP


@dataclass(slots=True)
class Reading:
    """One receiving call under way. `has_buffer` False is a NULL pointer; `got` is what it has so far."""

    count: int
    flags: int
    has_buffer: bool = True
    got: bytes = b""


@dataclass(slots=True)
class Writing:
    """One sending call under way. `data` None is a NULL pointer of `count` octets; `taken` went into the socket."""

    data: bytes | None
    count: int
    flags: int
    address: AddressLike | None = None
    parts: tuple[int, ...] = ()
    """Sizes of the buffers that `data` was gathered from, where that matters."""
    taken: int = 0
    opening: Errno | None = None
    """The call began to open the connection, and fails so if it may not wait for it with nothing sent."""
    is_started: bool = False
    is_nonblocking: bool = False
    joined: int | None = None
    """Where the send before this one ended whose last buffer this one goes on filling."""
    zerocopy_number: int | None = None


class TransferCalls(FastOpenCalls):
    """Calls that move octets; each returns its result, or a `Blocked` when it has to wait."""

    # --- sending -------------------------------------------------------------------------------------------------

    def write(self, *, fd: int, data: bytes | None, count: int, now: Micros) -> Outcome:
        """write(2)."""
        return self._send(fd, Writing(data, count, 0), now=now)

    def writev(self, *, fd: int, buffers: tuple[bytes, ...], now: Micros) -> Outcome:
        """writev(2)."""
        data = b"".join(buffers)
        return self._send(fd, Writing(data, len(data), 0), now=now)

    def send(self, *, fd: int, data: bytes | None, count: int, flags: int, now: Micros) -> Outcome:
        """send(2)."""
        self.inet(fd)
        return self._send(fd, Writing(data, count, flags), now=now)

    def sendto(
        self, *, fd: int, data: bytes | None, count: int, flags: int, address: AddressLike | None, now: Micros
    ) -> Outcome:
        """sendto(2)."""
        self.inet(fd)
        return self._send(fd, Writing(data, count, flags, address), now=now)

    def sendmsg(
        self,
        *,
        fd: int,
        buffers: tuple[bytes, ...],
        flags: int,
        address: AddressLike | None,
        control: Iterable[ControlLike],
        now: Micros,
    ) -> Outcome:
        """sendmsg(2) without control messages."""
        self.inet(fd)
        for message in control:
            raise NotModelled(f"sendmsg with control message of level {message.level}, type {message.type}")
        data = b"".join(buffers)
        return self._send(fd, Writing(data, len(data), flags, address, tuple(map(len, buffers))), now=now)

    def _send(self, fd: int, writing: Writing, *, now: Micros) -> Outcome:
        socket = self.either(fd)
        if isinstance(socket, UdpSocket):
            return self._send_datagram(socket, writing)
        writing.is_nonblocking = socket.is_nonblocking or bool(writing.flags & MSG_DONTWAIT)
        if socket.traits.has_implied_connect:
            if writing.address is not None and socket.phase is Phase.UNCONNECTED:
                writing.taken = self.connect_by_send(socket, writing.address, writing.data or b"", now=now)
        elif writing.flags & MSG_FASTOPEN or socket.is_connect_deferred:
            taken, writing.opening = self.open_by_send(socket, writing.address, writing.data or b"", now=now)
            self._note(socket, writing, taken)

        def expire(_now: Micros) -> Result:
            return Result(writing.taken) if writing.taken else failure(writing.opening or Errno.EAGAIN)

        return self.wait(
            lambda at: self._try_send(socket, writing, now=at),
            now=now,
            is_nonblocking=writing.is_nonblocking,
            timeout_us=socket.options.sndtimeo_us,
            expire=expire,
        )

    def _try_send(self, socket: TcpSocket, writing: Writing, *, now: Micros) -> Result | None:
        connection = socket.live
        if writing.opening is not None:
            if connection is not None:
                connection.expects_write = writing.taken < writing.count and not writing.is_nonblocking
            ended = connected(socket)
            if ended is None or ended.value < 0:
                return ended
            writing.opening = None
        is_early = connection is not None and socket.is_in_handshake and not socket.traits.has_implied_connect
        if connection is not None and is_early and not socket.error and not socket.is_write_shut:
            connection.expects_write = not (socket.is_nonblocking or writing.flags & MSG_DONTWAIT)
            return None
        if socket.error or connection is None or socket.is_write_shut or not connection.may_send:
            return _cannot_send(socket, writing)
        if writing.data is None:
            if writing.count:
                return failure(Errno.EFAULT)
            return Result(0)
        # Measured: a writer that sleeps is woken when the socket is writable again, not by the first free octet.
        if writing.is_started and not socket.can_write:
            return None
        writing.is_started = True
        self.tcp.before_sending(socket, connection, now=now)
        self._fill(socket, connection, writing, now=now)
        return Result(writing.taken) if writing.taken >= writing.count else None

    def _fill(self, socket: TcpSocket, connection: Connection, writing: Writing, *, now: Micros) -> None:
        """Queue as much of a write as there is room for."""
        assert writing.data is not None
        wants_more, is_urgent = bool(writing.flags & MSG_MORE), bool(writing.flags & MSG_OOB)
        memory = socket.memory
        if memory is None:
            rest = writing.data[writing.taken :]
            taken = connection.send(rest, now=now, more=wants_more, urgent=is_urgent)
            self._note(socket, writing, taken)
            self.tcp.settle(socket, now=now)
            return
        while writing.taken < writing.count:
            room = memory.room(connection, socket.lowat)
            if not room:
                memory.is_short = connection.is_writer_waiting = True
                if writing.taken and writing.is_nonblocking:
                    socket.send_times.on_write(socket.error_queue.written, joined=writing.joined)
                return
            pages = page_room(writing.parts, writing.taken) if _is_zerocopy(socket, writing) else room
            piece = writing.data[writing.taken : writing.taken + min(room, pages)]
            if not writing.taken:
                writing.joined = memory.tail_end(connection)
            has_room = memory.takes(connection, len(piece), socket.lowat)
            is_full = pages < room and writing.taken + len(piece) < writing.count
            if is_full:
                memory.close_tail()
            self._note(socket, writing, len(piece))
            goes_on = has_room and writing.taken < writing.count
            connection.send(
                piece,
                now=now,
                more=wants_more,
                goes_on=goes_on and not is_full,
                urgent=is_urgent and not goes_on,
                end_of_record=is_full or (bool(writing.flags & MSG_EOR) and not goes_on),
            )
            self.tcp.settle(socket, now=now)

    @staticmethod
    def _note(socket: TcpSocket, writing: Writing, count: int) -> None:
        """Count the octets of a write, and number it when it is a zero-copy one."""
        writing.taken += count
        queue = socket.error_queue
        if not count:
            return
        queue.written += count
        if _is_zerocopy(socket, writing):
            writing.zerocopy_number = queue.add(writing.zerocopy_number)
        if writing.taken == writing.count:
            socket.send_times.on_write(queue.written, joined=writing.joined)

    def _send_datagram(self, socket: UdpSocket, writing: Writing) -> Result:
        if socket.error:
            raise CallFailed(socket.pop_error())
        if socket.is_write_shut:
            raise CallFailed(Errno.EPIPE)
        remote_ip, remote_port = socket.remote_ip, socket.remote_port
        if writing.address is not None:
            target = self.target(writing.address)
            check_family(socket, target, is_bind=False)
            if not target.port:
                raise CallFailed(Errno.EINVAL)
            remote_ip, remote_port = target.ip, target.port
        if not remote_ip:
            raise CallFailed(Errno.EDESTADDRREQ)
        if writing.data is None and writing.count:
            raise CallFailed(Errno.EFAULT)
        if writing.count > _DATAGRAM_MOST:
            raise CallFailed(Errno.EMSGSIZE)
        if (":" in remote_ip) != (not socket.is_ipv4) or self.around.routes.source_for(remote_ip) is None:
            raise CallFailed(Errno.ENETUNREACH)
        if not socket.local_port:
            self.udp.bind_ephemeral(socket)
        self.udp.send(socket, remote_ip, remote_port, writing.data or b"")
        return Result(writing.count)

    # --- receiving -----------------------------------------------------------------------------------------------

    def read(self, *, fd: int, count: int, null_buffer: bool, now: Micros) -> Outcome:
        """read(2)."""
        if count == 0:
            self.inet(fd)
            return Result(0)
        return self._receive(fd, Reading(count, 0, not null_buffer), now=now)

    def readv(self, *, fd: int, sizes: tuple[int, ...], now: Micros) -> Outcome:
        """readv(2); the octets of all buffers come back joined."""
        return self.read(fd=fd, count=sum(sizes), null_buffer=False, now=now)

    def recv(self, *, fd: int, count: int, flags: int, null_buffer: bool, now: Micros) -> Outcome:
        """recv(2)."""
        return self._receive(fd, Reading(count, flags, not null_buffer), now=now)

    def recvfrom(self, *, fd: int, count: int, flags: int, null_buffer: bool, now: Micros) -> Outcome:
        """recvfrom(2); a TCP socket gives no address (measured: the length comes back 0)."""
        return self._receive(fd, Reading(count, flags, not null_buffer), now=now)

    def recvmsg(self, *, fd: int, sizes: tuple[int, ...], control_size: int, flags: int, now: Micros) -> Outcome:
        """recvmsg(2) with TCP_INQ as the only control message."""
        return self._receive(fd, Reading(sum(sizes), flags), now=now, control_size=control_size)

    def _receive(self, fd: int, reading: Reading, *, now: Micros, control_size: int = -1) -> Outcome:
        socket = self.either(fd)
        if reading.flags & MSG_ERRQUEUE:
            return _from_error_queue(socket, reading, control_size)

        def attempt(at: Micros) -> Result | None:
            if isinstance(socket, UdpSocket):
                return self._try_datagram(socket, reading)
            if reading.flags & MSG_OOB:
                return self._receive_urgent(socket, reading, now=at)
            result = self._try_receive(socket, reading, now=at)
            return _with_inq(socket, result, control_size) if result and control_size >= 0 else result

        def expire(_now: Micros) -> Result:
            return _received(reading) if reading.got else failure(Errno.EAGAIN)

        return self.wait(
            attempt,
            now=now,
            is_nonblocking=socket.is_nonblocking or bool(reading.flags & MSG_DONTWAIT),
            timeout_us=socket.options.rcvtimeo_us,
            expire=expire,
        )

    def _try_receive(self, socket: TcpSocket, reading: Reading, *, now: Micros) -> Result | None:
        if socket.is_listening:
            return failure(Errno.ENOTCONN)
        if socket.available and len(reading.got) < reading.count:
            if not reading.has_buffer and not reading.flags & MSG_TRUNC:
                return failure(Errno.EFAULT)
            self._take(socket, reading, now=now)
        is_over = socket.at_end or socket.is_read_shut
        if reading.got:
            wanted = reading.count if reading.flags & MSG_WAITALL else min(socket.options.rcvlowat, reading.count)
            return _received(reading) if len(reading.got) >= wanted or is_over or socket.error else None
        if reading.count == 0 and socket.available:
            return Result(0)
        if socket.connection is not None and socket.connection.receive_eof:
            return Result(0)
        if socket.error:
            return failure(socket.pop_error())
        if is_over:
            return Result(0)
        return failure(Errno.ENOTCONN) if socket.state is State.CLOSED else None

    def _take(self, socket: TcpSocket, reading: Reading, *, now: Micros) -> None:
        connection = socket.connection
        assert connection is not None
        if reading.flags & MSG_PEEK:
            reading.got = connection.receive(reading.count, now=now, peek=True)
            return
        reading.got += connection.receive(reading.count - len(reading.got), now=now)
        self.tcp.settle(socket, now=now)

    def _receive_urgent(self, socket: TcpSocket, reading: Reading, *, now: Micros) -> Result | None:
        """recv(MSG_OOB): EINVAL without an urgent octet or with SO_OOBINLINE, EAGAIN while it has not come yet."""
        connection = socket.live
        if socket.settings.oobinline:
            return failure(Errno.EINVAL)
        if connection is None:
            return failure(socket.pop_error() or (Errno.EINVAL if socket.is_established else Errno.ENOTCONN))
        octet = connection.receive_urgent(now=now, peek=bool(reading.flags & MSG_PEEK))
        self.tcp.settle(socket, now=now)
        if octet is None:
            return failure(Errno.EINVAL)
        if not octet:
            # recv(2) with MSG_OOB never waits on Linux (tcp_recv_urg: "interface does not support blocking").
            return failure(Errno.EAGAIN)
        kept = b"" if reading.flags & MSG_TRUNC or not reading.count else octet
        return Result(min(reading.count, 1), data=kept, msg_flags=MSG_OOB)

    def _try_datagram(self, socket: UdpSocket, reading: Reading) -> Result | None:
        if socket.error:
            return failure(socket.pop_error())
        if not socket.queue:
            return Result(0) if socket.is_read_shut else None
        received = socket.queue[0]
        if not reading.has_buffer and reading.count:
            return failure(Errno.EFAULT)
        if not reading.flags & MSG_PEEK:
            socket.queue.popleft()
        data = received.data[: reading.count]
        is_cut = len(data) < len(received.data)
        value = len(received.data) if reading.flags & MSG_TRUNC else len(data)
        address = self.shown(socket, received.ip, received.port)
        return Result(value, data=data, address=address, msg_flags=MSG_TRUNC if is_cut else 0)


def _cannot_send(socket: TcpSocket, writing: Writing) -> Result:
    """Return what a send gives that cannot go on: the count so far, else the pending error once, else EPIPE."""
    if writing.taken:
        return Result(writing.taken)
    never_connected = not socket.is_established and not socket.is_write_shut
    broken = socket.traits.unconnected_send_errno if never_connected else Errno.EPIPE
    return failure(socket.pop_error() or broken)


def _received(reading: Reading) -> Result:
    # tcp(7): MSG_TRUNC discards the octets instead of copying them.
    return Result(len(reading.got), data=b"" if reading.flags & MSG_TRUNC else reading.got)


def _is_zerocopy(socket: TcpSocket, writing: Writing) -> bool:
    """SO_ZEROCOPY allows MSG_ZEROCOPY; without it the flag means nothing."""
    return bool(writing.flags & MSG_ZEROCOPY) and socket.options.zerocopy


def _from_error_queue(socket: TcpSocket | UdpSocket, reading: Reading, control_size: int) -> Result:
    """Return the first entry of the error queue, EAGAIN without one.

    Measured: an ICMP error leaves none on a TCP socket; completions of zero-copy sends and times of sends do.
    """
    if not isinstance(socket, TcpSocket) or not socket.error_queue.entries:
        raise CallFailed(Errno.EAGAIN)
    return socket.error_queue.take(socket.family, size=reading.count, control_size=max(control_size, 0))


def _with_inq(socket: TcpSocket, result: Result, control_size: int) -> Result:
    """Add the TCP_INQ message: octets left to read, at least 1 when the stream has ended (Linux, tcp_inq_hint)."""
    if result.value < 0 or not socket.options.inq:
        return result
    if control_size < cmsg_len(4):
        return replace(result, msg_flags=result.msg_flags | MSG_CTRUNC)
    hint = socket.available or int(socket.at_end)
    return replace(result, control=(Control(SOL_TCP, TCP_CM_INQ, pack_int(hint)),))
