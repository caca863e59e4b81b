"""Scripts that never end: the time limit ends them and names the line at which they wait."""

import signal
import sys
import threading

import pytest

from targets.alarm import OutOfTime, alarm
from tests.bad_input.conftest import Play, Tcprove, Write
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN, places

NEXT = LINES + 1
LIMIT = "--tcprove-time-limit=1s"
REACHED = "time limit of 1 s reached while waiting for"

WAITS = {
    "accept()": ("accept(3, ..., ...) = 5", f"{REACHED} a system call to return"),
    "read()": ("read(4, ..., 10) = 10", f"{REACHED} a system call to return"),
    "connect()": ("connect(5, ..., ...) = 0", f"{REACHED} a system call to return"),
    "poll()": ("poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, -1) = 1", f"{REACHED} a system call to return"),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_call_that_blocks_without_saying_so_is_an_error_at_its_line(play: Play, name: str) -> None:
    # accept(2), read(2), connect(2), poll(2) with timeout -1: they block until something comes.
    call, message = WAITS[name]
    opening = ESTABLISHED + "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 5\n"
    result = play(f"{opening}+0 {call}\n", LIMIT)
    result.assert_outcomes(errors=1)
    assert places(result.stdout.str()) == [f"it.pkt:{NEXT + 1}"]
    result.stdout.fnmatch_lines([f"*{message}", f"  line  +0 {call.replace('[', '[[]')}", "  next step: *"])


def test_a_packet_that_never_comes_is_an_error_at_its_line(play: Play, tcprove: Tcprove) -> None:
    result = play(ESTABLISHED + "* > P. 1:100(99) ack 1\n", LIMIT)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"it.pkt:{NEXT}: {REACHED} a packet", "  next step: *(--tcprove-time-limit)"])
    said = tcprove("run", "it.pkt", "--tcprove-time-limit=1")
    assert said.err.startswith(f"it.pkt:{NEXT}: {REACHED} a packet\n")


def test_a_packet_that_does_not_come_in_time_is_a_failure_of_the_stack(play: Play) -> None:
    result = play(ESTABLISHED + "+1 > P. 1:100(99) ack 1\n", LIMIT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"it.pkt:{NEXT}: error handling packet: Timed out waiting for packet"])


def test_hours_of_virtual_time_cost_nothing(play: Play) -> None:
    play(ESTABLISHED + "+100000 close(4) = 0\n", LIMIT).assert_outcomes(passed=1)


def test_a_limit_in_the_script_wins(play: Play) -> None:
    result = play(f"//: time-limit 2s\n{LISTEN}+0 accept(3, ..., ...) = 4\n", LIMIT)
    result.stdout.fnmatch_lines(["it.pkt:5: time limit of 2 s reached *"])


# ---------------------------------------------------------------- code blocks

ENDLESS_CODE = {
    "a loop": "while True: pass",
    "a loop that keeps exceptions": "while True:\n  try:\n    import time; time.sleep(0)\n  except Exception: pass",
    "sleep()": "import time\ntime.sleep(1000)",
    "a regular expression": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "a process": "import subprocess\nsubprocess.run(['sleep', '1000'])",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS_CODE)
def test_code_that_never_ends_is_an_error_at_its_line(play: Play, name: str) -> None:
    result = play(f"{ESTABLISHED}+0 %{{\n{ENDLESS_CODE[name]}\n}}%\n", "--tcprove-time-limit=300ms")
    result.assert_outcomes(errors=1)
    assert places(result.stdout.str()) == [f"it.pkt:{NEXT}"]
    result.stdout.fnmatch_lines(
        ["*error in Python code: *: does it loop for ever[?]", "  next step: mend the block; *"]
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os\nos._exit(0)\n", ""),
        ("import os\nos._exit(3)\n", "error executing code: 'python3' returned non-zero status 3"),
        ("import sys\nsys.exit('enough')\n", "error executing code: 'python3' returned non-zero status 1"),
        ("raise BaseException('odd')\n", "error in Python code: BaseException: odd"),
        ("def f(): f()\nf()\n", "error in Python code: RecursionError: *"),
        ("x = 'a' * (1 << 62)\n", "error in Python code: MemoryError"),
        ("assert tcpi_state == 99\n", "error in Python code: AssertionError"),
    ],
)
def test_code_can_only_fail_its_own_script(play: Play, code: str, message: str) -> None:
    leave, tracer = __import__("os")._exit, sys.gettrace()
    result = play(f"{ESTABLISHED}+0 %{{\n{code}}}%\n")
    result.assert_outcomes(**{"failed" if message else "passed": 1})
    if message:
        # What ended the process has no line in the C tool's words; the line of the block stands below.
        place = "it.pkt" if message.startswith("error executing") else f"it.pkt:{NEXT}"
        result.stdout.fnmatch_lines([f"{place}: {message}", "  line  +0 %{"])
    assert __import__("os")._exit is leave
    assert sys.gettrace() is tracer


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"\nx = (\n", f"SyntaxError: '(' was never closed (line {NEXT + 1})"),
        (b"\n  x = 1\n", f"IndentationError: unexpected indent (line {NEXT + 1})"),
        (b"\nx = '\xff'\n", "the block contains octets that are no UTF-8"),
    ],
)
def test_a_block_that_is_no_python_is_an_error_of_the_script(play: Play, code: bytes, message: str) -> None:
    result = play(ESTABLISHED.encode() + b"+0 %{" + code + b"}%\n")
    result.assert_outcomes(errors=1)
    assert f"it.pkt:{NEXT}:1: error in Python code: {message}" in result.stdout.str()


