"""Fast Open of a listener: the text of a SYN is the application's at once (RFC 7413, 4.2.2; Linux 6.18 measured)."""

import pytest

from reference_stack.host import Errno
from reference_stack.personality import personality
from tests.reference_stack.host.world import SECOND, World
from wire.abi import IPPROTO_TCP, SHUT_WR, SOL_TCP, TCP_FASTOPEN, TCP_INFO, TcpInfo
from wire.options import FastOpen, Mss, TcpOption
from wire.tcp import TcpSegment

KEY = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"
OTHER_KEY = "a0bf63f7-ed803d81-cd641d30-cebc4a90"
COOKIE = bytes.fromhex("3021b9d889017eeb")  # of Linux 6.18 for the world's two addresses
EVERYONE, KNOWN = "0x602", "0x402"
MSS = Mss(1460)


@pytest.fixture(params=["rfc", "linux"])
def either(request: pytest.FixtureRequest) -> World:
    """A host of the whole personality."""
    return World(chosen=personality(request.param))


@pytest.fixture
def linux_all() -> World:
    return World(chosen=personality("linux"))


def listen_fast(world: World, mode: str = KNOWN, *, backlog: int = 5) -> int:
    world.host.shell(f"sysctl -q net.ipv4.tcp_fastopen={mode} net.ipv4.tcp_fastopen_key={KEY}", now=0)
    return world.listen(backlog)


def opened(world: World, *, octets: int = 10) -> tuple[int, int]:
    """A connection that its SYN opened, accepted; returns the descriptors of listener and connection."""
    listener = listen_fast(world)
    world.inject(f"S 0:{octets}({octets})", options=(MSS, FastOpen(COOKIE)))
    return listener, world.accept(listener)


def info(world: World, fd: int) -> TcpInfo:
    result = world.call("getsockopt", fd=fd, level=IPPROTO_TCP, name=TCP_INFO, size=256, initial=b"")
    return TcpInfo.unpack(result.optval)


def granted(world: World) -> list[TcpOption]:
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    return [option for option in packet.body.options if isinstance(option, FastOpen)]


def test_text_with_a_valid_cookie_is_acknowledged_and_read_before_the_handshake_ends(either: World) -> None:
    # RFC 7413, 4.2.2: "the SYN-ACK acknowledges both the SYN sequence and the data"; then the server may send.
    _, fd = opened(either)
    assert either.sent() == ["S. 0:0(0) ack 11"]
    assert either.read(fd).value == 10
    assert either.write(fd, 100).value == 100
    assert either.sent() == ["P. 1:101(100) ack 11"]
    assert (info(either, fd).state, info(either, fd).options & 32) == (3, 32)
    either.inject(". 11:11(0) ack 101")
    assert info(either, fd).state == 1
    assert either.sent() == []


@pytest.mark.parametrize(
    ("mode", "option", "text", "ack"),
    [
        (KNOWN, FastOpen(COOKIE), 10, 11),
        (KNOWN, FastOpen(COOKIE, experimental=True), 10, 11),
        (KNOWN, FastOpen(COOKIE), 0, 1),
        (KNOWN, FastOpen(bytes(8)), 10, 1),
        (KNOWN, FastOpen(), 10, 1),
        (KNOWN, MSS, 10, 1),
        (EVERYONE, MSS, 10, 11),
        (EVERYONE, FastOpen(), 10, 11),
    ],
)
def test_only_a_valid_cookie_or_a_server_that_needs_none_has_text_acknowledged(
    linux_all: World, mode: str, option: TcpOption, text: int, ack: int
) -> None:
    # RFC 7413, 4.2.2 and 5.1 (4): without a valid cookie the text is dropped and only the SYN acknowledged.
    listen_fast(linux_all, mode)
    linux_all.inject(f"S 0:{text}({text})", options=(option,))
    assert linux_all.sent() == [f"S. 0:0(0) ack {ack}"]


def test_a_valid_cookie_alone_opens_the_connection(either: World) -> None:
    # Measured: without text too, accept() returns and data may leave.
    _, fd = opened(either, octets=0)
    assert either.write(fd, 100).value == 100
    assert either.sent() == ["S. 0:0(0) ack 1", "P. 1:101(100) ack 1"]
    assert info(either, fd).options & 32 == 0


