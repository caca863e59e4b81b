"""What all simulated system calls share: the table of descriptors, waiting, and the reading of addresses."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.readiness import Epoll
from reference_stack.host.routes import canonical, unmapped
from reference_stack.host.sockets import OpenFile, Socket, TcpSocket
from reference_stack.host.surroundings import Surroundings
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.host.udplayer import UdpLayer, UdpSocket
from reference_stack.host.values import (
    Address,
    AddressLike,
    Blocked,
    Micros,
    Result,
    failure,
)
from wire.abi import AF_INET, AF_INET6, AF_UNSPEC, unpack_sockaddr
from wire.errors import MalformedPacket

Outcome: TypeAlias = Result | Blocked
Attempt: TypeAlias = Callable[[Micros], Result | None]

_FIRST_FD = 3  # 0, 1 and 2 are the standard streams of the simulated process
_FD_LIMIT = 1024
_SOCKADDR_IN6, _SOCKADDR_IN6_LEAST = 28, 24  # RFC 2133 had no scope id; Linux takes that length too (SIN6_LEN_RFC2133)


class Target(NamedTuple):
    """An address argument, read: `ip` is unmapped canonical text, empty for the wildcard."""

    family: int
    ip: str
    port: int
    is_mapped: bool = False


class CallBase:
    """The simulated process: its open files, and the network below."""

    def __init__(self, around: Surroundings, tcp: TcpLayer, udp: UdpLayer) -> None:
        self.around = around
        self.tcp = tcp
        self.udp = udp
        self.files: dict[int, OpenFile] = {}

    # --- descriptors ---------------------------------------------------------------------------------------------

    def install(self, file: OpenFile) -> int:
        """Give `file` the lowest free descriptor; `CallFailed` EMFILE beyond the limit."""
        fd = _FIRST_FD
        while fd in self.files:
            fd += 1
        if fd >= _FD_LIMIT:
            raise CallFailed(Errno.EMFILE)
        self.files[fd] = file
        return fd

    def file(self, fd: int) -> OpenFile:
        """Return the open file; `CallFailed` EBADF."""
        if fd not in self.files:
            raise CallFailed(Errno.EBADF)
        return self.files[fd]

    def inet(self, fd: int) -> Socket:
        """Return the socket; `CallFailed` EBADF, ENOTSOCK."""
        file = self.file(fd)
        if not isinstance(file, Socket):
            raise CallFailed(Errno.ENOTSOCK)
        return file

    def stream(self, fd: int) -> TcpSocket:
        """Return the TCP socket; `CallFailed` EBADF, ENOTSOCK, EOPNOTSUPP."""
        socket = self.inet(fd)
        if not isinstance(socket, TcpSocket):
            raise CallFailed(Errno.EOPNOTSUPP)
        return socket

    def either(self, fd: int) -> TcpSocket | UdpSocket:
        """Return the TCP or UDP socket; `CallFailed` EBADF, ENOTSOCK."""
        socket = self.inet(fd)
        assert isinstance(socket, TcpSocket | UdpSocket)
        return socket

    def forget(self, file: OpenFile) -> None:
        """Take a closed file out of every epoll instance."""
        for other in self.files.values():
            if isinstance(other, Epoll):
                other.forget(file)

    # --- waiting -------------------------------------------------------------------------------------------------

    @staticmethod
    def wait(
        attempt: Attempt,
        *,
        now: Micros,
        is_nonblocking: bool,
        timeout_us: int = 0,
        expire: Callable[[Micros], Result] | None = None,
    ) -> Outcome:
        """Try at once; then end with `expire` (EAGAIN by default) when non-blocking, else wait up to `timeout_us`.

        A `timeout_us` of 0 waits for ever (SO_RCVTIMEO and SO_SNDTIMEO, socket(7)).
        """
        result = attempt(now)
        if result is not None:
            return result
        at_end = expire or (lambda _now: failure(Errno.EAGAIN))
        if is_nonblocking:
            return at_end(now)
        return Blocked(attempt, at_end, now + timeout_us if timeout_us else None)

    # --- addresses -----------------------------------------------------------------------------------------------

    @staticmethod
    def target(address: AddressLike | None) -> Target:
        """Read an address argument. `CallFailed` EFAULT for NULL, EINVAL for a sockaddr that is too short."""
        if address is None:
            raise CallFailed(Errno.EFAULT)
        if address.raw is not None:
            return _read_sockaddr(address.raw)
        if address.family not in (AF_INET, AF_INET6):
            return Target(address.family, "", address.port)
        text = address.host or ("::" if address.family == AF_INET6 else "0.0.0.0")
        return _target(address.family, canonical(text), address.port)

    @staticmethod
    def shown(socket: Socket, ip: str, port: int) -> Address:
        """Return an address as the socket's family shows it: IPv4 is mapped on an IPv6 socket (RFC 4291, 2.5.5.2)."""
        if socket.family == AF_INET6 and ":" not in ip:
            return Address(AF_INET6, f"::ffff:{ip}", port)
        return Address(socket.family, ip, port)


def _target(family: int, text: str, port: int) -> Target:
    if text in ("::", "0.0.0.0"):
        return Target(family, "", port)
    inside = unmapped(text)
    if inside == "0.0.0.0":
        return Target(family, "", port, is_mapped=True)
    return Target(family, inside, port, is_mapped=inside != text)


def _read_sockaddr(raw: bytes) -> Target:
    if _SOCKADDR_IN6_LEAST <= len(raw) < _SOCKADDR_IN6:
        raw = raw.ljust(_SOCKADDR_IN6, b"\0")
    try:
        name = unpack_sockaddr(raw)
    except MalformedPacket:
        raise CallFailed(Errno.EINVAL) from None
    if name.family not in (AF_INET, AF_INET6):
        return Target(name.family, "", 0)
    return _target(name.family, canonical(name.host), name.port)


def check_family(socket: Socket, target: Target, *, is_bind: bool) -> None:
    """Raise `CallFailed` EAFNOSUPPORT when `target` is not an address of the socket's family.

    bind(2) on an IPv4 socket takes AF_UNSPEC with the wildcard address (measured, tcp(7) ERR-6).
    """
    if target.family == AF_UNSPEC and is_bind and socket.family == AF_INET and not target.ip:
        return
    if target.family != socket.family:
        raise CallFailed(Errno.EAFNOSUPPORT)
    if target.is_mapped and socket.options.v6only:
        raise CallFailed(Errno.EINVAL if is_bind else Errno.ENETUNREACH)
