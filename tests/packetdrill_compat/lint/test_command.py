"""The command ``tcprove check``: what it prints, its exit status, and the ``//:`` lines."""

from pathlib import Path

import pytest

from packetdrill_compat.cli import main
from tests.bad_input.scripts import ESTABLISHED, LISTEN

TRAP = LISTEN + "+0 accept(3, ..., ...) = -1\n"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("it.pkt")


def test_a_trap_is_printed_with_what_to_write_instead(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text(TRAP)
    assert main(["check", "it.pkt"]) == 0
    assert capsys.readouterr().out == (
        "it.pkt:4:26: trap: -1 without an error name accepts every error\n"
        "  instead: write the name in front of the note: = -1 EAGAIN (try again)\n"
    )


def test_strict_makes_a_trap_an_error_and_all_shows_notes(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text(TRAP)
    assert main(["check", "--strict", "it.pkt"]) == 1
    script.write_text(ESTABLISHED + "+0 close(4) = 0\n")
    capsys.readouterr()
    assert main(["check", "--strict", "it.pkt"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", "--strict", "--all", "it.pkt"]) == 0
    assert ": note: what the stack sends from here on is never looked at" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("//: requirment RFC9293-x", "it.pkt:1:5: unknown key 'requirment'"),
        ("//: targets plan9", "it.pkt:1:13: unknown target or capability 'plan9'"),
        ("//: requirement RFC9293-none", "it.pkt:1:17: the catalogue has no requirement RFC9293-none"),
    ],
)
def test_header_lines_are_checked(script: Path, capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    script.write_text(f"{line}\n{LISTEN}")
    assert main(["check", "it.pkt"], sentence_of=lambda _identifier: None) == 1
    assert capsys.readouterr().err.startswith(message)


def test_the_dialect_of_the_header_counts(script: Path) -> None:
    script.write_text("//: dialect nplab\n" + ESTABLISHED + "+0 > ...(0) ack 1\n".replace("...(0)", ". ...(0)"))
    assert main(["check", "it.pkt"]) == 0
    assert main(["check", "--tcprove-dialect=google", "it.pkt"]) == 1


@pytest.mark.parametrize("arguments", [[], ["--bogus", "it.pkt"], ["--tcprove-dialect=bsd", "it.pkt"]])
def test_wrong_usage_is_status_2(script: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text(LISTEN)
    assert main(["check", *arguments]) == 2
    assert "usage: tcprove check" in capsys.readouterr().err
