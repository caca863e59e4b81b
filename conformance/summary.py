"""The section that the plugin adds to the end of a terminal run."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from packetdrill_compat.outcome import Verdict

_BROKEN = (Verdict.FAIL.value, Verdict.NON_STRICT.value)


def write_summary(terminal: pytest.TerminalReporter, summaries: Sequence[dict[str, Any]]) -> None:
    """Write what the scripts of a run came to; `summaries` are the ``tcprove`` parts of their reports."""
    targets = sorted({summary["target"] for summary in summaries})
    terminal.section(f"tcprove: target {', '.join(targets)}")
    for line in summary_lines(summaries):
        terminal.write_line(line)


def summary_lines(summaries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the section."""
    known = [each for each in summaries if each["deviation"] and each["verdict"] in _BROKEN]
    outdated = [each for each in summaries if each["deviation"] and each["verdict"] == Verdict.PASS.value]
    counts = Counter(each["verdict"] for each in summaries if each not in known)
    yield "verdicts: " + ", ".join(f"{counts[verdict.value]} {verdict.value}" for verdict in Verdict)
    weak = [each for each in summaries if each["verdict"] == Verdict.NON_STRICT.value and each not in known]
    yield from _listed(
        "non-strict, a SHOULD is not kept (--tcprove-strict=should makes these fail)", weak, "requirements"
    )
    yield from _listed("known deviations, not counted above", known, "deviation")
    yield from _listed("deviations that are no longer true; take their entries out", outdated, "deviation")
    apart = sum(1 for each in summaries if each["was_apart"])
    if apart:
        yield f"played apart, because others beside them could have changed their verdict: {apart}"
    lateness = sorted(value for summary in summaries for value in summary["lateness"])
    # In virtual time nothing is ever late, and saying so helps nobody.
    if any(lateness):
        yield _lateness_line(lateness)


def _listed(title: str, summaries: Sequence[dict[str, Any]], key: str) -> Iterator[str]:
    if not summaries:
        return
    yield f"{title}: {len(summaries)}"
    for summary in summaries:
        text = summary[key] if isinstance(summary[key], str) else " ".join(summary[key])
        yield f"  {summary['name']} {text}".rstrip()


def _lateness_line(lateness: Sequence[int]) -> str:
    percentile = lateness[min(len(lateness) - 1, len(lateness) * 99 // 100)]
    return (
        f"injection lateness: median {statistics.median(lateness):.0f} us, 99 % {percentile} us, "
        f"worst {lateness[-1]} us of {len(lateness)} packets"
    )
