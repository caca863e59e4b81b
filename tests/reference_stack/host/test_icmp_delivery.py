"""ICMP errors and connections (RFC 9293 3.9.2.2, RFC 5927, RFC 1191, RFC 8201, ip(7)); echo; unreachable ports."""

import pytest

from reference_stack.host import Errno
from tests.reference_stack.host.world import SECOND, World
from wire.abi import (
    IP_MTU,
    IP_RECVERR,
    SO_ERROR,
    SOL_IP,
    SOL_SOCKET,
)
from wire.icmp import IcmpMessage
from wire.options import Mss
from wire.tcp import TcpSegment

HOST_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = (3, 1), (3, 3), (3, 4)


def test_a_hard_error_ends_a_connect(world: World) -> None:
    # RFC 9293, SHLD-26.
    call = world.start("connect", fd=world.socket(), address=world.peer_address())
    world.inject_icmp(*PORT_UNREACHABLE, world.quote(0))
    assert world.results[call][1].errno == Errno.ECONNREFUSED


def test_a_soft_error_does_not_end_a_connect(world: World) -> None:
    # RFC 9293, MUST-56: destination unreachable codes 0, 1, 5 are soft and must not abort.
    call = world.start("connect", fd=world.socket(), address=world.peer_address())
    world.inject_icmp(*HOST_UNREACHABLE, world.quote(0))
    assert world.result(call) is None


def test_on_linux_every_error_ends_a_connect(linux: World) -> None:
    # Linux, tcp_v4_err: in SYN-SENT any error is reported and the attempt is over.
    call = linux.start("connect", fd=linux.socket(), address=linux.peer_address())
    linux.inject_icmp(*HOST_UNREACHABLE, linux.quote(0))
    assert linux.results[call][1].errno == Errno.EHOSTUNREACH


def test_an_ipv6_error_reaches_its_connection() -> None:
    # RFC 4443 3.1, code 4: port unreachable.
    world = World("ipv6")
    call = world.start("connect", fd=world.socket(), address=world.peer_address())
    world.inject_icmp(1, 4, world.quote(0))
    assert world.results[call][1].errno == Errno.ECONNREFUSED


@pytest.mark.parametrize("error", [HOST_UNREACHABLE, PORT_UNREACHABLE])
def test_an_error_on_a_connection_shows_in_so_error_only(world: World, error: tuple[int, int]) -> None:
    # Measured (ERR-1): no error from recv or send, even for port unreachable; SO_ERROR shows the soft error once.
    fd = world.nonblocking(world.established())
    world.write(fd, 100)
    world.inject_icmp(*error, world.quote(1, 100))
    assert world.errno("read", fd=fd, count=1, null_buffer=False) == Errno.EAGAIN
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) != 0
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == 0
    assert world.write(fd, 1).value == 1


def test_with_recverr_the_next_call_fails_and_the_connection_lives(world: World) -> None:
    # Measured (ERR-4): EHOSTUNREACH once on the next recv or send, socket stays usable.
    fd = world.nonblocking(world.established())
    world.setsockopt(fd, SOL_IP, IP_RECVERR, 1)
    world.write(fd, 100)
    world.inject_icmp(*HOST_UNREACHABLE, world.quote(1, 100))
    assert world.errno("read", fd=fd, count=1, null_buffer=False) == Errno.EHOSTUNREACH
    assert world.errno("read", fd=fd, count=1, null_buffer=False) == Errno.EAGAIN
    assert world.write(fd, 1).value == 1


def test_an_error_that_quotes_nothing_in_flight_is_ignored(world: World) -> None:
    # RFC 5927 4.1.
    fd = world.established()
    world.write(fd, 100)
    for seq in (0, 101, 5000):
        world.inject_icmp(*HOST_UNREACHABLE, world.quote(seq, 100))
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == 0


def test_an_error_for_no_connection_is_ignored(world: World) -> None:
    world.inject_icmp(*PORT_UNREACHABLE, world.quote(0))
    world.inject_icmp(*PORT_UNREACHABLE, b"")
    world.inject_icmp(*PORT_UNREACHABLE, world.quote(0)[:22])
    assert world.packets == []


