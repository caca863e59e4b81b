"""Fast Open of a client: cookies are asked for and kept, text leaves with the SYN (RFC 7413, 4; Linux measured)."""

import pytest

from reference_stack.host import Errno
from reference_stack.personality import personality
from tests.reference_stack.host.test_fastopen_server import info
from tests.reference_stack.host.world import PEER_PORT, SECOND, SockAddr, World
from wire.abi import (
    AF_UNSPEC,
    MSG_DONTWAIT,
    MSG_FASTOPEN,
    POLLERR,
    POLLHUP,
    POLLOUT,
    SOL_TCP,
    TCP_FASTOPEN_CONNECT,
    TCP_FASTOPEN_NO_COOKIE,
)
from wire.options import FastOpen, Mss, SackPermitted, TcpOption, Timestamps
from wire.tcp import SYN, TcpSegment

COOKIE = FastOpen(bytes.fromhex("0123456789abcdef"))
OTHER = FastOpen(bytes.fromhex("fedcba98"))
QUICK = MSG_FASTOPEN | MSG_DONTWAIT
MSS = Mss(1460)
SYN_DATA = 32


@pytest.fixture(params=["rfc", "linux"])
def either(request: pytest.FixtureRequest) -> World:
    return World(chosen=personality(request.param))


@pytest.fixture
def linux_all() -> World:
    return World(chosen=personality("linux"))


def send_fast(world: World, count: int, flags: int = QUICK, *, fd: int = -1) -> tuple[int, int, int]:
    """Open a connection by a send; returns descriptor, result and errno."""
    fd = world.socket() if fd < 0 else fd
    result = world.call("sendto", fd=fd, data=bytes(count), count=count, flags=flags, address=world.peer_address())
    return fd, result.value, result.errno


def syn(world: World) -> tuple[int, FastOpen | None]:
    """The one SYN that left since the last question: octets of text, and its option."""
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    assert packet.body.flags & SYN
    found = [option for option in packet.body.options if isinstance(option, FastOpen)]
    return len(packet.body.payload), found[0] if found else None


def learn(world: World, cookie: FastOpen = COOKIE, *options: TcpOption) -> None:
    """A first connection brings the cookie, and ends."""
    fd, _, errno = send_fast(world, 0)
    assert errno == Errno.EINPROGRESS
    world.inject("S. 0:0(0) ack 1", options=(*(options or (MSS,)), cookie))
    world.call("close", fd=fd)
    world.inject("R. 1:1(0) ack 1")
    world.sent()


def test_the_first_syn_asks_and_the_next_brings_the_cookie_with_text(either: World) -> None:
    # RFC 7413, 4.2.1 and 4.2.2.
    fd, value, errno = send_fast(either, 1000)
    assert (value, errno) == (-1, Errno.EINPROGRESS)
    assert syn(either) == (0, FastOpen())
    either.inject("S. 0:0(0) ack 1", options=(MSS, COOKIE))
    either.call("close", fd=fd)
    either.sent()
    fd, value, _ = send_fast(either, 1000)
    assert value == 1000
    assert syn(either) == (1000, COOKIE)
    either.inject("S. 0:0(0) ack 1001", options=(MSS,))
    assert either.sent() == [". 1001:1001(0) ack 1"]
    assert (info(either, fd).options & SYN_DATA, info(either, fd).delivered) == (SYN_DATA, 1)


@pytest.mark.parametrize(("mss", "text"), [(940, 900), (1460, 1420), (10_000, 1420)])
def test_the_text_fits_the_segment_size_that_the_server_told(either: World, mss: int, text: int) -> None:
    # RFC 7413, 4.2.2: at most the MSS; 40 octets of it are left for options, as in Linux.
    learn(either, COOKIE, Mss(mss))
    _, value, _ = send_fast(either, 5000)
    assert value == text
    assert syn(either) == (text, COOKIE)


