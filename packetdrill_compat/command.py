"""Plays the scripts of a command line one after the other, as the packetdrill binary does; the first failure ends all.

Source: the language specification, sections 7.1, 7.3 and 8. Exit status 0 or 1 and nothing else; failures go to stderr.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from packetdrill_compat.arguments import Invocation, UsageError, read_arguments, usage
from packetdrill_compat.config import IPV4, IPV6, Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.outcome import RunResult, Verdict
from targets.base import TargetError

SentenceOf = Callable[[str], str | None]

_ELSEWHERE = {
    "wire_client": "the wire client (--wire_client)",
    "wire_server": "the wire server (--wire_server)",
    "so_filename": "a stack in a shared object (--so_filename)",
}


@dataclass(frozen=True, slots=True)
class Program:
    """One of the commands that play scripts.

    `words` start it again, `target` is what it plays on by default. A drop-in has packetdrill's own defaults for the
    flags (IP version by the host's name, its addresses) and runs commands where it was started; else the defaults are
    those of packetdrill's runners, and commands run in the script's directory. `sentence_of` gives the sentence of a
    requirement.
    """

    words: tuple[str, ...]
    target: str
    is_drop_in: bool
    sentence_of: SentenceOf | None = None


def run_scripts(arguments: Sequence[str], program: Program) -> int:
    """Play what a command line names and return the exit status."""
    name = " ".join(program.words)
    try:
        invocation = read_arguments(arguments)
        if invocation.wants_help:
            print(usage(name))
            return 0
        if not invocation.scripts:
            raise UsageError("error: missing script path")
    except UsageError as error:
        message = str(error)
        print(message if message.startswith("error:") else f"{name}: {message}", file=sys.stderr)
        print(usage(name), file=sys.stderr)
        return 1
    try:
        config = _config_of(invocation, program)
        return next((1 for path in invocation.scripts if not _is_good(path, config, invocation, program)), 0)
    except (ScriptError, TargetError, OSError) as error:
        print(_told(error), file=sys.stderr)
        return 1


def _told(error: Exception) -> str:
    """Word an error as packetdrill does: the name of a file that cannot be read stands in the message alone."""
    if isinstance(error, ScriptError) and error.message.startswith("parse error: stat()"):
        return error.message
    return str(error)


def _config_of(invocation: Invocation, program: Program) -> Config:
    """Return the settings that hold before a script's own. Raises `ScriptError` for flags that cannot hold."""
    from packetdrill_compat.options import apply_command_line  # noqa: PLC0415  each module is paid for at its use

    version = invocation.value_of("ip_version")
    config = Config()
    if not program.is_drop_in:
        from packetdrill_compat.variants import VARIANT_FLAGS  # noqa: PLC0415

        flags = VARIANT_FLAGS.get(version or IPV4, ())
        config = Config(command_line=flags)
    elif version is None:
        from targets.host_name import first_ip_version  # noqa: PLC0415

        config = Config(ip_version=IPV6 if first_ip_version() == 6 else IPV4)
    try:
        applied = apply_command_line(config, (*config.command_line, *invocation.flags))
    except ScriptError as error:
        error.path = error.path or "Command Line"
        raise
    _refuse_other_ways(applied, "Command Line")
    return config


def _refuse_other_ways(config: Config, path: str) -> None:
    """Raise `ScriptError` for the ways to a stack that only packetdrill has."""
    for flag, what in _ELSEWHERE.items():
        if flag in config.extra:
            raise ScriptError(f"{what} is unsupported", path=path, next_step="choose a stack with --tcprove-target")


def _is_good(path: str, config: Config, invocation: Invocation, program: Program) -> bool:
    """Read and play one script; say what went wrong."""
    from packetdrill_compat.reader import load  # noqa: PLC0415

    script, config = load(path, dialect=invocation.dialect, config=config, command_line=invocation.flags)
    _refuse_other_ways(config, path)
    if config.dry_run:
        return True
    # What the interpreter and the targets import is not needed for a script that cannot be read.
    from packetdrill_compat import runner  # noqa: PLC0415
    from packetdrill_compat.play import listener  # noqa: PLC0415
    from packetdrill_compat.refusal import refuse_outside  # noqa: PLC0415
    from targets.recording import Recording  # noqa: PLC0415
    from targets.registry import create_target  # noqa: PLC0415

    target = create_target(invocation.target or program.target)
    if not invocation.allows_shell:
        refuse_outside(script, config, runs_commands=not Recording(target).has_virtual_time)
    told = listener.Debugging(path) if config.debug else listener.Verbose() if config.verbose else None
    result = runner.play(
        script,
        config,
        target,
        time_limit=invocation.time_limit,
        directory=os.getcwd() if program.is_drop_in else "",
        listener=told,
        on_output=sys.stdout.write,
    )
    sys.stdout.flush()
    if invocation.pcap:
        _write_capture(path, config, invocation, result)
    _report(path, result, invocation, program)
    return result.verdict is Verdict.PASS


def _write_capture(path: str, config: Config, invocation: Invocation, result: RunResult) -> None:
    from packetdrill_compat.capture import write_capture  # noqa: PLC0415

    name = f"{os.path.relpath(path)}@{config.ip_version}"
    write_capture(invocation.pcap, name, result.trace, result.failure)


def _again(path: str, invocation: Invocation, program: Program) -> str:
    """Return the command that repeats the run of one script."""
    import shlex  # noqa: PLC0415

    own = []
    if invocation.target:
        own.append(f"--tcprove-target={invocation.target}")
    if invocation.dialect != "google":
        own.append(f"--tcprove-dialect={invocation.dialect}")
    if invocation.time_limit is not None:
        own.append(f"--tcprove-time-limit={invocation.time_limit / 1e6:g}")
    if not invocation.allows_shell:
        own.append("--no-shell")
    return shlex.join([*program.words, *own, *invocation.flags, path])


def _report(path: str, result: RunResult, invocation: Invocation, program: Program) -> None:
    """Say on stderr what went wrong; nothing on success, as packetdrill does."""
    for warning in result.warnings:
        print(warning.render(), file=sys.stderr)
    failure = result.failure
    if failure is None:
        return
    if result.verdict is Verdict.UNSUPPORTED:
        where = f"{path}:{failure.line}" if failure.line else path
        print(f"{where}: unsupported: {result.reason}", file=sys.stderr)
        return
    again = _again(path, invocation, program)
    lines = [failure.render(), *_requirements(result, program.sentence_of), f"  again: {again}"]
    print("\n".join(lines), file=sys.stderr)


def _requirements(result: RunResult, sentence_of: SentenceOf | None) -> list[str]:
    """Return the lines about the requirements that a script names in its ``//:`` lines, readable or not."""
    if result.script is None or "//:" not in result.script.source:
        return []
    from packetdrill_compat.header import read_header  # noqa: PLC0415

    try:
        header = read_header(result.script.source, result.script.path)
    except ScriptError:
        return []
    sentences = {name: sentence_of(name) if sentence_of else None for name in header.requirements}
    return [f"  requirement {name}" + (f"\n    {text}" if text else "") for name, text in sentences.items()]
