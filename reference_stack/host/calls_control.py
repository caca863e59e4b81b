"""fcntl, ioctl, getsockopt, setsockopt, poll and epoll: asking and steering sockets."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from reference_stack.host.callbase import CallBase, Outcome
from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.optionrows import OptionContext
from reference_stack.host.readiness import Epoll
from reference_stack.host.sockets import Socket, TcpSocket
from reference_stack.host.sockopts import find_option
from reference_stack.host.udplayer import UdpSocket
from reference_stack.host.values import OK, EpollEventLike, Micros, PollEntryLike, Result
from wire.abi import (
    F_GETFD,
    F_GETFL,
    F_GETOWN,
    F_SETFD,
    F_SETFL,
    F_SETOWN,
    FIONBIO,
    FIONREAD,
    O_APPEND,
    O_ASYNC,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLNVAL,
    SIOCATMARK,
    SIOCOUTQ,
    SIOCOUTQNSD,
    SIOCSPGRP,
    pack_int,
    unpack_int,
)

FIOSETOWN = 0x8901
_Attempt: TypeAlias = Callable[[Micros], Result | None]
_Expire: TypeAlias = Callable[[Micros], Result]
_SETTABLE = O_APPEND | O_ASYNC | O_NONBLOCK
_MILLISECOND = 1_000


class ControlCalls(CallBase):
    """Calls that ask and steer; each returns its result, or a `Blocked` when it has to wait."""

    def fcntl(self, *, fd: int, command: int, argument: int | None, now: Micros) -> Result:  # noqa: ARG002
        """fcntl(2): F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_GETOWN, F_SETOWN."""
        file = self.file(fd)
        if command == F_GETFL:
            return Result(file.status_flags)
        if command == F_SETFL:
            file.status_flags = file.status_flags & ~_SETTABLE | (argument or 0) & _SETTABLE
            return OK
        if command in (F_GETFD, F_SETFD):
            return OK
        if command == F_SETOWN:
            file.owner = argument or 0
            return OK
        if command == F_GETOWN:
            return Result(file.owner)
        raise NotModelled(f"fcntl command {command}")

    def ioctl(self, *, fd: int, request: int, argument: bytes | None, now: Micros) -> Result:  # noqa: ARG002
        """ioctl(2) of sockets: SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO, SIOCSPGRP, FIOSETOWN."""
        socket = self.either(fd)
        if request in (FIONBIO, SIOCSPGRP, FIOSETOWN) and argument is None:
            raise CallFailed(Errno.EFAULT)
        if request == FIONBIO:
            wanted = O_NONBLOCK if argument and unpack_int(argument) else 0
            socket.status_flags = socket.status_flags & ~O_NONBLOCK | wanted
            return OK
        if request in (SIOCSPGRP, FIOSETOWN):
            socket.owner = unpack_int(argument) if argument else 0
            return OK
        number = _datagram_number(socket, request) if isinstance(socket, UdpSocket) else _number(socket, request)
        if argument is None:  # measured: after everything else
            raise CallFailed(Errno.EFAULT)
        return Result(0, optval=pack_int(number), optlen=4)

    # --- options -------------------------------------------------------------------------------------------------

    def getsockopt(self, *, fd: int, level: int, name: int, size: int, initial: bytes, now: Micros) -> Result:
        """getsockopt(2)."""
        socket = self.inet(fd)
        row = find_option(socket, level, name, self.around.traits.option_table)
        if size < 0:
            raise CallFailed(Errno.EINVAL)
        value = row.get(OptionContext(socket, self.around, self.tcp, now), size, initial)
        return Result(0, optval=value, optlen=len(value))

    def setsockopt(self, *, fd: int, level: int, name: int, value: bytes | None, size: int, now: Micros) -> Result:
        """setsockopt(2)."""
        socket = self.inet(fd)
        row = find_option(socket, level, name, self.around.traits.option_table)
        if size < 0:
            raise CallFailed(Errno.EINVAL)
        if value is None and size:
            raise CallFailed(Errno.EFAULT)
        # A length beyond the octets given reads whatever follows them: zeros here.
        row.set(OptionContext(socket, self.around, self.tcp, now), (value or b"")[:size].ljust(min(size, 256), b"\0"))
        return OK

    # --- readiness -----------------------------------------------------------------------------------------------

    def poll(self, *, entries: Iterable[PollEntryLike], timeout_ms: int, now: Micros) -> Outcome:
        """poll(2)."""
        asked = tuple(entries)

        def answer(_now: Micros) -> Result:
            revents = tuple(self._revents(entry) for entry in asked)
            return Result(sum(1 for each in revents if each), revents=revents)

        def attempt(at: Micros) -> Result | None:
            result = answer(at)
            return result if result.value else None

        return self._timed(attempt, answer, timeout_ms, now=now)

    def _revents(self, entry: PollEntryLike) -> int:
        if entry.fd < 0:
            return 0
        file = self.files.get(entry.fd)
        return POLLNVAL if file is None else file.events() & (entry.events | POLLERR | POLLHUP)

    def epoll_create(self, *, size: int, now: Micros) -> Result:  # noqa: ARG002
        """epoll_create(2)."""
        if size <= 0:
            raise CallFailed(Errno.EINVAL)
        return Result(self.install(Epoll()))

    def epoll_ctl(self, *, epfd: int, operation: int, fd: int, event: EpollEventLike | None, now: Micros) -> Result:  # noqa: ARG002
        """epoll_ctl(2)."""
        instance, file = self.file(epfd), self.file(fd)
        if not isinstance(instance, Epoll):
            raise CallFailed(Errno.EINVAL)
        instance.control(operation, fd, file, event)
        return OK

    def epoll_wait(self, *, epfd: int, max_events: int, timeout_ms: int, now: Micros) -> Outcome:
        """epoll_wait(2)."""
        instance = self.file(epfd)
        if not isinstance(instance, Epoll) or max_events <= 0:
            raise CallFailed(Errno.EINVAL)

        def attempt(_now: Micros) -> Result | None:
            events = instance.ready(max_events)
            return Result(len(events), events=events) if events else None

        return self._timed(attempt, lambda _now: OK, timeout_ms, now=now)

    def _timed(self, attempt: _Attempt, expire: _Expire, timeout_ms: int, *, now: Micros) -> Outcome:
        return self.wait(
            attempt,
            now=now,
            is_nonblocking=timeout_ms == 0,
            timeout_us=max(timeout_ms, 0) * _MILLISECOND,
            expire=expire,
        )


def _number(socket: TcpSocket, request: int) -> int:
    """Return the number that a TCP ioctl stores (tcp(7), Ioctls)."""
    if request not in (FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK):
        raise NotModelled(f"ioctl request {request:#x}")
    if request == SIOCATMARK:
        return int(socket.live is not None and socket.live.urgent_mark == 0)
    if socket.is_listening:
        raise CallFailed(Errno.EINVAL)
    if request == FIONREAD:
        # Measured: a FIN is not counted, and nothing behind an urgent mark is.
        return 0 if socket.is_in_handshake else socket.available
    connection = socket.live
    if connection is None or socket.is_in_handshake:
        return 0
    if request == SIOCOUTQNSD:
        return connection.unsent_octets
    # Measured: a queued FIN that is not acknowledged counts as one octet.
    tcb = connection.tcb
    has_fin = tcb.fin_seq is not None and tcb.snd_una <= tcb.fin_seq
    return connection.unacknowledged_octets + has_fin


def _datagram_number(socket: Socket, request: int) -> int:
    if request == FIONREAD and isinstance(socket, UdpSocket):
        return len(socket.queue[0].data) if socket.queue else 0
    if request == SIOCOUTQ:
        return 0  # datagrams leave at once
    raise NotModelled(f"ioctl request {request:#x} on a datagram socket")
