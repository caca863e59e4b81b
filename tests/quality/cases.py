"""The conformance suite as cases that can be played on any reference target: scripts, each read once, and Python tests.

A case that passes on the sound stack and finds something with a fault in it has caught that fault.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from conformance.running import missing_support
from fuzz.faults import Fault
from packetdrill_compat.ast import Script
from packetdrill_compat.config import IPV4, Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import Header, read_header
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from reference_stack.personality import Personality, personality
from targets.reference import ReferenceTarget, create

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "conformance"
TIME_LIMIT_US = 60_000_000


class Find(NamedTuple):
    """What a case found wrong: `kind` as in `FailureKind` (``assertion`` for Python), the line `at`, and why."""

    kind: str
    at: str
    why: str


class Case(Protocol):
    """One test of the suite. `name` is its path in ``conformance/``; `rules` names the personality it is played on."""

    @property
    def name(self) -> str: ...

    @property
    def requirements(self) -> tuple[str, ...]: ...

    @property
    def rules(self) -> str: ...

    def find(self, target: ReferenceTarget) -> Find | None:
        """Play it on a target that is not open and return what it finds wrong."""

    def unsupported(self) -> str:
        """Return why the reference stack cannot play it, in one line; empty when it can."""


@dataclass(frozen=True)
class ScriptCase:
    """A script in one variant: IPv4 where it has that. `name` is its path without the ending."""

    path: Path
    root: Path = SUITE
    played_by: str = ""
    """Rules to play it with, where its own choice is not meant."""

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).with_suffix("").as_posix()

    @cached_property
    def header(self) -> Header:
        return read_header(self.path.read_text(encoding="utf-8", errors="surrogateescape"), str(self.path))

    @cached_property
    def read(self) -> tuple[Script, Config]:
        return load(str(self.path), dialect=self.header.dialect or "google", config=variant_config(self.variant))

    @property
    def variant(self) -> str:
        return IPV4 if IPV4 in self.header.variants else self.header.variants[0]

    @property
    def requirements(self) -> tuple[str, ...]:
        return self.header.requirements

    @property
    def rules(self) -> str:
        """Those of the system that it is about where the stack has them, else those of the RFCs."""
        system = self.played_by or (self.header.systems[0] if self.header.systems else "rfc")
        return system if has_rules(system) else "rfc"

    def unsupported(self) -> str:
        try:
            # Whether a script about one system can be met by other rules too is seen when it is played.
            return missing_support(create(), replace(self.header, systems=()), self.variant)
        except ScriptError as error:
            return str(error)

    def play(self, target: ReferenceTarget) -> RunResult:
        script, config = self.read
        return play(script, config, target, time_limit=self.header.time_limit or TIME_LIMIT_US)

    def find(self, target: ReferenceTarget) -> Find | None:
        failure = failure_of(self.play(target))
        return None if failure is None else Find(failure.kind.value, failure.source_line.strip(), failure.message)


def failure_of(result: RunResult) -> Failure | None:
    """Return what a run found wrong with the stack; None for a pass, a broken script and a time limit.

    Only a `fail` is a find: an error or the harness' own time limit says nothing about the stack.
    """
    failure = result.failure
    if result.verdict is not Verdict.FAIL or failure is None or failure.kind is FailureKind.LIMIT:
        return None
    return failure


@cache
def sound(name: str) -> Personality:
    """Return a personality; `ValueError` when the stack has none of that name."""
    return personality(name)


@cache
def has_rules(name: str) -> bool:
    """Tell whether the stack has a personality of that name."""
    try:
        sound(name)
    except (ValueError, ImportError):
        return False
    return True


def passes(case: Case, rules: str) -> bool:
    """Tell whether a case can be played on the sound stack with these rules, and passes."""
    if case.unsupported():
        return False
    if isinstance(case, ScriptCase):
        return case.play(create(sound(rules))).verdict is Verdict.PASS
    return case.find(create(sound(rules))) is None


def hunt(case: Case, fault: Fault, rules: str) -> Find | None:
    """Return how a case, played with these rules, finds a fault, or None."""
    return case.find(fault.target(sound(rules))) if fault.fits(sound(rules)) else None


def scripts(root: Path = SUITE) -> Iterator[ScriptCase]:
    """Yield every script below a folder."""
    for path in sorted(root.rglob("*.pkt")):
        yield ScriptCase(path, root)


def also_by_the_rfc(cases: Iterable[ScriptCase]) -> Iterator[ScriptCase]:
    """Yield the scripts about one system once more, to be played with the rules of the RFCs: many meet them too."""
    for case in cases:
        if case.rules != "rfc":
            yield replace(case, played_by="rfc")


def named(name: str, others: Callable[[Path], Iterator[Case]]) -> Case:
    """Return the case of that name; `others` gives the Python tests of a file. `KeyError` when there is none."""
    if "::" not in name:
        return ScriptCase(SUITE / f"{name}.pkt")
    path = SUITE / name.partition("::")[0]
    return {case.name: case for case in others(path)}[name]
