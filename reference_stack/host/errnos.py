"""Error numbers of the simulated system calls (the Linux ABI, errno(3)), and how a call fails or is not modelled."""

from enum import IntEnum


class Errno(IntEnum):
    """The error numbers that the simulated calls give (asm-generic/errno.h)."""

    EPERM = 1
    ENOENT = 2
    EBADF = 9
    EAGAIN = 11
    ENOMEM = 12
    EACCES = 13
    EFAULT = 14
    EBUSY = 16
    EEXIST = 17
    ENODEV = 19
    EINVAL = 22
    EMFILE = 24
    ENOTTY = 25
    ESPIPE = 29
    EPIPE = 32
    EDOM = 33
    ELOOP = 40
    ENONET = 64
    EPROTO = 71
    ENOTSOCK = 88
    EDESTADDRREQ = 89
    EMSGSIZE = 90
    EPROTOTYPE = 91
    ENOPROTOOPT = 92
    EPROTONOSUPPORT = 93
    ESOCKTNOSUPPORT = 94
    EOPNOTSUPP = 95
    EAFNOSUPPORT = 97
    EADDRINUSE = 98
    EADDRNOTAVAIL = 99
    ENETUNREACH = 101
    ECONNABORTED = 103
    ECONNRESET = 104
    ENOBUFS = 105
    EISCONN = 106
    ENOTCONN = 107
    ETIMEDOUT = 110
    ECONNREFUSED = 111
    EHOSTDOWN = 112
    EHOSTUNREACH = 113
    EALREADY = 114
    EINPROGRESS = 115


class CallFailed(Exception):
    """A simulated call returns -1 with `errno`. Never leaves the host: it becomes a `Result`."""

    def __init__(self, errno: int) -> None:
        self.errno = int(errno)
        super().__init__(Errno(errno).name)


class NotModelled(Exception):
    """The host does not have this call, option or command. `reason` names it in one line; nothing was done."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
