"""Shell commands of a script (section 7.3)."""

import os
import signal

from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError
from targets.base import Micros, ShellResult
from targets.recording import Recording


def failure_of(result: ShellResult) -> str | None:
    """Say why a command counts as failed; death by another signal than INT and QUIT counts as success (trap 39)."""
    if result.signal in (signal.SIGINT, signal.SIGQUIT):
        return f"got signal {result.signal} ({signal.strsignal(result.signal)})"
    if result.status:
        return f"non-zero status {result.status}"
    return None


def directory_of(path: str) -> str:
    """Commands run in the script's own directory, as every runner of packetdrill arranges it."""
    return os.path.dirname(os.path.abspath(path))


def run_in_target(
    target: Recording, command: str, path: str, *, timeout: Micros, environment: dict[str, str]
) -> tuple[str | None, str]:
    """Run a command; its failure (None when it succeeded) and what it printed."""
    result = target.shell(command, directory=directory_of(path), environment=environment, timeout=timeout)
    return failure_of(result), result.output


def run_command(target: Recording, command: str, path: str, *, remaining: Micros, environment: dict[str, str]) -> None:
    """Run a command event; raises `PlayError` when it fails."""
    failure, output = run_in_target(target, command, path, timeout=remaining, environment=environment)
    if failure is not None:
        raise PlayError(f"error executing `{command}` command: {failure}", kind=FailureKind.COMMAND, got=output.strip())
