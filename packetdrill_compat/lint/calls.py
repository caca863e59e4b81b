"""Traps in single system calls: what is compared, what is not, and values that calls never take."""

from collections.abc import Callable, Iterator

from packetdrill_compat.ast import (
    BraceList,
    EpollEventExpr,
    Expression,
    Integer,
    LingerExpr,
    ListExpr,
    SyscallEvent,
    Word,
)
from packetdrill_compat.lint.finding import Finding


def call_findings(call: SyscallEvent, *, is_relative: bool, start: int) -> Iterator[Finding]:
    """Yield the traps of one call; `start` and its kind are those of the event's time, in microseconds."""
    yield from _result(call)
    yield from _blocking(call, is_relative=is_relative, start=start)
    check = _CHECKS.get(call.name)
    if check is not None:
        yield from check(call)


def _result(call: SyscallEvent) -> Iterator[Finding]:
    if not isinstance(call.result, Integer):
        yield Finding(
            call.result.position,
            "the result of a call is never evaluated: this fails with 'Bad type' when it is reached",
            "write the number",
        )
    elif call.errno is not None and call.result.value >= 0:
        yield Finding(
            call.result.position,
            f"{call.errno} is compared although the call is to succeed, with whatever errno is left of an earlier call",
            "leave the error name out",
        )
    elif call.result.value == -1 and call.errno is None:
        said = f"the note '({call.note})' is no error name: " if call.note else ""
        yield Finding(
            call.result.position,
            f"{said}-1 without an error name accepts every error",
            "write the name in front of the note: = -1 EAGAIN (try again)",
        )


def _blocking(call: SyscallEvent, *, is_relative: bool, start: int) -> Iterator[Finding]:
    if call.end is None:
        return
    if is_relative and call.end < start:
        yield Finding(
            call.position,
            f"the end counts from the same moment as the start, so this call is to return {start - call.end} us "
            "before it begins",
            f"write the sum: ...{(start + call.end) / 1e6:g}",
        )
    if call.name == "splice":
        yield Finding(
            call.position, "splice with an end time stops packetdrill with an assertion", "leave the end time out"
        )


def _socket(call: SyscallEvent) -> Iterator[Finding]:
    if len(call.arguments) == 3 and isinstance(call.arguments[2], Integer) and call.arguments[2].value == 0:
        yield Finding(
            call.arguments[2].position,
            "packets are matched by the protocol that is written here: with 0 none ever is",
            "write IPPROTO_TCP or IPPROTO_UDP",
        )


def _listen(call: SyscallEvent) -> Iterator[Finding]:
    if isinstance(call.result, Integer) and call.result.value == -1:
        yield Finding(
            call.result.position,
            "a listen() that fails as expected still makes this the listening socket for the packets that follow",
            "make the socket for the packets behind it",
        )


def _setsockopt(call: SyscallEvent) -> Iterator[Finding]:
    if len(call.arguments) == 5 and isinstance(call.arguments[3], Integer | Word):
        yield Finding(
            call.arguments[3].position,
            "a bare value fails with 'unsupported setsockopt value type' when it is reached",
            "write it in brackets: [1]",
        )


def _getsockopt(call: SyscallEvent) -> Iterator[Finding]:
    if len(call.arguments) != 5:
        return
    value = call.arguments[3]
    if isinstance(value, LingerExpr):
        yield Finding(
            value.position,
            "SO_LINGER cannot be read back: this fails with 'unsupported getsockopt value type'",
            "leave the call out",
        )
    fails = isinstance(call.result, Integer) and call.result.value == -1
    if fails and _first(value) not in (None, 0):
        yield Finding(value.position, "the value is compared after an expected failure too, and is 0 then", "write [0]")


def _epoll_wait(call: SyscallEvent) -> Iterator[Finding]:
    nothing_comes = isinstance(call.result, Integer) and call.result.value == 0
    event = next((each for each in call.arguments if isinstance(each, EpollEventExpr | BraceList)), None)
    if nothing_comes and isinstance(event, EpollEventExpr) and not _is_zero(event.events):
        yield Finding(
            event.position, "the event is compared even when none came, and is 0 then", "write {events=0, fd=0}"
        )
    if isinstance(call.result, Integer) and call.result.value > 1:
        yield Finding(call.position, "only the first event is compared", "wait for one event at a time", is_note=True)


def _first(value: Expression) -> int | None:
    """Return the number of a list of one number."""
    if isinstance(value, ListExpr) and len(value.items) == 1 and isinstance(value.items[0], Integer):
        return value.items[0].value
    return None


def _is_zero(value: Expression) -> bool:
    return isinstance(value, Integer) and value.value == 0


_CHECKS: dict[str, Callable[[SyscallEvent], Iterator[Finding]]] = {
    "socket": _socket,
    "listen": _listen,
    "setsockopt": _setsockopt,
    "getsockopt": _getsockopt,
    "epoll_wait": _epoll_wait,
}
