"""``%{ … }%`` blocks: snapshot during the test, execution at its end (section 6)."""

import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType, FrameType
from typing import Any, NoReturn

from packetdrill_compat.ast import CodeBlock
from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.code_command import DEFAULT_COMMAND, endless, execute_by_command
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.records import SocketRecord
from packetdrill_compat.play.snapshot import (
    CONSTANTS,
    Snapshot,
    congestion_variables,
    info_variables,
    memory_variables,
)
from packetdrill_compat.refusal import only_computes
from targets.alarm import OutOfTime, alarm
from targets.base import Micros
from targets.calls import CallResult, GetSockOpt, Syscall
from targets.recording import Recording
from wire import abi

# A block that loops for ever would hang the run. Executed instructions are counted, so that the same block always ends
# in the same way; the clock is for what hangs inside one instruction, such as time.sleep().
MAX_STEPS = 2_000_000


def take_snapshot(
    block: CodeBlock,
    line: int,
    event_index: int,
    record: SocketRecord | None,
    call: Callable[[Syscall], CallResult],
) -> Snapshot:
    """Ask the live descriptor of the socket under test; a passive child has none before accept()."""
    fd = None if record is None else record.usable_fd
    if fd is None:
        # The C tool asks a descriptor that is not there or closed, and hears that it cannot be asked.
        what = "no socket to use for code" if record is None else "can't find getsockopt to get TCP info"
        raise PlayError(
            f"runtime error in code: {what}",
            kind=FailureKind.CODE,
            next_step="place the block where the newest socket is open: after accept(), before close()",
        )

    def ask(level: int, name: int, size: int, what: str, *, needed: bool) -> bytes:
        result = call(GetSockOpt(fd, level, name, size))
        if result.value < 0 and needed:
            raise PlayError(f"runtime error in code: can't find getsockopt to get {what}", kind=FailureKind.CODE)
        return result.optval[: result.optlen] if result.value >= 0 else b""

    variables = info_variables(ask(abi.SOL_TCP, abi.TCP_INFO, 512, "TCP info", needed=True))
    variables |= congestion_variables(ask(abi.SOL_TCP, abi.TCP_CC_INFO, 64, "TCP_CC_INFO", needed=False))
    variables |= memory_variables(ask(abi.SOL_SOCKET, abi.SO_MEMINFO, 64, "sk_meminfo", needed=False))
    return Snapshot(block, line, event_index, variables)


class _TooManySteps(BaseException):
    """The block ran too many instructions."""


class _Ended(Exception):
    """A block has ended the program: the blocks behind it do not run."""


def check_command(command: str, *, has_virtual_time: bool) -> None:
    """Where blocks run in this interpreter ``--code_command`` may only name a Python; raises `PlayError` otherwise."""
    program = command.split()[:1]
    if not has_virtual_time:
        return
    if not program or not os.path.basename(program[0]).startswith("python"):
        raise PlayError(
            f"--code_command={command} cannot be used: code blocks run in this Python", kind=FailureKind.UNSUPPORTED
        )


def execute(snapshots: list[Snapshot], path: str, target: Recording, *, command: str, limit: Micros) -> None:
    """Run all blocks in one namespace, in order; the first error ends it as `PlayError` with the block's line.

    `command` is ``--code_command``. `limit` is in microseconds of real time, for each block.
    """
    if not snapshots:
        return
    needs_process = command != DEFAULT_COMMAND or not all(only_computes(each.block.text) for each in snapshots)
    if needs_process and not target.has_virtual_time:
        execute_by_command(snapshots, path, target, command=command, limit=limit)
        return
    # The names that the C tool's file has from its beginning.
    namespace: dict[str, Any] = {"__name__": "__main__", "sys": sys, "traceback": traceback, **CONSTANTS}
    namespace["excepthook"] = sys.excepthook
    with suppress(_Ended):
        for snapshot in snapshots:
            namespace.update(snapshot.variables)
            namespace["_file"], namespace["_line"] = path, snapshot.line
            _execute_one(snapshot, path, namespace, limit)