# ---------------------------------------------------------------- the alarm itself


def test_the_alarm_gives_back_what_it_took() -> None:
    def theirs(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGALRM, theirs)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1000)
        with pytest.raises(OutOfTime), alarm(1000):
            signal.pause()
        assert signal.getsignal(signal.SIGALRM) is theirs
        assert 900 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
        with alarm(10_000_000):
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 10
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_in_other_threads_nothing_is_limited() -> None:
    handlers = []

    def body() -> None:
        with alarm(1):
            handlers.append(signal.getsignal(signal.SIGALRM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(10)
    assert handlers == [signal.getsignal(signal.SIGALRM)]


# ---------------------------------------------------------------- commands of the simulated host


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("sleep 1000", "shell: no command sleep on this target"),
        ("ss -t", "shell: no command ss on this target"),
        ("sysctl -q net.ipv4.tcp_sack=0 &", "shell: operator &"),
        ("cat $(ls)", "shell: no command ls on this target"),
    ],
)
def test_a_command_that_the_simulated_host_lacks_is_unsupported_with_its_name(
    play: Play, tcprove: Tcprove, command: str, reason: str
) -> None:
    result = play(f"{LISTEN}+0 `{command}`\n", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED [[]1] it.pkt: unsupported: it.pkt:4: {reason}"])
    said = tcprove("run", "it.pkt")
    assert (said.status, said.err) == (1, f"it.pkt:4: unsupported: {reason}\n")


def test_an_init_command_that_the_simulated_host_lacks_is_unsupported_at_its_line(
    write: Write, tcprove: Tcprove
) -> None:
    write(f"// first\n`modprobe tcp_bbr`\n{LISTEN}")
    assert tcprove("run", "it.pkt").err == "it.pkt:2: unsupported: shell: no command modprobe on this target\n"


@pytest.mark.parametrize(("opening", "place", "outcome"), [("", "", "errors"), ("0 ", ":1", "failed")])
def test_a_sysctl_that_does_not_exist_is_named(play: Play, opening: str, place: str, outcome: str) -> None:
    result = play(f"{opening}`sysctl -q net.ipv4.tcp_bogus=1`\n{LISTEN.replace('0   ', '+0  ', 1)}", LIMIT)
    if not opening:
        result = play(f"`sysctl -q net.ipv4.tcp_bogus=1`\n{LISTEN}", LIMIT)
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(
        [
            f"it.pkt{place}: error executing *: non-zero status 1",
            "  line  *`sysctl -q net.ipv4.tcp_bogus=1`",
            "  got   sysctl: cannot stat /proc/sys/net/ipv4/tcp_bogus: No such file or directory",
        ]
    )


def test_two_sockets_at_one_port_fail_at_the_second(play: Play) -> None:
    # bind(2): EADDRINUSE, the given address is already in use.
    second = LISTEN.replace("3", "4").replace("0   ", "+0  ", 1)
    result = play(LISTEN + second)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["it.pkt:5: runtime error in bind call: *(Address already in use)"])


def test_a_cleanup_command_that_fails_is_told_with_its_line(play: Play) -> None:
    result = play(f"`true`\n{LISTEN}`false`\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt: error executing cleanup command: non-zero status 1", "  line  `false`"])
