import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.verdicts import broken_verdict, strongest_level
from packetdrill_compat.outcome import Verdict
from tests.conformance.conftest import INNER_PLUGINS, Write

Run = Callable[..., pytest.RunResult]

ONE = "--tcprove-variants=ipv4"
MUST, SHOULD, MAY = "RFC9293-MUST-1", "RFC9293-SHLD-2", "RFC9293-MAY-1"


def junit(directory: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(directory / "junit.xml").getroot().iter("testcase"))


def properties(case: ElementTree.Element) -> dict[str, str]:
    return {each.get("name", ""): each.get("value", "") for each in case.iter("property")}


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        ("MUST", Verdict.FAIL),
        ("MUST NOT", Verdict.FAIL),
        ("STATED", Verdict.FAIL),
        ("", Verdict.FAIL),
        ("SHOULD", Verdict.NON_STRICT),
        ("SHOULD NOT", Verdict.NON_STRICT),
        ("MAY", Verdict.INFO),
    ],
)
def test_the_level_decides_how_bad_a_broken_expectation_is(level: str, verdict: Verdict) -> None:
    # RFC 2119, sections 1 to 5.
    assert broken_verdict(level) is verdict


def test_the_strongest_of_several_levels_counts() -> None:
    assert strongest_level(["MAY", "SHOULD", "MUST NOT"]) == "MUST NOT"
    assert strongest_level(["MAY", "STATED"]) == "STATED"


@pytest.mark.parametrize(
    ("play", "keys", "outcome", "verdict"),
    [
        ("pass", {}, "passed", "pass"),
        ("pass", {"requirement": SHOULD}, "passed", "pass"),
        ("fail", {}, "failed", "fail"),
        ("fail", {"requirement": MUST}, "failed", "fail"),
        ("fail", {"requirement": f"{SHOULD} {MUST}"}, "failed", "fail"),
        ("fail", {"requirement": SHOULD}, "passed", "non-strict"),
        ("fail", {"requirement": MAY}, "passed", "info"),
        ("fail", {"requirement": MUST, "level": "SHOULD"}, "passed", "non-strict"),
        ("fail", {"expect": "info"}, "passed", "info"),
        ("pass", {"expect": "info"}, "passed", "info"),
        ("fail", {"expect": "fail"}, "passed", "pass"),
        ("pass", {"expect": "fail"}, "failed", "fail"),
        ("error", {"expect": "fail"}, "errors", "error"),
        ("error", {"requirement": MAY}, "errors", "error"),
        ("unreachable", {}, "errors", "error"),
        ("bug", {}, "errors", "error"),
        ("unsupported", {"requirement": MUST}, "skipped", "unsupported"),
        ("refused", {}, "skipped", "unsupported"),
    ],
)
def test_pytest_shows_each_verdict_in_its_own_way(
    script: Write, run: Run, pytester: pytest.Pytester, play: str, keys: dict[str, str], outcome: str, verdict: str
) -> None:
    script("a.pkt", play=play, **keys)
    result = run(ONE, "--junit-xml=junit.xml")
    result.assert_outcomes(**{outcome: 1})
    assert properties(junit(pytester.path)[0])["verdict"] == verdict
    result.stdout.fnmatch_lines([f"verdicts: *1 {verdict}*"])


def test_a_preparation_that_fails_is_a_fail_whatever_the_level(script: Write, run: Run) -> None:
    script("a.pkt", play="fail at 2", requirement=SHOULD, check="")
    script("b.pkt", play="fail at 9", requirement=SHOULD, check="")
    result = run(ONE)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["verdicts: 0 pass, 1 non-strict, 0 info, 1 fail, *", "FAILED a.pkt*"])


def test_strict_turns_a_broken_should_into_a_failure_and_leaves_a_may_alone(script: Write, run: Run) -> None:
    script("a.pkt", play="fail", requirement=SHOULD)
    script("b.pkt", play="fail", requirement=MAY)
    run(ONE, "--tcprove-strict=should").assert_outcomes(failed=1, passed=1)


