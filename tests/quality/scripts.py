"""The conformance scripts, each read once, to be played on one target after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.header import Header, read_header
from conformance.running import missing_support
from fuzz.faults import Fault
from packetdrill_compat.ast import Script
from packetdrill_compat.config import IPV4, Config
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from reference_stack.personality import Personality, personality
from targets.reference import ReferenceTarget, create

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "conformance"
TIME_LIMIT_US = 60_000_000


@dataclass(frozen=True)
class SuiteScript:
    """A script in one variant: IPv4 where it has that. `name` is its path without the ending."""

    name: str
    header: Header
    variant: str
    script: Script
    config: Config

    @property
    def personality(self) -> str:
        """The rules that it is played with: those of the system that it is about, else those of the RFCs."""
        return self.header.systems[0] if self.header.systems else "rfc"

    def play(self, target: ReferenceTarget) -> RunResult:
        """Play it on a target that is not open."""
        return play(self.script, self.config, target, time_limit=self.header.time_limit or TIME_LIMIT_US)

    def play_sound(self) -> RunResult:
        """Play it on the sound stack."""
        return self.play(create(sound(self.personality)))

    def play_with(self, fault: Fault) -> RunResult:
        """Play it on a stack with one fault."""
        return self.play(fault.target(sound(self.personality)))


def read(path: Path, root: Path) -> SuiteScript:
    """Read a script; `ScriptError` when it is broken."""
    header = read_header(path.read_text(encoding="utf-8", errors="surrogateescape"), str(path))
    variant = IPV4 if IPV4 in header.variants else header.variants[0]
    script, config = load(str(path), dialect=header.dialect or "google", config=variant_config(variant))
    return SuiteScript(path.relative_to(root).with_suffix("").as_posix(), header, variant, script, config)


@cache
def script(name: str) -> SuiteScript:
    """Return the conformance script of that name."""
    return read(SUITE / f"{name}.pkt", SUITE)


def names() -> Iterator[str]:
    """Yield the name of every conformance script."""
    for path in sorted(SUITE.rglob("*.pkt")):
        yield path.relative_to(SUITE).with_suffix("").as_posix()


@cache
def sound(name: str) -> Personality:
    """Return a personality; `ValueError` when the stack has none of that name."""
    return personality(name)


def unsupported(each: SuiteScript) -> str:
    """Return why the reference stack cannot play a script, in one line; empty when it can."""
    try:
        return missing_support(create(sound(each.personality)), each.header, each.variant)
    except (ValueError, ImportError) as error:
        return str(error)


def failure_of(result: RunResult) -> Failure | None:
    """Return what a run found wrong with the stack; None for a pass, a broken script and a time limit.

    Only a `fail` is a find: an error or the harness' own time limit says nothing about the stack.
    """
    failure = result.failure
    if result.verdict is not Verdict.FAIL or failure is None or failure.kind is FailureKind.LIMIT:
        return None
    return failure


def hunt(each: SuiteScript, fault: Fault) -> Failure | None:
    """Return how a script finds a fault, or None."""
    return failure_of(each.play_with(fault))
