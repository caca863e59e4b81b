"""``--no-shell``: what would run outside of a test is refused, with its line; all other scripts run as ever."""

from pathlib import Path

import pytest

from packetdrill_compat.command import Program, run_scripts
from packetdrill_compat.config import Config
from packetdrill_compat.reader import parse_text
from packetdrill_compat.refusal import RefusedScript, only_computes, refuse_outside
from tests.bad_input.scripts import ESTABLISHED, LINES

PROGRAM = Program(words=("tcprove", "run"), target="reference:linux", is_drop_in=False)


def refused(text: str, *, runs_commands: bool = True, config: Config | None = None) -> str:
    script = parse_text(text, path="a.pkt")
    try:
        refuse_outside(script, config or Config(), runs_commands=runs_commands)
    except RefusedScript as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("`touch x`\n" + ESTABLISHED, 1),
        (ESTABLISHED + "+0 `touch x`\n", LINES + 1),
        ("`true`\n" + ESTABLISHED + "`touch x`\n", 1),
        (ESTABLISHED + "+0 %{ import os; os.remove('x') }%\n", LINES + 1),
        (ESTABLISHED + "+0 %{\nx = 1\nopen('x')\n}%\n", LINES + 1),
    ],
)
def test_commands_and_code_that_reach_out_are_refused_with_their_line(text: str, line: int) -> None:
    assert refused(text).startswith(f"a.pkt:{line}:")
    assert "refused by --no-shell" in refused(text)


def test_simulated_commands_run_and_code_that_only_computes_does_too() -> None:
    assert refused("`touch x`\n" + ESTABLISHED, runs_commands=False) == ""
    assert refused(ESTABLISHED + "+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%\n") == ""


def test_code_that_reaches_out_is_refused_on_a_simulated_host_too() -> None:
    assert "code block" in refused(ESTABLISHED + "+0 %{ import os }%\n", runs_commands=False)


def test_init_scripts_are_refused() -> None:
    assert "init script './a.sh'" in refused(ESTABLISHED, config=Config(init_scripts=("./a.sh",)))


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "from os import path",
        "__import__('os')",
        "open('/etc/passwd')",
        "exec('x')",
        "().__class__.__base__.__subclasses__()",
        "sys.modules",
        "getattr(x, 'y')",
        "match x:\n  case object(__class__=c): pass",
        "[c for c in __builtins__]",
        "print(f'{x.__class__}')",
        "lambda: globals()",
    ],
)
def test_ways_out_of_a_code_block_are_known(code: str) -> None:
    assert not only_computes(code)


@pytest.mark.parametrize(
    "code",
    [
        "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
        "x = [a * 2 for a in range(3)]\nif sum(x) > 2:\n    print(max(x), f'{tcpi_rtt:d}')",
        "def f(a):\n    return a & TCPI_OPT_SYN_DATA\nassert f(1) == 0",
        "this is no Python",
    ],
)
def test_what_scripts_ask_of_a_snapshot_only_computes(code: str) -> None:
    assert only_computes(code)


def test_the_command_refuses_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pkt"
    path.write_text(ESTABLISHED + f"+0 %{{ open('{tmp_path}/x', 'w') }}%\n")
    for flag in ("--no-shell", "--tcprove-no-shell"):
        assert run_scripts([flag, str(path)], PROGRAM) == 1
        assert "refused by --no-shell: code block" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
