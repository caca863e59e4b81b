"""The C library's system call wrappers, called with the interpreter lock released and errno kept (ctypes)."""

import ctypes
import mmap
import platform
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

CFunction: TypeAlias = Callable[..., int]

_LIBRARY = ctypes.CDLL(None, use_errno=True)

_INT = ctypes.c_int
_LENGTH = ctypes.c_uint
_SIZE = ctypes.c_size_t
_COUNT = ctypes.c_ssize_t
_POINTER = ctypes.c_void_p

_SIGNATURES: dict[str, tuple[Any, Sequence[Any]]] = {
    "bind": (_INT, (_INT, _POINTER, _LENGTH)),
    "listen": (_INT, (_INT, _INT)),
    "accept": (_INT, (_INT, _POINTER, _POINTER)),
    "connect": (_INT, (_INT, _POINTER, _LENGTH)),
    "read": (_COUNT, (_INT, _POINTER, _SIZE)),
    "readv": (_COUNT, (_INT, _POINTER, _INT)),
    "recv": (_COUNT, (_INT, _POINTER, _SIZE, _INT)),
    "recvfrom": (_COUNT, (_INT, _POINTER, _SIZE, _INT, _POINTER, _POINTER)),
    "recvmsg": (_COUNT, (_INT, _POINTER, _INT)),
    "write": (_COUNT, (_INT, _POINTER, _SIZE)),
    "writev": (_COUNT, (_INT, _POINTER, _INT)),
    "send": (_COUNT, (_INT, _POINTER, _SIZE, _INT)),
    "sendto": (_COUNT, (_INT, _POINTER, _SIZE, _INT, _POINTER, _LENGTH)),
    "sendmsg": (_COUNT, (_INT, _POINTER, _INT)),
    "close": (_INT, (_INT,)),
    "shutdown": (_INT, (_INT, _INT)),
    "fcntl": (_INT, (_INT, _INT, ctypes.c_long)),
    "ioctl": (_INT, (_INT, ctypes.c_ulong, _POINTER)),
    "getsockopt": (_INT, (_INT, _INT, _INT, _POINTER, _POINTER)),
    "setsockopt": (_INT, (_INT, _INT, _INT, _POINTER, _LENGTH)),
    "poll": (_INT, (_POINTER, ctypes.c_ulong, _INT)),
    "epoll_create": (_INT, (_INT,)),
    "epoll_ctl": (_INT, (_INT, _INT, _INT, _POINTER)),
    "epoll_wait": (_INT, (_INT, _POINTER, _INT, _INT)),
    "pipe": (_INT, (_POINTER,)),
    "splice": (_COUNT, (_INT, _POINTER, _INT, _POINTER, _SIZE, ctypes.c_uint)),
    "capget": (_INT, (_POINTER, _POINTER)),
    "capset": (_INT, (_POINTER, _POINTER)),
    "sendfile": (_COUNT, (_INT, _INT, _POINTER, _SIZE)),
}


def _function(name: str) -> CFunction:
    found = getattr(_LIBRARY, name)
    found.restype, found.argtypes = _SIGNATURES[name]
    wrapper: CFunction = found
    return wrapper


FUNCTIONS = {name: _function(name) for name in _SIGNATURES}


class IoVector(ctypes.Structure):
    """struct iovec (readv(2))."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class MessageHeader(ctypes.Structure):
    """struct msghdr (recvmsg(2))."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class PollFd(ctypes.Structure):
    """struct pollfd (poll(2))."""

    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


class EpollData(ctypes.Structure):
    """struct epoll_event (epoll_ctl(2)), which is packed on x86-64 and nowhere else."""

    if platform.machine() == "x86_64":
        _pack_ = 1
    _fields_ = [("events", ctypes.c_uint), ("data", ctypes.c_ulonglong)]


# Beyond this, a count that a test passes is not backed by memory: no socket buffer holds as much.
_LARGEST_BUFFER = 256 << 20
_LARGEST_EAGER = 1 << 20


def output_buffer(count: int) -> ctypes.Array[ctypes.c_char]:
    """Return zeroed memory for `count` octets; a huge or negative count gets as much as the kernel could ever fill."""
    size = min(max(count, 1) if count >= 0 else _LARGEST_BUFFER, _LARGEST_BUFFER)
    if size <= _LARGEST_EAGER:
        return ctypes.create_string_buffer(size)
    return (ctypes.c_char * size).from_buffer(mmap.mmap(-1, size))


def input_buffer(data: bytes, count: int) -> ctypes.Array[ctypes.c_char]:
    """Return memory that holds `data`, followed by zeros where `count` says more: the kernel never reads beyond."""
    return ctypes.create_string_buffer(data, max(len(data), min(count, _LARGEST_BUFFER), 1))


def contents(buffer: ctypes.Array[Any], length: int) -> bytes:
    """Copy the first octets of a buffer; none for a negative length."""
    return ctypes.string_at(buffer, min(max(length, 0), ctypes.sizeof(buffer)))
