"""epoll(7): interests in open files, level-triggered, edge-triggered and one-shot."""

from dataclasses import dataclass

from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.sockets import OpenFile
from reference_stack.host.values import EpollEventLike, Event
from wire.abi import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLONESHOT,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRNORM,
)

_READABLE = POLLIN | POLLRDNORM
_WRITABLE = POLLOUT | POLLWRNORM


@dataclass(slots=True)
class Interest:
    """One descriptor in an epoll instance."""

    file: OpenFile
    events: int
    data: int
    seen: tuple[int, int] = (-1, -1)
    is_disarmed: bool = False


def _is_woken(interest: Interest) -> bool:
    """Whether something that the interest asks for happened since it was reported last."""
    reads, writes = interest.seen
    wants_read = interest.events & (_READABLE | POLLPRI | POLLRDHUP)
    return bool(
        (wants_read and interest.file.read_wakeups != reads)
        or (interest.events & _WRITABLE and interest.file.write_wakeups != writes)
    )


class Epoll(OpenFile):
    """An epoll instance: level-triggered, edge-triggered and one-shot interests."""

    def __init__(self) -> None:
        super().__init__()
        self._interests: dict[int, Interest] = {}

    def control(self, operation: int, fd: int, file: OpenFile, event: EpollEventLike | None) -> None:
        """Do what epoll_ctl(2) does; `CallFailed` with its errnos."""
        if operation not in (EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD) or file is self:
            raise CallFailed(Errno.EINVAL)
        known = self._interests.get(fd)
        if (operation == EPOLL_CTL_ADD) == (known is not None and known.file is file):
            raise CallFailed(Errno.EEXIST if operation == EPOLL_CTL_ADD else Errno.ENOENT)
        if operation == EPOLL_CTL_DEL:
            del self._interests[fd]
            return
        if event is None:
            raise CallFailed(Errno.EFAULT)
        if operation == EPOLL_CTL_MOD and event.events & EPOLLEXCLUSIVE:
            raise CallFailed(Errno.EINVAL)
        self._interests[fd] = Interest(file, event.events, event.data)

    def forget(self, file: OpenFile) -> None:
        """Drop a file that was closed (epoll(7): closing removes it)."""
        self._interests = {fd: interest for fd, interest in self._interests.items() if interest.file is not file}

    def ready(self, maximum: int) -> tuple[Event, ...]:
        """Return what epoll_wait(2) gives now; edge-triggered and one-shot interests are then spent."""
        found: list[Event] = []
        for interest in self._interests.values():
            if len(found) == maximum:
                break
            events = self._events(interest)
            if events:
                found.append(Event(events, interest.data))
                interest.seen = (interest.file.read_wakeups, interest.file.write_wakeups)
                interest.is_disarmed = bool(interest.events & EPOLLONESHOT)
        return tuple(found)

    def events(self) -> int:
        """Readable when some interest is ready."""
        return _READABLE if any(self._events(interest) for interest in self._interests.values()) else 0

    @staticmethod
    def _events(interest: Interest) -> int:
        if interest.is_disarmed:
            return 0
        if interest.events & EPOLLET and not _is_woken(interest):
            return 0
        # epoll_ctl(2): EPOLLERR and EPOLLHUP are always reported.
        return interest.file.events() & (interest.events | POLLERR | POLLHUP)
