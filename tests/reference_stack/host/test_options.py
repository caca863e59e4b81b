"""getsockopt and setsockopt: values, limits and errnos (socket(7), tcp(7), ip(7), ipv6(7), measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno, NotModelled
from reference_stack.host.sockopts import OPTIONS
from tests.reference_stack.host.world import SECOND, World
from wire import abi
from wire.abi import SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, TcpInfo


def set_errno(world: World, fd: int, level: int, name: int, number: int) -> int:
    result = world.setsockopt(fd, level, name, number)
    return result.errno


def get_octets(world: World, fd: int, level: int, name: int, size: int) -> bytes:
    result = world.call("getsockopt", fd=fd, level=level, name=name, size=size, initial=b"")
    assert result.value == 0
    assert result.optlen == len(result.optval)
    return result.optval


# ---------------------------------------------------------------- what all share


def test_every_row_names_its_source() -> None:
    assert all(row.source and row.name for row in OPTIONS.values())


@pytest.mark.parametrize(
    ("level", "name"), [(SOL_TCP, 250), (SOL_SOCKET, 9999), (SOL_IP, 200), (77, 1), (SOL_IPV6, 26)]
)
def test_an_unknown_option_is_no_protocol_option(world: World, level: int, name: int) -> None:
    # Measured (SOCKOPT-GEN-1); level SOL_IPV6 does not exist on an IPv4 socket.
    fd = world.socket()
    assert world.errno("getsockopt", fd=fd, level=level, name=name, size=4, initial=b"") == Errno.ENOPROTOOPT
    assert set_errno(world, fd, level, name, 1) == Errno.ENOPROTOOPT


def test_tcp_options_do_not_exist_on_a_datagram_socket(world: World) -> None:
    fd = world.socket(abi.SOCK_DGRAM, 0)
    assert set_errno(world, fd, SOL_TCP, abi.TCP_NODELAY, 1) == Errno.ENOPROTOOPT


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_value_shorter_than_an_int_is_invalid(world: World, size: int) -> None:
    # Measured (SOCKOPT-GEN-2): EINVAL for 1 and 3 octets.
    arguments = {"fd": world.socket(), "level": SOL_TCP, "name": abi.TCP_NODELAY, "value": bytes(size), "size": size}
    assert world.errno("setsockopt", **arguments) == Errno.EINVAL


def test_level_ip_takes_and_gives_one_octet(world: World) -> None:
    # ip(7): "IP_TOS is a byte".
    fd = world.socket()
    world.call("setsockopt", fd=fd, level=SOL_IP, name=abi.IP_TOS, value=b"\x20", size=1)
    assert get_octets(world, fd, SOL_IP, abi.IP_TOS, 1) == b"\x20"
    assert world.getsockopt(fd, SOL_IP, abi.IP_TOS) == 0x20


def test_a_null_value_is_a_bad_address(world: World) -> None:
    arguments = {"fd": world.socket(), "level": SOL_TCP, "name": abi.TCP_NODELAY, "value": None, "size": 4}
    assert world.errno("setsockopt", **arguments) == Errno.EFAULT


def test_a_negative_length_is_invalid(world: World) -> None:
    fd = world.socket()
    arguments = {"fd": fd, "level": SOL_TCP, "name": abi.TCP_NODELAY, "size": -1}
    assert world.errno("getsockopt", initial=b"", **arguments) == Errno.EINVAL
    assert world.errno("setsockopt", value=b"", **arguments) == Errno.EINVAL


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (SOL_TCP, abi.TCP_SAVE_SYN),
        (SOL_TCP, abi.TCP_AO_REPAIR),
        (SOL_SOCKET, abi.SO_TIMESTAMP),
        (SOL_IP, abi.IP_MINTTL),
    ],
)
def test_an_option_that_the_host_lacks_is_named_not_simulated(world: World, level: int, name: int) -> None:
    with pytest.raises(NotModelled, match=r"sockopt [A-Z]+_[A-Z0-9]+"):
        world.setsockopt(world.socket(), level, name, 1)


# ---------------------------------------------------------------- limits

_LIMITS = [
    (SOL_TCP, abi.TCP_KEEPIDLE, [1, 32767], [0, -1, 32768]),
    (SOL_TCP, abi.TCP_KEEPINTVL, [1, 32767], [0, 32768]),
    (SOL_TCP, abi.TCP_KEEPCNT, [1, 127], [0, 128]),
    (SOL_TCP, abi.TCP_SYNCNT, [1, 127], [0, 128, 255]),
    (SOL_TCP, abi.TCP_USER_TIMEOUT, [0, 12345, 2**31 - 1], [-1]),
    (SOL_TCP, abi.TCP_MAXSEG, [88, 1000, 32767], [1, 48, 87, 32768]),
    (SOL_TCP, abi.TCP_NODELAY, [0, 1], []),
    (SOL_TCP, abi.TCP_CORK, [0, 1], []),
    (SOL_TCP, abi.TCP_QUICKACK, [0, 1], []),
    (SOL_TCP, abi.TCP_LINGER2, [5, 120, -1], []),
    (SOL_SOCKET, abi.SO_KEEPALIVE, [0, 1], []),
    (SOL_SOCKET, abi.SO_REUSEADDR, [0, 1], []),
    (SOL_SOCKET, abi.SO_OOBINLINE, [0, 1], []),
    (SOL_SOCKET, abi.SO_RCVLOWAT, [1, 1000], []),
    (SOL_SOCKET, abi.SO_MARK, [0, 666], []),
    (SOL_IP, abi.IP_TTL, [1, 255], [0, -2, 256]),
    (SOL_IP, abi.IP_MTU_DISCOVER, [0, 1, 2, 3, 4, 5], [-1, 6]),
    (SOL_IP, abi.IP_FREEBIND, [0, 1], []),
]


@pytest.mark.parametrize(("level", "name", "accepted", "refused"), _LIMITS)
def test_an_option_takes_what_linux_takes(
    world: World, level: int, name: int, accepted: list[int], refused: list[int]
) -> None:
    fd = world.socket()
    for number in accepted:
        assert set_errno(world, fd, level, name, number) == 0
        assert world.getsockopt(fd, level, name) == number
    for number in refused:
        assert set_errno(world, fd, level, name, number) == Errno.EINVAL


def test_any_nonzero_value_switches_on(world: World) -> None:
    fd = world.socket()
    for level, name in ((SOL_TCP, abi.TCP_NODELAY), (SOL_SOCKET, abi.SO_KEEPALIVE), (SOL_SOCKET, abi.SO_REUSEADDR)):
        world.setsockopt(fd, level, name, 7)
        assert world.getsockopt(fd, level, name) == 1


def test_read_only_options_cannot_be_set(world: World) -> None:
    fd = world.socket()
    read_only = (SOL_SOCKET, abi.SO_ERROR), (SOL_SOCKET, abi.SO_TYPE), (SOL_TCP, abi.TCP_INFO), (SOL_IP, abi.IP_MTU)
    for level, name in read_only:
        assert set_errno(world, fd, level, name, 1) == Errno.ENOPROTOOPT


def test_what_kind_of_socket_it_is(any_family: World) -> None:
    fd = any_family.socket()
    asked = [abi.SO_DOMAIN, abi.SO_TYPE, abi.SO_PROTOCOL, abi.SO_ACCEPTCONN]
    assert [any_family.getsockopt(fd, SOL_SOCKET, each) for each in asked] == [any_family.family, 1, 6, 0]
    any_family.call("listen", fd=fd, backlog=1)
    assert any_family.getsockopt(fd, SOL_SOCKET, abi.SO_ACCEPTCONN) == 1


# ---------------------------------------------------------------- buffers


def test_linux_doubles_buffers_and_bounds_them(linux: World) -> None:
    # Measured (BUF-1 to BUF-4): doubled, at most 2 * 4194304, at least 4608 and 2304.
    fd = linux.socket()
    for asked, sent, received in ((10_240, 20_480, 20_480), (1, 4608, 2304), (8_388_608, 8_388_608, 8_388_608)):
        linux.setsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF, asked)
        linux.setsockopt(fd, SOL_SOCKET, abi.SO_RCVBUF, asked)
        assert linux.getsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF) == sent
        assert linux.getsockopt(fd, SOL_SOCKET, abi.SO_RCVBUF) == received
    linux.setsockopt(fd, SOL_SOCKET, abi.SO_SNDBUFFORCE, 8_388_608)
    assert linux.getsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF) == 16_777_216


def test_others_report_the_buffer_that_was_asked_for(world: World) -> None:
    # LINUX-SEND-SNDBUF-2: doubling is Linux's own.
    fd = world.socket()
    world.setsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF, 10_240)
    assert world.getsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF) == 10_240


def test_tcp_wmem_and_tcp_rmem_give_the_defaults(world: World) -> None:
    # Measured (HPE-6): 30000 and 50000.
    world.host.shell("sysctl -q net.ipv4.tcp_rmem='4096 30000 50000' net.ipv4.tcp_wmem='4096 50000 60000'", now=0)
    fd = world.socket()
    assert world.getsockopt(fd, SOL_SOCKET, abi.SO_RCVBUF) == 30_000
    assert world.getsockopt(fd, SOL_SOCKET, abi.SO_SNDBUF) == 50_000


# ---------------------------------------------------------------- structures and strings


def test_linger_reads_back_what_was_set(world: World) -> None:
    # Measured (BUSYBOX-TCP-LINGER-6): default {0, 0}; {1, 5}.
    fd = world.socket()
    assert get_octets(world, fd, SOL_SOCKET, abi.SO_LINGER, 8) == abi.pack_linger(0, 0)
    value = abi.pack_linger(1, 5)
    world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=abi.SO_LINGER, value=value, size=8)
    assert get_octets(world, fd, SOL_SOCKET, abi.SO_LINGER, 8) == value
    arguments = {"fd": fd, "level": SOL_SOCKET, "name": abi.SO_LINGER, "value": value, "size": 4}
    assert world.errno("setsockopt", **arguments) == Errno.EINVAL


def test_timeouts_are_timevals(world: World) -> None:
    fd = world.socket()
    value = abi.pack_timeval(1_500_000)
    world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=abi.SO_RCVTIMEO, value=value, size=16)
    assert get_octets(world, fd, SOL_SOCKET, abi.SO_RCVTIMEO, 16) == value
    bad = bytes(8) + (SECOND).to_bytes(8, "little")
    arguments = {"fd": fd, "level": SOL_SOCKET, "name": abi.SO_SNDTIMEO}
    assert world.errno("setsockopt", value=bad, size=16, **arguments) == Errno.EDOM
    assert world.errno("setsockopt", value=value, size=8, **arguments) == Errno.EINVAL


def test_congestion_control_is_a_string_of_16_octets(world: World) -> None:
    # Measured (TCP_CONGESTION-1): unknown ENOENT, empty EINVAL.
    fd = world.socket()
    arguments = {"fd": fd, "level": SOL_TCP, "name": abi.TCP_CONGESTION}
    assert world.call("setsockopt", value=b"reno", size=4, **arguments).value == 0
    assert get_octets(world, fd, SOL_TCP, abi.TCP_CONGESTION, 64) == b"reno" + bytes(12)
    assert get_octets(world, fd, SOL_TCP, abi.TCP_CONGESTION, 4) == b"reno"
    assert world.errno("setsockopt", value=b"nosuch", size=6, **arguments) == Errno.ENOENT
    assert world.errno("setsockopt", value=b"", size=0, **arguments) == Errno.EINVAL


def test_tcp_info_tells_the_state(world: World) -> None:
    # Measured (TCP_INFO-1): 280 octets, shorter buffers get a prefix.
    fd = world.established()
    octets = get_octets(world, fd, SOL_TCP, abi.TCP_INFO, 1000)
    assert len(octets) == 280
    assert TcpInfo.unpack(octets).state == abi.TCP_ESTABLISHED
    assert get_octets(world, fd, SOL_TCP, abi.TCP_INFO, 8) == octets[:8]
    assert get_octets(world, world.socket(), SOL_TCP, abi.TCP_INFO, 280)[0] == abi.TCP_CLOSE
    assert get_octets(world, 3, SOL_TCP, abi.TCP_INFO, 280)[0] == abi.TCP_LISTEN


def test_meminfo_tells_the_buffers_and_cc_info_is_empty(world: World) -> None:
    fd = world.established()
    words = get_octets(world, fd, SOL_SOCKET, abi.SO_MEMINFO, 36)
    assert len(words) == 36
    assert int.from_bytes(words[4:8], "little") == world.getsockopt(fd, SOL_SOCKET, abi.SO_RCVBUF)
    assert get_octets(world, fd, SOL_TCP, abi.TCP_CC_INFO, 64) == b""


# ---------------------------------------------------------------- single TCP options


def test_defer_accept_is_rounded_up_to_the_retransmission_schedule(world: World) -> None:
    # Measured (TCP_DEFER_ACCEPT-3): 1, 2, 3, 10, 100 read back as 1, 3, 3, 15, 127.
    fd = world.socket()
    shown = []
    for seconds in (0, 1, 2, 3, 10, 100):
        world.setsockopt(fd, SOL_TCP, abi.TCP_DEFER_ACCEPT, seconds)
        shown.append(world.getsockopt(fd, SOL_TCP, abi.TCP_DEFER_ACCEPT))
    assert shown == [0, 1, 3, 3, 15, 127]


def test_defer_accept_waits_for_data(world: World) -> None:
    # Measured (TCP_DEFER_ACCEPT-1): EAGAIN, state SYN-RECEIVED; after data accept succeeds.
    listener = world.nonblocking(world.listen())
    world.setsockopt(listener, SOL_TCP, abi.TCP_DEFER_ACCEPT, 3)
    world.handshake()
    assert world.errno("accept", fd=listener) == Errno.EAGAIN
    world.inject("P. 1:3(2) ack 1")
    assert world.read(world.accept(listener)).value == 2


def test_linger2_is_cut_and_zero_restores(linux: World) -> None:
    # Measured (TCP_LINGER2-1): above 120 cut to 120; 0 restores the system value; negative reads -1.
    fd = linux.socket()
    linux.host.shell("sysctl -q net.ipv4.tcp_fin_timeout=33", now=0)
    shown = []
    for seconds in (200, -5, 0):
        linux.setsockopt(fd, SOL_TCP, abi.TCP_LINGER2, seconds)
        shown.append(linux.getsockopt(fd, SOL_TCP, abi.TCP_LINGER2))
    assert shown == [120, -1, 33]


def test_window_clamp_has_a_floor(world: World) -> None:
    # Measured (TCP_WINDOW_CLAMP-2): 1 reads back 1152; 0 only on a closed socket.
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, abi.TCP_WINDOW_CLAMP, 1)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_WINDOW_CLAMP) == 1152
    assert set_errno(world, fd, SOL_TCP, abi.TCP_WINDOW_CLAMP, 0) == Errno.EINVAL
    assert set_errno(world, world.socket(), SOL_TCP, abi.TCP_WINDOW_CLAMP, 0) == 0


def test_maxseg_before_and_on_a_connection(world: World) -> None:
    # Measured (TCP_MAXSEG-2 and 5): announced when set before; on a connection the size in use is shown.
    fd = world.socket()
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_MAXSEG) == 536
    listener = world.listen()
    world.setsockopt(listener, SOL_TCP, abi.TCP_MAXSEG, 1000)
    world.handshake()
    fd = world.accept(listener)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_MAXSEG) <= 1000


def test_notsent_lowat_is_unsigned_and_apart_from_the_sysctl(world: World) -> None:
    # Linux: 0 by default, whatever the sysctl says.
    fd = world.socket()
    world.host.shell("sysctl -q net.ipv4.tcp_notsent_lowat=4000", now=0)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_NOTSENT_LOWAT) == 0
    world.setsockopt(fd, SOL_TCP, abi.TCP_NOTSENT_LOWAT, -1)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_NOTSENT_LOWAT) == -1


_INHERITED = [
    (SOL_TCP, abi.TCP_NODELAY, 1),
    (SOL_TCP, abi.TCP_CORK, 1),
    (SOL_TCP, abi.TCP_KEEPIDLE, 11),
    (SOL_TCP, abi.TCP_KEEPINTVL, 12),
    (SOL_TCP, abi.TCP_KEEPCNT, 13),
    (SOL_TCP, abi.TCP_SYNCNT, 14),
    (SOL_TCP, abi.TCP_LINGER2, 15),
    (SOL_TCP, abi.TCP_USER_TIMEOUT, 12345),
    (SOL_SOCKET, abi.SO_KEEPALIVE, 1),
    (SOL_IP, abi.IP_TTL, 77),
]


@pytest.mark.parametrize(("level", "name", "number"), _INHERITED)
def test_an_accepted_socket_inherits_from_its_listener(world: World, level: int, name: int, number: int) -> None:
    # Measured (TCP_USER_TIMEOUT-9).
    listener = world.listen()
    world.setsockopt(listener, level, name, number)
    world.handshake()
    fd = world.accept(listener)
    assert world.getsockopt(fd, level, name) == number
    world.setsockopt(listener, level, name, 1)
    assert world.getsockopt(fd, level, name) == number


def test_nodelay_pushes_out_what_nagle_holds(world: World) -> None:
    # Measured (TCP_NODELAY-6): '> P. 11:31(20)' at once.
    fd = world.established()
    world.write(fd, 10)
    world.write(fd, 20)
    assert world.sent() == ["P. 1:11(10) ack 1"]
    world.setsockopt(fd, SOL_TCP, abi.TCP_NODELAY, 1)
    assert world.sent() == ["P. 11:31(20) ack 1"]


def test_setting_nodelay_flushes_a_corked_socket_once(world: World) -> None:
    # Measured (TCP_NODELAY-5): flushed at once, the next write is held again.
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, abi.TCP_CORK, 1)
    world.write(fd, 100)
    world.setsockopt(fd, SOL_TCP, abi.TCP_NODELAY, 1)
    assert world.sent() == ["P. 1:101(100) ack 1"]
    world.write(fd, 100)
    assert world.sent() == []


def test_clearing_cork_sends_what_is_held(world: World) -> None:
    # Measured (TCP_CORK-3).
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, abi.TCP_CORK, 1)
    world.write(fd, 100)
    assert world.sent() == []
    world.setsockopt(fd, SOL_TCP, abi.TCP_CORK, 0)
    assert world.sent() == ["P. 1:101(100) ack 1"]


def test_keepalive_probes_and_ends_a_dead_connection(world: World) -> None:
    # LINUX-SEND-D-8: probes at 1, 2 and 3 s, ETIMEDOUT at 4 s for a blocked read.
    fd = world.established()
    for level, name, number in (
        (SOL_SOCKET, abi.SO_KEEPALIVE, 1),
        (SOL_TCP, abi.TCP_KEEPIDLE, 1),
        (SOL_TCP, abi.TCP_KEEPINTVL, 1),
        (SOL_TCP, abi.TCP_KEEPCNT, 3),
    ):
        world.setsockopt(fd, level, name, number)
    call = world.start("read", fd=fd, count=1, null_buffer=False)
    world.advance(10 * SECOND)
    probes = [time for time, text in world.sent_at() if text.startswith(".")]
    assert probes == [SECOND, 2 * SECOND, 3 * SECOND]
    assert (world.results[call][0], world.results[call][1].errno) == (4 * SECOND, Errno.ETIMEDOUT)


def test_a_sysctl_reaches_connections_that_exist_but_not_over_a_socket_option(world: World) -> None:
    # Measured: tcp_keepalive_time shows as TCP_KEEPIDLE.
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, abi.TCP_KEEPINTVL, 9)
    world.host.shell("sysctl -q net.ipv4.tcp_keepalive_time=5 net.ipv4.tcp_keepalive_intvl=6", now=0)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_KEEPIDLE) == 5
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_KEEPINTVL) == 9


def test_a_sysctl_reaches_sockets_without_a_connection(world: World) -> None:
    # Measured: TCP_KEEPIDLE of a fresh socket is the sysctl's value of the moment.
    fd = world.socket()
    world.host.shell("sysctl -q net.ipv4.tcp_keepalive_time=100", now=0)
    assert world.getsockopt(fd, SOL_TCP, abi.TCP_KEEPIDLE) == 100
