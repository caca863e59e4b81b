"""Playing scripts on a target whose packets are known: merging, order of checks, waits, calls, commands, code."""

from collections.abc import Callable

import pytest

from packetdrill_compat.outcome import FailureKind, RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.base import Departure, ShellResult
from targets.calls import Accept, Bind, CallResult, GetSockOpt, Read, SetSockOpt, SocketAddress, Write
from tests.packetdrill_compat.play.fake import LOCAL, REMOTE, FakeTarget, answering_syn
from wire.abi import TcpInfo
from wire.ip import Ipv4Header
from wire.options import Mss, Nop, Timestamps, UnknownOption
from wire.packet import Packet, build_packet
from wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment

MS = 1_000
OPENING = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000
+0 > S. 0:0(0) ack 1
+0 < . 1:1(0) ack 1 win 1000
"""
Plan = Callable[[FakeTarget], None]


def target_after_handshake(plan: Plan = lambda _target: None) -> FakeTarget:
    """Answer the SYN; make the plan when the handshake's last ACK arrives."""

    def on_inject(target: FakeTarget, packet: Packet) -> None:
        answering_syn(target, packet)
        if len(target.injected) == 2:
            plan(target)

    return FakeTarget(on_inject=on_inject)


def run(text: str, target: FakeTarget, *flags: str, opening: str = OPENING) -> RunResult:
    script, config = load("t.pkt", text=opening + text, config=variant_config("ipv4"), command_line=flags)
    result = play(script, config, target)
    assert not target.is_open
    return result


def message(result: RunResult) -> str:
    assert result.failure is not None
    return result.failure.message


def test_handshake_is_translated_between_script_and_wire() -> None:
    target = target_after_handshake()
    assert run("", target).verdict is Verdict.PASS
    last = target.injected[1].body
    assert isinstance(last, TcpSegment)
    assert (last.seq, last.ack) == (1, 0xFFFFFFFF)


def test_segments_are_merged_until_the_payload_is_complete() -> None:
    def plan(target: FakeTarget) -> None:
        for number in range(3):
            target.sends(0, ACK | (PSH if number == 2 else 0), 1 + 100 * number, 1, bytes(100))

    assert run("+0 > P. 1:301(300) ack 1\n", target_after_handshake(plan)).verdict is Verdict.PASS
    strict = run("+0 > P. 1:301(300) ack 1\n", target_after_handshake(plan), "--strict_segments")
    assert message(strict) == "error handling packet: live packet payload: expected 300 bytes vs actual 100 bytes"


def test_pure_ack_is_merged_with_the_data_behind_it() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK, 1, 1)
        target.sends(0, ACK | PSH, 1, 1, bytes(10))

    assert run("+0 > P. 1:11(10) ack 1\n", target_after_handshake(plan)).verdict is Verdict.PASS


def test_segments_with_a_hole_between_them_are_not_merged() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK, 1, 1, bytes(10))
        target.sends(0, ACK, 21, 1, bytes(10))

    result = run("+0 > . 1:21(20) ack 1\n", target_after_handshake(plan))
    assert message(result).startswith("error handling packet: live packet field tcp_seq: expected: 11")


def test_payload_length_is_compared_before_everything_else() -> None:
    result = run("+0 > . 1:1(0) ack 1\n", target_after_handshake(lambda t: t.sends(0, ACK | FIN, 5, 9, bytes(3))))
    assert message(result) == "error handling packet: live packet payload: expected 0 bytes vs actual 3 bytes"


@pytest.mark.parametrize(
    ("expected", "first"),
    [
        ("> F. 1:1(0) ack 1", "tcp_fin: expected: 1 (0x1) vs actual: 0 (0x0)"),
        ("> P. 1:1(0) ack 1", "tcp_psh: expected: 1 (0x1) vs actual: 0 (0x0)"),
        ("> . 2:2(0) ack 1", "tcp_seq: expected: 2 (0x2) vs actual: 1 (0x1)"),
        ("> . 1:1(0) ack 2", "tcp_ack_seq: expected: 2 (0x2) vs actual: 1 (0x1)"),
        ("> . 1:1(0) ack 1 win 999", "tcp_window: expected: 999 (0x3e7) vs actual: 1000 (0x3e8)"),
        ("> . 1:1(0) ack 1 <mss 1000>", "ipv4_total_length: expected: 44 (0x2c) vs actual: 40 (0x28)"),
        ("> [ect0] . 1:1(0) ack 1", "ip_ecn: expected: 2 (0x2) vs actual: 0 (0x0)"),
        ("> [ttl 3] . 1:1(0) ack 1", "ttl: expected: 3 (0x3) vs actual: 64 (0x40)"),
    ],
)
def test_first_difference_gives_the_message(expected: str, first: str) -> None:
    result = run(f"+0 {expected}\n", target_after_handshake(lambda t: t.sends(0, ACK, 1, 1)))
    assert result.verdict is Verdict.FAIL
    assert message(result) == f"error handling packet: live packet field {first}"


