"""Which calls can block: only those pay for a thread of their own."""

import ctypes
import fcntl
import os
import select
import socket
import struct
from collections.abc import Callable

from targets import calls
from targets.calls import Syscall
from targets.kernel.libc import FUNCTIONS
from targets.kernel.room import finds_room

_MSG_DONTWAIT = 0x40
_MSG_WAITALL = 0x100
_MSG_ERRQUEUE = 0x2000
_F_SETLKW = (7, 14, 38)  # 32-bit, 64-bit and open-file-description locks
_LINGER = struct.Struct("@ii")

_RECEIVING = (calls.Accept, calls.Read, calls.Readv, calls.Recv, calls.RecvFrom, calls.RecvMsg)
_SENDING = (calls.Connect, calls.Write, calls.Writev, calls.Send, calls.SendTo, calls.SendMsg)
_MOVING = (calls.Splice, calls.SendFile)


def may_block(call: Syscall, notsent_lowat: Callable[[], int | None]) -> bool:
    """Tell whether the kernel might put the caller of this call to sleep until something happens.

    `notsent_lowat` gives the sysctl net.ipv4.tcp_notsent_lowat of the namespace, None where it cannot be read.
    """
    if isinstance(call, calls.Poll | calls.EpollWait):
        return call.timeout_ms != 0
    if isinstance(call, calls.Close):
        return _lingers(call.fd)
    if isinstance(call, calls.Fcntl):
        return call.command in _F_SETLKW
    if isinstance(call, _MOVING):
        return True
    if not isinstance(call, _RECEIVING + _SENDING):
        return False
    flags = getattr(call, "flags", 0)
    if flags & (_MSG_DONTWAIT | _MSG_ERRQUEUE) or not _is_blocking(call.fd):
        return False
    if isinstance(call, _SENDING):
        return not finds_room(call, notsent_lowat())
    return bool(flags & _MSG_WAITALL) or not _is_readable(call.fd)


def _is_blocking(fd: int) -> bool:
    try:
        return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK
    except (OSError, ValueError, OverflowError):
        return False  # a bad descriptor fails at once


def _is_readable(fd: int) -> bool:
    """Tell whether poll(2) promises that a receiving call does not block."""
    watched = select.poll()
    watched.register(fd, select.POLLIN)
    return bool(watched.poll(0))


def _lingers(fd: int) -> bool:
    """Tell whether close waits for the peer (socket(7), SO_LINGER with a time)."""
    value = ctypes.create_string_buffer(_LINGER.size)
    length = ctypes.c_uint(_LINGER.size)
    if FUNCTIONS["getsockopt"](fd, socket.SOL_SOCKET, socket.SO_LINGER, value, ctypes.byref(length)) != 0:
        return False  # no socket
    on, seconds = _LINGER.unpack(value.raw)
    return bool(on) and seconds > 0