def test_fragmentation_needed_makes_smaller_segments(world: World) -> None:
    # RFC 1191 section 3: the next segments fit, and what was too big is sent again at once.
    fd = world.established()
    world.write(fd, 1460)
    world.sent()
    world.inject_icmp(*FRAGMENTATION_NEEDED, world.quote(1, 1460), rest=1000)
    assert world.sent() == [". 1:961(960) ack 1", "P. 961:1461(500) ack 1"]
    assert world.getsockopt(fd, SOL_IP, IP_MTU) == 1000


def test_the_path_mtu_is_remembered_for_the_next_connection(world: World) -> None:
    # RFC 8201 5.2: path MTU information is kept for the destination.
    listener = 3
    fd = world.established()
    world.write(fd, 1460)
    world.inject_icmp(*FRAGMENTATION_NEEDED, world.quote(1, 1460), rest=1000)
    world.handshake(peer_port=40001)
    other = world.accept(listener)
    world.sent()
    world.write(other, 2000)
    assert world.sent()[0] == ". 1:961(960) ack 1"


def test_a_locked_route_mtu_ignores_fragmentation_needed(world: World) -> None:
    # ip-route(8): "mtu lock": no path MTU discovery is tried.
    world.host.shell("ip route replace 192.0.2.1 via 192.168.0.2 dev tun0 mtu lock 1500", now=0)
    fd = world.established()
    world.write(fd, 1460)
    world.sent()
    world.inject_icmp(*FRAGMENTATION_NEEDED, world.quote(1, 1460), rest=1000)
    assert world.sent() == []


def test_the_mtu_of_the_route_limits_the_announced_mss(world: World) -> None:
    # RFC 9293 3.7.1: MSS = MTU - 40.
    world.host.shell("ip link set dev tun0 mtu 1280", now=0)
    world.listen()
    world.inject("S 0:0(0)", options=(Mss(1460),))
    segment = world.sent_packets()[0].body
    assert isinstance(segment, TcpSegment)
    assert Mss(1240) in segment.options


# ---------------------------------------------------------------- echo and closed ports


@pytest.mark.parametrize(("kind", "request_type", "reply_type"), [("ipv4", 8, 0), ("ipv6", 128, 129)])
def test_an_echo_request_is_answered(kind: str, request_type: int, reply_type: int) -> None:
    # RFC 1122 3.2.2.6; RFC 4443 4.2.
    world = World(kind)
    world.inject_icmp(request_type, 0, b"payload", rest=0x12340001)
    message = world.sent_packets()[0].body
    assert isinstance(message, IcmpMessage)
    assert (message.type, message.code, message.rest, message.payload) == (reply_type, 0, 0x12340001, b"payload")


def test_echo_can_be_switched_off(world: World) -> None:
    world.host.shell("sysctl -q net.ipv4.icmp_echo_ignore_all=1", now=0)
    world.inject_icmp(8, 0, b"payload")
    assert world.packets == []


def test_a_soft_error_is_the_reason_of_a_later_timeout(world: World) -> None:
    # Measured (ERR-3): EHOSTUNREACH instead of ETIMEDOUT.
    fd = world.established()
    world.write(fd, 100)
    world.inject_icmp(*HOST_UNREACHABLE, world.quote(1, 100))
    call = world.start("read", fd=fd, count=1, null_buffer=False)
    world.advance(3600 * SECOND)
    assert world.results[call][1].errno == Errno.EHOSTUNREACH


def test_advmss_limits_the_announced_mss_only(world: World) -> None:
    # ip-route(8), advmss: the MSS to advertise; segments to the peer are still as large as it wants.
    world.host.shell("ip route replace 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600", now=0)
    listener = world.listen()
    world.inject("S 0:0(0)", options=(Mss(1460),))
    segment = world.sent_packets()[0].body
    assert isinstance(segment, TcpSegment)
    assert Mss(600) in segment.options
    world.inject(". 1:1(0) ack 1")
    world.write(world.accept(listener), 1460)
    assert world.sent() == ["P. 1:1461(1460) ack 1"]