def test_a_failure_shows_the_text_the_requirement_and_the_command_and_no_traceback(script: Write, run: Run) -> None:
    script("sub/a b.pkt", play="fail", requirement=MUST)
    result = run(ONE, "--tcprove-target=reference:linux", "--tcprove-time-limit=5s")
    result.stdout.fnmatch_lines(
        [
            "sub/a b.pkt:2: the message of ipv4",
            "  want  > . ack 1",
            "  got   > R",
            "  requirement RFC9293-MUST-1",
            "    [[]MUST] RFC 9293 3.1: The advertised window *",
            "  again: pytest 'sub/a b.pkt@ipv4' --tcprove-target=reference:linux --tcprove-time-limit=5s",
        ],
        consecutive=True,
    )
    assert "Traceback" not in result.stdout.str()
    assert "conformance/items.py" not in result.stdout.str()


def test_the_command_of_a_failure_repeats_just_that_item(
    script: Write, run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("sub/a.pkt", play="fail")
    monkeypatch.chdir(pytester.mkdir("elsewhere"))
    text = run("../sub", "--tcprove-variants=ipv6").stdout.str()
    command = next(line for line in text.split("\n") if "again: pytest" in line).split("again: pytest ")[1]
    run(*command.split()).assert_outcomes(failed=1)


def test_an_error_shows_its_next_step_and_no_traceback(script: Write, run: Run) -> None:
    script("a.pkt", play="unreachable")
    result = run(ONE)
    result.stdout.fnmatch_lines(["no device", "  next step: plug one in"])
    assert "Traceback" not in result.stdout.str()


def test_a_bug_of_ours_shows_its_traceback(script: Write, run: Run) -> None:
    script("a.pkt", play="bug")
    run(ONE).stdout.fnmatch_lines(["*fake_play.py:*ZeroDivisionError*"])


def test_a_skip_gives_the_reason(script: Write, run: Run) -> None:
    script("a.pkt", play="refused")
    run(ONE, "-rs").stdout.fnmatch_lines(["SKIPPED *unsupported: fake is not linux"])


def test_an_error_is_an_error_in_junit_xml_and_a_fail_is_a_failure(
    script: Write, run: Run, pytester: pytest.Pytester
) -> None:
    script("a.pkt", play="error")
    script("b.pkt", play="fail")
    run(ONE, "--junit-xml=junit.xml")
    broken, failed = junit(pytester.path)
    assert (broken.find("error") is not None, broken.find("failure")) == (True, None)
    assert (failed.find("failure") is not None, failed.find("error")) == (True, None)


def test_junit_xml_says_what_was_tested(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("a.pkt", play="late", requirement=MUST)
    run("--tcprove-variants=ipv6", "--junit-xml=junit.xml")
    case = junit(pytester.path)[0]
    assert case.get("name") == "a.pkt@ipv6"
    assert properties(case) == {
        "verdict": "pass",
        "target": "reference",
        "variant": "ipv6",
        "personality": "rfc",
        "requirement": MUST,
        "level": "MUST",
        "section": "3.1",
        "document": "RFC 9293",
        "lateness": "30",
    }


@pytest.mark.parametrize(
    ("target", "targets", "personality"),
    [
        ("reference", "all", "rfc"),
        ("reference", "linux", "linux"),
        ("reference", "dragonfly tcp-info", "dragonfly"),
        ("reference", "ecn", "rfc"),
        ("reference:rfc", "linux", "rfc"),
    ],
)
def test_the_plain_reference_plays_a_script_with_the_rules_of_its_system(
    script: Write, run: Run, pytester: pytest.Pytester, target: str, targets: str, personality: str
) -> None:
    script("a.pkt", targets=targets)
    run(ONE, f"--tcprove-target={target}", "--junit-xml=junit.xml")
    assert properties(junit(pytester.path)[0])["personality"] == personality


def test_the_summary_lists_broken_shoulds_and_the_lateness(script: Write, run: Run) -> None:
    script("a.pkt", play="fail", requirement=SHOULD)
    script("b.pkt", play="late")
    run().stdout.fnmatch_lines(
        [
            "*tcprove: target reference*",
            "verdicts: 3 pass, 3 non-strict, 0 info, 0 fail, 0 unsupported, 0 error",
            "non-strict, a SHOULD is not kept*: 3",
            f"  a.pkt@ipv4 {SHOULD}",
            "injection lateness: median 20 us, 99 % 30 us, worst 30 us of 9 packets",
        ]
    )


# ---------------------------------------------------------------- known deviations


def declare(pytester: pytest.Pytester, text: str) -> str:
    path = pytester.path / "mine.toml"
    path.write_text(f'[[deviation]]\nreason = "old kernel"\nlink = "https://example.org/1"\n{text}\n')
    return "--tcprove-deviations=mine.toml"


def test_a_known_deviation_is_an_expected_failure_with_its_reason(
    script: Write, run: Run, pytester: pytest.Pytester
) -> None:
    script("a.pkt", play="fail", requirement=MUST)
    result = run(ONE, declare(pytester, f'requirement = "{MUST}"'), "-rx", "--junit-xml=junit.xml")
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "verdicts: 0 pass, *0 fail,*",
            "known deviations, not counted above: 1",
            "  a.pkt@ipv4 old kernel (https://example.org/1; mine.toml:1)",
        ]
    )
    assert properties(junit(pytester.path)[0])["deviation"].startswith("old kernel")


