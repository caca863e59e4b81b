"""Whether a sending call on a blocking TCP socket is sure to find room: then it needs no thread of its own.

A thread costs 0.3 ms, in which a script's time goes on. The questions here cost 0.03 ms. They err on the side of the
thread: "no" only means that the call might block.
"""

import ctypes
import socket
import struct
from typing import NamedTuple

from targets import calls
from targets.calls import Syscall
from targets.kernel.libc import FUNCTIONS

_TCP_INFO = 11
_TCP_NOTSENT_LOWAT = 25
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("@9I")  # linux/sock_diag.h, SK_MEMINFO_*
_SNDBUF, _WMEM_QUEUED = 3, 5
_INFO_SIZE = 148
_SND_MSS, _NOTSENT = 16, 144  # octets of struct tcp_info, 32 bits each

# Without MSG_FASTOPEN, which connects, and MSG_ZEROCOPY, which takes memory of another account.
_HARMLESS_FLAGS = 0x1 | 0x80 | 0x4000 | 0x8000  # MSG_OOB, MSG_EOR, MSG_NOSIGNAL, MSG_MORE
# A call waits for a handshake that is under way (tcp_states.h: SYN-SENT, SYN-RECEIVED).
_OPENING = (2, 3, 12)
# What the kernel charges a socket for each segment it holds besides the octets; three times what it takes today.
_PER_SEGMENT = 4096


class _Buffer(NamedTuple):
    """Octets that the send buffer has used and may use, the segment size, and what is not sent yet."""

    used: int
    size: int
    segment: int
    not_sent: int


def finds_room(call: Syscall, default_lowat: int | None) -> bool:
    """Tell whether the call surely returns at once; `default_lowat` is net.ipv4.tcp_notsent_lowat, None if unknown."""
    size = _octets(call)
    if size is None or default_lowat is None or getattr(call, "flags", 0) & ~_HARMLESS_FLAGS:
        return False
    fd: int = getattr(call, "fd")  # noqa: B009  all calls with octets have one
    buffer = _buffer(fd)
    if buffer is None:
        return False
    charge = size + (size // max(1, buffer.segment) + 2) * _PER_SEGMENT
    lowat = _option_u32(fd, _TCP_NOTSENT_LOWAT) or default_lowat
    return buffer.used + charge < buffer.size and buffer.not_sent + size < lowat


def _octets(call: Syscall) -> int | None:
    match call:
        case calls.Write() | calls.Send() | calls.SendTo():
            return call.count
        case calls.Writev() | calls.SendMsg():
            return sum(each.length if isinstance(each, calls.NoBuffer) else len(each) for each in call.buffers)
    return None


def _buffer(fd: int) -> _Buffer | None:
    """Return the state of a connection's send buffer; None for other sockets, and while the handshake goes on."""
    info = _option(fd, socket.IPPROTO_TCP, _TCP_INFO, _INFO_SIZE)
    memory = _option(fd, socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    if len(info) < _INFO_SIZE or len(memory) < _MEMINFO.size or info[0] in _OPENING:
        return None
    account = _MEMINFO.unpack(memory)
    (segment,) = struct.unpack_from("@I", info, _SND_MSS)
    (not_sent,) = struct.unpack_from("@I", info, _NOTSENT)
    return _Buffer(account[_WMEM_QUEUED], account[_SNDBUF], segment, not_sent)


def _option_u32(fd: int, name: int) -> int:
    value = _option(fd, socket.IPPROTO_TCP, name, 4)
    return int(struct.unpack("@I", value)[0]) if len(value) == 4 else 0


def _option(fd: int, level: int, name: int, size: int) -> bytes:
    value = ctypes.create_string_buffer(size)
    length = ctypes.c_uint(size)
    if FUNCTIONS["getsockopt"](fd, level, name, value, ctypes.byref(length)) != 0:
        return b""
    return value.raw[: length.value]
