"""FreeBSD and its paths: what ICMP says of them, black holes, what leaves while nothing is outstanding, and cookies."""

import pytest

from reference_stack.host import Errno
from reference_stack.host.sockets import TcpSocket
from reference_stack.personality import personality
from tests.reference_stack.host.world import SECOND, World
from wire.abi import IPV6_USE_MIN_MTU, SHUT_WR, SO_ERROR, SOL_IPV6, SOL_SOCKET
from wire.ip import DONT_FRAGMENT, Ipv4Header
from wire.options import Mss, SackPermitted, WindowScale
from wire.tcp import TcpSegment

SACK_SYN = (Mss(1460), SackPermitted())


@pytest.fixture(params=["ipv4", "ipv6"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param, chosen=personality("freebsd"))


@pytest.fixture
def world4() -> World:
    return World(chosen=personality("freebsd"))


@pytest.fixture
def world6() -> World:
    return World("ipv6", chosen=personality("freebsd"))


def sysctl(world: World, *assignments: str) -> None:
    assert world.host.shell("sysctl -w " + " ".join(assignments), now=world.now).status == 0


def connected(world: World, *, mss: int = 1460) -> int:
    fd = world.connecting()
    world.inject("S. 0:0(0) ack 1 win 32767", options=(Mss(mss), SackPermitted()))
    world.sent()
    return fd


def announced(world: World) -> list[int]:
    segments = [packet.body for packet in world.sent_packets() if isinstance(packet.body, TcpSegment)]
    return [option.value for segment in segments for option in segment.options if isinstance(option, Mss)]


# ---------------------------------------------------------------- ICMP


@pytest.mark.parametrize(
    ("kind", "code", "errno"),
    [
        (3, 2, Errno.ECONNREFUSED),
        (3, 9, Errno.ECONNREFUSED),
        (3, 10, Errno.ECONNREFUSED),
        (3, 13, Errno.ECONNREFUSED),
        (11, 0, Errno.EHOSTUNREACH),
        (3, 0, 0),
        (3, 6, 0),
        (3, 14, 0),
        (11, 1, 0),
        (12, 0, 0),
    ],
)
def test_errors_that_end_an_opening_over_ipv4(world4: World, kind: int, code: int, errno: int) -> None:
    # tcp(4), icmp_may_rst: "ICMP administratively-prohibited/port-unreachable ... ICMP TTL exceeded".
    fd = world4.connecting()
    world4.inject_icmp(kind, code, world4.quote())
    assert world4.getsockopt(fd, SOL_SOCKET, SO_ERROR) == errno


@pytest.mark.parametrize(
    ("kind", "code", "errno"),
    [
        (1, 1, Errno.ECONNREFUSED),
        (3, 0, Errno.EHOSTUNREACH),
        (4, 1, Errno.ECONNREFUSED),
        (1, 0, 0),
        (1, 5, 0),
        (3, 1, 0),
    ],
)
def test_errors_that_end_an_opening_over_ipv6(world6: World, kind: int, code: int, errno: int) -> None:
    fd = world6.connecting()
    world6.inject_icmp(kind, code, world6.quote())
    assert world6.getsockopt(fd, SOL_SOCKET, SO_ERROR) == errno


@pytest.mark.parametrize(("mtu", "mss"), [(1234, 1460), (570, 530)])
def test_a_small_path_shows_in_the_next_syn_if_it_is_smaller_than_assumed(world4: World, mtu: int, mss: int) -> None:
    world4.connecting()
    world4.sent()
    world4.inject_icmp(3, 4, world4.quote(), mtu)
    world4.advance(SECOND)
    assert announced(world4) == [mss]


def test_over_ipv6_every_smaller_path_shows_in_the_next_syn(world6: World) -> None:
    world6.connecting()
    world6.sent()
    world6.inject_icmp(2, 0, world6.quote(), 1300)
    world6.advance(SECOND)
    assert announced(world6) == [1240]


def test_too_big_is_believed_though_larger_packets_got_through(world4: World) -> None:
    # RFC 5927, 7.2 would wait for a timeout; the suite sees the smaller segments at once.
    fd = connected(world4)
    world4.write(fd, 1460)
    world4.inject(". 1:1(0) ack 1461")
    world4.write(fd, 1460)
    world4.sent()
    world4.inject_icmp(3, 4, world4.quote(1461, 1460), 1300)
    assert world4.sent() == [". 1461:2721(1260) ack 1", "P. 2721:2921(200) ack 1"]


# ---------------------------------------------------------------- sizes


def test_a_black_hole_is_looked_for_with_smaller_segments_and_given_up(world4: World) -> None:
    # tcp(4), pmtud_blackhole_detection and pmtud_blackhole_mss; each size has two chances.
    sysctl(world4, "net.inet.tcp.pmtud_blackhole_detection=1", "net.inet.tcp.pmtud_blackhole_mss=1000")
    fd = connected(world4)
    world4.write(fd, 1460)
    world4.advance(30 * SECOND)
    packets = [(packet.ip, packet.body) for packet in world4.sent_packets()]
    sizes = [len(body.payload) for _, body in packets if isinstance(body, TcpSegment)]
    marks = [bool(header.flags & DONT_FRAGMENT) for header, _ in packets if isinstance(header, Ipv4Header)]
    assert sizes[:7] == [1460, 1460, 1000, 1000, 536, 536, 1460]
    assert marks[:7] == [True, True, True, True, False, False, True]


def test_over_ipv6_one_smaller_size_is_tried(world6: World) -> None:
    sysctl(world6, "net.inet.tcp.pmtud_blackhole_detection=1")
    fd = connected(world6, mss=1440)
    world6.write(fd, 1440)
    world6.advance(10 * SECOND)
    sizes = [len(packet.body.payload) for packet in world6.sent_packets() if isinstance(packet.body, TcpSegment)]
    assert sizes[:5] == [1440, 1440, 1220, 1220, 1440]


def test_without_detection_the_size_stays(world4: World) -> None:
    fd = connected(world4)
    world4.write(fd, 1460)
    world4.advance(30 * SECOND)
    assert {len(packet.body.payload) for packet in world4.sent_packets() if isinstance(packet.body, TcpSegment)} == {
        1460
    }


@pytest.mark.parametrize(("value", "mss"), [(1, 1220), (0, 1440), (-1, 1440)])
def test_the_least_mtu_can_be_asked_for(world6: World, value: int, mss: int) -> None:
    # RFC 3542, 11.1: 1 sends with the minimum MTU, which is 1280 octets; TCP over IPv6 takes 60 of them.
    fd = world6.nonblocking(world6.socket())
    assert world6.setsockopt(fd, SOL_IPV6, IPV6_USE_MIN_MTU, value).value == 0
    world6.call("connect", fd=fd, address=world6.peer_address())
    assert announced(world6) == [mss]


# ---------------------------------------------------------------- data


def test_the_rest_of_a_write_follows_if_nothing_was_outstanding_before_it(world: World) -> None:
    # 4.4BSD, tcp_output(): "idle" is looked at once. RFC 9293, 3.7.4 would hold the last 100 octets back.
    fd = connected(world, mss=1000)
    world.write(fd, 1100)
    assert world.sent() == [". 1:1001(1000) ack 1", "P. 1001:1101(100) ack 1"]
    world.write(fd, 1100)
    assert world.sent() == [". 1101:2101(1000) ack 1"]


def test_text_that_came_with_a_crossing_syn_is_acknowledged_later_and_its_fin_not_kept(world: World) -> None:
    fd = world.connecting()
    world.inject("SF 0:3(3) win 32767", options=SACK_SYN)
    world.sent()
    world.inject(". 4:4(0) ack 1")
    assert world.sent() == []
    assert world.read(fd).value == 3
    world.advance(40_000)
    assert world.sent() == [". 1:1(0) ack 4"]


# ---------------------------------------------------------------- passive opens


@pytest.mark.parametrize(("segment", "answers"), [("S 2:2(0)", 0), ("S 3:3(0)", 1)])
def test_a_syn_above_rcv_nxt_ends_time_wait_and_any_other_is_dropped(world: World, segment: str, answers: int) -> None:
    world.listen()
    world.inject("S 0:0(0)", options=SACK_SYN)
    world.inject(". 1:1(0) ack 1")
    child = world.call("accept", fd=3).value
    world.call("shutdown", fd=child, how=SHUT_WR)
    world.inject("F. 1:1(0) ack 2")
    world.sent()
    world.inject(segment, options=SACK_SYN)
    assert len(world.sent()) == answers


def test_a_cookie_holds_sack_and_window_scale_without_timestamps(world: World) -> None:
    # FreeBSD, tcp_syncache.c; a shift of 5 becomes 4, the next of the table.
    sysctl(world, "net.inet.tcp.syncookies_only=1")
    world.listen()
    world.inject("S 0:0(0)", options=(*SACK_SYN, WindowScale(5)))
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    assert {SackPermitted, WindowScale} <= {type(option) for option in packet.body.options}
    world.inject(". 1:1(0) ack 1 win 100")
    child = world.call("accept", fd=3).value
    socket = world.host.system.files[child]
    assert isinstance(socket, TcpSocket)
    connection = socket.connection
    assert connection is not None
    assert (connection.tcb.has_sack, connection.tcb.snd_wscale) == (True, 4)
