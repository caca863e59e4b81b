"""The first line of what goes wrong is that of packetdrill, as measured with its binary (specification, section 8).

Where the script itself is wrong, ours has the column behind the line. Times and numbers of the machine are left out.
"""

import re
from pathlib import Path

import pytest

from packetdrill_compat.command import Program, run_scripts
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN

PROGRAM = Program(words=("tcprove", "run"), target="reference:linux", is_drop_in=False)
E, L = LINES + 1, LISTEN.count("\n") + 1
"""The first line behind an established connection, and behind a listening socket."""

MESSAGES = [
    # parsing: section 1
    (LISTEN + "+0 foo bar\n", f"{L}: parse error at 'bar': syntax error"),
    (LISTEN + "+0 accept(3, ..., ...) = -1 EAGAIN\n", f"{L + 1}: parse error at '': syntax error"),
    (LISTEN + "+0 < S 0:0(0)\n", f"{L}: semantic error: window must be specified for inbound packets"),
    (LISTEN + "+0 < . 1:3(1) win 9\n", f"{L}: semantic error: inconsistent TCP sequence numbers and payload size"),
    (LISTEN + "+0 < S 0:0(0) win 65536\n", f"{L}: semantic error: TCP window value out of range"),
    (
        LISTEN + "+0 < S 0:0(0) win 1 <nop>\n",
        f"{L}: semantic error: TCP options are not padded correctly to ensure TCP header is a multiple of 4 bytes: "
        "1 excess bytes",
    ),
    (LISTEN + "+0 < SX 0:0(0) win 1\n", f"{L}: semantic error: Invalid TCP flag: 'X'"),
    (LISTEN + "+0 < SE1 0:0(0) win 1\n", f"{L}: semantic error: Conflicting TCP flag: '1'"),
    (
        LISTEN + "+0 < S 0:0(0) win 1 <...>\n",
        f"{L}: semantic error: <...> for TCP options can only be used with outbound packets",
    ),
    (LISTEN + "* `true`\n", f"{L}: semantic error: event time <star> can only be used with outbound packets"),
    ("--bogus=1\n" + LISTEN, "1: option 'bogus' unknown"),
    ("--mss=0\n" + LISTEN, "1: bad --mss: 0"),
    ('--so_filename="stack.so"\n' + LISTEN, " a stack in a shared object (--so_filename) is unsupported"),
    # times: section 2
    ("1 `true`\n", "1: first event should be at time 0"),
    ("0 `true`\n2 `true`\n1 `true`\n", "3: time goes backward in script from 2000000 usec to 1000000 usec"),
    (
        ESTABLISHED + "+0 close(4) = 0\n+.2 > F. 1:1(0) ack 1\n",
        f"{E + 1}: error handling packet: timing error: expected outbound packet at T sec but happened at T sec; "
        "tolerance T sec",
    ),
    (
        ESTABLISHED + "+0 close(4) = 0\n+.2~+.3 > F. 1:1(0) ack 1\n",
        f"{E + 1}: error handling packet: timing error: expected outbound packet in relative time range +T~+T sec "
        "but happened at +T sec",
    ),
    (ESTABLISHED + "+0 > F. 1:1(0) ack 1\n", f"{E}: error handling packet: Timed out waiting for packet"),
    # packets: section 4.7
    (
        ESTABLISHED + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 win 5\n",
        f"{E + 1}: error handling packet: live packet field tcp_window: expected: 5 (0x5) vs actual: 64240 (0xfaf0)",
    ),
    (
        ESTABLISHED + "+0 write(4, ..., 10) = 10\n+0 > . 1:1(0) ack 1\n",
        f"{E + 1}: error handling packet: live packet payload: expected 0 bytes vs actual 10 bytes",
    ),
    (
        ESTABLISHED + "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1 <nop,nop,nop,nop>\n",
        f"{E + 1}: error handling packet: live packet field ipv4_total_length: "
        "expected: 44 (0x2c) vs actual: 40 (0x28)",
    ),
    (
        ESTABLISHED + "+0 < . 1:1(0) ack 1 win 9 <nop,nop,TS val 1 ecr 5>\n",
        f"{E}: error handling packet: unable to infer live TS ecr for script TS ecr 5;  "
        "no matching or preceding outbound TS val",
    ),
    ("0 > S 0:0(0)\n", "1: error handling packet: no matching socket for script packet"),
    # calls: section 5
    (LISTEN + "+0 foo(3) = 0\n", f"{L}: runtime error in foo call: Unknown system call: 'foo'"),
    (LISTEN + "+0 listen(3) = 0\n", f"{L}: runtime error in listen call: Expected 2 args but got 1"),
    (
        LISTEN + '+0 listen(3, "x") = 0\n',
        f"{L}: runtime error in listen call: Bad type; actual: string expected: integer",
    ),
    (
        LISTEN + '+0 listen(3, 1) = "x"\n',
        f"{L}: runtime error in listen call: Bad type; actual: string expected: integer",
    ),
    (LISTEN + "+0 listen(9, 1) = 0\n", f"{L}: runtime error in listen call: unable to find fd with script fd 9"),
    (
        LISTEN + "+0 setsockopt(3, SOL_FOO, TCP_NODELAY, [1], 4) = 0\n",
        f"{L}: runtime error in setsockopt call: unknown symbol: 'SOL_FOO'",
    ),
    (
        LISTEN + "+0 setsockopt(3, SOL_TCP, TCP_NODELAY, 1, 4) = 0\n",
        f"{L}: runtime error in setsockopt call: unsupported setsockopt value type: integer",
    ),
    (
        LISTEN + '+0 setsockopt(3, SOL_TCP, TCP_CONGESTION, "a\\q", 3) = 0\n',
        f"{L}: runtime error in setsockopt call: unsupported escape code: 'q'",
    ),
    (
        LISTEN + "+0 getsockopt(3, SOL_TCP, TCP_NODELAY, [1], [4]) = 0\n",
        f"{L}: runtime error in getsockopt call: Bad getsockopt optval: expected: 1 actual: 0",
    ),
    (
        LISTEN + "+0 writev(3, [{..., 10}], 2) = 10\n",
        f"{L}: runtime error in writev call: iov_count 2 does not match 1-element iovec array",
    ),
    (
        LISTEN + "+0...0.1 accept(3, ..., ...) = 4\n",
        f"{L}: runtime error: exiting while a blocking system call is in progress",
    ),
    # commands and code: sections 6 and 7.3
    ("--code_format=perl\n" + LISTEN, " unsupported --code_format 'perl'"),
    ("--code_sockopt=X\n" + LISTEN, " unsupported --code_sockopt 'X'"),
    ("`exit 3`\n" + LISTEN, " error executing init command: non-zero status 3"),
    ("`true`\n" + LISTEN + "`exit 5`\n", " error executing cleanup command: non-zero status 5"),
    (LISTEN + "+0 `exit 4`\n", f"{L}: error executing `exit 4` command: non-zero status 4"),
    ("0 %{ x = 1 }%\n", "1: runtime error in code: no socket to use for code"),
    (
        LISTEN + "+0 < S 0:0(0) win 65535 <mss 1460>\n+0 %{ x = 1 }%\n",
        f"{L + 1}: runtime error in code: can't find getsockopt to get TCP info",
    ),
]


