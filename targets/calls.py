"""The system calls that cross the `Target` seam, as values.

A call names what a POSIX program would pass to the kernel. Addresses, file descriptors and numbers are the target's
own ("live"), never the script's: the interpreter has translated them before. Numbers follow the Linux ABI
(`wire.abi`); a target of another system translates at its own border.

Pointers become values: an output buffer is its size, an input buffer its bytes, NULL is `None`.
"""

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """An address as ``bind`` and ``connect`` take it.

    `family` is the Linux AF number. `raw` wins over everything else when given: the exact bytes of the sockaddr.
    """

    family: int
    host: str = ""
    port: int = 0
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class ControlMessage:
    """One ancillary message (cmsg(3)): level, type and the data bytes behind the header."""

    level: int
    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NoBuffer:
    """An element of an array of buffers that says `length` octets (a size_t) and points to NULL."""

    length: int


@dataclass(frozen=True, slots=True)
class PollEntry:
    """One element of the array of poll(2)."""

    fd: int
    events: int


@dataclass(frozen=True, slots=True)
class EpollEvent:
    """One epoll_event: the mask and the 64 bits of user data."""

    events: int
    data: int


@dataclass(frozen=True, slots=True)
class Socket:
    """socket(2)."""

    domain: int
    type: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Bind:
    """bind(2)."""

    fd: int
    address: SocketAddress


@dataclass(frozen=True, slots=True)
class Listen:
    """listen(2)."""

    fd: int
    backlog: int


@dataclass(frozen=True, slots=True)
class Accept:
    """accept(2); the peer's address comes back in `CallResult.address`."""

    fd: int


@dataclass(frozen=True, slots=True)
class Connect:
    """connect(2)."""

    fd: int
    address: SocketAddress


@dataclass(frozen=True, slots=True)
class Read:
    """read(2) into a buffer of `count` octets; `null_buffer` passes NULL instead of a buffer."""

    fd: int
    count: int
    null_buffer: bool = False


@dataclass(frozen=True, slots=True)
class Readv:
    """readv(2) into buffers of the given sizes."""

    fd: int
    sizes: tuple[int | NoBuffer, ...]


@dataclass(frozen=True, slots=True)
class Recv:
    """recv(2)."""

    fd: int
    count: int
    flags: int
    null_buffer: bool = False


@dataclass(frozen=True, slots=True)
class RecvFrom:
    """recvfrom(2); the sender's address comes back in `CallResult.address`."""

    fd: int
    count: int
    flags: int
    null_buffer: bool = False


@dataclass(frozen=True, slots=True)
class RecvMsg:
    """recvmsg(2) with buffers of the given sizes and a control buffer of `control_size` octets."""

    fd: int
    sizes: tuple[int | NoBuffer, ...]
    control_size: int
    flags: int


@dataclass(frozen=True, slots=True)
class Write:
    """write(2). `count` may differ from ``len(data)`` only when `data` is None (a NULL buffer)."""

    fd: int
    data: bytes | None
    count: int


