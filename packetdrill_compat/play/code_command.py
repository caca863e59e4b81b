"""Code blocks by ``--code_command``: all of them in one file, run by the shell of the target (section 6).

packetdrill does so with every block. Here only what needs a process of its own is run this way, because starting one
takes longer than most scripts: blocks that do more than compute, and commands other than the default one. A block that
asks the system something then asks the system under test.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from typing import Any

from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.commands import directory_of, failure_of
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.snapshot import CONSTANTS, Snapshot
from targets.base import CommandTimeout, Micros
from targets.recording import Recording

DEFAULT_COMMAND = "python3"

_BEGINNING = '''\
import sys
import traceback


def excepthook(kind, error, trace):
    """Name the block of the script before Python names the line of this file."""
    print(f"{_file}:{_line}: error in Python code", file=sys.stderr)
    traceback.print_exception(kind, error, trace)


sys.excepthook = excepthook
'''


def execute_by_command(
    snapshots: Sequence[Snapshot], path: str, target: Recording, *, command: str, limit: Micros
) -> None:
    """Run all blocks by a command of the target's shell; raises `PlayError` in packetdrill's words when it fails."""
    try:
        with _code_file() as file:
            file.write(_program(snapshots, path))
            file.flush()
            name = file.name if isinstance(file.name, str) else f"/proc/{os.getpid()}/fd/{file.name}"
            result = target.shell(f"{command} {name}", directory=directory_of(path), environment={}, timeout=limit)
    except CommandTimeout:
        raise endless(snapshots[-1].event_index, f"the blocks did not end within {limit / 1e6:g} s") from None
    failure = failure_of(result)
    if failure is not None:
        raise _failed(snapshots, path, result.output.strip(), f"'{command}' {_verb(failure)}")


def _code_file() -> Any:
    """Open a file for the code; nothing of it is left in any folder, even when this process is killed.

    Without root the command runs in a user namespace, which may not look into this process: it gets a temporary file.
    """
    if os.geteuid() == 0:
        descriptor = os.memfd_create("code", os.MFD_CLOEXEC)
        os.fchmod(descriptor, 0o600)  # as of the C tool's file: no command may run it as a program
        return open(descriptor, "w", encoding="utf-8", errors="surrogateescape")
    return tempfile.NamedTemporaryFile("w", prefix="code_", encoding="utf-8", errors="surrogateescape")


def endless(event_index: int, summary: str) -> PlayError:
    """Make the error of code that had to be stopped."""
    return PlayError(
        f"error in Python code: {summary}: does it loop for ever?",
        kind=FailureKind.LIMIT,
        next_step="mend the block; it has to end by itself",
        event_index=event_index,
    )


def _verb(failure: str) -> str:
    return failure if failure.startswith("got") else f"returned {failure}"


def _program(snapshots: Sequence[Snapshot], path: str) -> str:
    parts = [_BEGINNING, _assignments(CONSTANTS)]
    for snapshot in snapshots:
        place = f"_file = {path!r}\n_line = {snapshot.line}\n"
        parts += [_assignments(snapshot.variables), place, snapshot.block.text + "\n\n"]
    return "".join(parts)


def _assignments(variables: dict[str, int]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in variables.items())


def _failed(snapshots: Sequence[Snapshot], path: str, output: str, how: str) -> PlayError:
    """The block that failed is known when Python reported an exception; a command may fail without saying where."""
    named = re.search(rf"^{re.escape(path)}:(\d+): error in Python code$", output, re.MULTILINE)
    if named is None:
        event = snapshots[-1].event_index
        return PlayError(f"error executing code: {how}", kind=FailureKind.CODE, got=output, event_index=event)
    snapshot = next(each for each in snapshots if each.line == int(named[1]))
    first, _newline, _rest = snapshot.block.text.partition("\n")
    message = f"error in Python code: {output.splitlines()[-1]}"
    return PlayError(message, kind=FailureKind.CODE, want=first, got=output, event_index=snapshot.event_index)