def test_a_repeated_syn_is_plain_and_the_text_follows_the_handshake(either: World) -> None:
    # RFC 7413, 4.2.2: "retransmit the SYN without data and without the Fast Open option".
    learn(either)
    fd, _, _ = send_fast(either, 1000)
    either.sent()
    either.advance(SECOND)
    assert syn(either) == (0, None)
    either.inject("S. 0:0(0) ack 1", options=(MSS,))
    assert either.sent() == ["P. 1:1001(1000) ack 1"]
    assert info(either, fd).options & SYN_DATA == 0


def test_what_the_syn_ack_leaves_out_leaves_again_at_once(either: World) -> None:
    # RFC 7413, 4.2.2: "retransmit the data [...] as soon as the SYN-ACK arrives", and no pure acknowledgment before.
    learn(either)
    fd, _, _ = send_fast(either, 1000)
    either.sent()
    either.inject("S. 0:0(0) ack 101", options=(Mss(1000),))
    assert either.sent() == ["P. 101:1001(900) ack 1"]
    assert (info(either, fd).options & SYN_DATA, info(either, fd).delivered) == (0, 1)
    either.inject(". 1:1(0) ack 1001")
    assert info(either, fd).unacked == 0


def test_an_acknowledgment_of_more_than_was_sent_is_refused(either: World) -> None:
    # RFC 9293, 3.10.7.3, first.
    learn(either)
    send_fast(either, 100)
    either.sent()
    either.inject("S. 0:0(0) ack 102", options=(MSS, OTHER))
    assert either.sent() == ["R 102:102(0)"]
    either.inject("S. 0:0(0) ack 101", options=(MSS,))
    assert either.sent() == [". 101:101(0) ack 1"]


def test_a_blocking_send_waits_and_saves_the_bare_acknowledgment(linux_all: World) -> None:
    # Measured: the rest leaves with the acknowledgment of the SYN-ACK.
    learn(linux_all)
    fd = linux_all.socket()
    address = linux_all.peer_address()
    call = linux_all.start("sendto", fd=fd, data=bytes(1900), count=1900, flags=MSG_FASTOPEN, address=address)
    assert linux_all.result(call) is None
    assert syn(linux_all) == (1420, COOKIE)
    linux_all.inject("S. 0:0(0) ack 1421", options=(MSS,))
    result = linux_all.result(call)
    assert result is not None
    assert result.value == 1900
    assert linux_all.sent() == ["P. 1421:1901(480) ack 1"]


@pytest.mark.parametrize(("asked", "now_asked"), [(FastOpen(), FastOpen(experimental=True))])
def test_a_request_that_brought_nothing_is_made_once_by_experiment(
    linux_all: World, asked: FastOpen, now_asked: FastOpen
) -> None:
    # Measured: option 34, then the experimental option once, then 34 for ever.
    for wanted in (asked, now_asked, asked, asked):
        fd, _, _ = send_fast(linux_all, 0)
        assert syn(linux_all) == (0, wanted)
        linux_all.inject("S. 0:0(0) ack 1", options=(MSS,))
        linux_all.call("close", fd=fd)
        linux_all.sent()


@pytest.mark.parametrize(
    ("mode", "option", "is_kept"),
    [
        ("0x1", FastOpen(bytes(2)), False),
        ("0x1", FastOpen(bytes(5)), False),
        ("0x1", OTHER, True),
        ("0x5", OTHER, False),
    ],
)
def test_a_cookie_is_kept_if_it_was_asked_for_and_is_legal(
    linux_all: World, mode: str, option: FastOpen, is_kept: bool
) -> None:
    # RFC 7413, 4.1.1; measured: what came unasked to a client that needs none is not kept.
    linux_all.host.sysctls.write("net.ipv4.tcp_fastopen", mode)
    fd, _, _ = send_fast(linux_all, 10)
    linux_all.inject("S. 0:0(0) ack 1", options=(MSS, option))
    linux_all.call("close", fd=fd)
    linux_all.sent()
    linux_all.host.sysctls.write("net.ipv4.tcp_fastopen", "1")
    send_fast(linux_all, 10)
    assert syn(linux_all)[1] in ((option,) if is_kept else (FastOpen(), FastOpen(experimental=True)))


def test_ip_tcp_metrics_flush_forgets_the_cookie(either: World) -> None:
    learn(either)
    either.host.shell("ip tcp_metrics flush all", now=either.now)
    assert send_fast(either, 100)[2] == Errno.EINPROGRESS
    assert syn(either) == (0, FastOpen())


