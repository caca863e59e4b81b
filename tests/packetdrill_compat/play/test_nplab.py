"""Playing the nplab dialect: what its fork does otherwise while a script runs."""

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from targets.registry import create_target

BOUND = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
"""


def played(text: str, target: str = "reference:freebsd") -> RunResult:
    script, config = load("t.pkt", text=text, config=Config(), dialect="nplab")
    return play(script, config, create_target(target))


def test_a_packet_may_come_in_for_a_socket_that_is_only_bound() -> None:
    # The fork makes a peer for it (run_packet.c: a live packet without a source address).
    result = played(BOUND + "+0 < . 17:20(3) ack 34 win 32767\n+0 > R 34:34(0) win 0\n")
    assert result.verdict is Verdict.PASS, result.failure


@pytest.mark.parametrize(("name", "number"), [("SYN_RECEIVED", 3), ("ESTABLISHED", 1), ("CLOSED", 7), ("CLOSING", 11)])
def test_code_blocks_know_the_states_by_the_fork_s_names(name: str, number: int) -> None:
    # code.c of the fork, for Linux.
    result = played(BOUND + f"+0 listen(3, 1) = 0\n+0 %{{ assert TCPI_{name} == {number} }}%\n")
    assert result.verdict is Verdict.PASS, result.failure


def test_a_freebsd_script_finds_freebsd() -> None:
    text = "0 `sysctl -w net.inet.tcp.sack.enable=1 net.inet.tcp.ecn.enable=2`\n+0 `test $(uname) = FreeBSD`\n"
    assert played(text).verdict is Verdict.PASS
    assert played(text, "reference:rfc").verdict is Verdict.FAIL
