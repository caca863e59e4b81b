"""The console command ``tcprove``: play, check and format scripts, and say what a target lacks here."""

import io
import os
import sys
from collections.abc import Callable, Sequence

from packetdrill_compat.command import Program, SentenceOf, run_scripts

_USAGE = """\
usage: tcprove COMMAND ...

commands:
  run     play scripts; takes packetdrill's flags (tcprove run --help)
  check   read scripts without playing them, and say what packetdrill would silently do otherwise
  fmt     bring scripts into the canonical layout
  doctor  say what the kernel target can do on this machine, and what it lacks
  serve   run the reference stack behind a TUN device, for real clients (tcprove serve --help)"""


def main(argv: Sequence[str] | None = None, *, sentence_of: SentenceOf | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 a script failed or is broken, 2 wrong usage.

    `sentence_of` gives the sentence of a requirement by its id, None for an unknown one.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("-h", "--help"):
        print(_USAGE)
        return 0
    function = _COMMANDS.get(command)
    if function is None:
        problem = f"unknown command '{command}'" if command else "name a command"
        print(f"tcprove: {problem}\n{_USAGE}", file=sys.stderr)
        return 2
    return guarded(lambda: function(rest, sentence_of))


def guarded(run: Callable[[], int]) -> int:
    """Run a command; what its user or the reader of its output does ends it with a line and a status."""
    # Octets of a script that are no UTF-8 are printed as they were.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        status = run()
        sys.stdout.flush()
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


def _run(arguments: list[str], sentence_of: SentenceOf | None) -> int:
    program = Program(words=("tcprove", "run"), target="kernel", is_drop_in=False, sentence_of=sentence_of)
    return run_scripts(arguments, program)


def _check(arguments: list[str], sentence_of: SentenceOf | None) -> int:
    from packetdrill_compat.lint.command import check_scripts  # noqa: PLC0415  each command pays for itself only

    return check_scripts(arguments, sentence_of)


def _format(arguments: list[str], _sentence_of: SentenceOf | None) -> int:
    from packetdrill_compat.layout.command import format_scripts  # noqa: PLC0415

    return format_scripts(arguments)


def _doctor(arguments: list[str], _sentence_of: SentenceOf | None) -> int:
    from targets.kernel.doctor import diagnose  # noqa: PLC0415

    if arguments:
        print(f"tcprove: doctor takes no arguments: {arguments[0]}", file=sys.stderr)
        return 2
    checks = diagnose()
    for check in checks:
        mark = "ok     " if check.is_ok else "MISSING" if check.is_needed else "absent "
        print(f"{mark} {check.name}: {check.message}")
        if check.next_step and not check.is_ok:
            print(f"        next step: {check.next_step}")
    return 0 if all(check.is_ok for check in checks if check.is_needed) else 1


def _serve(arguments: list[str], _sentence_of: SentenceOf | None) -> int:
    from targets.live.command import main as serve  # noqa: PLC0415

    return serve(arguments, program="tcprove serve")


_COMMANDS: dict[str, Callable[[list[str], SentenceOf | None], int]] = {
    "run": _run,
    "check": _check,
    "fmt": _format,
    "doctor": _doctor,
    "serve": _serve,
}
