"""Calls of the nplab dialect (language specification, section 10.1)."""

from struct import pack

import pytest

from packetdrill_compat.outcome import Verdict
from targets.calls import CallResult, Close, GetSockOpt, Listen, Read, Write
from tests.packetdrill_compat.calls.harness import LIVE_FD, Connection, complaint, run

ENOPROTOOPT = 92
LINGER = pack("<ii", 1, 5)


def asked(value: bytes) -> Connection:
    return Connection({GetSockOpt: [CallResult(0, optval=value, optlen=len(value))]})


@pytest.mark.parametrize(
    ("value", "size", "message"),
    [
        ("{onoff=1, linger=5}", "[8]", ""),
        ("{onoff=1, linger=...}", "[8]", ""),
        ("{onoff=..., linger=...}", "...", ""),
        ("{onoff=1, linger=6}", "[8]", "Bad getsockopt linger.linger: expected: 6 actual: 5"),
        ("{onoff=0, linger=...}", "...", "Bad getsockopt linger.onoff: expected: 0 actual: 1"),
        ("{onoff=1, linger=5}", "[12]", "Bad getsockopt optlen: expected: 12 actual: 8"),
    ],
)
def test_linger_can_be_read_back_and_members_left_open(value: str, size: str, message: str) -> None:
    target = asked(LINGER)
    text = f"+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {value}, {size}) = 0"
    assert complaint(text, target, dialect="nplab") == message
    assert target.made(GetSockOpt)[0] == GetSockOpt(LIVE_FD, 1, 13, 12 if size == "[12]" else 8)


def test_a_value_is_compared_after_success_only() -> None:
    text = "+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [7], [4]) = {}"
    failing = Connection({GetSockOpt: [CallResult(-1, ENOPROTOOPT)]})
    assert complaint(text.format(-1), failing, dialect="nplab") == ""
    message = "Bad getsockopt optval: expected: 7 actual: 1"
    assert complaint(text.format(0), asked(pack("<i", 1)), dialect="nplab") == message


def test_a_length_may_be_left_open() -> None:
    assert complaint("+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [1], ...) = 0", asked(pack("<i", 1)), dialect="nplab") == ""


@pytest.mark.parametrize(
    ("call", "message"), [("listen(3, 1)", "bad listen()"), ("connect(3, ..., ...)", "socket is not new")]
)
def test_a_socket_listens_and_connects_only_once(call: str, message: str) -> None:
    target = Connection()
    assert complaint(f"+0 {call} = 0", target, dialect="nplab") == message
    assert len(target.made(Listen)) == 1
    assert complaint(f"+0 {call} = 0") == ""


def test_a_call_does_not_wait_for_one_in_blocking_form() -> None:
    def target() -> Connection:
        target = Connection()
        target.results[Read] = [(CallResult(0), 500_000)]
        target.results[Write] = [CallResult(1)]
        return target

    text = "+0...0.5 read(4, ..., 10) = 0\n+.1 write(4, ..., 1) = 1"
    assert run(text, target(), dialect="nplab").verdict is Verdict.PASS
    assert complaint(text, target()).startswith("timing error: expected system call start at 0.1")


def test_non_fatal_turns_a_wrong_result_into_a_warning() -> None:
    text, option = "+0 close(4) = 0", '--non_fatal="syscall"\n'

    def target() -> Connection:
        return Connection({Close: [CallResult(-1, 5)]})

    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n"
    result = run(text, target(), opening=option + opening, dialect="nplab")
    assert result.verdict is Verdict.PASS
    assert [warning.line for warning in result.warnings] == [3]
    assert run(text, target(), opening=option + opening).verdict is Verdict.FAIL


def test_cleanup_needs_no_init_command() -> None:
    for dialect, commands in (("nplab", ["clean"]), ("google", [])):
        target = Connection()
        run("`clean`", target, opening="0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n", dialect=dialect)
        assert target.commands == commands
