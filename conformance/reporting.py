"""The hooks that turn verdicts into reports. The plugin registers this module as soon as there is a verdict to give.

A report carries its verdict twice: as ``user_properties``, which JUnit XML shows, and as ``report.tcprove``, from which
the terminal summary is made. Both travel from the workers of pytest-xdist to the one process that writes.
"""

import warnings
from collections.abc import Generator

import pytest

from conformance.finished import Finished, capture_path
from conformance.items import ScriptItem
from conformance.python_tests import finished_python_test
from conformance.settings import settings_of
from packetdrill_compat.outcome import Verdict
from targets.base import Unsupported


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a Python test whose target says half way that it does not have something."""
    try:
        yield
    except Unsupported as error:
        pytest.skip(f"unsupported: {error.reason}")


# Next to the hook that makes the report, so that every other plugin (Allure, the xfail of pytest) sees the verdict.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the reports of scripts and of tests with the fixture `target` their verdict."""
    finished = _finished(item, call)
    if finished is not None:
        item.user_properties += finished.properties
    report = yield
    if finished is not None:
        report.tcprove = finished.summary  # type: ignore[attr-defined]
        _show_verdict(item, report, finished)
        _tell_listeners(item.config, finished)
    return report


def _finished(item: pytest.Item, call: pytest.CallInfo[None]) -> Finished | None:
    if isinstance(item, ScriptItem):
        return item.finished if call.when == "call" else None
    return finished_python_test(item, call)


def _show_verdict(item: pytest.Item, report: pytest.TestReport, finished: Finished) -> None:
    """Turn the report into what pytest shows for the verdict."""
    verdict = finished.judgement.verdict
    if report.skipped and isinstance(item, ScriptItem) and isinstance(report.longrepr, tuple):
        # Where the script is, not where our code skips it; so the summary folds a script's variants into one line.
        report.longrepr = (str(item.path), None, report.longrepr[2])  # type: ignore[assignment]
    if not report.failed:
        return
    if verdict is Verdict.ERROR:
        # For pytest an error is a failure outside the test itself. The terminal, JUnit XML and xdist all go by this
        # word, so that a broken script counts as an error everywhere and never as a finding.
        report.when = "setup"
    elif finished.deviation:
        return  # the xfail of pytest decides
    elif verdict is Verdict.INFO or (verdict is Verdict.NON_STRICT and not settings_of(item.config).is_strict):
        report.sections.append((f"verdict {verdict.value}", report.longreprtext))
        report.outcome, report.longrepr = "passed", None


def _tell_listeners(config: pytest.Config, finished: Finished) -> None:
    from reports import allure  # noqa: PLC0415 (only runs with verdicts need it)

    allure.record(finished.report, attach_passed=settings_of(config).attaches_all)
    directory = settings_of(config).pcap
    if directory is not None and finished.trace is not None:
        from reports.capture import capture_bytes  # noqa: PLC0415

        try:
            directory.mkdir(parents=True, exist_ok=True)
            capture_path(directory, finished).write_bytes(capture_bytes(finished.trace, finished.failure))
        except OSError as error:
            warnings.warn(pytest.PytestWarning(f"no capture was written (--tcprove-pcap): {error}"), stacklevel=2)
