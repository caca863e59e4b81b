"""Conformance tests in Python through the fixtures `target` and `connection`."""

from collections.abc import Callable

import pytest

from targets.base import TargetError
from tests.conformance.test_verdicts import MAY, MUST, SHOULD, declare, junit, properties

Run = Callable[..., pytest.RunResult]

HEAD = """
import pytest
from targets import calls
from conformance.testing import ACK, FIN, Segment, seconds

"""
BROKEN = """
def test_a_promise_is_kept(connection):
    connection.established().expect(FIN | ACK, within=seconds(0.1))
"""


@pytest.fixture
def make(pytester: pytest.Pytester) -> Callable[..., None]:
    def write(body: str, *markers: str) -> None:
        lines = "".join(f"@pytest.mark.{marker}\n" for marker in markers)
        pytester.makepyfile(test_it=HEAD + lines + body.lstrip())

    return write


Make = Callable[..., None]


def test_a_test_that_holds_passes_with_its_properties(make: Make, run: Run, pytester: pytest.Pytester) -> None:
    make(
        "def test_silence_is_kept(connection):\n    connection.established().expect_nothing(during=seconds(60))",
        f'requirement("{MUST}")',
        'variant("ipv6")',
    )
    result = run("--junit-xml=junit.xml")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["verdicts: 1 pass, *"])
    found = properties(junit(pytester.path)[0])
    assert {key: found[key] for key in ("verdict", "variant", "level", "personality")} == {
        "verdict": "pass",
        "variant": "ipv6",
        "level": "MUST",
        "personality": "rfc",
    }


@pytest.mark.parametrize(
    ("markers", "options", "outcome", "verdict"),
    [
        ([], [], "failed", "fail"),
        ([f'requirement("{MUST}")'], [], "failed", "fail"),
        ([f'requirement("{SHOULD}")'], [], "passed", "non-strict"),
        ([f'requirement("{SHOULD}")'], ["--tcprove-strict=should"], "failed", "non-strict"),
        ([f'requirement("{MAY}")'], ["--tcprove-strict=should"], "passed", "info"),
        (['targets("mptcp")'], [], "skipped", "unsupported"),
        (['targets("linux")'], ["--tcprove-target=reference:rfc"], "skipped", "unsupported"),
        (['requirement("RFC0-1")'], [], "errors", "error"),
        (['targets("lunix")'], [], "errors", "error"),
        (['variant("ipv5")'], [], "errors", "error"),
        ([], ["--tcprove-target=reference:nowhere"], "errors", "error"),
    ],
)
def test_a_broken_expectation_gets_the_verdict_of_its_level(
    make: Make, run: Run, markers: list[str], options: list[str], outcome: str, verdict: str
) -> None:
    make(BROKEN, *markers)
    result = run(*options)
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines([f"verdicts: *1 {verdict}*"])


def test_a_bug_of_the_test_is_an_error(make: Make, run: Run) -> None:
    make("def test_it(connection):\n    connection.estalbished()")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*AttributeError: *estalbished*", "verdicts: *1 error"])


def test_what_the_target_refuses_half_way_is_unsupported(make: Make, run: Run) -> None:
    make("def test_it(target):\n    target.shell('reboot', directory='.', environment={}, timeout=1)")
    result = run("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["verdicts: *1 unsupported*", "SKIPPED*unsupported: *"])


def test_a_known_deviation_is_expected(make: Make, run: Run, pytester: pytest.Pytester) -> None:
    make(BROKEN, f'requirement("{MUST}")')
    option = declare(pytester, f'requirement = "{MUST}"')
    run(option).assert_outcomes(xfailed=1)
    make("def test_it(connection):\n    connection.established()", f'requirement("{MUST}")')
    run(option).assert_outcomes(failed=1)


def test_tests_without_the_target_are_left_alone(make: Make, run: Run) -> None:
    make("def test_it():\n    assert 1 == 2", f'requirement("{SHOULD}")')
    result = run()
    result.assert_outcomes(failed=1)
    assert "verdicts:" not in result.stdout.str()


def test_the_failure_of_a_test_shows_the_packets_that_came(make: Make, run: Run) -> None:
    make(
        "def test_it(connection):\n"
        "    made = connection.established()\n"
        "    made.write(b'data')\n"
        "    made.expect(Segment(FIN | ACK, length=0))"
    )
    run().stdout.fnmatch_lines(["E *want F. length 0", "E *packets that came:", "E * > P. 1:5(4) ack 1*"])


@pytest.mark.parametrize(
    ("reason", "must", "outcome"),
    [("", "0", "passed"), ("", "1", "passed"), ("no root", "0", "skipped"), ("no root", "1", "errors")],
)
def test_a_test_that_needs_the_kernel_is_skipped_unless_it_has_to_run(
    make: Make, run: Run, monkeypatch: pytest.MonkeyPatch, reason: str, must: str, outcome: str
) -> None:
    monkeypatch.setattr("conformance.kernel.why_no_kernel", lambda: reason)
    monkeypatch.setenv("TCPROVE_REQUIRE_KERNEL", must)
    make("def test_it():\n    pass", "needs_kernel")
    run().assert_outcomes(**{outcome: 1})


@pytest.mark.parametrize(("must", "outcome"), [("0", "skipped"), ("1", "errors"), ("", "errors")])
def test_a_kernel_target_that_was_asked_for_may_be_missing_only_when_that_is_said(
    make: Make, run: Run, monkeypatch: pytest.MonkeyPatch, must: str, outcome: str
) -> None:
    def no_namespaces(*settings: object) -> None:
        raise TargetError("no namespaces here")

    monkeypatch.setattr("conformance.running.why_no_kernel", lambda: "no namespaces here")
    monkeypatch.setattr("conformance.running.create_target", no_namespaces)
    monkeypatch.setenv("TCPROVE_REQUIRE_KERNEL", must)
    make("def test_it(target):\n    pass")
    result = run("--tcprove-target=kernel", "-rs")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*no namespaces here"])
