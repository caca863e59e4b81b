from pathlib import Path

import pytest

from packetdrill_compat.outcome import Verdict
from reports.__main__ import main
from reports.summary import Outcome, read_junit, requirement_matrix, summary, verdict_table

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite>
  <testcase name="a.pkt@ipv4"><properties>
    <property name="verdict" value="fail"/><property name="target" value="reference"/>
    <property name="personality" value="rfc"/>
    <property name="requirement" value="RFC9293-MUST-10"/><property name="level" value="MUST"/>
    <property name="requirement" value="RFC9293-MUST-9"/><property name="level" value="MUST NOT"/>
  </properties></testcase>
  <testcase name="a.pkt@ipv6"><properties>
    <property name="verdict" value="pass"/><property name="target" value="kernel"/>
    <property name="requirement" value="RFC9293-MUST-10"/><property name="level" value="MUST"/>
  </properties></testcase>
  <testcase name="test_of_somebody_else"/>
</testsuite></testsuites>
"""


@pytest.fixture
def junit(tmp_path: Path) -> Path:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT)
    return path


def test_verdict_target_and_levels_are_read_from_the_properties(junit: Path) -> None:
    assert read_junit(junit) == [
        Outcome(
            "a.pkt@ipv4", Verdict.FAIL, "reference:rfc", (("RFC9293-MUST-10", "MUST"), ("RFC9293-MUST-9", "MUST NOT"))
        ),
        Outcome("a.pkt@ipv6", Verdict.PASS, "kernel", (("RFC9293-MUST-10", "MUST"),)),
    ]


def test_every_verdict_has_a_row_and_every_target_a_column(junit: Path) -> None:
    lines = list(verdict_table(read_junit(junit)))
    assert lines[0] == "| verdict | meaning | kernel | reference:rfc |"
    assert lines[2] == "| pass | does what is demanded | 1 | 0 |"
    assert len(lines) == 2 + len(Verdict)


def test_the_matrix_counts_verdicts_and_sorts_numbers_as_numbers(junit: Path) -> None:
    lines = list(requirement_matrix(read_junit(junit)))
    assert lines[2:] == ["| RFC9293-MUST-9 | MUST NOT |  | 1 fail |", "| RFC9293-MUST-10 | MUST | 1 pass | 1 fail |"]


def test_the_worst_verdict_stands_first_in_a_cell() -> None:
    requirement = (("RFC9293-3.10.7.4-SEG-a", "MUST"),)
    verdicts = (Verdict.PASS, Verdict.PASS, Verdict.UNSUPPORTED, Verdict.FAIL)
    lines = list(requirement_matrix([Outcome("x", verdict, "t", requirement) for verdict in verdicts]))
    assert lines[-1] == "| RFC9293-3.10.7.4-SEG-a | MUST | 1 fail, 1 unsupported, 2 pass |"


def test_bars_in_names_do_not_break_the_table() -> None:
    assert "a\\|b" in summary([Outcome("x", Verdict.PASS, "a|b")])


def test_the_command_prints_the_tables_of_several_files(junit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(junit), str(junit)]) == 0
    assert "| RFC9293-MUST-10 | MUST | 2 pass | 2 fail |" in capsys.readouterr().out


def test_a_file_that_is_no_xml_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "junit.xml"
    broken.write_text("<testsuites>")
    assert main(["summary", str(broken)]) == 1
    assert capsys.readouterr().err.startswith("not a JUnit XML file: ")


def test_a_missing_file_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(tmp_path / "absent.xml")]) == 1
    assert "absent.xml" in capsys.readouterr().err
