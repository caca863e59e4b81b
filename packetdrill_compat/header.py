"""What a script says to the suite: the ``//:`` lines, which are comments for every other packetdrill.

=================  ====================================================================================================
``requirement``    ids of the catalogue that the script checks, separated by blanks; may stand several times
``targets``        ``all`` (the default) or the systems that the script is about (``linux``, ``dragonfly``, ``freebsd``:
                   one is enough), then the capabilities it needs (``fast-open``: all of them); names of `targets.base`
``level``          ``MUST``, ``SHOULD``, ``MAY`` (also with ``NOT``) where it is not that of the requirements
``expect``         ``info``: the outcome is only recorded; ``fail``: the script must fail (it proves that it can)
``variants``       those of ``ipv4``, ``ipv6`` and ``ipv4-mapped-ipv6`` that make sense
``dialect``        ``google``, ``nplab`` or ``mptcp``
``time-limit``     ``10s``, ``500ms`` or ``2m`` of the target's time for the whole script
``slow``           no value: pytest marker ``slow``
``check``          no value: the events below check the requirement, those above only prepare for it, so that a failure
                   of the preparation is a `fail` even when the requirement is a SHOULD or a MAY
=================  ====================================================================================================
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from packetdrill_compat.ast import Position
from packetdrill_compat.config import IP_VERSIONS, IPV4
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.variants import variants_of
from targets import base
from targets.base import Micros

DIALECTS = ("google", "nplab", "mptcp")
# RFC 2119 and RFC 8174: the requirement words.
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
SYSTEMS = (base.LINUX, base.DRAGONFLY, base.FREEBSD)
CAPABILITIES = frozenset(value for name, value in vars(base).items() if name.isupper() and isinstance(value, str))
EXPECTATIONS = ("info", "fail")

_LINE = re.compile(r"[ \t]*//:[ \t]*(?P<key>[^\s]*)[ \t]*(?P<value>.*?)[ \t]*$")
_IP_VERSION = re.compile(r"[ \t]*--.*?\bip_version=(?P<version>[\w-]+)")
_DURATION = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)[ \t]*(?P<unit>ms|s|m|)")
_MICROS = {"ms": 1_000, "s": 1_000_000, "": 1_000_000, "m": 60_000_000}


@dataclass(frozen=True, slots=True)
class Header:
    """The ``//:`` lines of one script. `systems` empty is all systems; None stands for what was not written.

    `checked_from` is the line of ``//: check``, 0 without one. `title` is the comment that the script begins with.
    """

    requirements: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    level: str | None = None
    expect: str | None = None
    variants: tuple[str, ...] = IP_VERSIONS
    dialect: str | None = None
    time_limit: Micros | None = None
    is_slow: bool = False
    checked_from: int = 0
    title: str = ""


def parse_duration(text: str) -> Micros | None:
    """Read ``10s``, ``500ms``, ``2m`` or a number of seconds; None when it is none of these or not above zero."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    return round(float(match["number"]) * _MICROS[match["unit"]]) or None


def read_header(text: str, path: str) -> Header:
    """Read the ``//:`` lines of a script. Raises `ScriptError` with line and column for a line that has no meaning."""
    header = Header(variants=_variants_of_name(path), title=_title(text))
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if option := _IP_VERSION.match(line):
            header = replace(header, variants=_variants_of_option(option["version"]))
        match = _LINE.match(line.rstrip("\r"))
        if match is None:
            continue
        key, value = match["key"], match["value"]
        problem = _Problem(path, text, number, match)
        if key not in _READERS:
            raise problem.at("key", f"unknown key '{key}'", f"known keys: {', '.join(sorted(_READERS))}")
        if key in seen and key != "requirement":
            raise problem.at("key", f"'{key}' stands twice", "")
        if bool(value) == (key in _FLAGS):
            raise problem.at("value", f"'{key}' takes {'no' if value else 'a'} value", "")
        seen.add(key)
        header = _READERS[key](header, value, problem)
    return header


