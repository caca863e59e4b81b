"""The command line of packetdrill, as GNU getopt reads it, and our own long flags beside packetdrill's.

Source: the language specification, section 7.1. Flags and script paths may stand in any order, a unique beginning of a
long name will do, ``--`` ends the flags, and short flags may stand together (``-vD NAME=value``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from packetdrill_compat.options import FLAGS
from targets.base import Micros

DIALECTS = ("google", "nplab", "mptcp")
LONGEST_TIME_S = 31_536_000

_OWN = {
    "tcprove-target": "NAME",
    "tcprove-dialect": "NAME",
    "tcprove-time-limit": "SECONDS",
    "tcprove-pcap": "DIR",
    "tcprove-no-shell": "",
    "help": "",
}
"""Our own flags and what they take."""
_ALIASES = {"pcap": "tcprove-pcap", "no-shell": "tcprove-no-shell"}
_NPLAB_ONLY = frozenset(name for name, flag in FLAGS.items() if flag.dialects == {"nplab"})


class UsageError(Exception):
    """A command line that cannot be read: the usage is shown behind the message."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command line asks for.

    `flags` are packetdrill's own in the form ``--name=value`` or ``--name``, in their order. `time_limit` is in
    microseconds, None for the default. `pcap` is a directory, empty for none. `target` empty is the default of the
    command.
    """

    scripts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    target: str = ""
    dialect: str = "google"
    time_limit: Micros | None = None
    pcap: str = ""
    allows_shell: bool = True
    wants_help: bool = False

    def value_of(self, name: str) -> str | None:
        """Return the last value of one of packetdrill's flags on this command line, None when it is not there."""
        begin = f"--{name}="
        return next((flag[len(begin) :] for flag in reversed(self.flags) if flag.startswith(begin)), None)

    def has(self, name: str) -> bool:
        """Tell whether a flag without a value is on this command line."""
        return f"--{name}" in self.flags


def read_arguments(arguments: Sequence[str]) -> Invocation:
    """Read a command line without the program's name. Raises `UsageError` for flags that nobody knows."""
    invocation = Invocation()
    scripts: list[str] = []
    for name, value in _items(arguments):
        if name is None:
            scripts.append(value or "")
        elif name in _OWN:
            invocation = _OWN_READERS[name](invocation, value or "")
        else:
            flag = f"--{name}" if value is None else f"--{name}={value}"
            invocation = replace(invocation, flags=(*invocation.flags, flag))
    return replace(invocation, scripts=tuple(scripts))


def _items(arguments: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield flags with their values, and paths with None for a name."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            yield from ((None, path) for path in rest)
        elif argument.startswith("--"):
            yield _long(argument[2:], rest)
        elif argument.startswith("-") and argument != "-":
            yield from _short(argument[1:], rest)
        else:
            yield None, argument


def _long(written: str, rest: Iterator[str]) -> tuple[str, str | None]:
    begin, equals, value = written.partition("=")
    name = _full_name(begin, written)
    takes_value = bool(_OWN[name]) if name in _OWN else FLAGS[name].set is not None
    if equals and not takes_value:
        raise UsageError(f"option '--{name}' doesn't allow an argument")
    if not takes_value:
        return name, None
    found = value if equals else next(rest, None)
    if found is None:
        raise UsageError(f"option '--{name}' requires an argument")
    return name, found


def _full_name(begin: str, written: str) -> str:
    if begin in FLAGS or begin in _OWN:
        return begin
    if begin in _ALIASES:
        return _ALIASES[begin]
    # The flags of packetdrill itself come first: its abbreviations must stay unique whatever others have added.
    for names in (FLAGS.keys() - _NPLAB_ONLY, _NPLAB_ONLY, _OWN.keys() | _ALIASES.keys()):
        found = [name for name in (*FLAGS, *_OWN, *_ALIASES) if name in names and begin and name.startswith(begin)]
        if len(found) == 1:
            return _ALIASES.get(found[0], found[0])
        if found:
            possible = " ".join(f"'--{name}'" for name in found)
            raise UsageError(f"option '--{written}' is ambiguous; possibilities: {possible}")
    raise UsageError(f"unrecognized option '--{written}'")


def _short(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    for at, letter in enumerate(letters):
        if letter == "v":
            yield "verbose", None
        elif letter == "D":
            value = letters[at + 1 :] or next(rest, None)
            if value is None:
                raise UsageError("option requires an argument -- 'D'")
            yield "define", value
            return
        else:
            raise UsageError(f"invalid option -- '{letter}'")


def _target(invocation: Invocation, value: str) -> Invocation:
    return replace(invocation, target=value)


def _dialect(invocation: Invocation, value: str) -> Invocation:
    if value not in DIALECTS:
        raise UsageError(f"bad --tcprove-dialect: {value}: choose one of {', '.join(DIALECTS)}")
    return replace(invocation, dialect=value)


def _time_limit(invocation: Invocation, value: str) -> Invocation:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= LONGEST_TIME_S:
        raise UsageError(f"bad --tcprove-time-limit: {value!r} is no time: write seconds, for instance 10 or 0.5")
    return replace(invocation, time_limit=int(seconds * 1e6))


def _pcap(invocation: Invocation, value: str) -> Invocation:
    if not value:
        raise UsageError("bad --pcap: name a directory")
    return replace(invocation, pcap=value)


def _no_shell(invocation: Invocation, value: str) -> Invocation:
    del value
    return replace(invocation, allows_shell=False)


def _help(invocation: Invocation, value: str) -> Invocation:
    del value
    return replace(invocation, wants_help=True)


_OWN_READERS = {
    "tcprove-target": _target,
    "tcprove-dialect": _dialect,
    "tcprove-time-limit": _time_limit,
    "tcprove-pcap": _pcap,
    "tcprove-no-shell": _no_shell,
    "help": _help,
}


def usage(program: str) -> str:
    """Return the usage: every flag in a line of its own, as packetdrill shows it, then ours."""
    lines = [f"Usage: {program}"]
    lines += [f"\t[--{name}" + (f"={name}]" if flag.set else "]") for name, flag in FLAGS.items() if name not in _SHORT]
    lines += ["\t[--verbose|-v]", "\t[--define symbol1=val1 | -D symbol1=val1]..."]
    lines += [f"\t[--{name}" + (f"={value}]" if value else "]") for name, value in _OWN.items()]
    lines.append("\tscript_path ...")
    return "\n".join(lines)


_SHORT = frozenset({"verbose", "define"})
