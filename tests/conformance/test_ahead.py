"""Scripts on the kernel are played ahead of pytest, many at once."""

from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]

# Long enough that the scripts of a test cannot have been played one after the other in the time that they took.
SLEEPS = """// Sleeps for a second and listens.
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+1 listen(3, 1) = 0
"""
WRONG = SLEEPS.replace("+1 listen(3, 1) = 0", "+0 listen(3, 1) = -1 EINVAL (Invalid argument)")
ALONE = "`test -e /sys/module/nothing || true`\n" + SLEEPS.replace("+1 listen", "+0 listen")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run_pytest(*options: str) -> pytest.RunResult:
        plain = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--tcprove-target=kernel")
        return pytester.runpytest_subprocess(*plain, *options)

    return run_pytest


def write(pytester: pytest.Pytester, **scripts: str) -> None:
    for name, text in scripts.items():
        (pytester.path / f"{name}.pkt").write_text(text)


def test_many_scripts_sleep_at_once_in_one_process(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, **{f"s{number}": SLEEPS for number in range(6)})
    result = run()
    result.assert_outcomes(passed=18)
    assert result.duration < 12  # 18 s of sleep


def test_workers_of_xdist_look_ahead_too(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, **{f"s{number}": SLEEPS for number in range(8)})
    result = run("-n", "2")
    result.assert_outcomes(passed=24)
    assert result.duration < 11  # 24 s of sleep, 12 for each worker


def test_results_stay_with_their_items(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, a=SLEEPS, b=WRONG, c=SLEEPS)
    result = run("--tcprove-variants=ipv4")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["b.pkt:4: runtime error in listen call: Expected result -1 but got 0*"])


def test_a_script_that_changes_the_machine_is_played_alone_and_the_summary_says_so(
    pytester: pytest.Pytester, run: Run
) -> None:
    write(pytester, a=SLEEPS, b=ALONE)
    result = run("--tcprove-variants=ipv4")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["played apart, because others beside them could have changed their verdict: 1"])


def test_scripts_one_after_the_other_on_request(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, a=SLEEPS, b=SLEEPS)
    result = run("--tcprove-variants=ipv4", "--tcprove-jobs=1")
    result.assert_outcomes(passed=2)
    assert result.duration > 2


def test_a_number_of_jobs_that_is_none_is_refused(run: Run) -> None:
    result = run("--tcprove-jobs=many")
    result.stderr.fnmatch_lines(["ERROR: --tcprove-jobs=many: write a number from 1 to 1000"])