def position_of_requirement(identifier: str, text: str) -> Position | None:
    """Return where a ``//:`` line of a script names a requirement."""
    place = re.search(rf"^[ \t]*//:.*\s(?P<id>{re.escape(identifier)})(?!\S)", text, re.MULTILINE)
    if place is None:
        return None
    start = text.rfind("\n", 0, place.start("id")) + 1
    return Position(text.count("\n", 0, start) + 1, place.start("id") - start + 1)


class _Problem:
    """Makes the errors about one line; `line` is its number."""

    def __init__(self, path: str, text: str, line: int, match: re.Match[str]) -> None:
        self._path, self._text, self._match = path, text, match
        self.line = line

    def at(self, part: str, message: str, next_step: str) -> ScriptError:
        position = Position(self.line, self._match.start(part) + 1)
        return ScriptError(message, path=self._path, position=position, source=self._text, next_step=next_step)


def _title(text: str) -> str:
    lines: list[str] = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("//:") or (not stripped.startswith("//") and (stripped or lines)):
            break
        if comment := stripped.removeprefix("//").strip():
            lines.append(comment)
        elif lines:
            break
    return " ".join(lines)


def _variants_of_name(path: str) -> tuple[str, ...]:
    named = variants_of(path)
    return tuple(variant for variant in IP_VERSIONS if variant in named)


def _variants_of_option(version: str) -> tuple[str, ...]:
    # A script that fixes its IP version would contradict any other variant. An unknown one is for the parser to refuse.
    return (version,) if version in IP_VERSIONS else (IPV4,)


def _read_requirement(header: Header, value: str, problem: _Problem) -> Header:
    del problem  # whether the ids exist is asked when the script runs, because the catalogue costs 0.1 s
    return replace(header, requirements=(*header.requirements, *value.split()))


def _read_targets(header: Header, value: str, problem: _Problem) -> Header:
    words = value.split()
    known = {"all", *SYSTEMS, *CAPABILITIES}
    for word in words:
        if word not in known:
            raise problem.at("value", f"unknown target or capability '{word}'", f"known: {', '.join(sorted(known))}")
    systems = tuple(word for word in words if word in SYSTEMS)
    if systems and "all" in words:
        raise problem.at("value", f"'all' contradicts '{systems[0]}'", "write one of them")
    return replace(header, systems=systems, capabilities=frozenset(words) - {"all", *SYSTEMS})


def _read_level(header: Header, value: str, problem: _Problem) -> Header:
    return replace(header, level=_one_of(LEVELS, value, problem))


def _read_expect(header: Header, value: str, problem: _Problem) -> Header:
    return replace(header, expect=_one_of(EXPECTATIONS, value, problem))


def _read_variants(header: Header, value: str, problem: _Problem) -> Header:
    wanted = {_one_of(IP_VERSIONS, word, problem) for word in value.split()}
    return replace(header, variants=tuple(variant for variant in IP_VERSIONS if variant in wanted))


def _read_dialect(header: Header, value: str, problem: _Problem) -> Header:
    return replace(header, dialect=_one_of(DIALECTS, value, problem))


def _read_time_limit(header: Header, value: str, problem: _Problem) -> Header:
    limit = parse_duration(value)
    if limit is None:
        raise problem.at("value", f"'{value}' is no time", "write 10s, 500ms or 2m")
    return replace(header, time_limit=limit)


def _read_slow(header: Header, value: str, problem: _Problem) -> Header:
    del value, problem
    return replace(header, is_slow=True)


def _read_check(header: Header, value: str, problem: _Problem) -> Header:
    del value
    return replace(header, checked_from=problem.line)


def _one_of(known: tuple[str, ...], value: str, problem: _Problem) -> str:
    if value not in known:
        raise problem.at("value", f"'{value}' is none of {', '.join(known)}", "")
    return value


_FLAGS = frozenset({"slow", "check"})
_READERS: dict[str, Callable[[Header, str, _Problem], Header]] = {
    "requirement": _read_requirement,
    "targets": _read_targets,
    "level": _read_level,
    "expect": _read_expect,
    "variants": _read_variants,
    "dialect": _read_dialect,
    "time-limit": _read_time_limit,
    "slow": _read_slow,
    "check": _read_check,
}
KEYS = tuple(_READERS)
