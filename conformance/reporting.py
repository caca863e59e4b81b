"""The hooks that turn verdicts into reports. The plugin registers this module as soon as there is a verdict to give.

A report carries its verdict twice: as ``user_properties``, which JUnit XML shows, and as ``report.tcprove``, from which
the terminal summary is made. Both travel from the workers of pytest-xdist to the one process that writes.
"""

from collections.abc import Generator
from typing import Any

import pytest

from conformance import catalogue
from conformance.items import ScriptItem
from conformance.selection import personality_of, target_name
from conformance.settings import settings_of
from packetdrill_compat.outcome import RunResult, Verdict


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the reports of scripts their verdict, and show the verdict `error` as pytest shows errors."""
    if isinstance(item, ScriptItem) and call.when == "call":
        item.user_properties += _properties(item)
    report = yield
    if isinstance(item, ScriptItem) and call.when == "call" and item.judgement is not None:
        report.tcprove = _summary_of(item)  # type: ignore[attr-defined]
        _listen(item)
        if item.judgement.verdict is Verdict.ERROR and report.failed:
            # For pytest an error is a failure outside the test itself. The terminal, JUnit XML, Allure and xdist all go
            # by this word, so that a broken script counts as an error everywhere and never as a finding.
            report.when = "setup"
    return report


def _properties(item: ScriptItem) -> list[tuple[str, object]]:
    judged, header = item.judgement, item.header
    name = target_name(header, settings_of(item.config))
    found = [each for each in map(catalogue.load().get, header.requirements) if each is not None]
    properties: list[tuple[str, object]] = [
        ("verdict", judged.verdict.value if judged else Verdict.ERROR.value),
        ("target", name.partition(":")[0]),
        ("variant", item.variant),
    ]
    if personality := personality_of(name):
        properties.append(("personality", personality))
    for requirement in found:
        properties += [("requirement", requirement.id), ("level", header.level or requirement.level)]
        properties += [("section", requirement.section), ("document", requirement.document)]
    if judged is not None and judged.reason:
        properties.append(("reason", judged.reason))
    if item.deviation is not None:
        properties.append(("deviation", str(item.deviation)))
    if lateness := _lateness(item.result):
        properties.append(("lateness", max(lateness)))
    return properties


def _lateness(result: RunResult | None) -> list[int]:
    return list(result.lateness) if result is not None else []


def _summary_of(item: ScriptItem) -> dict[str, Any]:
    """Only what pytest-xdist can send: texts, numbers, lists."""
    judged = item.judgement
    assert judged is not None
    return {
        "name": f"{item.shown_path}@{item.variant}",
        "target": settings_of(item.config).target,
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "requirements": list(item.header.requirements),
        "deviation": str(item.deviation) if item.deviation is not None else "",
        "lateness": _lateness(item.result),
    }


def _listen(item: ScriptItem) -> None:
    """Hand a finished script to the listeners of run events."""
    del item
