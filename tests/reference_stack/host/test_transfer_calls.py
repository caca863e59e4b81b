"""read, write and relatives: counts, waiting, flags and errnos (recv(2), send(2), tcp(7), measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno
from tests.reference_stack.host.world import SECOND, SockAddr, World
from wire.abi import (
    AF_INET,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_ERRQUEUE,
    MSG_MORE,
    MSG_NOSIGNAL,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    SO_ERROR,
    SO_OOBINLINE,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_SNDBUF,
    SO_SNDTIMEO,
    SOL_SOCKET,
    SOL_TCP,
    TCP_INQ,
    pack_int,
    pack_timeval,
)


def recv(world: World, fd: int, count: int, flags: int = 0, *, null_buffer: bool = False) -> tuple[int, bytes]:
    result = world.call("recv", fd=fd, count=count, flags=flags, null_buffer=null_buffer)
    return (result.value, result.data) if result.value >= 0 else (-result.errno, b"")


def send(world: World, fd: int, count: int, flags: int = 0) -> int:
    result = world.call("send", fd=fd, data=bytes(count), count=count, flags=flags)
    return result.value if result.value >= 0 else -result.errno


# ---------------------------------------------------------------- receiving


def test_a_read_gives_what_is_there_however_it_came(any_family: World) -> None:
    # Measured (INTRO-9): record boundaries are not kept.
    world = any_family
    fd = world.established()
    world.inject("P. 1:4(3) ack 1", payload=b"abc")
    world.inject("P. 4:7(3) ack 1", payload=b"def")
    assert world.read(fd, 100).data == b"abcdef"


def test_a_read_takes_no_more_than_asked(world: World) -> None:
    fd = world.established()
    world.inject("P. 1:7(6) ack 1", payload=b"abcdef")
    assert world.read(fd, 4).data == b"abcd"
    assert world.call("readv", fd=fd, sizes=(1, 5)).data == b"ef"


def test_a_read_waits_for_data(world: World) -> None:
    fd = world.established()
    call = world.start("read", fd=fd, count=10, null_buffer=False)
    assert world.result(call) is None
    world.now = 77
    world.inject("P. 1:4(3) ack 1", payload=b"abc")
    assert (world.results[call][0], world.results[call][1].data) == (77, b"abc")


def test_a_read_of_nothing_returns_at_once(world: World) -> None:
    assert world.read(world.established(), 0).value == 0


@pytest.mark.parametrize("flags", [MSG_DONTWAIT, MSG_DONTWAIT | MSG_PEEK, MSG_DONTWAIT | MSG_WAITALL])
def test_dontwait_never_waits(world: World, flags: int) -> None:
    assert recv(world, world.established(), 10, flags) == (-Errno.EAGAIN, b"")


def test_a_nonblocking_read_without_data_tries_again(world: World) -> None:
    assert world.errno("read", fd=world.nonblocking(world.established()), count=1, null_buffer=False) == Errno.EAGAIN


def test_the_receive_timeout_ends_a_read(world: World) -> None:
    # Measured (BUSYBOX-TCP-READ-3): EAGAIN after 300 ms.
    fd = world.established()
    world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=SO_RCVTIMEO, value=pack_timeval(300_000), size=16)
    call = world.start("read", fd=fd, count=10, null_buffer=False)
    world.advance(SECOND)
    assert (world.results[call][0], world.results[call][1].errno) == (300_000, Errno.EAGAIN)


def test_waitall_collects_the_whole_count(world: World) -> None:
    fd = world.established()
    call = world.start("recv", fd=fd, count=6, flags=MSG_WAITALL, null_buffer=False)
    world.inject("P. 1:4(3) ack 1", payload=b"abc")
    assert world.result(call) is None
    world.inject("P. 4:9(5) ack 1", payload=b"defgh")
    assert world.results[call][1].data == b"abcdef"
    assert world.read(fd).data == b"gh"


def test_waitall_ends_early_with_the_stream(world: World) -> None:
    fd = world.established()
    call = world.start("recv", fd=fd, count=6, flags=MSG_WAITALL, null_buffer=False)
    world.inject("FP. 1:4(3) ack 1", payload=b"abc")
    assert world.results[call][1].data == b"abc"


def test_rcvlowat_lets_a_read_wait_for_so_much(world: World) -> None:
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, 4)
    call = world.start("read", fd=fd, count=100, null_buffer=False)
    world.inject("P. 1:4(3) ack 1")
    assert world.result(call) is None
    world.inject("P. 4:5(1) ack 1")
    assert world.results[call][1].value == 4


def test_peek_leaves_the_data(world: World) -> None:
    fd = world.established()
    world.inject("P. 1:4(3) ack 1", payload=b"abc")
    assert recv(world, fd, 2, MSG_PEEK) == (2, b"ab")
    assert recv(world, fd, 10, MSG_PEEK) == (3, b"abc")
    assert recv(world, fd, 10) == (3, b"abc")


def test_trunc_discards_the_data(world: World) -> None:
    # Measured (TRUNC-1): 4, buffer untouched; a NULL buffer is allowed; the rest follows.
    fd = world.established()
    world.inject("P. 1:11(10) ack 1", payload=b"0123456789")
    assert recv(world, fd, 4, MSG_TRUNC | MSG_PEEK) == (4, b"")
    assert recv(world, fd, 4, MSG_TRUNC, null_buffer=True) == (4, b"")
    assert recv(world, fd, 10) == (6, b"456789")


def test_a_null_buffer_is_a_bad_address_once_there_is_data(world: World) -> None:
    fd = world.nonblocking(world.established())
    assert world.errno("read", fd=fd, count=10, null_buffer=True) == Errno.EAGAIN
    world.inject("P. 1:4(3) ack 1")
    for name, extra in (("read", {}), ("recv", {"flags": 0}), ("recvfrom", {"flags": 0})):
        assert world.errno(name, fd=fd, count=10, null_buffer=True, **extra) == Errno.EFAULT
    assert world.read(fd).value == 3


def test_a_read_after_the_fin_gives_zero_and_data_first(world: World) -> None:
    fd = world.established()
    world.inject("FP. 1:4(3) ack 1")
    assert [world.read(fd).value, world.read(fd).value, world.read(fd).value] == [3, 0, 0]


def test_a_reset_flushes_what_was_not_read(world: World) -> None:
    # RFC 9293, 3.10.7.4, second check: "All segment queues should be flushed."
    fd = world.established()
    world.inject("P. 1:501(500) ack 1")
    world.inject("R 501:501(0)")
    results = [world.read(fd) for _ in range(3)]
    assert [(each.value, each.errno) for each in results] == [(-1, Errno.ECONNRESET), (0, 0), (0, 0)]


@pytest.mark.parametrize("name", ["read", "recv"])
def test_reading_from_what_was_never_connected(world: World, name: str) -> None:
    # Measured (CONN-6 and CONN-7): ENOTCONN on a fresh and on a listening socket.
    extra = {"flags": 0} if name == "recv" else {}
    for fd in (world.socket(), world.listen()):
        assert world.errno(name, fd=fd, count=1, null_buffer=False, **extra) == Errno.ENOTCONN


def test_a_read_while_connecting_waits(world: World) -> None:
    fd = world.connecting()
    assert recv(world, fd, 1) == (-Errno.EAGAIN, b"")


def test_the_error_queue_is_always_empty(world: World) -> None:
    # Measured (ERR-4): MSG_ERRQUEUE gives EAGAIN.
    assert recv(world, world.established(), 1, MSG_ERRQUEUE) == (-Errno.EAGAIN, b"")


def test_recvfrom_gives_no_address_on_a_stream(world: World) -> None:
    fd = world.established()
    world.inject("P. 1:4(3) ack 1")
    result = world.call("recvfrom", fd=fd, count=10, flags=0, null_buffer=False)
    assert (result.value, result.address) == (3, None)


def test_tcp_inq_tells_what_is_left(world: World) -> None:
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, TCP_INQ, 1)
    world.inject("P. 1:11(10) ack 1")
    result = world.call("recvmsg", fd=fd, sizes=(4,), control_size=32, flags=0)
    assert [(each.level, each.type, each.data) for each in result.control] == [(6, 36, pack_int(6))]
    world.inject("F. 11:11(0) ack 1")
    assert world.call("recvmsg", fd=fd, sizes=(6,), control_size=32, flags=0).control[0].data == pack_int(1)


def test_a_control_buffer_that_is_too_small_cuts_the_message(world: World) -> None:
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, TCP_INQ, 1)
    world.inject("P. 1:11(10) ack 1")
    result = world.call("recvmsg", fd=fd, sizes=(4,), control_size=0, flags=0)
    assert (result.value, result.control, result.msg_flags) == (4, (), MSG_CTRUNC)


# ---------------------------------------------------------------- sending


def test_a_write_goes_out_and_returns_its_count(any_family: World) -> None:
    world = any_family
    fd = world.established()
    assert world.write(fd, 100).value == 100
    assert world.sent() == ["P. 1:101(100) ack 1"]
    assert world.call("writev", fd=fd, buffers=(b"ab", b"", b"c")).value == 3


def test_data_written_while_connecting_waits(world: World) -> None:
    fd = world.connecting()
    assert send(world, fd, 10) == -Errno.EAGAIN


def test_a_blocking_write_waits_for_the_handshake(world: World) -> None:
    fd = world.connecting()
    world.call("fcntl", fd=fd, command=4, argument=2)
    call = world.start("write", fd=fd, data=b"abc", count=3)
    assert world.result(call) is None
    world.inject("S. 0:0(0) ack 1")
    assert world.results[call][1].value == 3


def test_a_nonblocking_write_takes_what_fits_then_nothing(world: World) -> None:
    # LINUX-SEND-NB-2 and NB-3: a short count, then EAGAIN.
    fd = world.nonblocking(world.established())
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    taken = [send(world, fd, 8192) for _ in range(3)]
    assert taken == [8192, 10_000 - 8192, -Errno.EAGAIN]


def test_a_blocking_write_ends_when_everything_fitted(world: World) -> None:
    # LINUX-SEND-BLK-3 and BLK-4: it waits until the remainder fits, not until it is confirmed.
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    call = world.start("write", fd=fd, data=bytes(15_000), count=15_000)
    assert world.result(call) is None
    acked = 1
    while world.result(call) is None:
        for text in world.sent():
            acked = max(acked, int(text.split(":")[1].split("(")[0]))
        world.inject(f". 1:1(0) ack {acked}")
    assert world.results[call][1].value == 15_000
    assert acked < 15_000


def test_the_send_timeout_gives_the_count_so_far_or_eagain(world: World) -> None:
    # socket(7), SO_SNDTIMEO.
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=SO_SNDTIMEO, value=pack_timeval(300_000), size=16)
    first = world.start("write", fd=fd, data=bytes(15_000), count=15_000)
    world.advance(300_000)
    assert (world.results[first][0], world.results[first][1].value) == (300_000, 10_000)
    second = world.start("write", fd=fd, data=bytes(10), count=10)
    world.advance(300_000)
    assert (world.results[second][0], world.results[second][1].errno) == (600_000, Errno.EAGAIN)


def test_a_blocked_write_ends_with_its_count_at_a_reset(world: World) -> None:
    # LINUX-SEND-C-11 and C-12: a short count, then the error, then EPIPE.
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    call = world.start("write", fd=fd, data=bytes(15_000), count=15_000)
    world.inject("R 1:1(0)")
    assert world.results[call][1].value == 10_000
    assert [send(world, fd, 1), send(world, fd, 1)] == [-Errno.ECONNRESET, -Errno.EPIPE]


def test_a_fin_does_not_wake_a_blocked_write(world: World) -> None:
    # LINUX-SEND-C-13.
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    call = world.start("write", fd=fd, data=bytes(15_000), count=15_000)
    world.inject("F. 1:1(0) ack 1")
    assert world.result(call) is None


def test_a_send_after_a_reset_fails_once_with_the_reason(world: World) -> None:
    # LINUX-SEND-C-5 to C-7.
    fd = world.established()
    world.inject("R 1:1(0)")
    assert send(world, fd, 10, MSG_NOSIGNAL) == -Errno.ECONNRESET
    assert send(world, fd, 10, MSG_NOSIGNAL) == -Errno.EPIPE
    assert world.read(fd).value == 0


def test_so_error_takes_the_reason_away(world: World) -> None:
    fd = world.established()
    world.inject("R 1:1(0)")
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == Errno.ECONNRESET
    assert send(world, fd, 10) == -Errno.EPIPE


def test_sending_after_the_peers_fin_works_until_its_reset(world: World) -> None:
    # RFC 9293, 3.10.7.4, second check: a reset in CLOSE-WAIT is "connection reset" for outstanding calls.
    fd = world.established()
    world.inject("F. 1:1(0) ack 1")
    assert send(world, fd, 10) == 10
    world.inject("R. 2:2(0) ack 1")
    assert [send(world, fd, 10), send(world, fd, 10)] == [-Errno.ECONNRESET, -Errno.EPIPE]
    assert world.read(fd).value == 0


def test_sending_on_what_was_never_connected_posix(world: World) -> None:
    # POSIX send(): ENOTCONN.
    assert send(world, world.socket(), 1) == -Errno.ENOTCONN
    assert send(world, world.listen(), 1) == -Errno.ENOTCONN


def test_sending_on_what_was_never_connected_linux(linux: World) -> None:
    # Measured (CONN-6 and CONN-7): EPIPE.
    assert send(linux, linux.socket(), 1) == -Errno.EPIPE
    assert send(linux, linux.listen(), 1) == -Errno.EPIPE


def test_a_null_buffer_cannot_be_sent(world: World) -> None:
    fd = world.established()
    assert world.errno("write", fd=fd, data=None, count=1000) == Errno.EFAULT
    assert world.errno("send", fd=fd, data=None, count=1000, flags=0) == Errno.EFAULT
    assert world.errno("sendto", fd=fd, data=None, count=1000, flags=0, address=None) == Errno.EFAULT
    assert world.sent() == []


def test_an_empty_write_sends_nothing(world: World) -> None:
    fd = world.established()
    assert world.write(fd, 0).value == 0
    assert world.call("sendmsg", fd=fd, buffers=(b"", b""), flags=0, address=None, control=()).value == 0
    assert world.sent() == []


def test_sendmsg_sends_all_buffers(world: World) -> None:
    fd = world.established()
    address = SockAddr(AF_INET, "192.0.2.9", 9)
    result = world.call("sendmsg", fd=fd, buffers=(b"ab", b"", b"cd"), flags=0, address=address, control=())
    assert result.value == 4
    assert world.sent() == ["P. 1:5(4) ack 1"]


def test_more_holds_a_partial_segment_back(world: World) -> None:
    # send(2): MSG_MORE is TCP_CORK for one call.
    fd = world.established()
    assert send(world, fd, 100, MSG_MORE) == 100
    assert world.sent() == []
    assert send(world, fd, 50) == 50
    assert world.sent() == ["P. 1:151(150) ack 1"]


def test_msg_eor_is_taken(world: World) -> None:
    # POSIX send(): "terminates a record (when supported on the protocol used)".
    assert send(world, world.established(), 10, MSG_EOR) == 10


# ---------------------------------------------------------------- urgent data


def test_urgent_data_is_read_apart(world: World) -> None:
    # Measured (URG-7): reads give 22 and 33, recv(MSG_OOB) gives X.
    fd = world.established()
    world.inject("P.U 1:6(5) ack 1", payload=b"22X33", urgent=3)
    assert recv(world, fd, 10) == (2, b"22")
    assert recv(world, fd, 10, MSG_OOB | MSG_PEEK) == (1, b"X")
    assert recv(world, fd, 10, MSG_OOB) == (1, b"X")
    assert recv(world, fd, 10, MSG_OOB) == (-Errno.EINVAL, b"")
    assert recv(world, fd, 10) == (2, b"33")


def test_without_urgent_data_there_is_nothing_to_get(world: World) -> None:
    assert recv(world, world.established(), 1, MSG_OOB) == (-Errno.EINVAL, b"")


def test_an_urgent_octet_that_has_not_come_is_waited_for(world: World) -> None:
    # Measured (OOB-6): EAGAIN when the pointer is known but the octet is missing.
    fd = world.established()
    world.inject("P.U 1:3(2) ack 1", payload=b"ab", urgent=9)
    assert recv(world, fd, 1, MSG_OOB) == (-Errno.EAGAIN, b"")


def test_oobinline_leaves_the_octet_in_the_stream(world: World) -> None:
    # Measured (URG-6): reads give 22, then X33; recv(MSG_OOB) gives EINVAL.
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, 1)
    world.inject("P.U 1:6(5) ack 1", payload=b"22X33", urgent=3)
    assert recv(world, fd, 10, MSG_OOB) == (-Errno.EINVAL, b"")
    assert recv(world, fd, 10) == (2, b"22")
    assert recv(world, fd, 10) == (3, b"X33")


def test_msg_oob_sends_urgent_data(world: World) -> None:
    # Measured (URG-1): flags PSH ACK URG. RFC 9293, MUST-62: the pointer names the octet after the urgent data.
    fd = world.established()
    assert send(world, fd, 3, MSG_OOB) == 3
    segment = world.sent_packets()[0].body
    assert segment.urgent == 3  # type: ignore[union-attr]
