"""Order and wording of argument checks, socket option values, readiness (sections 5.1 to 5.3, measured)."""

from struct import pack

import pytest

from targets.calls import (
    CallResult,
    EpollCreate,
    EpollEvent,
    EpollWait,
    GetSockOpt,
    Poll,
    PollEntry,
    SendTo,
    SetSockOpt,
)
from tests.packetdrill_compat.calls.harness import LIVE_FD, Connection, complaint, run

ENOPROTOOPT, EINVAL = 92, 22
GRE = "{flags [checksum present, key present], sum 1, off 2, key = 3, seq 4}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+0 write(4, 5, 10) = 0", "Expected ... or NULL for buffer"),
        ('+0 read(4, "a", 10) = 0', "Expected ... or NULL for buffer"),
        ('+0 write(4, 5, "x") = 0', "Expected ... or NULL for buffer"),
        ("+0 sendto(4, 5, 6, 7, ..., 8) = 0", "Expected ... or NULL for buffer"),
        ("+0 recvfrom(4, ..., 6, 7, ..., 8) = 0", "Bad type; actual: integer expected: ellipsis"),
        ("+0 readv(4, [{..., 4}], 2) = 0", "iov_count 2 does not match 1-element iovec array"),
        ('+0 writev(4, [4], "x") = 0', "Bad type; actual: integer expected: iovec"),
        ("+0 setsockopt(4, 1, 2, 1, 4) = 0", "unsupported setsockopt value type: integer"),
        ("+0 setsockopt(4, 1, 2, [1, 2], 4) = 0", "Expected [<element>] but got multiple elements"),
        ("+0 setsockopt(4, 1, 2, [4294967296], 4) = 0", "Value out of range for 32-bit integer: 4294967296"),
        ("+0 poll([{fd=9, events=POLLIN, revents=0}], 2, 0) = 0", "unable to find fd with script fd 9"),
        (
            "+0 poll([{fd=4, events=POLLIN, revents=0}], 2, 0) = 0",
            "nfds 2 does not match 1-element pollfd array",
        ),
        ("+0 epoll_ctl(3, EPOLL_CTL_ADD, 4, {events=1, fd=3}) = 0", "wrong fd specified in epoll_event"),
        ("+0 epoll_wait(3, {events=1, ptr=3}, -1, 0) = 0", "Failed to calloc -1 struct epoll_event"),
    ],
)
def test_wrong_arguments(text: str, message: str) -> None:
    assert complaint(text) == message


@pytest.mark.parametrize(
    ("value", "size", "message"),
    [
        ("[1]", 4, "Bad getsockopt optval: expected: 1 actual: 0"),
        ("[0]", 8, "Unsupported getsockopt optlen: 8"),
        ("[0]", -1, "Unsupported getsockopt optlen: -1"),
        (
            '"ab"',
            3,
            "Bad getsockopt optval: expected optlen (3 bytes) does not match length of expected optval string "
            "'ab' (2 bytes)",
        ),
        ('"ab"', 2, "Bad getsockopt optval: expected: 'ab' actual: '\\x00'"),
        ('inet6_addr("::1")', 16, "Bad getsockopt optval: expected: ::1 actual: :: "),
        ('inet6_addr("::")', 15, "Unsupported getsockopt optlen: 15"),
        (GRE, 16, "Bad getsockopt optval."),
        (GRE, 12, "Unsupported getsockopt optlen: 12"),
        ("{flags [none], sum 1, off 2, key = 3, seq 4}", 16, ""),
        ("{onoff=0, linger=0}", 8, "unsupported getsockopt value type: linger"),
        ("0", 4, "unsupported getsockopt value type: integer"),
        ("[0]", 4, ""),
    ],
)
def test_value_is_compared_with_zeros_after_an_expected_failure(value: str, size: int, message: str) -> None:
    target = Connection({GetSockOpt: [CallResult(-1, ENOPROTOOPT)]})
    assert complaint(f"+0 getsockopt(4, 1, 9999, {value}, [{size}]) = -1 ENOPROTOOPT (some)", target) == message
    assert target.made(GetSockOpt) == [GetSockOpt(LIVE_FD, 1, 9999, size)]


