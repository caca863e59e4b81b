"""Scripts through the plugin, the interpreter and the reference stack together."""

from collections.abc import Callable

import pytest

LISTEN = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
ANSWER = """+.1 < S 0:0(0) win 65535 <mss 1460>
+0 > S. 0:0(0) ack 1 <...>
"""


@pytest.fixture
def play(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run(text: str, *options: str) -> pytest.RunResult:
        (pytester.path / "it.pkt").write_text(text)
        return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)

    return run


Play = Callable[..., pytest.RunResult]
ONE = "--tcprove-variants=ipv4"


def test_a_script_passes_in_every_variant(play: Play) -> None:
    play(LISTEN + ANSWER).assert_outcomes(passed=3)


def test_a_wrong_expectation_fails_with_want_and_got(play: Play) -> None:
    result = play(LISTEN + ANSWER.replace("S.", "R."), ONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["it.pkt:5: error handling packet: *", "  want  R. 0:0(0) ack 1*", "  got   S. *"])


def test_a_broken_script_is_an_error_with_its_line(play: Play) -> None:
    result = play(LISTEN + "+0 listen(3, 1 = 0\n", ONE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt:4:*"])
    assert "Traceback" not in result.stdout.str()


def test_a_script_that_waits_for_ever_is_an_error_that_names_the_line(play: Play) -> None:
    # accept(2): without a connection the call blocks.
    result = play("//: time-limit 5s\n" + LISTEN + "+0 accept(3, ..., ...) = 4\n", ONE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt:5: *"])


def test_definitions_reach_the_script(play: Play) -> None:
    text = LISTEN.replace("listen(3, 1)", "listen(3, BACKLOG)")
    play(text, ONE, "--tcprove-define=BACKLOG=1").assert_outcomes(passed=1)
    play(text, ONE).assert_outcomes(errors=1)


def test_a_capability_that_the_target_lacks_is_a_skip_with_a_reason(play: Play) -> None:
    result = play("//: targets mptcp\n" + LISTEN, ONE, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *unsupported: reference has no mptcp"])


def test_an_unknown_target_is_an_error_that_lists_the_known_ones(play: Play) -> None:
    result = play(LISTEN, ONE, "--tcprove-target=nowhere")
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --tcprove-target=nowhere: no such target; known are *kernel, reference*"])


def test_a_capture_of_a_script_holds_its_packets(play: Play, pytester: pytest.Pytester) -> None:
    play(LISTEN + ANSWER, ONE, "--tcprove-pcap=captures")
    (capture,) = (pytester.path / "captures").iterdir()
    # Section Header Block (draft-ietf-opsawg-pcapng, section 4.1) first, and the SYN of the script somewhere behind it.
    octets = capture.read_bytes()
    assert octets[:4] == bytes.fromhex("0a0d0d0a")
    assert bytes.fromhex("020405b4") in octets


@pytest.mark.needs_kernel
@pytest.mark.slow
def test_a_script_passes_on_the_kernel_and_its_lateness_is_told(play: Play) -> None:
    result = play(LISTEN + ANSWER, "--tcprove-target=kernel")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["injection lateness: median * us, 99 % * us, worst * us of 3 packets"])