def first_line(text: str) -> str:
    line = re.sub(r"^(it\.pkt:\d+):\d+:", r"\1:", text.split("\n", 1)[0])
    return re.sub(r"[-+]?\d+\.\d{6}", lambda time: ("+" if time[0][0] in "+-" else "") + "T", line)


@pytest.mark.parametrize(("script", "message"), MESSAGES)
def test_the_first_line_is_that_of_packetdrill(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("it.pkt").write_text(script)
    assert run_scripts(["it.pkt"], PROGRAM) == 1
    assert first_line(capsys.readouterr().err).startswith(f"it.pkt:{message}")


def test_a_warning_is_worded_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("it.pkt").write_text(ESTABLISHED + "+0 close(4) = 0\n+0 > . 1:1(0) ack 1\n")
    assert run_scripts(["--non_fatal=packet", "it.pkt"], PROGRAM) == 0
    assert first_line(capsys.readouterr().err) == (
        f"it.pkt:{E + 1}: warning handling packet: live packet field tcp_fin: expected: 0 (0x0) vs actual: 1 (0x1)"
    )


def test_a_failure_shows_all_fields_under_each_other_and_the_command_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("it.pkt").write_text(ESTABLISHED + "+0 close(4) = 0\n+.2 > P. 7:7(0) ack 12\n")
    assert run_scripts(["--tcprove-target=reference:linux", "--mss=1400", "it.pkt"], PROGRAM) == 1
    lines = capsys.readouterr().err.split("\n")
    assert lines[1] == "  line  +.2 > P. 7:7(0) ack 12"
    assert lines[2:4] == ["  want  P. 7:7(0) ack 12", "  got   F. 1:1(0) ack 1 win 64240"]
    assert lines[4:9] == [
        "    tcp_fin      want 0         got 1",
        "    tcp_psh      want 1         got 0",
        "    tcp_seq      want 7         got 1",
        "    tcp_ack_seq  want 12        got 1",
        "    time         want 0.400000  got 0.200000",
    ]
    assert "  again: tcprove run --tcprove-target=reference:linux --mss=1400 it.pkt" in lines


@pytest.mark.parametrize("flag", ["--wire_client", "--wire_server", "--so_filename=stack.so"])
def test_other_ways_to_a_stack_are_refused_in_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_scripts([flag, "it.pkt"], PROGRAM) == 1
    said = capsys.readouterr().err.split("\n")
    assert said[0].startswith("Command Line: ")
    assert "is unsupported" in said[0]


def test_a_requirement_of_the_script_stands_in_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("it.pkt").write_text(f"//: requirement A-1\n{ESTABLISHED}+0 close(4) = 7\n")
    told = Program(words=("tcprove",), target="reference", is_drop_in=False, sentence_of={"A-1": "It must."}.get)
    assert run_scripts(["it.pkt"], told) == 1
    assert "  requirement A-1\n    It must.\n" in capsys.readouterr().err
