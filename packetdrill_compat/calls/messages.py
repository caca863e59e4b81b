"""sendmsg and recvmsg (section 5.4)."""

from typing import NamedTuple

from packetdrill_compat.ast import MsgHdrExpr
from packetdrill_compat.calls.arguments import Arguments, Value, as_s32, bad_type, call_error, evaluate
from packetdrill_compat.calls.base import CallContext, Prepared, mismatch, register
from packetdrill_compat.calls.control import Messages, buffer_size, check_untouched, compare_messages, pack_messages
from packetdrill_compat.calls.data import Sizes, vector_sizes, zeros
from packetdrill_compat.calls.sockets import remote_address
from targets.calls import CallResult, RecvMsg, SendMsg


class _Header(NamedTuple):
    """A struct msghdr as the script writes it; for recvmsg flags and control are what it expects."""

    sizes: Sizes
    control: Messages
    flags: int


def _header(value: Value) -> _Header:
    if not isinstance(value, MsgHdrExpr):
        raise bad_type(value, "msghdr")
    sizes = vector_sizes(evaluate(value.iov))
    if value.iov_count != len(sizes):
        raise call_error(f"msg_iovlen {value.iov_count} does not match {len(sizes)}-element iovec array")
    control = () if value.control is None else pack_messages(evaluate(value.control))
    return _Header(sizes, control, as_s32(evaluate(value.flags)))


@register("sendmsg")
def _sendmsg(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    script_fd = args.integer(0)
    fd = context.live_fd(script_fd)
    header = _header(args.values[1])
    flags = args.integer(2)
    # The address is given always, also on connected sockets, and before this check (section 5.2).
    address = remote_address(context, script_fd, None)
    if header.flags:
        raise call_error(
            "sendmsg ignores msg_flags field in msghdr", next_step="write msg_flags=0, and flags as the third argument"
        )
    return Prepared(SendMsg(fd, zeros(header.sizes), flags, address, header.control))


@register("recvmsg")
def _recvmsg(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    header = _header(args.values[1])
    flags = args.integer(2)

    def after(result: CallResult) -> None:
        start, tolerance = context.start, context.config.tolerance_usecs
        if result.value < 0:
            # The C tool's header holds the expected flags and messages beforehand, and a failing call changes nothing.
            check_untouched(header.control, start=start)
            return
        if result.msg_flags != header.flags:
            want, got = (f"0x{number % 2**32:08X}" for number in (header.flags, result.msg_flags))
            raise mismatch(f"Expected msg_flags {want} but got {got}", "msg_flags", want, got)
        compare_messages(header.control, result.control, start=start, tolerance=tolerance)

    return Prepared(RecvMsg(fd, header.sizes, buffer_size(header.control), flags), after=after)
