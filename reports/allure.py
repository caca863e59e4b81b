"""Allure results: labels, links, parameters and attachments of each test, and the files that describe a whole run.

`record` does nothing when allure-pytest is not installed or was not asked for with ``--alluredir``. It runs in the
process that ran the test, `write_run_files` only in the one that controls the run (under pytest-xdist no worker).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from packetdrill_compat.outcome import Failure, Verdict
from reports.capture import capture_bytes
from reports.event import VERDICT_MEANINGS, Requirement, TestReport
from reports.ladder import ladder_svg
from reports.sequence_plot import WORTH_PLOTTING, sequence_plot_svg, series_of
from targets.trace import Trace

# RFC 2119 words to Allure's severities. What has no such word ranks with SHOULD.
_SEVERITIES = {
    "MUST": "critical",
    "MUST NOT": "critical",
    "REQUIRED": "critical",
    "SHALL": "critical",
    "SHALL NOT": "critical",
    "SHOULD": "normal",
    "SHOULD NOT": "normal",
    "RECOMMENDED": "normal",
    "NOT RECOMMENDED": "normal",
    "MAY": "minor",
    "OPTIONAL": "minor",
}

# What pytest reports for each verdict, in Allure's words.
STATUSES = {
    Verdict.PASS: "passed",
    Verdict.NON_STRICT: "passed",
    Verdict.INFO: "passed",
    Verdict.FAIL: "failed",
    Verdict.UNSUPPORTED: "skipped",
    Verdict.ERROR: "broken",
}

KNOWN_DEVIATION = "Known deviation of the target"

# Allure shows eight values and hides the others behind a click: two of the environment, and the six verdicts.
_FIRST = 2

SVG_TYPE = "image/svg+xml"
PCAPNG_TYPE = "application/x-pcapng"
TEXT_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class Labels:
    """What Allure files a test under. `tags` and `links` hold (name, value) and (name, address)."""

    epic: str
    feature: str
    story: str
    severity: str
    tags: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a test."""

    name: str
    content: bytes
    mime_type: str
    extension: str


def severity_of(level: str) -> str:
    """Return Allure's severity of an RFC 2119 word."""
    return _SEVERITIES.get(level.upper(), "normal")


def labels_of(report: TestReport) -> Labels:
    """Return the labels of a test: the first requirement files it, the others are tags.

    One tree position for each test: several epics and stories on one test would show it under every combination of
    them, also under those that do not exist.
    """
    if not report.requirements:
        return Labels("Without requirement", report.path.rpartition("/")[0] or "General", report.path, "normal")
    first, *others = report.requirements
    links = {f"{r.document} {r.section_title}".replace("Section ", "section "): r.url for r in report.requirements}
    return Labels(
        epic=first.document,
        feature=first.section_title,
        story=first.id,
        severity=severity_of(first.level),
        tags=tuple(requirement.id for requirement in others),
        links=tuple((name, url) for name, url in links.items() if url),
    )


def description_of(report: TestReport) -> str:
    """Return the text of a test's page as HTML: purpose, requirements, verdict with its meaning, and what went wrong.

    The ladder diagram of a failed test stands in it too, so that nobody has to unfold an attachment to see it.
    """
    parts = [f"<p>{escape(report.title)}</p>"] if report.title else []
    parts += [_describe_requirement(requirement) for requirement in report.requirements]
    parts.append(f"<p><b>Verdict: {report.verdict.value}</b> ({escape(VERDICT_MEANINGS[report.verdict])})</p>")
    if report.reason and report.failure is None:
        parts.append(f"<p>Reason: {escape(report.reason)}</p>")
    if report.deviation:
        parts.append(f"<p>{KNOWN_DEVIATION}: {escape(report.deviation)}</p>")
    if report.failure is not None:
        parts.append(f"<pre>{escape(report.failure.render())}</pre>")
        if _has_trace(report):
            picture = base64.b64encode(_ladder(report).encode()).decode("ascii")
            source = f"data:{SVG_TYPE};base64,{picture}"
            parts.append(f'<img alt="Ladder diagram" style="max-width: 100%" src="{source}">')
    return "\n".join(parts)


def _describe_requirement(requirement: Requirement) -> str:
    name = escape(requirement.id)
    if requirement.url:
        name = f'<a href="{escape(requirement.url)}">{name}</a>'
    level = f" <b>{escape(requirement.level)}</b>" if requirement.level else ""
    where = escape(f"{requirement.document}, {requirement.section_title}")
    summary = f": {escape(requirement.summary)}" if requirement.summary else ""
    return f"<p>{name}{level} ({where}){summary}</p>"


