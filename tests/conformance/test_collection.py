import sys
from collections.abc import Callable

import pytest

from tests.conformance.conftest import Write

Run = Callable[..., pytest.RunResult]


def items(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_a_script_gives_one_item_for_each_variant(script: Write, run: Run) -> None:
    script("reset/exact.pkt")
    assert items(run("--collect-only", "-q")) == [
        "reset/exact.pkt::exact.pkt@ipv4",
        "reset/exact.pkt::exact.pkt@ipv6",
        "reset/exact.pkt::exact.pkt@ipv4-mapped-ipv6",
    ]


def test_the_folders_that_pytest_is_given_are_searched(script: Write, run: Run) -> None:
    script("one/a.pkt")
    script("two/deep/b-v6.pkt")
    script("three/c.pkt")
    assert items(run("--collect-only", "-q", "two", "one", "--tcprove-variants=ipv6")) == [
        "two/deep/b-v6.pkt::b-v6.pkt@ipv6",
        "one/a.pkt::a.pkt@ipv6",
    ]


def test_the_chosen_variants_keep_their_order(script: Write, run: Run) -> None:
    script("a.pkt")
    found = items(run("--collect-only", "-q", "--tcprove-variants=ipv4-mapped-ipv6, ipv4"))
    assert found == ["a.pkt::a.pkt@ipv4", "a.pkt::a.pkt@ipv4-mapped-ipv6"]


@pytest.mark.parametrize("argument", ["sub/a.pkt@ipv6", "sub/a.pkt::a.pkt@ipv6"], ids=["short", "node id"])
def test_one_item_can_be_named_on_the_command_line(script: Write, run: Run, argument: str) -> None:
    script("sub/a.pkt")
    assert items(run("--collect-only", "-q", argument)) == ["sub/a.pkt::a.pkt@ipv6"]


def test_the_short_form_works_from_another_folder_and_with_an_absolute_path(
    script: Write, run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script("sub/a.pkt")
    monkeypatch.chdir(path.parent)
    assert items(run("--collect-only", "-q", "a.pkt@ipv4"))[0].endswith("a.pkt::a.pkt@ipv4")
    assert items(run("--collect-only", "-q", f"{path}@ipv4"))[0].endswith("a.pkt::a.pkt@ipv4")


def test_a_variant_that_the_script_does_not_have_is_not_found(script: Write, run: Run) -> None:
    script("a-v6.pkt")
    result = run("a-v6.pkt@ipv4")
    result.stderr.fnmatch_lines(["ERROR: not found: *a-v6.pkt::a-v6.pkt@ipv4"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_requirements_and_slowness_are_markers(script: Write, run: Run) -> None:
    script("a.pkt", requirement="RFC9293-MUST-1", slow="")
    script("b.pkt")
    result = run("--collect-only", "-q", "--tcprove-variants=ipv4", "-m", "slow and requirement")
    assert items(result) == ["a.pkt::a.pkt@ipv4"]


def test_everything_is_clean_in_strict_mode(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(
        '[tool.pytest]\nstrict = true\ntcprove_target = "reference:linux"\ntcprove_define = ["A=1"]\n'
    )
    script("a.pkt", requirement="RFC9293-MUST-1", slow="")
    run("-W", "error").assert_outcomes(passed=3)


def test_the_ini_file_can_say_what_the_command_line_can(script: Write, run: Run, pytester: pytest.Pytester) -> None:
    script("a.pkt", play="fail")
    pytester.makeini("[pytest]\ntcprove_target = kernel\ntcprove_variants = ipv6\ntcprove_define = A=1\n")
    result = run("--tcprove-define=B=2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*again: pytest a.pkt@ipv6 --tcprove-target=kernel --tcprove-define=A=1 --tcprove-define=B=2"]
    )
    assert "--tcprove-target=reference" in run("--tcprove-target=reference").stdout.str()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--tcprove-variants=ipv5", "'ipv5' is none of ipv4"),
        ("--tcprove-dialect=x", "none of google"),
        ("--tcprove-strict=must", "only 'should' can be made strict"),
        ("--tcprove-time-limit=soon", "write 10s"),
        ("--tcprove-define=A", "write NAME=VALUE"),
        ("--tcprove-deviations=gone.toml", "gone.toml"),
    ],
)
def test_an_option_without_meaning_is_a_usage_error(script: Write, run: Run, option: str, message: str) -> None:
    script("a.pkt")
    result = run(option)
    assert result.ret != pytest.ExitCode.OK
    assert message in result.stdout.str() + result.stderr.str()


def test_a_broken_header_is_an_error_of_that_script_only(script: Write, run: Run) -> None:
    script("a.pkt", requirment="RFC9293-MUST-1")
    script("b.pkt")
    result = run("--tcprove-variants=ipv4")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["a.pkt:2:5: unknown key 'requirment'", "*//: requirment RFC9293-MUST-1", "*^"])


def test_an_unknown_requirement_is_an_error_that_names_the_nearest(script: Write, run: Run) -> None:
    script("a.pkt", requirement="RFC9293-3.10.7.4-RST-ESTABLISHED-exakt")
    result = run("--tcprove-variants=ipv4")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "a.pkt:2:17: the catalogue has no requirement *exakt",
            "*next step: the nearest are *RFC9293-3.10.7.4-RST-ESTABLISHED-exact*",
        ]
    )


@pytest.mark.slow
def test_a_project_without_scripts_loads_nothing_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_of_ours_is_loaded():
            rooms = ("wire", "targets", "packetdrill_compat", "reports", "reference_stack", "fuzz", "lark")
            assert not [name for name in sys.modules if name.partition(".")[0] in rooms]
            assert {n for n in sys.modules if n.startswith("conformance")} == {"conformance", "conformance.plugin"}
        """
    )
    pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider").assert_outcomes(passed=1)