def test_every_field_that_differs_is_shown() -> None:
    result = run("+0 > FP. 7:7(0) ack 9\n", target_after_handshake(lambda t: t.sends(0, ACK, 1, 1)))
    assert result.failure is not None
    assert [d.name for d in result.failure.differences] == ["tcp_fin", "tcp_psh", "tcp_seq", "tcp_ack_seq"]
    text = result.failure.render()
    assert "want  FP. 7:7(0) ack 9" in text
    assert "got   . 1:1(0) ack 1 win 1000" in text


def test_options_are_compared_in_order_unless_the_script_leaves_them_open() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK, 1, 1, options=(Mss(1000),))

    assert message(run("+0 > . 1:1(0) ack 1 <nop,nop,nop,nop>\n", target_after_handshake(plan))) == (
        "error handling packet: bad outbound TCP options"
    )
    assert message(run("+0 > . 1:1(0) ack 1 <mss 1001>\n", target_after_handshake(plan))) == (
        "error handling packet: bad value in outbound TCP option (kind=2): expected: mss 1001 actual: mss 1000"
    )
    assert run("+0 > . 1:1(0) ack 1 <...>\n", target_after_handshake(plan)).verdict is Verdict.PASS


def test_unknown_option_kind_is_fatal_even_where_options_are_left_open() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK, 1, 1, options=(UnknownOption(77, b"\0\0"),))

    result = run("+0 > . 1:1(0) ack 1 <...>\n", target_after_handshake(plan))
    assert message(result) == "error handling packet: unexpected TCP option kind: 77"


def test_timestamp_value_is_compared_only_with_a_tick() -> None:
    def plan(target: FakeTarget) -> None:
        for val in (500, 900):
            target.sends(0, ACK, 1, 1, options=(Timestamps(val, 0), Nop(), Nop()))

    text = "+0 > . 1:1(0) ack 1 <TS val 1 ecr 2,nop,nop>\n" * 2
    assert run(text, target_after_handshake(plan)).verdict is Verdict.PASS
    ticking = run(text, target_after_handshake(plan), "--tcp_ts_tick_usecs=1000")
    assert message(ticking) == "error handling packet: bad outbound TCP timestamp value, tolerance 4000"


def test_leftover_packets_at_the_end_pass() -> None:
    assert run("", target_after_handshake(lambda t: t.sends(0, RST, 1, 1))).verdict is Verdict.PASS


def test_unexpected_packet_is_noticed_by_the_next_expectation() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK | RST, 1, 1)
        target.sends(10 * MS, ACK, 1, 1)

    result = run("+.01 > . 1:1(0) ack 1\n", target_after_handshake(plan))
    assert message(result) == "error handling packet: live packet field tcp_rst: expected: 0 (0x0) vs actual: 1 (0x1)"


def test_packets_of_other_connections_are_ignored() -> None:
    def plan(target: FakeTarget) -> None:
        target.sends(0, ACK | RST, 1, 1, port=9)
        target.sends(0, ACK, 1, 1)

    assert run("+0 > . 1:1(0) ack 1\n", target_after_handshake(plan)).verdict is Verdict.PASS


def test_malformed_packet_is_fatal_with_a_dump() -> None:
    result = run("+0 > . 1:1(0) ack 1\n", target_after_handshake(lambda t: t.sends_raw(0, b"\x45\x00\x00")))
    assert message(result).startswith("error handling packet: IP header overflows packet: packet of 3 bytes: ")
    assert result.failure is not None
    assert result.failure.got == "45 00 00"


def test_fragment_is_fatal() -> None:
    header = Ipv4Header(LOCAL, REMOTE, fragment_offset=10)
    data = build_packet(Packet((header,), TcpSegment(8080, 1, 0, 0, ACK, 0)))
    result = run("+0 > . 1:1(0) ack 1\n", target_after_handshake(lambda t: t.sends_raw(0, data)))
    assert "fragment" in message(result)


def test_missing_packet_times_out_two_seconds_after_its_time() -> None:
    result = run("+.5 > . 1:1(0) ack 1\n", target_after_handshake())
    assert message(result) == "error handling packet: Timed out waiting for packet"
    assert result.failure is not None
    assert result.failure.kind is FailureKind.MISSING
    assert result.duration == 2_000_000


def test_early_packet_fails_by_its_time() -> None:
    result = run("+.5 > . 1:1(0) ack 1\n", target_after_handshake(lambda t: t.sends(100 * MS, ACK, 1, 1)))
    assert message(result) == (
        "error handling packet: timing error: expected outbound packet at 0.500000 sec but happened at 0.100000 sec; "
        "tolerance 0.062500 sec"
    )


