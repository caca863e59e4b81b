"""Files that are no scripts, or only half of one: one error with file, line and column, from every command."""

import os
from pathlib import Path

import pytest

from tests.bad_input.conftest import Play, Tcprove, Write
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN, places

NEXT = LINES + 1
ASCII = "save the script as UTF-8 text; outside of strings and comments scripts are plain ASCII"

# What is in the file, the place of the error, words of its message, words of its next step.
BROKEN: dict[str, tuple[str | bytes, str, str, str]] = {
    "empty": ("", "1:1", "the script ends too early", "write at least one event"),
    "only comments": ("// nothing\n/* at\nall */\n", "4:1", "the script ends too early", "write at least one event"),
    "only an option line": ("--mss=100\n", "2:1", "the script ends too early", "write at least one event"),
    "NULs": (b"\0" * 100, "1:1", "contains a NUL", "this looks like a binary file"),
    "a NUL in an event": (LISTEN.replace("+0", "+0\0"), "2:3", "contains a NUL", "this looks like a binary file"),
    "a NUL in a command": (LISTEN + "+0 `echo a\0b`\n", "4:11", "contains a NUL", "this looks like a binary file"),
    "an executable": (b"\x7fELF\2\1\1\0\0\0\0\0", "1:8", "contains a NUL", "this looks like a binary file"),
    "UTF-16": (LISTEN.encode("utf-16"), "1:4", "contains a NUL", "this looks like a binary file"),
    "no UTF-8": (LISTEN.encode() + b"\xff\xfe\n", "4:1", r"parse error at '\xff'", ASCII),
    "a byte order mark": ("\ufeff" + LISTEN, "1:1", r"parse error at '\ufeff'", "remove the character U+FEFF"),
    "CRLF": (
        LISTEN.replace("\n", "\r\n"),
        "1:46",
        r"parse error at '\x0d'",
        "convert the line ends of the file",
    ),
    "half an option": (LISTEN + "+0 < S 0:0(0) win 1 <mss 14", "4:28", "expected ',' or '>'", ""),
    "half a string": (LISTEN + '+0 f("half', "4:6", "syntax error", 'close the string with "'),
    "half a code block": (LISTEN + "+0 %{ assert", "4:4", "syntax error", "close the code block with }%"),
    "half a command": (LISTEN + "+0 `sysctl", "4:4", "syntax error", "close the command with `"),
    "half a comment": (LISTEN + "/* half", "4:1", "syntax error", "close the comment with */"),
    "a comment without its newline": (LISTEN + "// end", "4:1", "syntax error", "end the last line with a newline"),
    "half a call": (LISTEN + "+0 listen(3, 1", "4:15", "the script ends too early", ""),
    "a very long line": (LISTEN + "+0 close(" + " " * 1_000_000 + "!) = 0\n", "4:1000010", "parse error at '!'", ""),
    "brackets without end": (LISTEN + "+0 f(" + "[" * 20_000, "4:20006", "the script ends too early", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_error_with_its_place(write: Write, tcprove: Tcprove, name: str) -> None:
    content, place, message, next_step = BROKEN[name]
    write(content)
    for command in ("run", "check", "fmt"):
        said = tcprove(command, "it.pkt")
        assert said.status == 1
        assert said.out == ""
        assert places(said.err) == [f"it.pkt:{place}"]
        assert message in said.err
        assert f"next step: {next_step}" in said.err or not next_step
        assert max(map(len, said.err.split("\n"))) < 400


@pytest.mark.parametrize("name", BROKEN)
def test_pytest_shows_a_broken_file_as_an_error_of_its_item(play: Play, name: str) -> None:
    content, place, message, next_step = BROKEN[name]
    result = play(content)
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert places(text) == [f"it.pkt:{place}"]
    assert message in text
    assert f"next step: {next_step}" in text or not next_step


def test_a_script_cut_off_behind_a_whole_event_is_a_shorter_script(play: Play) -> None:
    play(ESTABLISHED[: ESTABLISHED.index("+.1 < .")]).assert_outcomes(passed=1)


def test_octets_that_are_no_utf_8_may_stand_in_comments_and_reach_every_report(play: Play) -> None:
    text = b"// caf\xe9 \x01\n" + LISTEN.encode() + b"+0 `exit 3 # \xe9`\n"
    result = play(text, "--junit-xml=junit.xml", "--alluredir=allure", "--tcprove-attach=all")
    result.assert_outcomes(failed=1)
    assert r"error executing `exit 3 # \xe9` command" in result.stdout.str()
    assert r"\xe9" in Path("junit.xml").read_text(encoding="utf-8")


def test_a_formatted_script_keeps_its_octets(write: Write, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from packetdrill_compat.cli import main  # noqa: PLC0415 (the output of the process is what counts here)

    path = write(LISTEN.encode() + b"+0 `echo \xe9`\n")
    assert main(["fmt", str(path)]) == 0
    assert b"`echo \xe9`" in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.pkt", "No such file or directory"), ("folder.pkt", "is no file"), ("loop.pkt", "symbolic links")],
)
def test_a_name_without_a_file_is_one_error(tcprove: Tcprove, name: str, message: str) -> None:
    Path("folder.pkt").mkdir()
    Path("loop.pkt").symlink_to("loop.pkt")
    for command in ("run", "check", "fmt"):
        said = tcprove(command, name)
        assert said.status == 1
        assert said.err.startswith((f"{name}: parse error: ", f"parse error: stat() of script file '{name}': "))
        assert message in said.err


@pytest.mark.parametrize("name", ["missing.pkt", "missing.pkt@ipv4", "it.pkt@ipv5"])
def test_pytest_refuses_a_name_without_a_file(write: Write, run_pytest: Play, name: str) -> None:
    write(LISTEN)
    result = run_pytest(name)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *not found: *{name}*"])


def test_a_folder_with_the_name_of_a_script_is_a_folder(run_pytest: Play) -> None:
    Path("folder.pkt").mkdir()
    Path("folder.pkt", "inner.pkt").write_text(LISTEN)
    run_pytest("folder.pkt", "--tcprove-variants=ipv4").assert_outcomes(passed=1)


def test_a_file_that_may_not_be_read_is_an_error_of_its_items(
    play: Play, tcprove: Tcprove, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For root every file is readable, so the refusal is made here.
    real = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "it.pkt":
            raise PermissionError(13, os.strerror(13), str(path))
        return real(path)

    def refuse_text(path: Path, *_: object, **__: object) -> str:
        return refuse(path).decode()

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "read_text", refuse_text)
    result = play(LISTEN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt: parse error: stat() of script file 'it.pkt': Permission denied"])
    assert "Permission denied" in tcprove("check", "it.pkt").err


@pytest.mark.slow
def test_a_file_of_5_megabytes_is_read_or_refused_like_any_other(write: Write, tcprove: Tcprove) -> None:
    write(("// " + "x" * 100 + "\n") * 50_000 + LISTEN + "+0 listen(3, 1 = 0\n")
    assert places(tcprove("check", "it.pkt").err) == ["it.pkt:50004:16"]
    write(b"\0" * 5_000_000)
    assert places(tcprove("check", "it.pkt").err) == ["it.pkt:1:1"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("+0 write(4, " + "[" * 5000 + "]" * 5000 + ", 1) = 1", "the arguments are nested too deeply"),
        ("+0 write(4, ..., " + "|".join(["1"] * 5000) + ") = 1", "the arguments are nested too deeply"),
        ("+0 write(4, ..., " + "1" * 10_000 + ") = 1", "Value out of range for 32-bit integer"),
        ("+" + "1" * 400 + ".5 write(4, ..., 1) = 2", "Expected result 2 but got 1"),
        ("+0 < . 1:65536(65535) ack 1 win 9", ""),
        ("+0 < udp (65535)", "UDP datagram too large"),
        ("+0 frobnicate(4) = 0", "Unknown system call: 'frobnicate'"),
        ("+0 acept(3, ..., ...) = 5", "next step: write one of accept"),
        ("+0 write(77, ..., 1) = 1", "unable to find fd with script fd 77"),
        ("+0 setsockopt(4, SOL_TCP, TCP_BOGUS, [1], 4) = 0", "unknown symbol: 'TCP_BOGUS'"),
        ("0.1 write(4, ..., 1) = 1", ""),
    ],
)
def test_extreme_events_are_errors_with_their_line(write: Write, tcprove: Tcprove, event: str, message: str) -> None:
    write(f"{ESTABLISHED}{event}\n")
    said = tcprove("run", "it.pkt")
    assert said.status == 1
    (place,) = places(said.err)
    assert place.startswith((f"it.pkt:{NEXT}", f"it.pkt:{NEXT + 1}"))
    assert message in said.err
    assert "broke" not in said.err


def test_deep_nesting_is_refused_by_the_printer_too(write: Write, tcprove: Tcprove) -> None:
    write(LISTEN + "+0 write(4, " + "[" * 5000 + "]" * 5000 + ", 1) = 1\n")
    said = tcprove("fmt", "it.pkt")
    assert (said.status, "nested too deeply" in said.err) == (1, True)


def test_several_scripts_are_all_looked_at(write: Write, tcprove: Tcprove) -> None:
    write(LISTEN)
    Path("bad.pkt").write_text("")
    for command in ("check", "fmt"):
        said = tcprove(command, "bad.pkt", "missing.pkt", "it.pkt")
        assert said.status == 1
        assert said.err.startswith("bad.pkt:1:1: ")
        assert "\nmissing.pkt: " in said.err
        assert ("socket(" in said.out) == (command == "fmt")


def test_the_first_script_that_is_not_good_ends_a_run(write: Write, tcprove: Tcprove) -> None:
    write(LISTEN)
    Path("bad.pkt").write_text("")
    said = tcprove("run", "it.pkt", "bad.pkt", "missing.pkt")
    assert said.status == 1
    assert said.err.startswith("bad.pkt:1:1: ")
    assert "missing.pkt" not in said.err
