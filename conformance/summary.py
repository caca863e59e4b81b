"""The section that the plugin adds to the end of a terminal run."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from packetdrill_compat.outcome import Verdict


def write_summary(terminal: pytest.TerminalReporter, summaries: Sequence[dict[str, Any]]) -> None:
    """Write what the scripts of a run came to; `summaries` are the ``tcprove`` parts of their reports."""
    targets = sorted({summary["target"] for summary in summaries})
    terminal.section(f"tcprove: target {', '.join(targets)}")
    for line in summary_lines(summaries):
        terminal.write_line(line)


def summary_lines(summaries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the section."""
    counts = Counter(summary["verdict"] for summary in summaries)
    yield "verdicts: " + ", ".join(f"{counts[verdict.value]} {verdict.value}" for verdict in Verdict)
    weak = [each for each in summaries if each["verdict"] == Verdict.NON_STRICT.value]
    if weak:
        yield "non-strict, a SHOULD is not kept (--tcprove-strict=should makes these fail):"
    for summary in weak:
        yield f"  {summary['name']} {' '.join(summary['requirements'])}".rstrip()
    known = [each for each in summaries if each["deviation"]]
    if known:
        yield f"known deviations: {len(known)}"
    for summary in known:
        yield f"  {summary['name']} {summary['verdict']}: {summary['deviation']}"
    lateness = sorted(value for summary in summaries for value in summary["lateness"])
    if lateness:
        yield _lateness_line(lateness)


def _lateness_line(lateness: Sequence[int]) -> str:
    percentile = lateness[min(len(lateness) - 1, len(lateness) * 99 // 100)]
    return (
        f"injection lateness: median {statistics.median(lateness):.0f} us, 99 % {percentile} us, "
        f"worst {lateness[-1]} us of {len(lateness)} packets"
    )
