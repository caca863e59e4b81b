"""errno behind a success, numbers cut as C cuts them, and mistakes told in packetdrill's order.

Expectations measured with packetdrill 2.0 on Linux 6.18; errno(3): a call that succeeds leaves errno alone.
"""

import pytest

from targets.calls import CallResult, Connect, Fcntl, NoBuffer, Poll, Read, Readv, SocketAddress, Write, Writev
from tests.packetdrill_compat.calls.harness import LIVE_FD, Connection, complaint, run

EAGAIN, EINVAL = 11, 22
FAILED = "+0 read(4, ..., 9) = -1 EAGAIN (nothing there)\n"


def test_errno_of_a_success_is_that_of_the_last_failure() -> None:
    target = Connection({Read: [CallResult(-1, EAGAIN)], Write: [CallResult(3)], Fcntl: [CallResult(2)]})
    text = FAILED + "+0 write(4, ..., 3) = 3 EAGAIN (left over)\n+.1 fcntl(4, F_GETFL) = 2 EAGAIN (left over)"
    assert complaint(text, target) == ""


def test_errno_of_a_success_is_compared() -> None:
    target = Connection({Read: [CallResult(-1, EAGAIN)], Write: [CallResult(3)]})
    assert complaint(FAILED + "+0 write(4, ..., 3) = 3 EINVAL (no)", target) == (
        "Expected errno 22 (Invalid argument) but got 11 (Resource temporarily unavailable)"
    )
    assert complaint("+0 write(4, ..., 3) = 3 EINVAL (no)", Connection({Write: [CallResult(3)]})) == (
        "Expected errno 22 (Invalid argument) but got 0 (Success)"
    )


def test_calls_in_blocking_form_have_an_errno_of_their_own() -> None:
    target = Connection({Read: [CallResult(-1, EAGAIN)], Write: [CallResult(3), CallResult(3)]})
    text = FAILED + "+0...0 write(4, ..., 3) = 3 EAGAIN (that of another thread)"
    assert complaint(text, target) == ("Expected errno 11 (Resource temporarily unavailable) but got 0 (Success)")
    target = Connection({Read: [CallResult(-1, EAGAIN)], Write: [CallResult(3)]})
    text = "+0...0 read(4, ..., 9) = -1 EAGAIN (first)\n+0...0 write(4, ..., 3) = 3 EAGAIN (left over)"
    assert complaint(text, target) == ""


@pytest.mark.parametrize(
    ("family", "address"),
    [
        ("-1", SocketAddress(2, "192.0.2.1", 8080)),  # as if it were not written
        ("4294967295", SocketAddress(2, "192.0.2.1", 8080)),
        ("AF_INET6", SocketAddress(10)),
        ("65536", SocketAddress(0)),  # sa_family_t has 16 bits: AF_UNSPEC
    ],
)
def test_family_of_connect_is_cut_to_sa_family_t(family: str, address: SocketAddress) -> None:
    target = Connection()
    assert complaint(f"+0 connect(4, {family}, ...) = 0", target) == ""
    assert target.made(Connect) == [Connect(LIVE_FD, address)]


@pytest.mark.parametrize(
    "call",
    [
        "read(4, ..., -1)",
        "write(4, ..., 4294967295)",
        "recv(4, ..., -1, 0)",
        "recvfrom(4, ..., -1, 0, ..., ...)",
        "send(4, ..., -1, 0)",
        "sendto(4, ..., -1, 0, ..., ...)",
    ],
)
def test_a_negative_count_goes_with_null_only(call: str) -> None:
    # packetdrill ends there with a failed assertion.
    assert complaint(f"+0 {call} = -1") == "no buffer has -1 octets"
    assert complaint(f"+0 {call.replace('...', 'NULL', 1)} = 0") == ""


def test_a_negative_size_in_a_list_is_null_with_that_size() -> None:
    target = Connection()
    assert complaint("+0 readv(4, [{..., 3}, {..., -1}], 2) = 0\n+0 writev(4, [{..., -2}], 1) = 0", target) == ""
    assert target.made(Readv) == [Readv(LIVE_FD, (3, NoBuffer(2**64 - 1)))]
    assert target.made(Writev) == [Writev(LIVE_FD, (NoBuffer(2**64 - 2),))]


def test_descriptors_in_structures_are_cut_to_a_c_int() -> None:
    assert complaint("+0 poll([{fd=4294967300, events=POLLIN, revents=0}], 1, 0) = 0") == ""


@pytest.mark.parametrize(("revents", "got"), [("65536", 0), ("32768", 0x8000), ("-1", 0)])
def test_revents_beyond_a_c_short_are_never_equal(revents: str, got: int) -> None:
    target = Connection({Poll: [CallResult(0, revents=(got,))]})
    text = f"+0 poll([{{fd=4, events=POLLIN, revents={revents}}}], 1, 0) = 0"
    assert complaint(text, target).startswith("Expected revents of ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+0 close(9) = x", "unable to find fd with script fd 9"),
        ("+0 close(4) = x", "Bad type; actual: word expected: integer"),
        ("+0 poll([{fd=4, events=NOSUCH}], 1) = 0", "unknown symbol: 'NOSUCH'"),
        (
            "+0 sendmsg(9, {msg_name(...)=..., msg_iov(0)=[], msg_flags=NOSUCH}, 0) = 0",
            "unknown symbol: 'NOSUCH'",
        ),
        ('+0 setsockopt(4, SOL_TCP, 9, "\\q", 1) = 0', "unsupported escape code: 'q'"),
        ('+0 setsockopt(4, SOL_TCP, 9, "\\x4g", 1) = 0', "invalid hex escape (\\xhh): '\\x4g'"),
    ],
)
def test_mistakes_come_in_the_order_of_evaluation(text: str, message: str) -> None:
    assert complaint(text) == message


def test_messages_about_the_script_s_order_name_no_call() -> None:
    result = run("0.1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", Connection(), opening="")
    assert result.failure is not None
    assert result.failure.message == "first event should be at time 0"
