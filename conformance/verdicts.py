"""From the outcome of a run to the verdict of a test: who asked for the behaviour decides how bad its absence is."""

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.catalogue import Requirement
from packetdrill_compat.header import Header
from packetdrill_compat.outcome import Failure, RunResult, Verdict


class ScriptFailed(AssertionError):
    """The stack under test does not do what the script expects. The text is what a terminal shows."""


class UnexpectedFailure(AssertionError):
    """A known deviation was declared, but this failure is another one."""


class ScriptBroken(Exception):
    """The script, its header or the harness is broken: this says nothing about the stack under test."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of one test, and why in one line (empty for a pass)."""

    verdict: Verdict
    reason: str = ""


_STRENGTH = ("MUST", "MUST NOT", "STATED", "SHOULD", "SHOULD NOT", "MAY")


def strongest_level(levels: Sequence[str]) -> str:
    """Return the level that counts when a test checks several requirements; empty without any."""
    return min(levels, key=_STRENGTH.index, default="")


def broken_verdict(level: str) -> Verdict:
    """Return the verdict of a test whose expectation at this level was not met.

    RFC 2119 sections 3 and 5: there may be valid reasons to ignore a SHOULD, and a MAY is truly optional. Without a
    level the script itself is the expectation.
    """
    if level.startswith("SHOULD"):
        return Verdict.NON_STRICT
    return Verdict.INFO if level == "MAY" else Verdict.FAIL


def judge(result: RunResult, header: Header, requirements: Sequence[Requirement]) -> Judgement:
    """Give the verdict of a played script in the light of its ``//:`` lines."""
    reason = result.failure.first_line if result.failure else result.reason
    if result.verdict is not Verdict.FAIL:
        judged = Judgement(result.verdict, reason)
    elif result.failure is not None and 0 < result.failure.line < header.checked_from:
        judged = Judgement(Verdict.FAIL, f"before the checked part: {reason}")
    else:
        level = header.level or strongest_level([each.level for each in requirements])
        judged = Judgement(broken_verdict(level), reason)
    return _against_expectation(judged, header.expect)


def _against_expectation(judged: Judgement, expect: str | None) -> Judgement:
    if expect == "fail" and judged.verdict is Verdict.PASS:
        return Judgement(Verdict.FAIL, "the script passed, but its header says that it must fail")
    if expect == "fail" and judged.verdict in (Verdict.FAIL, Verdict.NON_STRICT, Verdict.INFO):
        return Judgement(Verdict.PASS)
    if expect == "info" and judged.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.NON_STRICT):
        return Judgement(Verdict.INFO, judged.reason or "the script's expectation was met")
    return judged


def explain(judged: Judgement, failure: Failure | None, requirements: Sequence[Requirement], command: str) -> str:
    """Return the whole text about a run that did not pass: what happened, what was asked, how to repeat it."""
    lines = [failure.render() if failure else judged.reason]
    if failure is not None and judged.reason != failure.first_line:
        lines.append(f"  verdict {judged.verdict.value}: {judged.reason}")
    lines += [f"  requirement {each.id}\n    {each.sentence}" for each in requirements]
    lines.append(f"  again: {command}")
    return "\n".join(lines)