@pytest.mark.parametrize("name", ["setting", "option"])
def test_without_need_of_a_cookie_text_leaves_at_once(linux_all: World, name: str) -> None:
    # tcp(7), tcp_fastopen 0x4; TCP_FASTOPEN_NO_COOKIE.
    fd = linux_all.socket()
    if name == "setting":
        linux_all.host.sysctls.write("net.ipv4.tcp_fastopen", "0x5")
    else:
        assert linux_all.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 1).value == 0
    assert send_fast(linux_all, 100, fd=fd)[1] == 100
    assert syn(linux_all) == (100, None)


def test_a_server_that_swallows_the_text_is_spared_it_for_a_while(world: World) -> None:
    # RFC 7413, 4.1.3.1: MUST cache negative responses; Linux does not (measured).
    learn(world)
    fd, _, _ = send_fast(world, 100)
    world.advance(SECOND)
    world.inject("S. 0:0(0) ack 1", options=(MSS,))
    world.call("close", fd=fd)
    world.sent()
    assert send_fast(world, 100)[2] == Errno.EINPROGRESS
    assert syn(world) == (0, None)
    world.advance(3601 * SECOND)
    world.sent()
    send_fast(world, 100)
    assert syn(world) == (100, COOKIE)


def test_a_black_hole_switches_fast_open_off(linux_all: World) -> None:
    # tcp(7), tcp_fastopen_blackhole_timeout_sec: after two timeouts, for every server.
    linux_all.host.sysctls.write("net.ipv4.tcp_fastopen_blackhole_timeout_sec", "60")
    learn(linux_all)
    send_fast(linux_all, 100)
    linux_all.advance(3 * SECOND)
    linux_all.sent()
    send_fast(linux_all, 100)
    assert syn(linux_all) == (0, None)


# ---------------------------------------------------------------- TCP_FASTOPEN_CONNECT


def deferred(world: World) -> int:
    fd = world.nonblocking(world.socket())
    assert world.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1).value == 0
    return fd


def test_a_deferred_connect_waits_for_the_first_write(either: World) -> None:
    # tcp(7), TCP_FASTOPEN_CONNECT; measured: connect() gives 0, poll says writable, a second connect() EISCONN.
    learn(either)
    fd = deferred(either)
    assert either.call("connect", fd=fd, address=either.peer_address()).value == 0
    assert either.sent() == []
    assert either.errno("connect", fd=fd, address=either.peer_address()) == Errno.EISCONN
    assert either.read(fd).errno == Errno.EAGAIN
    assert either.host.system.files[fd].events() & (POLLOUT | POLLHUP | POLLERR) == POLLOUT
    assert either.write(fd, 500).value == 500
    assert syn(either) == (500, COOKIE)
    either.inject("S. 0:0(0) ack 501", options=(MSS,))
    assert either.sent() == [". 501:501(0) ack 1"]


def test_a_deferred_connect_without_a_cookie_asks_for_one_at_once(either: World) -> None:
    fd = deferred(either)
    assert either.errno("connect", fd=fd, address=either.peer_address()) == Errno.EINPROGRESS
    assert syn(either) == (0, FastOpen())


def test_a_deferred_connect_that_is_closed_sends_nothing(either: World) -> None:
    learn(either)
    fd = deferred(either)
    either.call("connect", fd=fd, address=either.peer_address())
    either.call("close", fd=fd)
    either.advance(10 * SECOND)
    assert either.sent() == []


# ---------------------------------------------------------------- errors


