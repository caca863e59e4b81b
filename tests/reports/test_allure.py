import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from packetdrill_compat.outcome import Verdict
from reports.allure import (
    STATUSES,
    attachments_of,
    description_of,
    is_active,
    labels_of,
    record,
    severity_of,
    write_run_files,
)
from reports.event import VERDICT_MEANINGS, Requirement, TestReport
from reports.sequence_plot import WORTH_PLOTTING
from tests.reports.sample_session import run_sample_session
from tests.reports.samples import FAILURE, failed_report, failing_trace, passed_report
from tests.reports.tools import require


@pytest.mark.parametrize(
    ("identifier", "section", "epic", "feature", "address"),
    [
        (
            "RFC9293-3.10.7.4-SEG-ESTABLISHED-fin",
            "3.10.7.4",
            "RFC 9293",
            "Section 3.10.7.4",
            "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4",
        ),
        (
            "RFC9293-MUST-60",
            "3.9.1.2",
            "RFC 9293",
            "Section 3.9.1.2",
            "https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2",
        ),
        (
            "RFC5681-4.3-1",
            "",
            "RFC 5681",
            "Section 4.3",
            "https://www.rfc-editor.org/rfc/rfc5681#section-4.3",
        ),
        ("RFC9293-REC-1", "", "RFC 9293", "General", "https://www.rfc-editor.org/rfc/rfc9293"),
        (
            "LINUX-TCP7-SOCKOPT-TCP_CORK-1",
            "paragraph 80",
            "Linux tcp(7)",
            "Socket options",
            "https://man7.org/linux/man-pages/man7/tcp.7.html",
        ),
        (
            "DFLY-TCP4-SYSCTL-msl-1",
            "",
            "DragonFly BSD tcp(4)",
            "Sysctls",
            "https://man.dragonflybsd.org/?command=tcp&section=4",
        ),
        ("LINUX-SEND-REL-1", "", "The send of Linux", "Reliability", ""),
        (
            "BUSYBOX-TCP-NAGLE-4",
            "",
            "BusyBox TCP notes",
            "Nagle",
            "https://git.busybox.net/busybox/tree/docs/tcp.txt",
        ),
        ("OTHER-1", "", "OTHER", "General", ""),
    ],
)
def test_a_requirement_is_filed_by_document_and_section(
    identifier: str, section: str, epic: str, feature: str, address: str
) -> None:
    requirement = Requirement(identifier, "MUST", section)
    labels = labels_of(replace(passed_report(), requirements=(requirement,)))
    assert (labels.epic, labels.feature, labels.story) == (epic, feature, identifier)
    assert requirement.url == address
    assert [url for _, url in labels.links] == ([address] if address else [])


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("MUST", "critical"),
        ("MUST NOT", "critical"),
        ("SHOULD", "normal"),
        ("SHOULD NOT", "normal"),
        ("MAY", "minor"),
        ("STATED", "normal"),
        ("", "normal"),
    ],
)
def test_severity_follows_the_requirement_word(level: str, severity: str) -> None:
    assert severity_of(level) == severity


def test_further_requirements_are_tags_and_links() -> None:
    labels = labels_of(failed_report())
    assert labels.story == "RFC9293-MUST-60"
    assert labels.tags == ("RFC1122-4.2.2.2-1",)
    assert [name for name, _ in labels.links] == ["RFC 9293 section 3.9.1.2", "RFC 1122 section 4.2.2.2"]


def test_a_test_without_requirement_is_filed_by_its_folder() -> None:
    labels = labels_of(replace(passed_report(), requirements=()))
    assert (labels.epic, labels.feature) == ("Without requirement", "rfc9293/close")


def test_the_page_text_has_requirement_verdict_and_failure_and_is_escaped() -> None:
    text = description_of(failed_report())
    assert "RFC9293-MUST-60" in text
    assert "<b>MUST</b>" in text
    assert "Verdict: fail" in text
    assert "want  P. 1:1001(1000) ack 1" in text
    assert "&lt;promptly&gt; &amp; whole" in text


def test_the_page_text_of_a_failed_test_shows_its_ladder() -> None:
    match = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', description_of(failed_report()))
    assert match is not None
    assert b"got  . 1:1001(1000)" in base64.b64decode(match[1])
    assert "data:" not in description_of(passed_report())