def test_a_known_deviation_from_a_should_is_expected_too(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("a.pkt", play="fail", requirement=SHOULD)
    run(ONE, declare(pytester, 'script = "a.pkt"')).assert_outcomes(xfailed=1)


def test_a_deviation_that_is_no_longer_true_fails(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("a.pkt")
    result = run(ONE, declare(pytester, 'script = "a.pkt"'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)* old kernel (https://example.org/1; mine.toml:1)"])
    result.stdout.fnmatch_lines(["deviations that are no longer true; take their entries out: 1"])


def test_another_failure_than_the_declared_one_fails(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("a.pkt", play="fail")
    result = run(ONE, declare(pytester, 'script = "a.pkt"\nmessage = "some other text"'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not the deviation of mine.toml:1: 'some other text'"])
    run(ONE, declare(pytester, 'script = "a.pkt"\nmessage = "the message of"')).assert_outcomes(xfailed=1)


@pytest.mark.parametrize(("play", "outcome"), [("error", "errors"), ("unsupported", "skipped")])
def test_a_deviation_hides_neither_an_error_nor_a_lack_of_support(
    script: Write, run: Run, pytester: pytest.Pytester, play: str, outcome: str
) -> None:
    script("a.pkt", play=play)
    run(ONE, declare(pytester, 'script = "a.pkt"')).assert_outcomes(**{outcome: 1})


# ---------------------------------------------------------------- pytest-xdist


@pytest.mark.slow
def test_two_workers_give_the_same_verdicts_reports_and_summary(script: Write, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    script("a.pkt", play="fail", requirement=SHOULD)
    script("b.pkt", play="late")
    script("c.pkt", play="error")
    script("d.pkt", play="fail")
    script("e.pkt", play="refused")
    result = pytester.runpytest_subprocess(
        "-p",
        "tests.conformance.fake_play",
        "-n",
        "2",
        ".",
        "--junit-xml=junit.xml",
        declare(pytester, 'script = "d.pkt"'),
    )
    result.assert_outcomes(passed=6, errors=3, xfailed=3, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "c.pkt:2: the message of *",
            "verdicts: 3 pass, 3 non-strict, 0 info, 0 fail, 3 unsupported, 3 error",
            "known deviations, not counted above: 3",
            "injection lateness: median 20 us, 99 % 30 us, worst 30 us of 9 packets",
        ]
    )
    cases = {case.get("name"): properties(case)["verdict"] for case in junit(pytester.path)}
    assert (len(cases), cases["a.pkt@ipv6"], cases["c.pkt@ipv4"]) == (15, "non-strict", "error")


@pytest.mark.slow
def test_one_item_can_be_named_under_xdist(script: Write, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    script("sub/a.pkt")
    result = pytester.runpytest_subprocess(*INNER_PLUGINS, "-n", "2", "sub/a.pkt@ipv6")
    result.assert_outcomes(passed=1)


# ---------------------------------------------------------------- files of a run


def test_allure_calls_a_script_error_broken(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("allure")
    script("a.pkt", play="fail", requirement=SHOULD)
    script("b.pkt", play="error")
    run(ONE, "--alluredir=results")
    results = [json.loads(path.read_text()) for path in (pytester.path / "results").glob("*-result.json")]
    statuses = {result["name"]: result["status"] for result in results}
    assert statuses == {"a.pkt@ipv4": "passed", "b.pkt@ipv4": "broken"}


def test_captures_are_written_one_for_each_item(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("sub/a.pkt")
    run("--tcprove-pcap=captures", "sub")
    names = {path.name for path in (pytester.path / "captures").iterdir()}
    assert names == {f"sub-a.pkt@{variant}.pcapng" for variant in ("ipv4", "ipv4-mapped-ipv6", "ipv6")}
