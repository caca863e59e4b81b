"""Host and engine together as Linux: what was measured on Linux 6.18 and needs both halves."""

import pytest

from reference_stack.host import Errno
from reference_stack.personality import personality
from tests.reference_stack.host.world import PORT, SECOND, World
from wire.abi import (
    SHUT_WR,
    SO_ERROR,
    SO_RCVBUF,
    SO_SNDBUF,
    SOL_SOCKET,
    SOL_TCP,
    TCP_CLOSE,
    TCP_INFO,
    TCP_LINGER2,
    TCP_QUICKACK,
    TCP_SYNCNT,
    TCP_USER_TIMEOUT,
    TcpInfo,
)
from wire.options import Mss, WindowScale
from wire.packet import Packet, build_packet
from wire.tcp import ACK, TcpSegment


@pytest.fixture
def linux() -> World:
    return World(chosen=personality("linux"))


def state(world: World, fd: int) -> int:
    return world.call("getsockopt", fd=fd, level=SOL_TCP, name=TCP_INFO, size=1, initial=b"").optval[0]


def test_a_fresh_socket_has_the_default_buffers(linux: World) -> None:
    # LINUX-SEND-WMEM-3, tcp_rmem-4: 16384 and 131072.
    fd = linux.socket()
    assert linux.getsockopt(fd, SOL_SOCKET, SO_SNDBUF) == 16_384
    assert linux.getsockopt(fd, SOL_SOCKET, SO_RCVBUF) == 131_072
    assert linux.getsockopt(linux.established(), SOL_SOCKET, SO_SNDBUF) == 46_080


def test_a_receive_buffer_set_by_hand_fixes_the_window_scale(linux: World) -> None:
    # Measured (BUF-8): 8192 -> 0, 200000 -> 2, 2000000 -> 5, default -> 10.
    scales = []
    for asked in (8192, 200_000, 2_000_000, None):
        fd = linux.nonblocking(linux.socket())
        if asked is not None:
            linux.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, asked)
        linux.call("connect", fd=fd, address=linux.peer_address())
        segment = linux.sent_packets()[0].body
        assert isinstance(segment, TcpSegment)
        scales += [option.shift for option in segment.options if isinstance(option, WindowScale)]
    assert scales == [0, 2, 5, 10]


def test_an_orphan_in_fin_wait_2_goes_after_linger2(linux: World) -> None:
    # Measured (TCP_LINGER2-1): gone after 5 s, a late FIN meets a reset.
    fd = linux.established()
    linux.setsockopt(fd, SOL_TCP, TCP_LINGER2, 5)
    linux.call("close", fd=fd)
    linux.inject(". 1:1(0) ack 2")
    linux.sent()
    linux.advance(6 * SECOND)
    linux.inject("F. 1:1(0) ack 2")
    assert linux.sent() == ["R 2:2(0)"]


def test_fin_wait_2_of_an_open_socket_has_no_timeout(linux: World) -> None:
    # Measured (tcp_fin_timeout-4).
    linux.host.shell("sysctl -q net.ipv4.tcp_fin_timeout=2", now=0)
    fd = linux.established()
    linux.call("shutdown", fd=fd, how=SHUT_WR)
    linux.inject(". 1:1(0) ack 2")
    linux.advance(6 * SECOND)
    linux.inject("P. 1:4(3) ack 2")
    assert linux.read(fd).value == 3


def test_a_socket_in_time_wait_looks_closed(linux: World) -> None:
    # Linux: what is left in TIME-WAIT is no full socket; shutdown gives ENOTCONN, TCP_INFO says closed.
    fd = linux.established()
    linux.call("shutdown", fd=fd, how=SHUT_WR)
    linux.inject("F. 1:1(0) ack 2")
    assert state(linux, fd) == TCP_CLOSE
    assert linux.errno("shutdown", fd=fd, how=SHUT_WR) == Errno.ENOTCONN
    assert linux.read(fd).value == 0
    assert linux.errno("write", fd=fd, data=b"x", count=1) == Errno.EPIPE


def test_data_before_a_reset_can_be_read(linux: World) -> None:
    # Measured (LINUX-SEND-C-14): 500, ECONNRESET, then 0.
    fd = linux.established()
    linux.inject("P. 1:501(500) ack 1")
    linux.inject("R 501:501(0)")
    results = [linux.read(fd) for _ in range(3)]
    assert [(each.value, each.errno) for each in results] == [(500, 0), (-1, Errno.ECONNRESET), (0, 0)]


def test_a_reset_after_the_peers_fin_gives_epipe(linux: World) -> None:
    # Measured (LINUX-SEND-C-10): send EPIPE at once, SO_ERROR EPIPE, read 0.
    fd = linux.established()
    linux.inject("F. 1:1(0) ack 1")
    linux.inject("R. 2:2(0) ack 1")
    assert linux.read(fd).value == 0
    assert linux.getsockopt(fd, SOL_SOCKET, SO_ERROR) == Errno.EPIPE


