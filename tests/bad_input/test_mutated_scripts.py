"""Scripts that were good until tokens and octets went missing, came twice or changed: always a result, never more.

``TCPROVE_EXAMPLES`` is the number of mutated scripts (default 300). Time is virtual, so a script that waits for ever
costs nothing; a real hang would be a failure of the whole run.
"""

import io
import os
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packetdrill_compat.cli import main
from packetdrill_compat.command import Program, run_scripts
from packetdrill_compat.config import IPV4, IPV6
from packetdrill_compat.outcome import FailureKind, RunResult, Verdict
from packetdrill_compat.runner import run_file
from packetdrill_compat.variants import variant_config
from targets.reference import create
from tests.bad_input.scripts import ESTABLISHED, LISTEN, assert_clear

EXAMPLES = int(os.environ.get("TCPROVE_EXAMPLES", "300"))

BASES = [
    ESTABLISHED
    + """\
+0  setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0
+.1 write(4, ..., 1000) = 1000
+0  > P. 1:1001(1000) ack 1
+.1 < . 1:1(0) ack 1001 win 65535
+0  %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%
+0  close(4) = 0
+0  > F. 1001:1001(0) ack 1
+.1 < F. 1:1(0) ack 1002 win 65535
+0  > . 1002:1002(0) ack 2
""",
    """\
// An active open with options, a blocking connect and a reset.
--tolerance_usecs=5000
`sysctl -q net.ipv4.tcp_timestamps=0`
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.1 connect(3, ..., ...) = 0
+0  > S 0:0(0) <...>
+.1 < S. 0:0(0) ack 1 win 5792 <mss 1460,sackOK,nop,nop,nop,wscale 2>
+0  > . 1:1(0) ack 1
+.1 < P. 1:11(10) ack 1 win 1000
* > . 1:1(0) ack 11
+0  read(3, ..., 100) = 10
+0  fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0  read(3, ..., 100) = -1 EAGAIN (Resource temporarily unavailable)
+.1 < R. 11:11(0) ack 1 win 1000
+0  poll([{fd=3, events=POLLIN, revents=POLLIN|POLLERR|POLLHUP}], 1, 0) = 1
+0  `true`
""",
    LISTEN
    + """\
+0  setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
+0  fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0  accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)
+.1 < [ect0] SEW 0:0(0) win 32792 <mss 1460,nop,nop,sackOK>
+0~+.2 > SE. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 32792
+0  accept(3, ..., ...) = 4
+0  writev(4, [{..., 100}, {..., 200}], 2) = 300
+0  > P. 1:301(300) ack 1
+.1 < icmp unreachable frag_needed mtu 1200 [1:301(300)]
+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,sack 101:201>
+1  shutdown(4, SHUT_WR) = 0
+0  getsockopt(4, SOL_TCP, TCP_MAXSEG, [1160], [4]) = 0
""",
]

_TOKEN = re.compile(rb"[A-Za-z_]\w*|\d+|\s+|[^\w\s]")
_SPLICES = [
    b"",
    b"\0",
    b"\xff",
    b"\r",
    b'"',
    b"`",
    b"%{",
    b"}%",
    b"/*",
    b"...",
    b"-1",
    b"4294967296",
    b"9" * 30,
    b"*",
    b"+",
]


def changed(draw: st.DrawFn, parts: list[bytes]) -> None:
    """Delete, double, swap or move one of the parts."""
    at, to = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
    kind = draw(st.sampled_from(["delete", "double", "swap", "move"]))
    if kind == "delete":
        parts[at] = b""
    elif kind == "double":
        parts.insert(at, parts[at])
    elif kind == "swap":
        parts[at], parts[to] = parts[to], parts[at]
    else:
        parts.insert(to, parts[at])


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Draw a base script and change it, mostly so little that it can still be read: whole lines, numbers, words."""
    lines = draw(st.sampled_from(BASES)).encode().splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 2))):
        changed(draw, lines)
    tokens = _TOKEN.findall(b"".join(lines)) or [b"0"]
    numbers = [at for at, token in enumerate(tokens) if token.isdigit()]
    words = [at for at, token in enumerate(tokens) if token[:1].isalpha()]
    for _ in range(draw(st.integers(0, 1)) if numbers else 0):
        number = draw(st.one_of(st.integers(0, 10), st.integers(0, 70_000), st.integers(0, 2**33)))
        tokens[draw(st.sampled_from(numbers))] = str(number).encode()
    if words and draw(st.integers(0, 5)) == 3:
        tokens[draw(st.sampled_from(words))] = tokens[draw(st.sampled_from(words))]
    if draw(st.integers(0, 5)) == 3:
        changed(draw, tokens)
    if draw(st.integers(0, 9)) == 7:
        tokens.insert(draw(st.integers(0, len(tokens))), draw(st.sampled_from(_SPLICES)))
    octets = bytearray(b"".join(tokens))
    if octets and draw(st.integers(0, 9)) == 7:
        octets[draw(st.integers(0, len(octets) - 1))] ^= 1 << draw(st.integers(0, 7))
    if draw(st.integers(0, 9)) == 7:
        del octets[draw(st.integers(0, len(octets))) :]
    return bytes(octets)


def play(content: bytes, path: Path, variant: str) -> RunResult:
    path.write_bytes(content)
    # Commands are simulated, and code is made of words that do no harm in any order.
    return run_file(str(path), target=create("rfc"), config=variant_config(variant), time_limit=1_000_000)


@pytest.mark.parametrize("base", BASES)
def test_the_base_scripts_can_be_read_and_played(base: str, tmp_path: Path) -> None:
    result = play(base.encode(), tmp_path / "it.pkt", IPV4)
    assert result.verdict is Verdict.PASS, result.failure and result.failure.render()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated") / "it.pkt"


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=mutations(), variant=st.sampled_from([IPV4, IPV6]))
def test_a_mutated_script_always_ends_in_a_result(path: Path, content: bytes, variant: str) -> None:
    result = play(content, path, variant)
    if result.verdict is Verdict.PASS:
        assert result.failure is None
        return
    failure = result.failure
    assert failure is not None
    assert failure.message
    assert failure.kind is not FailureKind.HARNESS, failure.render()
    assert "broke in" not in failure.message, failure.render()
    assert "\n" not in failure.first_line
    assert_clear(failure.render())
    failure.render().encode()  # no half character is left that a report could not hold
    if failure.kind in (FailureKind.SCRIPT, FailureKind.LIMIT):
        assert failure.line or result.script is None


DROP_IN = Program(words=("packetdrill",), target="reference:rfc", is_drop_in=True)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=mutations(), flags=st.sampled_from([["-v"], ["--debug"], ["--dry_run"], ["--non_fatal=packet"], []]))
def test_the_command_ends_with_status_0_or_1_and_says_why(path: Path, content: bytes, flags: list[str]) -> None:
    path.write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run_scripts([*flags, "--ip_version=ipv4", "--tcprove-time-limit=1", str(path)], DROP_IN)
    assert_clear(out.getvalue() + err.getvalue())
    assert status in (0, 1)
    assert err.getvalue() if status else "--non_fatal=packet" in flags or not err.getvalue()


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=mutations())
def test_check_and_fmt_say_something_clear_of_every_script(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for command in ("check", "fmt"):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main([command, str(path)])
        assert_clear(out.getvalue() + err.getvalue())
        assert status == int(bool(err.getvalue()))
