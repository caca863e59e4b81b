"""The calls that move data. What is sent is zeros, what is received is never looked at (section 5.1)."""

from packetdrill_compat.ast import IovecExpr
from packetdrill_compat.calls.arguments import Arguments, Value, call_error, type_name
from packetdrill_compat.calls.base import CallContext, Prepared, register
from packetdrill_compat.calls.sockets import remote_address
from targets.calls import Read, Readv, Recv, RecvFrom, Send, SendTo, Write, Writev


def zeros(args: Arguments, index: int, count: int) -> bytes | None:
    """The buffer to send: `count` zero octets, or None for NULL."""
    return None if args.is_null_buffer(index) else bytes(max(count, 0))


@register("read")
def _read(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    return Prepared(Read(fd, args.integer(2), args.is_null_buffer(1)))


@register("write")
def _write(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd, count = context.live_fd(args.integer(0)), args.integer(2)
    return Prepared(Write(fd, zeros(args, 1, count), count))


@register("recv")
def _recv(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    fd = context.live_fd(args.integer(0))
    return Prepared(Recv(fd, args.integer(2), args.integer(3), args.is_null_buffer(1)))


@register("recvfrom")
def _recvfrom(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(6)
    fd = context.live_fd(args.integer(0))
    args.ellipsis(4)
    args.ellipsis(5)
    return Prepared(RecvFrom(fd, args.integer(2), args.integer(3), args.is_null_buffer(1)))


@register("send")
def _send(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    fd, count = context.live_fd(args.integer(0)), args.integer(2)
    return Prepared(Send(fd, zeros(args, 1, count), count, args.integer(3)))


@register("sendto")
def _sendto(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(6)
    script_fd = args.integer(0)
    fd, count = context.live_fd(script_fd), args.integer(2)
    family = None if args.is_ellipsis(4) else args.integer(4)
    args.ellipsis(5)
    address = remote_address(context, script_fd, family)
    return Prepared(SendTo(fd, zeros(args, 1, count), count, args.integer(3), address))


@register("readv")
def _readv(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    return Prepared(Readv(fd, iovec_sizes(args, 1, args.integer(2))))


@register("writev")
def _writev(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    return Prepared(Writev(fd, tuple(bytes(size) for size in iovec_sizes(args, 1, args.integer(2)))))


def iovec_sizes(args: Arguments, index: int, count: int) -> tuple[int, ...]:
    """Sizes of a list of ``{..., N}``; the script's count must equal the list's length."""
    value = args.values[index]
    if not isinstance(value, list):
        raise call_error(f"Bad type; actual: {type_name(value)} expected: list")
    sizes = tuple(_iovec_size(item) for item in value)
    if len(sizes) != count:
        raise call_error(f"iov_count {count} does not match {len(sizes)}-element iovec array")
    return sizes


def _iovec_size(item: Value) -> int:
    if not isinstance(item, IovecExpr):
        raise call_error(f"Bad type; actual: {type_name(item)} expected: iovec")
    return item.length
