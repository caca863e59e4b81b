"""The command lines of ``tcprove check`` and ``tcprove fmt``: scripts, a dialect, flags without values."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packetdrill_compat.arguments import DIALECTS
from packetdrill_compat.config import IP_VERSIONS, IPV4
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import Header, read_header
from packetdrill_compat.variants import variants_of

_DIALECT = "--tcprove-dialect="


@dataclass(frozen=True, slots=True)
class ScriptArguments:
    """What such a command line says."""

    scripts: tuple[str, ...]
    flags: frozenset[str]
    dialect: str | None


def read_script_arguments(command: str, arguments: Sequence[str], flags: Mapping[str, str]) -> ScriptArguments | None:
    """Read a command line; None after saying what is wrong with it, or after showing the help that it asks for."""
    scripts, given, dialect = [], set(), None
    for argument in arguments:
        if argument in ("-h", "--help"):
            print(_usage(command, flags))
            return None
        if argument.startswith(_DIALECT):
            dialect = argument.removeprefix(_DIALECT)
        elif argument.startswith("--"):
            given.add(argument[2:])
        else:
            scripts.append(argument)
    problem = _problem(scripts, given - set(flags), dialect)
    if problem:
        print(f"tcprove {command}: {problem}\n{_usage(command, flags)}", file=sys.stderr)
        return None
    return ScriptArguments(tuple(scripts), frozenset(given), dialect)


def _problem(scripts: Sequence[str], unknown: set[str], dialect: str | None) -> str:
    if unknown:
        return f"unknown flag --{min(unknown)}"
    if dialect is not None and dialect not in DIALECTS:
        return f"unknown dialect '{dialect}': choose one of {', '.join(DIALECTS)}"
    return "" if scripts else "name at least one script"


def _usage(command: str, flags: Mapping[str, str]) -> str:
    lines = [f"usage: tcprove {command} [FLAGS] script.pkt..."]
    lines += [f"  --{name:<18} {text}" for name, text in flags.items()]
    lines.append(f"  {_DIALECT}NAME  one of {', '.join(DIALECTS)}; else that of the script's '//: dialect' line")
    return "\n".join(lines)


def dialect_for(path: str, text: str, named: str | None) -> str:
    """Return the dialect of a script: the one of the command line, of its ``//: dialect`` line, or upstream's."""
    return named or _header(path, text).dialect or "google"


def first_variant(path: str, text: str) -> str:
    """Return the first variant that a script is for; symbols and ICMP names differ between the families."""
    return next(iter(_header(path, text).variants), IPV4)


def _header(path: str, text: str) -> Header:
    """Return what the ``//:`` lines say; one that is wrong is for others to complain about."""
    try:
        return read_header(text, path)
    except ScriptError:
        return Header(variants=tuple(v for v in IP_VERSIONS if v in variants_of(path)))
