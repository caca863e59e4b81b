"""The calls that move data. What is sent is zeros, what is received is never looked at (section 5.1)."""

from typing import TypeAlias

from packetdrill_compat.ast import IovecExpr
from packetdrill_compat.calls.arguments import Arguments, Value, bad_type, call_error
from packetdrill_compat.calls.base import CallContext, Prepared, register
from packetdrill_compat.calls.sockets import remote_address
from packetdrill_compat.play.records import SocketRecord
from targets.calls import NoBuffer, Read, Readv, Recv, RecvFrom, Send, SendTo, Write, Writev
from wire import abi

_LARGEST_BUFFER = 1 << 30
_ICMP_HEADER_SIZE = 8
_ECHO_REQUEST_V4, _ECHO_REQUEST_V6 = 8, 128  # RFC 792, RFC 4443 section 4.1


def sent(context: CallContext, args: Arguments) -> tuple[int, bytes | None, int]:
    """The first three arguments of a sending call: live descriptor, that many zeros or None for NULL, and the count."""
    fd = context.live_fd(args.integer(0))
    is_null = args.is_null_buffer(1)
    count = args.buffer_size(2, is_null=is_null)
    return fd, None if is_null else bytes(count), count


@register("read")
def _read(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    is_null = args.is_null_buffer(1)
    return Prepared(Read(fd, args.buffer_size(2, is_null=is_null), is_null))


@register("write")
def _write(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd, data, count = sent(context, args)
    return Prepared(Write(fd, data, count))


@register("recv")
def _recv(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    fd = context.live_fd(args.integer(0))
    is_null = args.is_null_buffer(1)
    return Prepared(Recv(fd, args.buffer_size(2, is_null=is_null), args.integer(3), is_null))


@register("recvfrom")
def _recvfrom(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(6)
    fd = context.live_fd(args.integer(0))
    is_null = args.is_null_buffer(1)
    count, flags = args.buffer_size(2, is_null=is_null), args.integer(3)
    args.ellipsis(4)
    args.ellipsis(5)
    return Prepared(RecvFrom(fd, count, flags, is_null))


@register("send")
def _send(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    fd, data, count = sent(context, args)
    return Prepared(Send(fd, data, count, args.integer(3)))


@register("sendto")
def _sendto(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(6)
    script_fd = args.integer(0)
    fd, data, count = sent(context, args)
    flags = args.integer(3)
    family = None if args.is_ellipsis(4) else args.integer(4)
    args.ellipsis(5)
    if _is_ping_socket(context.socket(script_fd)):
        args.ellipsis(4)
        data = _echo_request(data, context)
    address = remote_address(context, script_fd, family)
    return Prepared(SendTo(fd, data, count, flags, address))


def _is_ping_socket(record: SocketRecord | None) -> bool:
    """Tell whether this is a datagram socket of ICMP (icmp(7))."""
    pairs = ((abi.AF_INET, abi.IPPROTO_ICMP), (abi.AF_INET6, abi.IPPROTO_ICMPV6))
    return record is not None and record.type == abi.SOCK_DGRAM and (record.family, record.protocol) in pairs


def _echo_request(data: bytes | None, context: CallContext) -> bytes | None:
    """Put the type of an echo request into the first octet, if there is room for a whole ICMP header."""
    if data is None or len(data) < _ICMP_HEADER_SIZE:
        return data
    return bytes([_ECHO_REQUEST_V6 if context.config.ip_version == "ipv6" else _ECHO_REQUEST_V4]) + data[1:]


@register("readv")
def _readv(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    return Prepared(Readv(fd, _sizes(args)))


@register("writev")
def _writev(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    return Prepared(Writev(fd, zeros(_sizes(args))))


Sizes: TypeAlias = tuple[int | NoBuffer, ...]


def zeros(sizes: Sizes) -> tuple[bytes | NoBuffer, ...]:
    """What is sent from buffers of these sizes."""
    return tuple(bytes(size) if isinstance(size, int) else size for size in sizes)


def _sizes(args: Arguments) -> Sizes:
    """Sizes of the second argument's buffers; the count behind it must equal their number."""
    sizes = vector_sizes(args.values[1])
    count = args.integer(2)
    if len(sizes) != count:
        raise call_error(f"iov_count {count} does not match {len(sizes)}-element iovec array")
    return sizes


def vector_sizes(value: Value) -> Sizes:
    """Sizes of a list of ``{..., N}``."""
    if not isinstance(value, list):
        raise bad_type(value, "list")
    return tuple(_vector_size(item) for item in value)


def _vector_size(item: Value) -> int | NoBuffer:
    """A size, or what the C tool passes where its allocator has not as much (always for negative ones): NULL."""
    if not isinstance(item, IovecExpr):
        raise bad_type(item, "iovec")
    return item.length if 0 <= item.length <= _LARGEST_BUFFER else NoBuffer(item.length % 2**64)
