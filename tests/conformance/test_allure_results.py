import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("allure_pytest")

Run = Callable[..., pytest.RunResult]
Write = Callable[..., Path]


def labels_by_name(folder: Path) -> dict[str, dict[str, str]]:
    results = [json.loads(file.read_text()) for file in folder.glob("*-result.json")]
    return {each["name"]: {label["name"]: label["value"] for label in each["labels"]} for each in results}


def test_scripts_are_filed_by_requirement_and_verdict(script: Write, run: Run, tmp_path: Path) -> None:
    script("good.pkt", requirement="RFC9293-MUST-60")
    script("bad.pkt", "fail", requirement="RFC9293-MUST-60")
    run("--tcprove-variants=ipv4", f"--alluredir={tmp_path}")
    found = labels_by_name(tmp_path)
    assert set(found) == {"good.pkt@ipv4", "bad.pkt@ipv4"}
    assert [found[name]["verdict"] for name in ("good.pkt@ipv4", "bad.pkt@ipv4")] == ["pass", "fail"]
    assert found["bad.pkt@ipv4"]["epic"] == "RFC 9293"
    assert found["bad.pkt@ipv4"]["story"] == "RFC9293-MUST-60"
    assert found["bad.pkt@ipv4"]["severity"] == "critical"


@pytest.mark.parametrize(("option", "has_files"), [((), False), (("--tcprove-attach=all",), True)])
def test_passed_scripts_have_attachments_on_request(
    script: Write, run: Run, tmp_path: Path, option: tuple[str, ...], has_files: bool
) -> None:
    script("good.pkt")
    run("--tcprove-variants=ipv4", f"--alluredir={tmp_path}", *option)
    [result] = [json.loads(file.read_text()) for file in tmp_path.glob("*-result.json")]
    assert ([each["name"] for each in result.get("attachments", [])] == ["good.pkt"]) is has_files


def test_an_unknown_choice_of_attachments_is_refused(script: Write, run: Run) -> None:
    script("good.pkt")
    result = run("--tcprove-attach=some")
    result.stderr.fnmatch_lines(["ERROR: --tcprove-attach=some: the only other choice is 'all'*"])


def test_the_run_is_described_once(script: Write, run: Run, tmp_path: Path) -> None:
    script("good.pkt")
    run(f"--alluredir={tmp_path}")
    lines = (tmp_path / "environment.properties").read_text().splitlines()
    assert lines[0] == "target=reference"
    assert "personality=of each script" in lines
    assert json.loads((tmp_path / "categories.json").read_text())


def test_a_run_without_scripts_is_not_described(pytester: pytest.Pytester, run: Run, tmp_path: Path) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    run(f"--alluredir={tmp_path}")
    assert not (tmp_path / "environment.properties").exists()
