"""recvmsg(2) and sendmsg(2): message headers and control messages (cmsg(3))."""

import ctypes
import struct

from targets import calls
from targets.calls import CallResult, ControlMessage
from targets.kernel.addresses import pack_address, unpack_address
from targets.kernel.libc import FUNCTIONS, MessageHeader, contents, input_buffer, output_buffer
from targets.kernel.syscalls import Prepared, filled, gather, rooms

_NAME_SIZE = 128
_CMSGHDR = struct.Struct("@Nii")  # size_t length, int level, int type
_ALIGNMENT = 8

_SOL_SOCKET = 1
# Control messages that hold struct timespec in CLOCK_REALTIME: SCM_TIMESTAMPNS and SCM_TIMESTAMPING, old and new.
_TIMESPEC_KINDS = frozenset({35, 37, 64, 65})
_TIMESPEC = struct.Struct("@qq")


def prepare_recvmsg(call: calls.RecvMsg) -> Prepared:
    """Lay out a recvmsg."""
    buffers, vectors = rooms(call.sizes)
    name = ctypes.create_string_buffer(_NAME_SIZE)
    control = output_buffer(call.control_size)
    header = MessageHeader(
        name=ctypes.addressof(name),
        name_length=_NAME_SIZE,
        vectors=ctypes.addressof(vectors),
        vector_count=len(buffers),
        control=ctypes.addressof(control) if call.control_size else None,
        control_length=call.control_size,
    )

    def finish(value: int, errno: int) -> CallResult:
        if value < 0:
            return CallResult(value, errno)
        return CallResult(
            value,
            data=gather(buffers, value),
            address=unpack_address(contents(name, header.name_length)),
            control=unpack_control(contents(control, header.control_length)),
            msg_flags=header.flags,
        )

    return Prepared(FUNCTIONS["recvmsg"], (call.fd, ctypes.byref(header), call.flags), finish, (vectors,))


def prepare_sendmsg(call: calls.SendMsg) -> Prepared:
    """Lay out a sendmsg."""
    buffers, vectors = filled(call.buffers)
    packed = b"" if call.address is None else pack_address(call.address)
    control_data = pack_control(call.control)
    name, control = input_buffer(packed, 0), input_buffer(control_data, 0)
    header = MessageHeader(
        name=ctypes.addressof(name) if packed else None,
        name_length=len(packed),
        vectors=ctypes.addressof(vectors),
        vector_count=len(buffers),
        control=ctypes.addressof(control) if control_data else None,
        control_length=len(control_data),
    )
    return Prepared(
        FUNCTIONS["sendmsg"],
        (call.fd, ctypes.byref(header), call.flags),
        memory=(buffers, vectors, name, control, header),
    )


def pack_control(messages: tuple[ControlMessage, ...]) -> bytes:
    """Build the control buffer of some ancillary messages, each padded as CMSG_SPACE does."""
    packed = b""
    for message in messages:
        one = _CMSGHDR.pack(_CMSGHDR.size + len(message.data), message.level, message.type) + message.data
        packed += one + bytes(-len(one) % _ALIGNMENT)
    return packed


def unpack_control(data: bytes) -> tuple[ControlMessage, ...]:
    """Read the ancillary messages out of a control buffer."""
    messages = []
    position = 0
    while position + _CMSGHDR.size <= len(data):
        length, level, kind = _CMSGHDR.unpack_from(data, position)
        if length < _CMSGHDR.size:
            break
        messages.append(ControlMessage(level, kind, data[position + _CMSGHDR.size : position + length]))
        position += -(-length // _ALIGNMENT) * _ALIGNMENT
    return tuple(messages)


def rebase_times(messages: tuple[ControlMessage, ...], origin_ns: int) -> tuple[ControlMessage, ...]:
    """Turn the kernel's packet times from time of day into time since `origin_ns`: the target's own clock.

    A zero timespec means "no time of this kind" and stays.
    """
    return tuple(
        ControlMessage(message.level, message.type, _rebase(message.data, origin_ns))
        if message.level == _SOL_SOCKET and message.type in _TIMESPEC_KINDS
        else message
        for message in messages
    )


def _rebase(data: bytes, origin_ns: int) -> bytes:
    moved = b""
    for seconds, nanoseconds in _TIMESPEC.iter_unpack(data[: len(data) // 16 * 16]):
        total = seconds * 1_000_000_000 + nanoseconds
        moved += _TIMESPEC.pack(*divmod(total - origin_ns, 1_000_000_000)) if total else bytes(16)
    return moved + data[len(moved) :]