def test_non_fatal_packets_turn_differences_into_warnings() -> None:
    plan: Plan = lambda t: t.sends(0, ACK, 1, 1)  # noqa: E731
    result = run("+0 > P. 1:1(0) ack 1\n", target_after_handshake(plan), "--non_fatal=packet")
    assert result.verdict is Verdict.PASS
    assert [warning.message for warning in result.warnings] == [
        "warning handling packet: live packet field tcp_psh: expected: 1 (0x1) vs actual: 0 (0x0)"
    ]


def test_wait_without_an_end_is_limited_and_names_its_line() -> None:
    result = run("* > . 1:1(0) ack 1\n", target_after_handshake())
    assert result.verdict is Verdict.ERROR
    assert result.failure is not None
    assert (result.failure.kind, result.failure.line) == (FailureKind.LIMIT, 8)


def test_target_that_sends_without_end_is_an_error() -> None:
    def endless(target: FakeTarget) -> None:
        data = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), TcpSegment(1, 1, 0, 0, ACK, 0)))
        target.poll = lambda _deadline: Departure(target.clock, data)  # type: ignore[assignment,method-assign]

    result = run("+0 > . 1:1(0) ack 1\n", target_after_handshake(endless))
    assert result.verdict is Verdict.ERROR
    assert "the target sent 100000 packets at one moment" in message(result)


# ---------------------------------------------------------------- calls


def test_result_is_checked_before_errno() -> None:
    target = FakeTarget(results={Read: [CallResult(-1, 11)]})
    result = run("+0 read(3, ..., 10) = 5\n", target, opening="0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")
    assert message(result) == (
        "runtime error in read call: Expected result 5 but got -1 with errno 11 (Resource temporarily unavailable)"
    )


def test_errno_is_checked_only_when_it_is_written() -> None:
    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    unnamed = FakeTarget(results={Read: [CallResult(-1, 104)]})
    assert run("+0 read(3, ..., 1) = -1\n", unnamed, opening=opening).verdict is Verdict.PASS
    named = run(
        "+0 read(3, ..., 1) = -1 EAGAIN (x)\n",
        FakeTarget(results={Read: [CallResult(-1, 104)]}),
        opening=opening,
    )
    assert message(named) == (
        "runtime error in read call: Expected errno 11 (Resource temporarily unavailable) but got "
        "104 (Connection reset by peer)"
    )


def test_getsockopt_compares_the_zeroed_value_after_an_expected_failure() -> None:
    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    text = "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [{}], [4]) = -1\n"
    for value, verdict in ((0, Verdict.PASS), (1, Verdict.FAIL)):
        target = FakeTarget(results={GetSockOpt: [CallResult(-1, 22, optlen=4)]})
        assert run(text.format(value), target, opening=opening).verdict is verdict


def test_setsockopt_wants_its_integer_in_brackets() -> None:
    result = run("+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, 1, 4) = 0\n", target_after_handshake())
    assert message(result) == "runtime error in setsockopt call: unsupported setsockopt value type: integer"


def test_bind_and_setsockopt_carry_the_configured_address_and_the_written_length() -> None:
    target = target_after_handshake()
    assert run("+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 3) = 0\n", target).verdict is Verdict.PASS
    assert target.calls[1] == Bind(100, SocketAddress(2, LOCAL, 8080))
    assert target.calls[3] == SetSockOpt(100, 1, 2, b"\x01\0\0\0", 3)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("close(9) = 0", "runtime error in close call: unable to find fd with script fd 9"),
        ("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "runtime error in socket call: duplicate fd 3 in script"),
        ("frobnicate(3) = 0", "runtime error in frobnicate call: Unknown system call: 'frobnicate'"),
        ("listen(3) = 0", "runtime error in listen call: Expected 2 args but got 1"),
        ("listen(3, WRONG) = 0", "runtime error in listen call: unknown symbol: 'WRONG'"),
        ("listen(3, ...) = 0", "runtime error in listen call: Bad type; actual: ellipsis expected: integer"),
        ("read(3, 1, 5) = 0", "runtime error in read call: Expected ... or NULL for buffer"),
        ("shutdown(3, SHUT_WR) = OK", "runtime error in shutdown call: Bad type; actual: word expected: integer"),
    ],
)
def test_call_that_cannot_be_made_says_why(line: str, text: str) -> None:
    assert message(run(f"+0 {line}\n", target_after_handshake())) == text


