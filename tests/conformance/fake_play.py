"""A pytest plugin that plays no script: a line ``// play: WORD`` in the script says how the run ends.

The words are verdicts, with `fail at N` for the line of the failure, and `late` for a pass with injection lateness.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from conformance import running
from conformance.running import Job
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from targets.base import TargetError, Unsupported
from targets.trace import Trace

_saved: dict[str, Any] = {}


def play(job: Job, claims: object = None) -> RunResult:
    text = Path(job.path).read_text()
    match = re.search(r"// play: (?P<word>[\w-]+)(?: at (?P<line>\d+))?", text)
    word, line = (match["word"], int(match["line"] or 2)) if match else ("pass", 2)
    if word == "refused":
        raise Unsupported("fake is not linux")
    if word == "unreachable":
        raise TargetError("no device", next_step="plug one in")
    if word == "bug":
        raise ZeroDivisionError("a bug of ours")
    verdict = Verdict.PASS if word == "late" else Verdict(word)
    result = RunResult(verdict, None, Config(), Trace())
    if verdict in (Verdict.FAIL, Verdict.ERROR):
        kind = FailureKind.PACKET if verdict is Verdict.FAIL else FailureKind.LIMIT
        result.failure = Failure(kind, job.path, line, 1, f"the message of {job.variant}", want="> . ack 1", got="> R")
    if verdict is Verdict.UNSUPPORTED:
        result.reason = "fake has no ipv6"
    if word == "late":
        result.lateness = [10, 20, 30]
    return result


def pytest_configure(config: pytest.Config) -> None:
    _saved["play"], running.play = running.play, play


def pytest_unconfigure(config: pytest.Config) -> None:
    # A run that is refused because of its options ends without a beginning.
    running.play = _saved.pop("play", running.play)