def test_returned_length_is_compared_before_the_value() -> None:
    target = Connection({GetSockOpt: [CallResult(0, optval=bytes(4), optlen=4)]})
    message = "Bad getsockopt optlen: expected: 8 actual: 4"
    assert complaint("+0 getsockopt(4, 1, 2, [5], [8]) = 0", target) == message


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("[-2]", b"\xfe\xff\xff\xff"),
        ('"reno"', b"reno"),
        ("{onoff=1, linger=2}", pack("<ii", 1, 2)),
        ('inet6_addr("fd00::1")', bytes([0xFD, *[0] * 14, 1])),
        ("{ (label 1, tc 2, [S], ttl 5) }", bytes([0, 0, 0x15, 5])),
        # RFC 2784, RFC 2890: flags, protocol, checksum, offset, key; the sequence number is beyond the header's length.
        (GRE, bytes([0xA0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0])),
        # Measured: packetdrill copies as many octets as the flags say.
        ("{flags 0x500, sum 1, off 2, key = 3, seq 4}", bytes([5, *[0] * 15])),
    ],
)
def test_forms_of_option_values(value: str, octets: bytes) -> None:
    target = Connection()
    assert complaint(f"+0 setsockopt(4, 1, 2, {value}, 44) = 0", target) == ""
    assert target.made(SetSockOpt)[-1] == SetSockOpt(LIVE_FD, 1, 2, octets, 44)


def test_revents_are_not_compared_after_an_expected_failure() -> None:
    text = "+0 poll([{{fd=4, events=POLLIN, revents=POLLOUT}}], 1, 0) = {}"
    assert complaint(text.format(-1), Connection({Poll: [CallResult(-1, EINVAL)]})) == ""
    message = "Expected revents of POLLOUT but got POLLIN|POLLHUP for pollfd 0"
    target = Connection({Poll: [CallResult(1, revents=(0x11,))]})
    assert complaint(text.format(1), target) == message
    assert target.made(Poll) == [Poll((PollEntry(LIVE_FD, 1),), 0)]


@pytest.mark.parametrize(
    ("script", "event", "message"),
    [
        ("events=EPOLLOUT, u32=3", EpollEvent(4, 3), ""),
        ("events=EPOLLOUT, u32=3", EpollEvent(4, 7 << 32 | 3), ""),
        ("events=EPOLLOUT, fd=4", EpollEvent(4, LIVE_FD), ""),
        (
            "events=EPOLLIN, u32=3",
            EpollEvent(4, 3),
            "epoll_event->events does not match script: expected: 0x1 actual: 0x4",
        ),
        (
            "events=EPOLLOUT, u64=4",
            EpollEvent(4, 3),
            "epoll_event->data does not match script: expected: 4 actual: 3",
        ),
        (
            "events=EPOLLOUT, ptr=4",
            EpollEvent(4, 3),
            "epoll_event->data does not match script: expected: 0x4 actual: 0x3",
        ),
    ],
)
def test_epoll_wait_compares_events_and_then_the_named_member(script: str, event: EpollEvent, message: str) -> None:
    target = Connection({EpollCreate: [CallResult(70)], EpollWait: [CallResult(1, events=(event,))]})
    assert complaint(f"+0 epoll_create(1) = 5\n+0 epoll_wait(5, {{{script}}}, 1, 0) = 1", target) == message


def test_epoll_wait_compares_with_zeros_when_nothing_came() -> None:
    target = Connection({EpollCreate: [CallResult(70)], EpollWait: [CallResult(0)]})
    message = "epoll_event->events does not match script: expected: 0x4 actual: 0x0"
    assert complaint("+0 epoll_create(1) = 5\n+0 epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 0", target) == message


@pytest.mark.parametrize(
    ("variant", "family", "protocol", "first"),
    # RFC 792: echo request 8; RFC 4443 section 4.1: 128. icmp(7): such sockets send only whole headers, 8 octets.
    [("ipv4", "AF_INET", "IPPROTO_ICMP", 8), ("ipv6", "AF_INET6", "IPPROTO_ICMPV6", 128)],
)
def test_sendto_on_a_ping_socket_makes_an_echo_request(variant: str, family: str, protocol: str, first: int) -> None:
    target = Connection()
    target.results[SendTo] = [CallResult(20), CallResult(7)]
    opening = f"0 socket({family}, SOCK_DGRAM, {protocol}) = 3\n"
    text = "+0 sendto(3, ..., 20, 0, ..., ...) = 20\n+0 sendto(3, ..., 7, 0, ..., ...) = 7"
    run(text, target, opening=opening, variant=variant)
    calls = [call for call in target.calls if isinstance(call, SendTo)]
    assert [call.data for call in calls] == [bytes([first]) + bytes(19), bytes(7)]


def test_ping_socket_takes_no_family() -> None:
    opening = "0 socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) = 3\n"
    result = run("+0 sendto(3, ..., 20, 0, AF_UNSPEC, ...) = 20", Connection(), opening=opening)
    assert result.failure is not None
    assert result.failure.message == "runtime error in sendto call: Bad type; actual: integer expected: ellipsis"


def test_sendto_of_other_sockets_stays_zeros() -> None:
    target = Connection({SendTo: [CallResult(20)]})
    assert complaint("+0 sendto(4, ..., 20, 0, ..., ...) = 20", target) == ""
    (call,) = target.made(SendTo)
    assert isinstance(call, SendTo)
    assert call.data == bytes(20)