def test_errnos_of_a_send_that_opens(linux_all: World) -> None:
    # Measured.
    fd = linux_all.nonblocking(linux_all.socket())
    unspecified = SockAddr(AF_UNSPEC, "", 0)
    arguments = {"fd": fd, "data": b"x", "count": 1, "flags": MSG_FASTOPEN}
    assert linux_all.errno("sendto", **arguments, address=unspecified) == Errno.EOPNOTSUPP
    assert linux_all.errno("sendto", **arguments, address=None) == Errno.EINVAL
    linux_all.host.sysctls.write("net.ipv4.tcp_fastopen", "0")
    assert linux_all.errno("sendto", **arguments, address=linux_all.peer_address()) == Errno.EOPNOTSUPP
    assert linux_all.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1).errno == Errno.EOPNOTSUPP
    linux_all.host.sysctls.write("net.ipv4.tcp_fastopen", "1")
    for value in (-1, 2):
        assert linux_all.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, value).errno == Errno.EINVAL
        assert linux_all.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, value).errno == Errno.EINVAL
    assert linux_all.errno("sendto", **arguments, address=linux_all.peer_address()) == Errno.EINPROGRESS
    assert linux_all.errno("sendto", **arguments, address=linux_all.peer_address()) == Errno.EALREADY
    linux_all.inject("S. 0:0(0) ack 1", options=(MSS,))
    assert linux_all.call("sendto", **arguments, address=linux_all.peer_address()).value == 1
    assert linux_all.errno("sendto", **arguments, address=linux_all.peer_address()) == Errno.EISCONN
    assert linux_all.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1).errno == Errno.EINVAL
    listener = linux_all.listen()
    arguments["fd"] = listener
    assert linux_all.errno("sendto", **arguments, address=linux_all.peer_address()) == Errno.EISCONN


def test_a_reset_of_the_syn_with_text_refuses(either: World) -> None:
    learn(either)
    fd, _, _ = send_fast(either, 100)
    either.inject("R. 0:0(0) ack 1")
    assert either.write(fd, 1).errno == Errno.ECONNREFUSED


# ---------------------------------------------------------------- on the way


def test_a_smaller_path_mtu_has_the_syn_repeated_without_text(linux_all: World) -> None:
    # RFC 7413, 4.1.3.1 names ICMP errors among the negative answers; measured: at once, with the MSS of the path.
    learn(linux_all, COOKIE, Mss(1040))
    send_fast(linux_all, 1000)
    linux_all.sent()
    linux_all.inject_icmp(3, 4, linux_all.quote(0, 1000), 840)
    (packet,) = linux_all.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    assert (packet.body.payload, packet.body.options[0]) == (b"", Mss(800))


def test_text_on_a_syn_ack_is_taken_when_ours_was(linux_all: World) -> None:
    learn(linux_all)
    fd, _, _ = send_fast(linux_all, 100)
    linux_all.sent()
    linux_all.inject("S. 0:1400(1400) ack 101", options=(MSS,))
    assert linux_all.sent() == [". 101:101(0) ack 1401"]
    assert linux_all.read(fd).value == 1400


def test_a_syn_ack_that_echoes_a_foreign_timestamp_is_refused(linux_all: World) -> None:
    # Measured (PAWSActive): a reset for it, and the attempt goes on.
    linux_all.connecting()
    linux_all.inject("S. 0:0(0) ack 1", options=(MSS, SackPermitted(), Timestamps(1, 12345)))
    assert linux_all.sent() == ["R 1:1(0)"]
    linux_all.inject("S. 0:0(0) ack 1", options=(MSS,))
    assert linux_all.sent() == [". 1:1(0) ack 1"]


def test_syns_with_text_that_cross_make_a_connection_without_it(linux_all: World) -> None:
    # Measured: the peer's text is left unacknowledged, ours is where its SYN-ACK takes it.
    learn(linux_all)
    send_fast(linux_all, 1000)
    linux_all.sent()
    linux_all.inject("S 0:500(500)", options=(MSS, SackPermitted(), OTHER))
    assert linux_all.sent() == ["S. 0:0(0) ack 1"]
    linux_all.inject("S. 0:0(0) ack 1001", options=(MSS, SackPermitted()))
    assert linux_all.sent() == [". 1001:1001(0) ack 1"]


def test_another_server_gets_no_cookie(either: World) -> None:
    # RFC 7413, 4.1.3: the cookie belongs to the server's address.
    learn(either)
    fd = either.socket()
    address = either.address("192.0.2.77", PEER_PORT)
    either.call("sendto", fd=fd, data=bytes(10), count=10, flags=QUICK, address=address)
    assert syn(either) == (0, FastOpen())