def test_a_cookie_of_the_older_key_opens_and_is_replaced(world: World) -> None:
    # RFC 7413, 4.1.2: keys change while cookies are out. Measured: the SYN-ACK brings one of the new key.
    listener = listen_fast(world)
    world.host.shell(f"sysctl -q net.ipv4.tcp_fastopen_key={OTHER_KEY},{KEY}", now=0)
    world.inject("S 0:10(10)", options=(FastOpen(COOKIE),))
    assert granted(world) == [FastOpen(bytes.fromhex("f49b0ef989d9f624"))]
    assert world.read(world.accept(listener)).value == 10


def test_only_the_syn_ack_is_repeated_until_it_is_acknowledged(either: World) -> None:
    # RFC 7413, 4.2.2; measured: data that left early waits for the end of the handshake.
    _, fd = opened(either)
    either.write(fd, 100)
    either.sent()
    either.advance(3 * SECOND)
    assert either.sent_at() == [(SECOND, "S. 0:0(0) ack 11"), (3 * SECOND, "S. 0:0(0) ack 11")]
    either.inject(". 11:11(0) ack 1")
    either.advance(5 * SECOND)
    assert either.sent()[0] == "P. 1:101(100) ack 11"


def test_a_syn_ack_that_nobody_acknowledges_times_the_connection_out(linux_all: World) -> None:
    # Measured: one repetition more than tcp_synack_retries; what came with the SYN can still be read.
    linux_all.host.sysctls.write("net.ipv4.tcp_synack_retries", "1")
    _, fd = opened(linux_all)
    linux_all.advance(8 * SECOND)
    assert linux_all.sent() == ["S. 0:0(0) ack 11"] * 3
    assert linux_all.read(fd).value == 10
    result = linux_all.read(fd)
    assert (result.value, result.errno) == (-1, Errno.ETIMEDOUT)


def test_the_window_of_the_syn_bounds_early_data(either: World) -> None:
    # RFC 7413, 4.2.2 with RFC 7323, 2.2: the window of a SYN is not scaled.
    listener = listen_fast(either, EVERYONE)
    either.inject("S 0:10(10) win 500", options=(MSS,))
    fd = either.accept(listener)
    either.sent()
    either.nonblocking(fd)
    either.write(fd, 2000)
    assert sum(int(text.split("(")[1].split(")")[0]) for text in either.sent()) == 500


def test_a_repeated_syn_is_answered_by_the_syn_ack_for_its_text(either: World) -> None:
    # RFC 7413, 4.2.2: the SYN-ACK was lost, the client sends its SYN again; nothing is delivered twice.
    _, fd = opened(either)
    either.advance(SECOND // 2)
    either.sent()
    either.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)))
    assert either.sent() == ["S. 0:0(0) ack 11"]
    either.inject(". 11:11(0) ack 1")
    assert either.read(fd).value == 10
    assert info(either, fd).bytes_received == 10


@pytest.mark.parametrize("ack", [0, 2])
def test_an_ack_that_is_not_for_our_syn_draws_a_reset_and_ends_nothing(either: World, ack: int) -> None:
    # RFC 9293, 3.10.7.4, fifth, SYN-RECEIVED.
    _, fd = opened(either)
    either.sent()
    either.inject(f". 11:11(0) ack {ack}")
    assert either.sent() == [f"R {ack}:{ack}(0)"]
    assert info(either, fd).state == 3


@pytest.mark.parametrize(("name", "read"), [("rfc", [-1]), ("linux", [10, -1])])
def test_a_reset_is_told_as_on_an_established_connection(name: str, read: list[int]) -> None:
    # RFC 9293, 3.10.7.4, second: "connection reset"; Linux keeps what was not read (measured).
    world = World(chosen=personality(name))
    listener = listen_fast(world)
    world.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)))
    world.inject("R. 11:11(0)")
    fd = world.accept(listener)
    results = [world.read(fd) for _ in read]
    assert [result.value for result in results] == read
    assert results[-1].errno == Errno.ECONNRESET


def test_closing_the_listener_resets_what_nobody_accepted(linux_all: World) -> None:
    listener = listen_fast(linux_all)
    linux_all.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)))
    linux_all.sent()
    linux_all.call("close", fd=listener)
    assert linux_all.sent() == ["R. 1:1(0) ack 11"]


