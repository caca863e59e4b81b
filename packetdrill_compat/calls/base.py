"""What all calls share: preparing, and the order in which a result is checked (section 5.1)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from packetdrill_compat.ast import Ellipsis_, Integer, String, SyscallEvent, Word
from packetdrill_compat.calls.arguments import Arguments, Value, as_s32, call_error, evaluate, symbol
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.outcome import Difference, FailureKind
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.records import OtherFd, SocketRecord, SocketTable
from targets.base import Micros
from targets.calls import CallResult, Syscall

# Calls of packetdrill's own table that are not played, and why; another unknown name is the script's mistake.
_NO_PSP = "PSP (encryption by the network card) needs a device and a kernel interface that no target here has"
UNSUPPORTED = {"psp_rx_assoc": _NO_PSP, "psp_tx_assoc": _NO_PSP}


@dataclass(slots=True)
class CallContext:
    """What preparing a call may look at and change.

    `start` is the script's time 0 on the target's clock, `directory` where its relative file names begin, `dialect` its
    dialect's name.
    """

    config: Config
    sockets: SocketTable
    start: Micros = 0
    directory: str = ""
    dialect: str = "google"

    @property
    def is_nplab(self) -> bool:
        """Tell whether calls follow the nplab fork (section 10.1)."""
        return self.dialect == "nplab"

    def live_fd(self, script_fd: int) -> int:
        """Translate a descriptor; fatal when the script does not have it open."""
        return self.entry(script_fd)[1]

    def entry(self, script_fd: int) -> tuple[SocketRecord | OtherFd, int]:
        """The tracked descriptor and its live number."""
        # pipe() may give negative numbers, but nothing can be done with them: the C tool ends there.
        found = self.sockets.find(script_fd) if script_fd >= 0 else None
        if found is None or found.live_fd is None:
            raise call_error(
                f"unable to find fd with script fd {script_fd}",
                next_step="use a descriptor that an earlier call returned and that is not closed",
            )
        return found, found.live_fd

    def socket(self, script_fd: int) -> SocketRecord | None:
        """The tracked socket behind a descriptor, None for other kinds."""
        found, _live = self.entry(script_fd)
        return found if isinstance(found, SocketRecord) else None

    def check_new(self, script_fd: int) -> None:
        """Check that a script may give this number to a new descriptor."""
        if script_fd < 0:
            raise call_error(f"invalid socket fd {script_fd} in script")
        self.check_unused(script_fd)

    def check_unused(self, script_fd: int) -> None:
        """Check that no open descriptor of the script has this number."""
        if self.sockets.find(script_fd) is not None:
            raise call_error(f"duplicate fd {script_fd} in script")


AfterCall: TypeAlias = Callable[[CallResult], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call ready to be made. `after` checks out-arguments and keeps the books once result and errno are right."""

    syscall: Syscall
    makes_fd: bool = False
    after: AfterCall | None = None


Handler: TypeAlias = Callable[[CallContext, Arguments, int], Prepared]
CALLS: dict[str, Handler] = {}


def register(name: str) -> Callable[[Handler], Handler]:
    """Register a handler; its third argument is the result that the script expects."""

    def keep(handler: Handler) -> Handler:
        CALLS[name] = handler
        return handler

    return keep


_KINDS: dict[type, str] = {Word: "word", Ellipsis_: "ellipsis", String: "string"}


def expected_result(event: SyscallEvent) -> int:
    """The number behind ``=``; a word there is not evaluated (trap 4)."""
    if not isinstance(event.result, Integer):
        kind = _KINDS.get(type(event.result), "list")
        raise call_error(f"Bad type; actual: {kind} expected: integer", next_step="write the result as a number")
    return as_s32(event.result.value)


def prepare(event: SyscallEvent, context: CallContext) -> Prepared:
    """Evaluate the arguments and make the call's value; raises `PlayError` in packetdrill's words."""
    handler = CALLS.get(event.name)
    if handler is None:
        if event.name in UNSUPPORTED:
            reason = f"the call {event.name} is not supported: {UNSUPPORTED[event.name]}"
            raise PlayError(reason, kind=FailureKind.UNSUPPORTED)
        from difflib import get_close_matches  # noqa: PLC0415  only this message needs it

        near = ", ".join(get_close_matches(event.name, CALLS)) or ", ".join(sorted(CALLS))
        raise call_error(f"Unknown system call: '{event.name}'", next_step=f"write one of {near}")
    try:
        values: tuple[Value, ...] = tuple(evaluate(argument) for argument in event.arguments)
    except ScriptError as error:
        raise call_error(error.message, next_step=error.next_step) from None
    except RecursionError:
        raise call_error("the arguments are nested too deeply", next_step="write fewer brackets and |") from None
    # An expectation that is no number comes to light after the arguments, as in the C tool.
    want = event.result.value if isinstance(event.result, Integer) else -1
    prepared = handler(context, Arguments(values), want)
    expected_result(event)
    return prepared


def check_result(event: SyscallEvent, prepared: Prepared, result: CallResult, errno_before: int = 0) -> int:
    """Check result, then errno (only if the script names one), then out-arguments; raises `PlayError`.

    Returns the errno that a program would find now. A call that succeeds leaves errno as it was (errno(3)), so it is
    `errno_before` that an errno written behind a success is compared with (trap 30).
    """
    want = expected_result(event)
    got_text = _outcome(result)
    errno = result.errno if result.value < 0 else errno_before
    want_text = f"= {want} {event.errno}" if event.errno else f"= {want}"
    if prepared.makes_fd and want >= 0:
        if result.value < 0:
            message = f"Expected non-negative result but got {result.value} with errno {_errno(errno)}"
            raise _wrong(message, want_text, got_text, "result")
    elif result.value != want:
        message = f"Expected result {want} but got {result.value} with errno {_errno(errno)}"
        raise _wrong(message, want_text, got_text, "result")
    if event.errno is not None:
        wanted = symbol(event.errno)
        if errno != wanted:
            message = f"Expected errno {_errno(wanted)} but got {_errno(errno)}"
            raise _wrong(message, want_text, got_text, "errno")
    if prepared.after is not None:
        prepared.after(result)
    return errno


def _errno(number: int) -> str:
    return f"{number} ({os.strerror(number)})"


def errno_name(number: int) -> str:
    """Name of an errno, or its number."""
    import errno  # noqa: PLC0415

    return errno.errorcode.get(number, str(number))


def _outcome(result: CallResult) -> str:
    if result.value >= 0:
        return f"= {result.value}"
    return f"= {result.value} {errno_name(result.errno)} ({os.strerror(result.errno)})"


def _wrong(message: str, want: str, got: str, name: str) -> PlayError:
    difference = Difference(name, want.removeprefix("= "), got.removeprefix("= "))
    return PlayError(message, kind=FailureKind.SYSCALL, want=want, got=got, differences=(difference,))


def mismatch(message: str, name: str, want: object, got: object) -> PlayError:
    """Make the error of an out-argument that is not as written."""
    difference = Difference(name, str(want), str(got))
    return PlayError(message, kind=FailureKind.SYSCALL, want=str(want), got=str(got), differences=(difference,))
