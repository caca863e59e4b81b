"""What the README shows works, and its commands are the ones that continuous integration runs."""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from conformance.catalogue import load
from packetdrill_compat import header

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    found: list[str] = [
        each for each in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in each
    ]
    assert len(found) == 1
    return found[0]


def environments(command: str) -> set[str]:
    match = re.search(r"tox run -q -e (\S+)", command)
    assert match is not None
    return set(match[1].split(","))


@pytest.mark.slow
def test_the_first_script_passes_in_every_variant(pytester: pytest.Pytester) -> None:
    (pytester.path / "hello.pkt").write_text(block("text", "socket(..."))
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_first_python_test_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(block("python", "connection"))
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_commands_name_environments_that_exist() -> None:
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    known = {section.removeprefix("testenv:") for section in tox.sections()}
    one, all_tests = (line for line in README.split("\n") if line.startswith("python3 -m venv"))
    assert environments(one) == {"conformance"}
    assert environments(all_tests) == {"lint", "types", "tests", "conformance", "kernel"}
    assert environments(all_tests) <= known


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    # The very words of .ci/run.
    command = subprocess.run(
        "sed -n '/^<!-- all tests -->$/,/^```$/p' README.md | sed -n '3p'",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert command.strip().startswith("python3 -m venv")
    assert "sed -n '/^<!-- all tests -->$/,/^```$/p' README.md | sed -n '3p'" in (ROOT / ".ci/run").read_text()


def test_every_line_that_a_header_may_have_is_described() -> None:
    assert header.__doc__ is not None
    described = set(re.findall(r"^``([\w-]+)``", header.__doc__, re.MULTILINE))
    assert described == set(header.KEYS)


def test_the_readme_names_the_number_of_requirements() -> None:
    catalogue = load()
    documents = {each.document for each in catalogue if each.document.startswith("RFC")}
    assert f"{len(catalogue):,} requirements from {len(documents)} RFCs" in README