@pytest.mark.parametrize(("linear", "expected"), [(0, [0, 1, 3]), (4, [0, 1, 2, 3, 4, 5])])
def test_syncnt_bounds_the_repetitions_of_a_syn(linux: World, linear: int, expected: list[int]) -> None:
    # Measured (TCP_SYNCNT-1): 2 gives 0 1 3 s; with tcp_syn_linear_timeouts 4 five repetitions a second apart.
    linux.host.shell(f"sysctl -q net.ipv4.tcp_syn_linear_timeouts={linear}", now=0)
    fd = linux.socket()
    linux.setsockopt(fd, SOL_TCP, TCP_SYNCNT, 2)
    call = linux.start("connect", fd=fd, address=linux.peer_address())
    linux.advance(60 * SECOND)
    assert [round(time / SECOND) for time, _ in linux.sent_at()] == expected
    assert linux.results[call][1].errno == Errno.ETIMEDOUT
    assert round(linux.results[call][0] / SECOND) == 7


def test_the_user_timeout_ends_a_write_that_nobody_acknowledges(linux: World) -> None:
    # Measured (TCP_USER_TIMEOUT-1): ETIMEDOUT at 3.2 s for 3000 ms.
    fd = linux.established()
    linux.setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, 3000)
    linux.write(fd, 100)
    call = linux.start("read", fd=fd, count=1, null_buffer=False)
    linux.advance(60 * SECOND)
    assert linux.results[call][1].errno == Errno.ETIMEDOUT
    assert 3 * SECOND <= linux.results[call][0] <= 3_300_000


def test_a_server_that_restarts_finds_its_port_free_with_reuseaddr(linux: World) -> None:
    fd = linux.established()
    for each in (3, fd):
        linux.setsockopt(each, SOL_SOCKET, 2, 1)
        linux.call("close", fd=each)
    new = linux.socket()
    linux.setsockopt(new, SOL_SOCKET, 2, 1)
    assert linux.call("bind", fd=new, address=linux.address(port=PORT)).value == 0
    linux.inject("F. 1:1(0) ack 2", options=(Mss(1460),))
    assert linux.call("listen", fd=new, backlog=1).value == 0


def test_quickack_is_not_permanent(linux: World) -> None:
    # Measured (TCP_QUICKACK-3): back to 0 after one request and response.
    fd = linux.established()
    linux.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 1)
    shown = [linux.getsockopt(fd, SOL_TCP, TCP_QUICKACK)]
    linux.inject("P. 1:11(10) ack 1")
    linux.read(fd)
    linux.write(fd, 10)
    shown.append(linux.getsockopt(fd, SOL_TCP, TCP_QUICKACK))
    assert shown == [1, 0]


def test_waiting_for_room_in_the_send_buffer_is_counted(linux: World) -> None:
    # linux/tcp.h, tcpi_sndbuf_limited: everything is sent, cwnd has room, and the application would write if it could.
    fd = linux.nonblocking(linux.established(window=29_200))
    linux.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 2400)
    assert linux.write(fd, 200_000).value == 14_600
    linux.advance(10_000)
    linux.inject(". 1:1(0) ack 1461 win 29200")
    linux.advance(20_000)
    octets = linux.call("getsockopt", fd=fd, level=SOL_TCP, name=TCP_INFO, size=280, initial=b"").optval
    info = TcpInfo.unpack(octets)
    assert (info.sndbuf_limited, info.busy_time, info.rwnd_limited) == (20_000, 30_000, 0)


def test_a_segment_that_receive_offload_made_counts_by_its_parts(linux: World) -> None:
    # Linux, tcp_measure_rcv_mss: the size of one part, not of the whole.
    fd = linux.established()
    segment = TcpSegment(linux.remote_port, PORT, 1, linux.local_isn + 1, ACK, 65535, payload=bytes(10_000))
    packet = build_packet(Packet((linux.peer_header(),), segment))
    linux.host.inject(packet, now=linux.now, gso_size=1000)
    octets = linux.call("getsockopt", fd=fd, level=SOL_TCP, name=TCP_INFO, size=280, initial=b"").optval
    assert TcpInfo.unpack(octets).rcv_mss == 1000


def test_a_small_window_cuts_the_segment_size_from_the_handshake_on(linux: World) -> None:
    # Measured: the peer offered 500 octets in its SYN and in its ACK; a segment is no larger than that.
    fd = linux.established(window=500)
    linux.write(fd, 2000)
    assert linux.sent() == ["P. 1:501(500) ack 1"]
