"""``--tcprove-no-shell``: scripts that would run something outside of the test are skipped, and say what and where."""

import pytest

from tests.bad_input.scripts import ESTABLISHED, LINES


def test_a_script_with_code_that_reaches_out_is_skipped(pytester: pytest.Pytester) -> None:
    pytester.makefile(".pkt", it=ESTABLISHED + "+0 %{ import os }%\n", good=ESTABLISHED)
    result = pytester.runpytest("-p", "no:cacheprovider", "--tcprove-no-shell", "--tcprove-variants=ipv4", "-rs")
    result.assert_outcomes(skipped=1, passed=1)
    result.stdout.fnmatch_lines([f"*it.pkt:{LINES + 1}*refused by --no-shell: code block*"])


def test_the_ini_file_can_say_so(pytester: pytest.Pytester) -> None:
    pytester.makefile(".pkt", it=ESTABLISHED + "+0 %{ import os }%\n")
    pytester.makefile(".toml", pyproject="[tool.pytest]\ntcprove_no_shell = true\n")
    pytester.runpytest("-p", "no:cacheprovider", "--tcprove-variants=ipv4").assert_outcomes(skipped=1)
    pytester.makefile(".toml", pyproject="[tool.pytest]\ntcprove_no_shell = false\n")
    pytester.runpytest("-p", "no:cacheprovider", "--tcprove-variants=ipv4").assert_outcomes(passed=1)
