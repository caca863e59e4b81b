"""Readiness calls and descriptors that are no sockets: poll, epoll, pipe (section 5.2)."""

from packetdrill_compat.ast import EpollEventExpr, PollFdExpr
from packetdrill_compat.calls.arguments import Arguments, Value, as_s32, call_error, evaluate, type_name
from packetdrill_compat.calls.base import CallContext, Prepared, mismatch, register
from packetdrill_compat.play.records import OtherFd
from targets.calls import CallResult, EpollCreate, EpollCtl, EpollEvent, EpollWait, Pipe, Poll, PollEntry

POLL_NAMES = {
    0x1: "POLLIN",
    0x2: "POLLPRI",
    0x4: "POLLOUT",
    0x8: "POLLERR",
    0x10: "POLLHUP",
    0x20: "POLLNVAL",
    0x40: "POLLRDNORM",
    0x80: "POLLRDBAND",
    0x100: "POLLWRNORM",
    0x200: "POLLWRBAND",
    0x400: "POLLMSG",
    0x1000: "POLLREMOVE",
    0x2000: "POLLRDHUP",
}


def poll_flags(mask: int) -> str:
    """A poll mask in words."""
    names = [name for bit, name in POLL_NAMES.items() if mask & bit]
    rest = mask & ~sum(POLL_NAMES)
    return "|".join([*names, *([hex(rest)] if rest else [])]) or "0"


@register("poll")
def _poll(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    items = args.values[0]
    if not isinstance(items, list):
        raise call_error(f"Bad type; actual: {type_name(items)} expected: list")
    pollfds = [_pollfd(item) for item in items]
    count, timeout = args.integer(1), args.integer(2)
    if count != len(pollfds):
        raise call_error(f"nfds {count} does not match {len(pollfds)}-element pollfd array")
    entries = tuple(PollEntry(context.live_fd(fd), events) for fd, events, _revents in pollfds)

    def after(result: CallResult) -> None:
        got_all = result.revents or (0,) * len(pollfds)
        for index, ((_fd, _events, want), got) in enumerate(zip(pollfds, got_all, strict=True)):
            if want != got:
                message = f"Expected revents of {poll_flags(want)} but got {poll_flags(got)} for pollfd {index}"
                raise mismatch(message, f"revents of pollfd {index}", poll_flags(want), poll_flags(got))

    return Prepared(Poll(entries, timeout), after=after)


def _pollfd(item: Value) -> tuple[int, int, int]:
    if not isinstance(item, PollFdExpr):
        raise call_error(f"Bad type; actual: {type_name(item)} expected: pollfd")
    fd, events, revents = (as_s32(evaluate(part)) for part in (item.fd, item.events, item.revents))
    return fd, events, revents


@register("epoll_create")
def _epoll_create(context: CallContext, args: Arguments, want: int) -> Prepared:
    args.expect(1)

    def after(result: CallResult) -> None:
        if result.value >= 0:
            context.check_new(want)
            context.sockets.others.append(OtherFd(want, result.value))

    return Prepared(EpollCreate(args.integer(0)), makes_fd=True, after=after)


@register("epoll_ctl")
def _epoll_ctl(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    epfd, operation, script_fd = context.live_fd(args.integer(0)), args.integer(1), args.integer(2)
    live_fd = context.live_fd(script_fd)
    events, member, data = _epoll_event(args.values[3])
    if member == "fd":
        if data != script_fd:
            raise call_error(f"epoll_ctl: the event's fd {data} is not the fd {script_fd} of the call")
        data = live_fd
    return Prepared(EpollCtl(epfd, operation, live_fd, EpollEvent(events, data & 0xFFFFFFFFFFFFFFFF)))


def _epoll_event(value: Value) -> tuple[int, str, int]:
    if not isinstance(value, EpollEventExpr):
        raise call_error(f"Bad type; actual: {type_name(value)} expected: epollev")
    data = evaluate(value.data)
    if not isinstance(data, int):
        raise call_error(f"Bad type; actual: {type_name(data)} expected: integer")
    return as_s32(evaluate(value.events)) & 0xFFFFFFFF, value.member, data


@register("epoll_wait")
def _epoll_wait(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    epfd = context.live_fd(args.integer(0))
    events, member, data = _epoll_event(args.values[1])
    want_data = context.live_fd(data) if member == "fd" else data

    def after(result: CallResult) -> None:
        # The first event only, and against zeros when none came (section 5.2).
        got = result.events[0] if result.events else EpollEvent(0, 0)
        if got.events != events:
            message = f"epoll_event->events does not match script: expected: 0x{events:x} actual: 0x{got.events:x}"
            raise mismatch(message, "epoll events", poll_flags(events), poll_flags(got.events))
        mask = 0xFFFFFFFF if member in ("fd", "u32") else 0xFFFFFFFFFFFFFFFF
        if got.data & mask != want_data & mask:
            message = f"epoll_event->{member} does not match script: expected: {want_data} actual: {got.data & mask}"
            raise mismatch(message, member, want_data, got.data & mask)

    return Prepared(EpollWait(epfd, args.integer(2), args.integer(3)), after=after)


@register("pipe")
def _pipe(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(1)
    fds = args.values[0]
    if not isinstance(fds, list) or len(fds) != 2:
        raise call_error("Expected [fd, fd] for pipe")
    script_fds = [as_s32(fd) for fd in fds]

    def after(result: CallResult) -> None:
        for script_fd, live_fd in zip(script_fds, result.fds, strict=False):
            context.check_new(script_fd)
            context.sockets.others.append(OtherFd(script_fd, live_fd))

    return Prepared(Pipe(), after=after)