def attachments_of(report: TestReport) -> list[Attachment]:
    """Return the files of a test: what was wanted and what came, the ladder diagram, the script, the capture."""
    found: list[Attachment] = []
    if report.failure is not None:
        found.append(_text_file("Want and got", report.failure.render(), "txt"))
    if report.warnings:
        found.append(_text_file("Warnings", _render_all(report.warnings), "txt"))
    if _has_trace(report):
        found.append(Attachment("Ladder diagram", _ladder(report).encode(), SVG_TYPE, "svg"))
    if report.trace is not None and len(series_of(report.trace).sent) >= WORTH_PLOTTING:
        plot = sequence_plot_svg(report.trace, title=_heading(report))
        found.append(Attachment("Time-sequence plot", plot.encode(), SVG_TYPE, "svg"))
    if report.script:
        found.append(_text_file(report.path.rpartition("/")[2] or "Script", report.script, "txt"))
    if report.trace is not None and report.trace.events:
        found.append(Attachment("Capture", capture_bytes(report.trace, report.failure), PCAPNG_TYPE, "pcapng"))
    return found


def _has_trace(report: TestReport) -> bool:
    return report.trace is not None and bool(report.trace.events)


def _ladder(report: TestReport) -> str:
    return ladder_svg(report.trace or Trace(), report.failure, title=_heading(report))


def _heading(report: TestReport) -> str:
    return f"{report.name} on {report.target}" if report.target else report.name


def _text_file(name: str, content: str, extension: str) -> Attachment:
    return Attachment(name, content.encode(errors="replace"), TEXT_TYPE, extension)


def _render_all(failures: tuple[Failure, ...]) -> str:
    return "\n\n".join(failure.render() for failure in failures)


# ---------------------------------------------------------------- the two entry points


def is_active() -> bool:
    """True when allure-pytest is installed and collects results in this process."""
    if find_spec("allure_commons") is None:
        return False
    hooks = import_module("allure_commons").plugin_manager.hook
    return bool(hooks.attach_data.get_hookimpls())


def record(report: TestReport, *, attach_passed: bool = False) -> None:
    """Give Allure's result of the running test its labels and attachments.

    Call it once a test, after allure-pytest's own setup hook and before ``pytest_runtest_logfinish``. Attachments go
    with every test whose verdict is not `pass`, and with all tests if `attach_passed`.
    """
    if not is_active():
        return
    _record_labels(report)
    if attach_passed or report.verdict is not Verdict.PASS:
        attach = import_module("allure").attach
        for each in attachments_of(report):
            attach(each.content, name=each.name, attachment_type=each.mime_type, extension=each.extension)


def _record_labels(report: TestReport) -> None:
    # Imported by name at run time: the package is optional, and its decorators have no types.
    dynamic = import_module("allure").dynamic
    labels = labels_of(report)
    dynamic.epic(labels.epic)
    dynamic.feature(labels.feature)
    dynamic.story(labels.story)
    dynamic.label("severity", labels.severity)
    dynamic.label("verdict", report.verdict.value)
    if report.deviation:
        dynamic.label("deviation", report.deviation)
    for tag in labels.tags:
        dynamic.tag(tag)
    for name, url in labels.links:
        dynamic.link(url, name=name)
    parameters = {"target": report.target, "variant": report.variant, **report.parameters}
    for name, value in parameters.items():
        if value:
            dynamic.parameter(name, _Plain(value))
    dynamic.description_html(description_of(report))


@dataclass(frozen=True, slots=True)
class _Plain:
    """A value that allure-pytest, which shows parameters by repr(), shows without quotes."""

    value: str

    def __repr__(self) -> str:
        return self.value


def write_run_files(results: Path, environment: Mapping[str, str]) -> None:
    """Write what belongs to the whole run into the results folder: categories and environment with the legend.

    `environment` says what was tested, its first two entries best the target and its version: the report shows only
    those at once. Must be called by one process only.
    """
    results.mkdir(parents=True, exist_ok=True)
    categories = json.dumps(classic_categories(), indent=2, ensure_ascii=False)
    (results / "categories.json").write_text(categories + "\n", encoding="utf-8")
    legend = {f"verdict {verdict.value}": meaning for verdict, meaning in VERDICT_MEANINGS.items()}
    first, rest = list(environment.items())[:_FIRST], list(environment.items())[_FIRST:]
    shown = [*first, *legend.items(), *rest]
    lines = [f"{_property(key, is_key=True)}={_property(value)}" for key, value in shown]
    (results / "environment.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")


def classic_categories() -> list[dict[str, object]]:
    """Return the categories in the form of ``categories.json``, which knows statuses but not our verdicts."""
    wanted = (Verdict.FAIL, Verdict.ERROR, Verdict.UNSUPPORTED)
    return [{"name": category_name(verdict), "matchedStatuses": [STATUSES[verdict]]} for verdict in wanted]


def category_name(verdict: Verdict) -> str:
    """Return a verdict with its meaning."""
    return f"{verdict.value}: {VERDICT_MEANINGS[verdict]}"


def _property(content: str, *, is_key: bool = False) -> str:
    """Escape for a Java properties file (java.util.Properties, `load`)."""
    content = content.replace("\\", "\\\\").replace("\n", "\\n")
    if is_key:
        content = content.replace(" ", "\\ ").replace("=", "\\=").replace(":", "\\:")
    return content
