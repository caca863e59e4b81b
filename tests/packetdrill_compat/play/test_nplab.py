"""Playing the nplab dialect: what its fork does otherwise while a script runs."""

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
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


def test_an_absolute_sequence_number_is_the_live_one() -> None:
    # The fork's flag for a trailing "!": a reset without a connection has sequence number 0, whatever our ISN is.
    connecting = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (no)
+0 > S 0:0(0) <...>
+0 < S. 0:0(0) ack 1 win 100
+0 > . 1:1(0) ack 1
"""
    answer = "+0 < S 0:0(0) ack 1 win 32767\n+0 > . 1:1(0) ack 1\n"
    assert played(connecting + answer).verdict is Verdict.PASS
    result = played(connecting + answer.replace("> . 1:1(0)", "> . 1:1(0)!"))
    assert result.failure is not None
    assert "tcp_seq" in result.failure.message


def test_a_sequence_number_that_is_ignored_is_not_compared() -> None:
    listening = BOUND + "+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 9\n+0 > S. ...(0) ack 1 <...>\n"
    # Neither is it the start of the numbers of the script, as in the fork.
    assert played(listening + "+0 < . 1:1(0) ack 1 win 9\n+0 accept(3, ..., ...) = 4\n").verdict is Verdict.PASS
    assert played(listening.replace("...(0)", "7:7(0)")).verdict is Verdict.PASS


def test_the_name_of_a_tcp_stack_is_an_option_value() -> None:
    # tcp_functions(9); the reference stack has the base stack alone.
    call = '+0 setsockopt(3, IPPROTO_TCP, TCP_FUNCTION_BLK, {function_set_name="%s", pcbcnt=0}, 36) = %s\n'
    assert played(BOUND + call % ("freebsd", "0")).verdict is Verdict.PASS
    assert played(BOUND + call % ("rack", "-1 ENOENT (no)")).verdict is Verdict.PASS


def test_differentiated_services_code_points_have_names() -> None:
    # RFC 2474, 4.2.2.1: class selector 7 is 111000, and two bits are ECN's.
    text = BOUND + "+0 setsockopt(3, IPPROTO_IP, IP_TOS, [IPTOS_DSCP_CS7], 4) = 0\n"
    assert played(text + "+0 getsockopt(3, IPPROTO_IP, IP_TOS, [0xe0], [4]) = 0\n").verdict is Verdict.PASS


def test_a_mapped_run_opens_its_sockets_to_ipv4_addresses() -> None:
    # run_system_call.c of the fork; FreeBSD's net.inet6.ip6.v6only is 1.
    text = BOUND + "+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <...>\n"
    for dialect in ("nplab", "google"):
        script, config = load("t.pkt", text=text, config=variant_config("ipv4-mapped-ipv6"), dialect=dialect)
        result = play(script, config, create_target("reference:freebsd"))
        assert result.verdict is Verdict.PASS, result.failure