def test_the_page_text_names_a_known_deviation() -> None:
    text = description_of(replace(failed_report(), deviation="kernel.toml: since 6.1 <see there>"))
    assert "Known deviation of the target: kernel.toml: since 6.1 &lt;see there&gt;" in text


def test_a_failed_test_has_text_ladder_script_and_capture() -> None:
    files = {each.name: each for each in attachments_of(failed_report())}
    assert list(files) == ["Want and got", "Ladder diagram", "push.pkt", "Capture"]
    assert files["Want and got"].content.decode() == FAILURE.render()
    assert ElementTree.fromstring(files["Ladder diagram"].content).tag.endswith("svg")
    assert files["push.pkt"].content.startswith(b"// The last segment")
    assert files["Capture"].content[:4] == b"\x0a\x0d\x0d\x0a"


def test_a_long_transfer_also_has_a_plot() -> None:
    trace = failing_trace()
    last = trace.events[-1]
    long = replace(failed_report(), trace=replace(trace, events=[*trace.events, *[last] * WORTH_PLOTTING]))
    assert "Time-sequence plot" in [each.name for each in attachments_of(long)]


def test_a_test_without_trace_has_neither_ladder_nor_capture() -> None:
    files = [each.name for each in attachments_of(replace(failed_report(), trace=None, warnings=(FAILURE,)))]
    assert files == ["Want and got", "Warnings", "push.pkt"]


def test_every_verdict_has_a_meaning_and_a_status() -> None:
    assert set(VERDICT_MEANINGS) == set(STATUSES) == set(Verdict)


def test_run_files_name_the_target_and_explain_every_verdict(tmp_path: Path) -> None:
    write_run_files(tmp_path / "new", {"target": "kernel", "kernel release": "6.18.44\\n=x"})
    lines = (tmp_path / "new" / "environment.properties").read_text().splitlines()
    assert lines[:2] == ["target=kernel", r"kernel\ release=6.18.44\\n=x"]
    assert len(lines) == 2 + len(Verdict)
    categories = json.loads((tmp_path / "new" / "categories.json").read_text())
    assert [each["matchedStatuses"] for each in categories] == [["failed"], ["broken"], ["skipped"]]


def test_without_allure_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.allure.find_spec", lambda name: None)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr("reports.allure.import_module", refuse)
    assert not is_active()
    record(failed_report(), attach_passed=True)


# ---------------------------------------------------------------- what allure-pytest makes of it


def results_by_name(folder: Path) -> dict[str, dict[str, Any]]:
    results = [json.loads(file.read_text()) for file in folder.glob("*-result.json")]
    return {result["name"]: result for result in results}


def labels_in(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


@pytest.mark.slow
def test_results_carry_labels_parameters_and_attachments(tmp_path: Path) -> None:
    require("allure", modules=("allure_pytest",))
    results = results_by_name(run_sample_session(tmp_path))
    failed, passed = results["test_push"], results["test_fin"]
    assert (failed["status"], passed["status"]) == ("failed", "passed")
    labels = labels_in(failed)
    assert (labels["epic"], labels["feature"], labels["story"]) == ("RFC 9293", "Section 3.9.1.2", "RFC9293-MUST-60")
    assert (labels["severity"], labels["verdict"], labels["tag"]) == ("critical", "fail", "RFC1122-4.2.2.2-1")
    parameters = {parameter["name"]: parameter["value"] for parameter in failed["parameters"]}
    assert parameters == {"target": "reference:linux", "variant": "ipv4"}
    assert [each["name"] for each in failed["attachments"]] == ["Want and got", "Ladder diagram", "push.pkt", "Capture"]
    assert "attachments" not in passed


@pytest.mark.slow
def test_under_xdist_the_workers_write_the_same_results(tmp_path: Path) -> None:
    require("allure", modules=("allure_pytest", "xdist"))
    results = results_by_name(run_sample_session(tmp_path, "-n1"))
    assert labels_in(results["test_push"])["verdict"] == "fail"
    assert labels_in(results["test_fin"])["verdict"] == "pass"


def test_a_report_is_no_test() -> None:
    # pytest collects classes called Test...; this one is imported into many test modules.
    assert TestReport.__test__ is False