def test_close_sends_the_fin_at_once_and_shutdown_after_the_handshake(linux_all: World) -> None:
    # Measured. RFC 9293, 3.10.4, SYN-RECEIVED allows both.
    _, fd = opened(linux_all)
    linux_all.sent()
    linux_all.call("shutdown", fd=fd, how=SHUT_WR)
    assert linux_all.sent() == []
    linux_all.inject(". 11:11(0) ack 1")
    assert linux_all.sent() == ["F. 1:1(0) ack 11"]


def test_close_in_syn_received_sends_the_fin_at_once(either: World) -> None:
    # RFC 9293, 3.10.4, SYN-RECEIVED: "form a FIN segment and send it, and enter FIN-WAIT-1 state".
    _, fd = opened(either, octets=0)
    either.call("close", fd=fd)
    assert either.sent() == ["S. 0:0(0) ack 1", "F. 1:1(0) ack 1"]
    either.advance(SECOND)
    assert either.sent() == ["S. 0:0(0) ack 1"]
    either.inject(". 1:1(0) ack 2")
    either.inject("F. 1:1(0) ack 2")
    assert either.sent() == [". 2:2(0) ack 2"]


def test_the_limit_of_pending_connections_holds_and_a_reset_counts_for_a_minute(linux_all: World) -> None:
    # RFC 7413, 5.1; TCP_FASTOPEN is the limit (tcp(7)). Measured: one that was accepted and reset counts for a minute.
    listener = listen_fast(linux_all)
    linux_all.setsockopt(listener, SOL_TCP, TCP_FASTOPEN, 1)

    def syn(port: int) -> list[str]:
        linux_all.sent()
        linux_all.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)), src_port=port)
        return linux_all.sent()

    early, plain = ["S. 0:0(0) ack 11"], ["S. 0:0(0) ack 1"]
    assert syn(1001) == early
    assert syn(1002) == plain
    linux_all.accept(listener)
    assert syn(1003) == plain
    linux_all.inject("R. 11:11(0)", src_port=1001)
    assert syn(1004) == plain
    linux_all.advance(60 * SECOND)
    assert syn(1005) == early


def test_a_handshake_that_ends_makes_room_for_the_next(linux_all: World) -> None:
    listener = listen_fast(linux_all)
    linux_all.setsockopt(listener, SOL_TCP, TCP_FASTOPEN, 1)
    for port in (1001, 1002):
        linux_all.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)), src_port=port)
        assert linux_all.sent() == ["S. 0:0(0) ack 11"]
        linux_all.inject(". 11:11(0) ack 1", src_port=port)


def test_a_full_listener_with_cookies_of_its_own_does_not_open_early(linux_all: World) -> None:
    # Measured: where SYN cookies are sent, the cookie of Fast Open counts for nothing.
    linux_all.host.sysctls.write("net.ipv4.tcp_syncookies", "2")
    listen_fast(linux_all)
    linux_all.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)))
    assert linux_all.sent() == ["S. 0:0(0) ack 1"]


@pytest.mark.parametrize(("is_accepted", "state"), [(False, 7), (True, 3)])
def test_an_icmp_error_ends_it_until_it_is_accepted(linux_all: World, is_accepted: bool, state: int) -> None:
    # Measured.
    listener = listen_fast(linux_all)
    linux_all.inject("S 0:10(10)", options=(MSS, FastOpen(COOKIE)))
    fd = linux_all.accept(listener) if is_accepted else -1
    linux_all.inject_icmp(3, 1, linux_all.quote())
    fd = fd if is_accepted else linux_all.accept(listener)
    assert info(linux_all, fd).state == state
    assert linux_all.read(fd).value == 10
    if not is_accepted:
        assert linux_all.read(fd).errno == Errno.EHOSTUNREACH


def test_a_syn_in_the_window_is_refused_and_ends_nothing(linux_all: World) -> None:
    # Measured: a reset as from CLOSED answers it.
    _, fd = opened(linux_all)
    linux_all.sent()
    linux_all.inject("S 500:500(0)")
    assert [text.split()[0] for text in linux_all.sent()] == ["R."]
    assert info(linux_all, fd).state == 3