def test_accept_gives_the_newest_passive_connection_its_descriptor() -> None:
    target = target_after_handshake()
    target.results[Accept] = [CallResult(105, address=SocketAddress(2, REMOTE, 32768))]
    assert run("+0 accept(3, ..., ...) = 4\n+0 write(4, ..., 1) = 0\n", target).verdict is Verdict.PASS
    assert target.calls[4] == Write(105, b"\0", 1)


def test_blocking_call_must_return_at_its_end() -> None:
    def target(delay: int) -> FakeTarget:
        return FakeTarget(results={Read: [(CallResult(0), delay)]})

    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    text = "+0...0.1 read(3, ..., 10) = 0\n+.2 write(3, ..., 1) = 0\n"
    assert run(text, target(100 * MS), opening=opening).verdict is Verdict.PASS
    late = run(text, target(150 * MS), opening=opening)
    assert message(late) == (
        "timing error: expected system call return at 0.100000 sec but happened at 0.150000 sec; tolerance 0.012500 sec"
    )
    assert late.failure is not None
    assert late.failure.line == 2


def test_blocking_call_that_never_returns_ends_the_test_after_a_second() -> None:
    target = FakeTarget(results={Read: [(CallResult(0), 10**9)]})
    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    result = run("+0...0.1 read(3, ..., 10) = 0\n", target, opening=opening)
    assert message(result) == "runtime error: exiting while a blocking system call is in progress"


# ---------------------------------------------------------------- commands and code


def test_cleanup_runs_after_failure_when_there_was_an_init_command() -> None:
    target = FakeTarget()
    result = run("`init`\n0 close(9) = 0\n`cleanup`\n", target, opening="")
    assert result.verdict is Verdict.ERROR
    assert target.commands == ["init", "cleanup"]


def test_cleanup_does_not_run_without_an_init_command() -> None:
    target = FakeTarget()
    run("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n`cleanup`\n", target, opening="")
    assert target.commands == []


def test_failing_init_command_ends_the_run() -> None:
    target = FakeTarget(shell_results={"init": ShellResult(3)})
    result = run("`init`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n", target, opening="")
    assert message(result) == "error executing init command: non-zero status 3"
    assert target.calls == []


def test_command_killed_by_another_signal_than_interrupt_and_quit_counts_as_success() -> None:
    text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 `x`\n"
    assert run(text, FakeTarget(shell_results={"x": ShellResult(None, 9)}), opening="").verdict is Verdict.PASS
    interrupted = run(text, FakeTarget(shell_results={"x": ShellResult(None, 2)}), opening="")
    assert message(interrupted) == "error executing `x` command: got signal 2 (Interrupt)"


def code_target() -> FakeTarget:
    target = target_after_handshake()
    target.results[Accept] = [CallResult(105, address=SocketAddress(2, REMOTE, 32768))]
    info = TcpInfo(state=1).pack()
    target.results[GetSockOpt] = [CallResult(0, optval=info, optlen=len(info)), CallResult(-1, 92), CallResult(-1, 92)]
    return target


def test_code_sees_the_snapshot_and_fails_with_its_line() -> None:
    accept = "+0 accept(3, ..., ...) = 4\n"
    good = run(accept + "+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n", code_target())
    assert good.verdict is Verdict.PASS
    bad = run(accept + "+0 %{ assert tcpi_state == TCP_CLOSE }%\n", code_target())
    assert bad.failure is not None
    assert (bad.failure.kind, bad.failure.line) == (FailureKind.CODE, 9)
    assert bad.failure.got == "tcpi_state = 1"


def test_code_before_accept_has_no_socket_to_ask() -> None:
    result = run("+0 %{ pass }%\n", target_after_handshake())
    assert message(result) == "runtime error in code: can't find getsockopt to get TCP info"


@pytest.mark.slow
def test_code_that_loops_for_ever_is_stopped() -> None:
    result = run("+0 accept(3, ..., ...) = 4\n+0 %{ while True: pass }%\n", code_target())
    assert "loop for ever" in message(result)


def test_repeated_syn_of_an_older_socket_is_not_merged_with_the_new_socket_s_own() -> None:
    def on_connect(target: FakeTarget) -> None:
        target.sends(0, SYN, 0, port=8080, src_port=40001)
        target.sends(0, SYN, 100, port=8080, src_port=40002, payload=bytes(8))

    target = FakeTarget()
    on_connect(target)
    text = (
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 sendto(3, ..., 8, MSG_FASTOPEN, ..., ...) = 0\n+0 > S 0:8(8)\n"
    )
    assert run(text, target, opening="").verdict is Verdict.PASS


def test_code_for_another_interpreter_is_unsupported() -> None:
    result = run("+0 %{ pass }%\n", target_after_handshake(), "--code_command=perl")
    assert result.verdict is Verdict.UNSUPPORTED
    assert "--code_command=perl cannot be used" in message(result)
