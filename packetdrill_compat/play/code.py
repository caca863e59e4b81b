"""``%{ … }%`` blocks: snapshot during the test, execution at its end (section 6)."""

import linecache
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from packetdrill_compat.ast import CodeBlock
from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.records import SocketRecord
from packetdrill_compat.play.snapshot import CONSTANTS, congestion_variables, info_variables, memory_variables
from targets.base import Unsupported
from targets.calls import CallResult, GetSockOpt, Syscall
from wire import abi

# A block that loops for ever would hang the run; executed instructions are counted, so that no clock is needed.
MAX_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A block with what the stack said of the socket under test at its time."""

    block: CodeBlock
    line: int
    event_index: int
    variables: dict[str, int]


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
        raise PlayError(
            "runtime error in code: no socket to use for code",
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


def execute(snapshots: list[Snapshot], path: str) -> None:
    """Run all blocks in one namespace, in order; the first error ends it as `PlayError` with the block's line."""
    namespace: dict[str, Any] = {"__name__": "__main__", **CONSTANTS}
    for snapshot in snapshots:
        namespace.update(snapshot.variables)
        namespace["_file"], namespace["_line"] = path, snapshot.line
        _execute_one(snapshot, path, namespace)


def _execute_one(snapshot: Snapshot, path: str, namespace: dict[str, Any]) -> None:
    # packetdrill writes each block into a file and a newline behind it: a last line may end in a backslash.
    text = snapshot.block.text + "\n\n"
    name = f"<code block of {path}:{snapshot.line}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    previous = sys.gettrace()
    try:
        compiled = compile(text, name, "exec")
        sys.settrace(_limit_steps(name))
        exec(compiled, namespace)
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise _failed(snapshot, f"exit status {stop.code}", "") from None
    except Unsupported:
        raise
    except Exception as error:
        sys.settrace(previous)
        raise _failed(snapshot, _summary(error), _values(text, namespace)) from None
    finally:
        sys.settrace(previous)
        linecache.cache.pop(name, None)


def _limit_steps(name: str) -> Callable[[FrameType, str, object], Any]:
    left = MAX_STEPS

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != name:
            return None
        frame.f_trace_opcodes = True  # a loop on one line makes no further line events
        left -= event == "opcode"
        if left < 0:
            raise RuntimeError(f"the block ran more than {MAX_STEPS} instructions: does it loop for ever?")
        return trace

    return trace


def _summary(error: Exception) -> str:
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