@dataclass(frozen=True, slots=True)
class Writev:
    """writev(2)."""

    fd: int
    buffers: tuple[bytes | NoBuffer, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """send(2); `data` None is a NULL buffer."""

    fd: int
    data: bytes | None
    count: int
    flags: int


@dataclass(frozen=True, slots=True)
class SendTo:
    """sendto(2); `address` None is a NULL address."""

    fd: int
    data: bytes | None
    count: int
    flags: int
    address: SocketAddress | None


@dataclass(frozen=True, slots=True)
class SendMsg:
    """sendmsg(2)."""

    fd: int
    buffers: tuple[bytes | NoBuffer, ...]
    flags: int
    address: SocketAddress | None = None
    control: tuple[ControlMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """close(2)."""

    fd: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """shutdown(2)."""

    fd: int
    how: int


@dataclass(frozen=True, slots=True)
class Fcntl:
    """fcntl(2) with an integer argument or none."""

    fd: int
    command: int
    argument: int | None = None


@dataclass(frozen=True, slots=True)
class Ioctl:
    """ioctl(2) whose third argument points to `argument`; what it is afterwards comes back in `CallResult.optval`.

    `argument` None is NULL.
    """

    fd: int
    request: int
    argument: bytes | None = None


@dataclass(frozen=True, slots=True)
class GetSockOpt:
    """getsockopt(2) with a zeroed buffer of `size` octets; buffer (cut to the returned length) in `CallResult.optval`.

    `initial` gives the octets the buffer starts with, where an option reads its input from there.
    """

    fd: int
    level: int
    name: int
    size: int
    initial: bytes = b""


@dataclass(frozen=True, slots=True)
class SetSockOpt:
    """setsockopt(2); `size` is the length argument, which a script may choose to disagree with ``len(value)``."""

    fd: int
    level: int
    name: int
    value: bytes | None
    size: int


@dataclass(frozen=True, slots=True)
class Poll:
    """poll(2); `timeout_ms` as in poll(2), -1 waits for ever."""

    entries: tuple[PollEntry, ...]
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class EpollCreate:
    """epoll_create(2)."""

    size: int


@dataclass(frozen=True, slots=True)
class EpollCtl:
    """epoll_ctl(2)."""

    epfd: int
    operation: int
    fd: int
    event: EpollEvent | None


@dataclass(frozen=True, slots=True)
class EpollWait:
    """epoll_wait(2)."""

    epfd: int
    max_events: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Pipe:
    """pipe(2); both descriptors come back in `CallResult.fds`."""


@dataclass(frozen=True, slots=True)
class Splice:
    """splice(2) without offsets (NULL, NULL).

    `bad_offset_in` and `bad_offset_out` pass a pointer to no memory instead of that NULL.
    """

    fd_in: int
    fd_out: int
    count: int
    flags: int
    bad_offset_in: bool = False
    bad_offset_out: bool = False


@dataclass(frozen=True, slots=True)
class SendFile:
    """sendfile(2); `offset` None is NULL."""

    out_fd: int
    in_fd: int
    offset: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Open:
    """open(2)."""

    path: str
    flags: int


@dataclass(frozen=True, slots=True)
class CapSet:
    """Raise or drop one capability of one set of whoever makes the calls that follow (capset(2)).

    `set` is 0 effective, 1 permitted, 2 inheritable; `capability` is its number in capabilities(7).
    """

    set: int
    capability: int
    is_raised: bool


Syscall: TypeAlias = (
    Socket
    | Bind
    | Listen
    | Accept
    | Connect
    | Read
    | Readv
    | Recv
    | RecvFrom
    | RecvMsg
    | Write
    | Writev
    | Send
    | SendTo
    | SendMsg
    | Close
    | Shutdown
    | Fcntl
    | Ioctl
    | GetSockOpt
    | SetSockOpt
    | Poll
    | EpollCreate
    | EpollCtl
    | EpollWait
    | Pipe
    | Splice
    | SendFile
    | Open
    | CapSet
)


def call_name(call: Syscall | type[Syscall]) -> str:
    """Name a call or its class as the manual does: ``SetSockOpt`` is ``setsockopt``, ``EpollCtl`` is ``epoll_ctl``."""
    name = call.__name__ if isinstance(call, type) else type(call).__name__
    return "epoll_" + name[5:].lower() if name.startswith("Epoll") else name.lower()


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a finished call gave back.

    `value` is the return value, -1 on failure; `errno` is 0 unless the call failed. The other fields are the
    out-arguments that the call has: unset ones keep their empty value.
    """

    value: int
    errno: int = 0
    data: bytes = b""
    optval: bytes = b""
    optlen: int = 0
    address: SocketAddress | None = None
    revents: tuple[int, ...] = ()
    events: tuple[EpollEvent, ...] = ()
    control: tuple[ControlMessage, ...] = ()
    msg_flags: int = 0
    fds: tuple[int, ...] = field(default=())