def _execute_one(snapshot: Snapshot, path: str, namespace: dict[str, Any], limit: Micros) -> None:
    # packetdrill writes each block into a file and a newline behind it: a last line may end in a backslash.
    text = snapshot.block.text + "\n\n"
    name = f"<code block of {path}:{snapshot.line}>"
    compiled = _compile(text, name, snapshot)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        with alarm(limit), _contained(name):
            exec(compiled, namespace)
    except SystemExit as stop:
        raise _ended(stop.code, snapshot) from None
    except _TooManySteps:
        raise endless(snapshot.event_index, f"the block ran more than {MAX_STEPS} instructions") from None
    except OutOfTime:
        raise endless(snapshot.event_index, f"the block did not end within {limit / 1e6:g} s") from None
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # the block's own mistakes, whatever they are
        raise _failed(snapshot, _summary(error), _values(text, namespace)) from None
    finally:
        linecache.cache.pop(name, None)


def _compile(text: str, name: str, snapshot: Snapshot) -> CodeType:
    """Compile a block; one that is no Python says nothing about the stack."""
    try:
        code: CodeType = compile(text, name, "exec")
    except SyntaxError as error:
        place = f" (line {snapshot.line + (error.lineno or 1) - 1})"
        raise _no_python(snapshot, f"{type(error).__name__}: {error.msg}{place}") from None
    except UnicodeEncodeError:
        raise _no_python(snapshot, "the block contains octets that are no UTF-8") from None
    except (ValueError, MemoryError, RecursionError) as error:  # such as nesting without end
        raise _no_python(snapshot, _summary(error)) from None
    return code


@contextmanager
def _contained(name: str) -> Iterator[None]:
    """Count instructions, and let a block that ends its process only end itself."""
    # packetdrill's blocks have a process of their own; here os._exit() would end the whole run without a word.
    previous, leave = sys.gettrace(), os._exit
    os._exit = _leave
    sys.settrace(_limit_steps(name))
    try:
        yield
    finally:
        sys.settrace(previous)
        os._exit = leave


def _ended(code: object, snapshot: Snapshot) -> Exception:
    """What the end of the program means: all is well, or the failure that its status says (sys.exit)."""
    status = 0 if code is None else code & 0xFF if isinstance(code, int) else 1
    if status == 0:
        return _Ended()
    message = f"error executing code: '{DEFAULT_COMMAND}' returned non-zero status {status}"
    said = "" if code is None or isinstance(code, int) else str(code)
    return PlayError(message, kind=FailureKind.CODE, got=said, event_index=snapshot.event_index)


def _leave(status: int) -> NoReturn:
    raise SystemExit(status)


def _limit_steps(name: str) -> Callable[[FrameType, str, object], Any]:
    left = MAX_STEPS

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != name:
            return None
        frame.f_trace_opcodes = True  # a loop on one line makes no further line events
        left -= event == "opcode"
        if left < 0:
            raise _TooManySteps
        return trace

    return trace


def _summary(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _values(text: str, namespace: dict[str, Any]) -> str:
    """The snapshot's variables that the block names, which an assertion without a message does not show."""
    names = sorted({name for name in namespace if name.startswith(("tcpi_", "SK_", "bbr_", "dctcp_")) and name in text})
    return ", ".join(f"{name} = {namespace[name]}" for name in names)


def _failed(snapshot: Snapshot, summary: str, values: str) -> PlayError:
    first, _newline, _rest = snapshot.block.text.partition("\n")
    return PlayError(
        f"error in Python code: {summary}",
        kind=FailureKind.CODE,
        want=first,
        got=values or summary,
        event_index=snapshot.event_index,
    )


def _no_python(snapshot: Snapshot, summary: str) -> PlayError:
    return PlayError(
        f"error in Python code: {summary}",
        kind=FailureKind.SCRIPT,
        next_step="mend the block; what stands between %{ and }% is Python 3",
        event_index=snapshot.event_index,
    )
