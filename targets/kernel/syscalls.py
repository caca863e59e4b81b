"""From `targets.calls` to the C library: each call's memory is laid out beforehand and read back afterwards.

The system call itself is then one foreign function call, so the moments before and after it are those of the call.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from targets import calls
from targets.calls import CallResult, EpollEvent, NoBuffer, SocketAddress, Syscall
from targets.kernel.addresses import pack_address, unpack_address
from targets.kernel.libc import (
    FUNCTIONS,
    CFunction,
    EpollData,
    IoVector,
    PollFd,
    contents,
    input_buffer,
    output_buffer,
)

_ADDRESS_SIZE = 128  # struct sockaddr_storage

Finish: TypeAlias = Callable[[int, int], CallResult]


class Prepared(NamedTuple):
    """A call ready to be made. `finish` takes return value and errno; `memory` is what the kernel reads from."""

    function: CFunction
    arguments: tuple[Any, ...]
    finish: Finish = CallResult
    memory: tuple[Any, ...] = ()

    def make(self) -> tuple[int, int]:
        """Make the call; return its value and its errno, 0 if it succeeded."""
        ctypes.set_errno(0)
        value = self.function(*self.arguments)
        return value, ctypes.get_errno() if value < 0 else 0


class _AddressOut:
    """Room for an address that a call writes."""

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(_ADDRESS_SIZE)
        self.length = ctypes.c_uint(_ADDRESS_SIZE)
        self.arguments = (self.buffer, ctypes.byref(self.length))

    def read(self, value: int) -> SocketAddress | None:
        return unpack_address(contents(self.buffer, self.length.value)) if value >= 0 else None


def _data_out(buffer: ctypes.Array[ctypes.c_char] | None) -> Finish:
    def finish(value: int, errno: int) -> CallResult:
        return CallResult(value, errno, data=contents(buffer, value) if buffer is not None else b"")

    return finish


def _room(count: int, *, null: bool) -> ctypes.Array[ctypes.c_char] | None:
    return None if null else output_buffer(count)


def _given(data: bytes | None, count: int) -> ctypes.Array[ctypes.c_char] | None:
    return None if data is None else input_buffer(data, count)


def _bind(call: calls.Bind) -> Prepared:
    address = pack_address(call.address)
    return Prepared(FUNCTIONS["bind"], (call.fd, address, len(address)))


def _connect(call: calls.Connect) -> Prepared:
    address = pack_address(call.address)
    return Prepared(FUNCTIONS["connect"], (call.fd, address, len(address)))


def _accept(call: calls.Accept) -> Prepared:
    peer = _AddressOut()
    return Prepared(
        FUNCTIONS["accept"],
        (call.fd, *peer.arguments),
        lambda value, errno: CallResult(value, errno, address=peer.read(value)),
    )


def _read(call: calls.Read) -> Prepared:
    buffer = _room(call.count, null=call.null_buffer)
    return Prepared(FUNCTIONS["read"], (call.fd, buffer, call.count), _data_out(buffer))


def _recv(call: calls.Recv) -> Prepared:
    buffer = _room(call.count, null=call.null_buffer)
    return Prepared(FUNCTIONS["recv"], (call.fd, buffer, call.count, call.flags), _data_out(buffer))


def _recvfrom(call: calls.RecvFrom) -> Prepared:
    buffer = _room(call.count, null=call.null_buffer)
    sender = _AddressOut()

    def finish(value: int, errno: int) -> CallResult:
        return CallResult(value, errno, data=_data_out(buffer)(value, errno).data, address=sender.read(value))

    return Prepared(FUNCTIONS["recvfrom"], (call.fd, buffer, call.count, call.flags, *sender.arguments), finish)


def _readv(call: calls.Readv) -> Prepared:
    buffers, vectors = rooms(call.sizes)
    return Prepared(
        FUNCTIONS["readv"],
        (call.fd, vectors, len(buffers)),
        lambda value, errno: CallResult(value, errno, data=gather(buffers, value)),
    )


Memory: TypeAlias = ctypes.Array[ctypes.c_char] | None
Buffers: TypeAlias = list[tuple[Memory, int]]
"""Memory and its size; None is NULL."""


def rooms(sizes: tuple[int | NoBuffer, ...]) -> tuple[Buffers, ctypes.Array[IoVector]]:
    """Return room for so many octets each, and the array of struct iovec that tells the kernel of it."""
    return _with_vectors(
        [(None, size.length) if isinstance(size, NoBuffer) else (output_buffer(size), size) for size in sizes]
    )


def filled(contents_: tuple[bytes | NoBuffer, ...]) -> tuple[Buffers, ctypes.Array[IoVector]]:
    """Return memory with these contents, and the array of struct iovec that tells the kernel of it."""
    return _with_vectors(
        [
            (None, data.length) if isinstance(data, NoBuffer) else (input_buffer(data, len(data)), len(data))
            for data in contents_
        ]
    )


def _with_vectors(buffers: Buffers) -> tuple[Buffers, ctypes.Array[IoVector]]:
    vectors = (IoVector * max(1, len(buffers)))()
    for vector, (memory, size) in zip(vectors, buffers, strict=False):
        vector.base, vector.length = None if memory is None else ctypes.addressof(memory), size
    return buffers, vectors


def gather(buffers: Buffers, value: int) -> bytes:
    """Join what a call wrote into several buffers."""
    parts = []
    for memory, size in buffers:
        if memory is not None:
            parts.append(contents(memory, min(size, value)))
        value -= size
    return b"".join(parts)


def _write(call: calls.Write) -> Prepared:
    return Prepared(FUNCTIONS["write"], (call.fd, _given(call.data, call.count), call.count))


def _writev(call: calls.Writev) -> Prepared:
    buffers, vectors = filled(call.buffers)
    return Prepared(FUNCTIONS["writev"], (call.fd, vectors, len(buffers)), memory=(buffers,))


def _send(call: calls.Send) -> Prepared:
    buffer = _given(call.data, call.count)
    return Prepared(FUNCTIONS["send"], (call.fd, buffer, call.count, call.flags), memory=(buffer,))


def _sendto(call: calls.SendTo) -> Prepared:
    buffer = _given(call.data, call.count)
    address = None if call.address is None else pack_address(call.address)
    arguments = (call.fd, buffer, call.count, call.flags, address, len(address or b""))
    return Prepared(FUNCTIONS["sendto"], arguments, memory=(buffer,))


def _ioctl(call: calls.Ioctl) -> Prepared:
    request, given = call.request & 0xFFFFFFFF, call.argument
    if given is None:
        return Prepared(FUNCTIONS["ioctl"], (call.fd, request, None))
    buffer = input_buffer(given, 64)
    return Prepared(
        FUNCTIONS["ioctl"],
        (call.fd, request, buffer),
        lambda value, errno: CallResult(value, errno, optval=contents(buffer, len(given)), optlen=len(given)),
    )


def _getsockopt(call: calls.GetSockOpt) -> Prepared:
    buffer = output_buffer(max(call.size, len(call.initial)) if call.size >= 0 else 1)
    ctypes.memmove(buffer, call.initial, len(call.initial))
    length = ctypes.c_uint(call.size & 0xFFFFFFFF)

    def finish(value: int, errno: int) -> CallResult:
        returned = ctypes.c_int(length.value).value
        return CallResult(value, errno, optval=contents(buffer, min(returned, max(call.size, 0))), optlen=returned)

    return Prepared(FUNCTIONS["getsockopt"], (call.fd, call.level, call.name, buffer, ctypes.byref(length)), finish)


def _setsockopt(call: calls.SetSockOpt) -> Prepared:
    buffer = _given(call.value, call.size)
    return Prepared(FUNCTIONS["setsockopt"], (call.fd, call.level, call.name, buffer, call.size))


def _poll(call: calls.Poll) -> Prepared:
    entries = (PollFd * max(1, len(call.entries)))()
    for entry, wanted in zip(entries, call.entries, strict=False):
        entry.fd, entry.events = wanted.fd, wanted.events
    return Prepared(
        FUNCTIONS["poll"],
        (entries, len(call.entries), call.timeout_ms),
        lambda value, errno: CallResult(
            value, errno, revents=tuple(entry.revents & 0xFFFF for entry in entries[: len(call.entries)])
        ),
    )


def _epoll_ctl(call: calls.EpollCtl) -> Prepared:
    event = None
    if call.event is not None:
        event = ctypes.byref(EpollData(call.event.events & 0xFFFFFFFF, call.event.data & 0xFFFFFFFFFFFFFFFF))
    return Prepared(FUNCTIONS["epoll_ctl"], (call.epfd, call.operation, call.fd, event))


def _epoll_wait(call: calls.EpollWait) -> Prepared:
    room = min(max(call.max_events, 1), 4096)
    events = (EpollData * room)()
    return Prepared(
        FUNCTIONS["epoll_wait"],
        (call.epfd, events, min(call.max_events, room), call.timeout_ms),
        lambda value, errno: CallResult(
            value, errno, events=tuple(EpollEvent(event.events, event.data) for event in events[: max(value, 0)])
        ),
    )


def _pipe(_: calls.Pipe) -> Prepared:
    ends = (ctypes.c_int * 2)()
    return Prepared(
        FUNCTIONS["pipe"], (ends,), lambda value, errno: CallResult(value, errno, fds=tuple(ends) if value == 0 else ())
    )


def _sendfile(call: calls.SendFile) -> Prepared:
    offset = None if call.offset is None else ctypes.byref(ctypes.c_long(call.offset))
    return Prepared(FUNCTIONS["sendfile"], (call.out_fd, call.in_fd, offset, call.count))


def _splice(call: calls.Splice) -> Prepared:
    # No process has memory at address 1 (vm.mmap_min_addr).
    offset_in, offset_out = (1 if is_bad else None for is_bad in (call.bad_offset_in, call.bad_offset_out))
    return Prepared(FUNCTIONS["splice"], (call.fd_in, offset_in, call.fd_out, offset_out, call.count, call.flags))


PREPARE: dict[type[Syscall], Callable[[Any], Prepared]] = {
    calls.Bind: _bind,
    calls.Listen: lambda call: Prepared(FUNCTIONS["listen"], (call.fd, call.backlog)),
    calls.Accept: _accept,
    calls.Connect: _connect,
    calls.Read: _read,
    calls.Readv: _readv,
    calls.Recv: _recv,
    calls.RecvFrom: _recvfrom,
    calls.Write: _write,
    calls.Writev: _writev,
    calls.Send: _send,
    calls.SendTo: _sendto,
    calls.Close: lambda call: Prepared(FUNCTIONS["close"], (call.fd,)),
    calls.Shutdown: lambda call: Prepared(FUNCTIONS["shutdown"], (call.fd, call.how)),
    calls.Fcntl: lambda call: Prepared(FUNCTIONS["fcntl"], (call.fd, call.command, call.argument or 0)),
    calls.Ioctl: _ioctl,
    calls.GetSockOpt: _getsockopt,
    calls.SetSockOpt: _setsockopt,
    calls.Poll: _poll,
    calls.EpollCreate: lambda call: Prepared(FUNCTIONS["epoll_create"], (call.size,)),
    calls.EpollCtl: _epoll_ctl,
    calls.EpollWait: _epoll_wait,
    calls.Pipe: _pipe,
    calls.Splice: _splice,
    calls.SendFile: _sendfile,
}
