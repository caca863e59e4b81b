"""The console command ``tcprove``: play, check and print single scripts, and say what a target lacks here."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from packetdrill_compat.config import IP_VERSIONS, IPV4
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.printer import print_script
from packetdrill_compat.reader import load
from packetdrill_compat.runner import DEFAULT_TIME_LIMIT, run_file
from packetdrill_compat.variants import variant_config
from targets.base import TargetError
from targets.registry import create_target

DIALECTS = ("google", "nplab", "mptcp")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 a script failed or is broken, 2 wrong usage."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command != "run":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    # Octets of a script that are no UTF-8 are printed as they were.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        status: int = arguments.function(arguments, rest)
        sys.stdout.flush()
    except (ScriptError, TargetError) as error:
        print(error, file=sys.stderr)
        return 1
    except RecursionError:
        print("tcprove: the script is nested too deeply; write fewer brackets", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output is gone; what Python still holds for it must not be complained about at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status


def _seconds(text: str) -> float:
    """Read the time limit of a script; not less than a millisecond, at most a year."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= 31_536_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write seconds, for instance 10 or 0.5")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tcprove", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(commands, "run", _run, "play scripts; packetdrill's own flags are accepted in the form --flag=value")
    run.add_argument("--tcprove-target", default="reference:linux", help="target[:argument] (default %(default)s)")
    run.add_argument("--tcprove-time-limit", type=_seconds, default=DEFAULT_TIME_LIMIT / 1e6, metavar="SECONDS")
    run.add_argument("--ip_version", choices=IP_VERSIONS, default=IPV4)
    run.add_argument("-D", "--define", action="append", default=[], metavar="NAME=VALUE")
    check = _command(commands, "check", _check, "read scripts without playing them")
    form = _command(commands, "fmt", _format, "print scripts in the canonical layout (comments are not kept)")
    for command in (run, check, form):
        command.add_argument("scripts", nargs="+", metavar="script.pkt")
        command.add_argument("--tcprove-dialect", choices=DIALECTS, default="google")
    _command(commands, "doctor", _doctor, "say what the kernel target can do on this machine, and what it lacks")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, function: object, text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(function=function)
    return parser


def _run(arguments: argparse.Namespace, flags: list[str]) -> int:
    unknown = [flag for flag in flags if not flag.startswith("--")]
    if unknown:
        raise ScriptError(f"unrecognized argument '{unknown[0]}'", path="Command Line")
    command_line = [f"--ip_version={arguments.ip_version}", *(f"--define={item}" for item in arguments.define), *flags]
    worst = 0
    for path in arguments.scripts:
        result = run_file(
            path,
            target=create_target(arguments.tcprove_target),
            config=variant_config(arguments.ip_version),
            dialect=arguments.tcprove_dialect,
            command_line=command_line,
            time_limit=int(arguments.tcprove_time_limit * 1e6),
        )
        worst = max(worst, _report(path, result))
    return worst


def _report(path: str, result: RunResult) -> int:
    """Print one outcome; nothing on success, as packetdrill does."""
    for warning in result.warnings:
        print(f"warning: {warning.render()}", file=sys.stderr)
    if result.verdict is Verdict.PASS:
        return 0
    assert result.failure is not None
    if result.verdict is Verdict.UNSUPPORTED:
        where = f"{path}:{result.failure.line}" if result.failure.line else path
        print(f"{where}: unsupported: {result.reason}", file=sys.stderr)
    else:
        print(result.failure.render(), file=sys.stderr)
    return 1


def _check(arguments: argparse.Namespace, _flags: list[str]) -> int:
    status = 0
    for path in arguments.scripts:
        try:
            load(path, dialect=arguments.tcprove_dialect, config=variant_config(IPV4))
        except ScriptError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


def _format(arguments: argparse.Namespace, _flags: list[str]) -> int:
    status = 0
    for path in arguments.scripts:
        try:
            script, _config = load(path, dialect=arguments.tcprove_dialect, config=variant_config(IPV4))
        except ScriptError as error:
            print(error, file=sys.stderr)
            status = 1
        else:
            sys.stdout.write(print_script(script))
    return status


def _doctor(_arguments: argparse.Namespace, _flags: list[str]) -> int:
    from targets.kernel.doctor import diagnose  # noqa: PLC0415  only this command needs the kernel target

    checks = diagnose()
    for check in checks:
        mark = "ok     " if check.is_ok else "MISSING" if check.is_needed else "absent "
        print(f"{mark} {check.name}: {check.message}")
        if check.next_step and not check.is_ok:
            print(f"        next step: {check.next_step}")
    return 0 if all(check.is_ok for check in checks if check.is_needed) else 1
