"""Files and pipes: open, sendfile, splice, pipe (section 5.2)."""

import os

from packetdrill_compat.calls.arguments import Arguments, as_c_int, as_integer, bad_type, call_error
from packetdrill_compat.calls.base import CallContext, Prepared, register
from packetdrill_compat.play.records import OtherFd
from targets.calls import CallResult, Open, Pipe, SendFile, Splice


@register("open")
def _open(context: CallContext, args: Arguments, want: int) -> Prepared:
    args.expect(2)
    name = args.values[0]
    if not isinstance(name, bytes):
        raise bad_type(name, "string")
    path = os.fsdecode(name.partition(b"\0")[0])  # a C string ends there
    # Commands run in the script's directory, so what they make is found there; an empty name stays one.
    path = path and os.path.join(context.directory, path)

    def after(result: CallResult) -> None:
        if result.value >= 0:
            context.check_new(want)
            context.sockets.others.append(OtherFd(want, result.value))

    return Prepared(Open(path, args.integer(1)), makes_fd=True, after=after)


@register("sendfile")
def _sendfile(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    out_fd = context.live_fd(args.integer(0))
    in_fd = context.live_fd(args.integer(1))
    offset = as_integer(args.element(2))
    return Prepared(SendFile(out_fd, in_fd, offset, args.integer(3)))


@register("splice")
def _splice(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(6)
    fd_in = context.live_fd(args.integer(0))
    # A number other than 0 is no offset but a pointer, which leads nowhere.
    bad_offset_in = as_integer(args.values[1]) != 0
    fd_out = context.live_fd(args.integer(2))
    bad_offset_out = as_integer(args.values[3]) != 0
    count, flags = args.integer(4), args.integer(5)
    return Prepared(Splice(fd_in, fd_out, count, flags, bad_offset_in=bad_offset_in, bad_offset_out=bad_offset_out))


@register("pipe")
def _pipe(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(1)
    fds = args.values[0]
    if not isinstance(fds, list):
        raise bad_type(fds, "list")
    if len(fds) != 2:
        raise call_error(f"{len(fds)} pipe file descriptors instead of 2")
    script_fds = [as_c_int(fd) for fd in fds]

    def after(result: CallResult) -> None:
        if result.value < 0:
            return
        for script_fd in script_fds:
            context.check_unused(script_fd)
        for script_fd, live_fd in zip(script_fds, result.fds, strict=False):
            context.sockets.others.append(OtherFd(script_fd, live_fd))

    return Prepared(Pipe(), after=after)
