"""Readiness: poll and epoll (section 5.2)."""

from packetdrill_compat.ast import EpollEventExpr, PollFdExpr
from packetdrill_compat.calls.arguments import Arguments, Value, as_c_int, as_integer, bad_type, call_error, evaluate
from packetdrill_compat.calls.base import CallContext, Prepared, mismatch, register
from packetdrill_compat.play.records import OtherFd
from targets.calls import CallResult, EpollCreate, EpollCtl, EpollEvent, EpollWait, Poll, PollEntry

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
        raise bad_type(items, "list")
    pollfds = [_pollfd(item, context) for item in items]
    count, timeout = args.integer(1), args.integer(2)
    if count != len(pollfds):
        raise call_error(f"nfds {count} does not match {len(pollfds)}-element pollfd array")
    entries = tuple(entry for entry, _revents in pollfds)

    def after(result: CallResult) -> None:
        # A failing poll writes nothing, and the expected revents stood there before it.
        got_all = result.revents if result.value >= 0 else tuple(want for _entry, want in pollfds)
        for index, ((_entry, want), got) in enumerate(zip(pollfds, got_all or (0,) * len(pollfds), strict=True)):
            if want != _short(got):
                message = f"Expected revents of {poll_flags(want % 2**32)} but got {poll_flags(got)} for pollfd {index}"
                raise mismatch(message, f"revents of pollfd {index}", poll_flags(want % 2**32), poll_flags(got))

    return Prepared(Poll(entries, timeout), after=after)


def _short(mask: int) -> int:
    """The member `revents` as a C short, which a script's number with more bits never equals."""
    mask &= 0xFFFF
    return mask - 0x10000 if mask & 0x8000 else mask


def _pollfd(item: Value, context: CallContext) -> tuple[PollEntry, int]:
    """An entry and the revents that the script expects."""
    if not isinstance(item, PollFdExpr):
        raise bad_type(item, "pollfd")
    fd, events, revents = (as_c_int(evaluate(part)) for part in (item.fd, item.events, item.revents))
    return PollEntry(context.live_fd(fd), events & 0xFFFF), revents


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
            raise call_error("wrong fd specified in epoll_event", next_step=f"write fd={script_fd}, as in the call")
        data = live_fd
    return Prepared(EpollCtl(epfd, operation, live_fd, EpollEvent(events, data & 0xFFFFFFFFFFFFFFFF)))


def _epoll_event(value: Value) -> tuple[int, str, int]:
    if not isinstance(value, EpollEventExpr):
        raise bad_type(value, "epollev")
    events = as_integer(evaluate(value.events)) & 0xFFFFFFFF
    return events, value.member, as_integer(evaluate(value.data))


@register("epoll_wait")
def _epoll_wait(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(4)
    epfd = context.live_fd(args.integer(0))
    events, member, data = _epoll_event(args.values[1])
    want_data = context.live_fd(as_c_int(data)) if member == "fd" else data
    room, timeout = args.integer(2), args.integer(3)
    if room < 0:
        raise call_error(f"Failed to calloc {room} struct epoll_event")

    def after(result: CallResult) -> None:
        # The first event only, and against zeros when none came (section 5.2).
        got = result.events[0] if result.events else EpollEvent(0, 0)
        if got.events != events:
            message = f"epoll_event->events does not match script: expected: 0x{events:x} actual: 0x{got.events:x}"
            raise mismatch(message, "epoll events", poll_flags(events), poll_flags(got.events))
        _compare_data(member, want_data, got.data)

    return Prepared(EpollWait(epfd, room, timeout), after=after)


def _compare_data(member: str, want: int, got: int) -> None:
    """Compare the member of the union that the script names."""
    mask = 0xFFFFFFFF if member in ("fd", "u32") else 0xFFFFFFFFFFFFFFFF
    if got & mask != want & mask:
        wanted, given = (f"{data & mask:#x}" if member == "ptr" else str(data & mask) for data in (want, got))
        message = f"epoll_event->data does not match script: expected: {wanted} actual: {given}"
        raise mismatch(message, member, wanted, given)
