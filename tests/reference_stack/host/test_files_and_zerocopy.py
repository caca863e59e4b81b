"""sendfile, splice, pipe, and MSG_ZEROCOPY with its completions (sendfile(2), splice(2), linux/msg_zerocopy.rst)."""

import pytest

from reference_stack.host import Errno, NotModelled
from reference_stack.personality import personality
from tests.reference_stack.host.world import World
from wire.abi import (
    IP_RECVERR,
    IPV6_RECVERR,
    MSG_CTRUNC,
    MSG_ERRQUEUE,
    MSG_ZEROCOPY,
    POLLERR,
    SO_ZEROCOPY,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    SOL_TCP,
    TCP_CORK,
    ExtendedError,
)


def opened(world: World, octets: int) -> int:
    world.host.shell(f"dd bs=1 count={octets} if=/dev/zero of=/tmp/data status=none", now=world.now)
    return world.call("open", path="/tmp/data", flags=0).value


def zerocopy(world: World) -> int:
    fd = world.established()
    world.setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, 1)
    return fd


def send(world: World, fd: int, count: int) -> int:
    return world.call("send", fd=fd, data=bytes(count), count=count, flags=MSG_ZEROCOPY).value


def completion(world: World, fd: int) -> tuple[int, int] | None:
    result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=100, flags=MSG_ERRQUEUE)
    if result.value < 0:
        assert result.errno == Errno.EAGAIN
        return None
    assert result.msg_flags == MSG_ERRQUEUE
    error = ExtendedError.unpack(result.control[0].data)
    assert (error.errno, error.origin, error.code) == (0, 5, 1)  # zero copy, copied
    return error.info, error.data


# ---------------------------------------------------------------- files


def test_sendfile_sends_a_file(world: World) -> None:
    fd = world.established()
    source = opened(world, 10)
    assert world.call("sendfile", out_fd=fd, in_fd=source, offset=2, count=5).value == 5
    assert world.sent() == ["P. 1:6(5) ack 1"]
    values = [world.call("sendfile", out_fd=fd, in_fd=source, offset=None, count=8).value for _ in range(3)]
    assert values == [8, 2, 0]


def test_a_header_and_a_file_leave_in_one_segment_under_cork(world: World) -> None:
    # Measured (TCP_CORK-6): one segment of 150.
    fd = world.established()
    world.setsockopt(fd, SOL_TCP, TCP_CORK, 1)
    world.write(fd, 50)
    world.call("sendfile", out_fd=fd, in_fd=opened(world, 100), offset=0, count=100)
    world.setsockopt(fd, SOL_TCP, TCP_CORK, 0)
    assert world.sent() == ["P. 1:151(150) ack 1"]


def test_files_that_no_command_made_are_not_there(world: World) -> None:
    assert world.errno("open", path="/etc/passwd", flags=0) == Errno.ENOENT
    with pytest.raises(NotModelled):
        world.call("open", path="/tmp/data", flags=1)
    assert world.errno("sendfile", out_fd=world.established(), in_fd=4, offset=0, count=1) == Errno.EINVAL


def test_splice_moves_octets_through_a_pipe(world: World) -> None:
    fd = world.established()
    reader, writer = world.call("pipe").fds
    world.inject("P. 1:101(100) ack 1")
    assert world.call("splice", fd_in=fd, fd_out=writer, count=60, flags=0).value == 60
    assert world.call("splice", fd_in=reader, fd_out=fd, count=60, flags=0).value == 60
    assert world.sent()[-1].startswith("P. 1:61(60)")
    assert world.errno("splice", fd_in=writer, fd_out=fd, count=1, flags=0) == Errno.EINVAL
    assert world.errno("splice", fd_in=fd, fd_out=reader, count=1, flags=0) == Errno.EINVAL


def test_splice_takes_no_offsets_of_pipes_and_bad_pointers_for_sockets(world: World) -> None:
    # splice(2): ESPIPE for an offset of a pipe; a pointer to no memory is EFAULT (measured).
    fd = world.established()
    _reading, writing = world.call("pipe").fds
    places = {"fd_in": fd, "fd_out": writing, "count": 5, "flags": 0}
    assert world.call("splice", **places, bad_offset_in=True).errno == Errno.EFAULT
    assert world.call("splice", **places, bad_offset_out=True).errno == Errno.ESPIPE


def test_reading_and_writing_files_directly_is_not_modelled(world: World) -> None:
    reading, writing = world.call("pipe").fds
    with pytest.raises(NotModelled):
        world.call("write", fd=writing, data=b"x", count=1)
    with pytest.raises(NotModelled):
        world.call("read", fd=reading, count=1, null_buffer=False)


def test_splice_ends_at_the_urgent_mark(world: World) -> None:
    # Linux, tcp_splice_read: 99 octets before the urgent one, then 0.
    fd = world.established()
    _, writer = world.call("pipe").fds
    world.inject(".U 1:101(100) ack 1", urgent=100)
    assert world.call("splice", fd_in=fd, fd_out=writer, count=99, flags=0).value == 99
    assert world.call("splice", fd_in=fd, fd_out=writer, count=1, flags=0).value == 0


def test_splice_waits_for_data_and_sees_the_end(world: World) -> None:
    fd = world.established()
    _, writer = world.call("pipe").fds
    call = world.start("splice", fd_in=fd, fd_out=writer, count=10, flags=0)
    assert world.result(call) is None
    world.inject("FP. 1:4(3) ack 1")
    assert world.results[call][1].value == 3
    assert world.call("splice", fd_in=fd, fd_out=writer, count=10, flags=0).value == 0


# ---------------------------------------------------------------- zero copy


def test_a_zero_copy_send_completes_when_it_is_acknowledged(any_family: World) -> None:
    world = any_family
    fd = zerocopy(world)
    send(world, fd, 1000)
    assert completion(world, fd) is None
    world.inject(". 1:1(0) ack 501")
    assert completion(world, fd) is None
    world.inject(". 1:1(0) ack 1001")
    result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=100, flags=MSG_ERRQUEUE)
    expected = (SOL_IP, IP_RECVERR, 32) if world.kind == "ipv4" else (SOL_IPV6, IPV6_RECVERR, 44)
    assert [(each.level, each.type, len(each.data)) for each in result.control] == [expected]
    assert completion(world, fd) is None


def test_completions_that_follow_each_other_are_one_range(world: World) -> None:
    # msg_zerocopy.rst, "Notification Batching".
    fd = zerocopy(world)
    for count in (1000, 1000):
        send(world, fd, count)
    world.inject(". 1:1(0) ack 1001")
    world.inject(". 1:1(0) ack 2001")
    assert completion(world, fd) == (0, 1)
    send(world, fd, 10)
    world.inject(". 1:1(0) ack 2011")
    assert completion(world, fd) == (2, 2)


def test_a_waiting_completion_is_an_error_event(world: World) -> None:
    fd = zerocopy(world)
    send(world, fd, 10)
    world.inject(". 1:1(0) ack 11")

    class Entry:
        events = 0

    Entry.fd = fd  # type: ignore[attr-defined]
    assert world.call("poll", entries=(Entry,), timeout_ms=0).revents == (POLLERR,)
    assert world.write(fd, 1).value == 1
    completion(world, fd)
    assert world.call("poll", entries=(Entry,), timeout_ms=0).revents == (0,)


def test_without_so_zerocopy_the_flag_means_nothing(world: World) -> None:
    fd = world.established()
    assert send(world, fd, 10) == 10
    world.inject(". 1:1(0) ack 11")
    assert completion(world, fd) is None


def test_plain_sends_and_failed_ones_have_no_number(world: World) -> None:
    fd = world.socket()
    world.setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, 1)
    assert send(world, fd, 10) == -1
    assert completion(world, fd) is None
    fd = zerocopy(world)
    world.write(fd, 10)
    send(world, fd, 10)
    world.inject(". 1:1(0) ack 11")
    world.inject(". 1:1(0) ack 21")
    assert completion(world, fd) == (0, 0)


def test_a_control_buffer_without_room_cuts_the_completion(world: World) -> None:
    fd = zerocopy(world)
    send(world, fd, 10)
    world.inject(". 1:1(0) ack 11")
    result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=0, flags=MSG_ERRQUEUE)
    assert (result.value, result.control, result.msg_flags) == (0, (), MSG_ERRQUEUE | MSG_CTRUNC)


def test_a_zero_copy_send_of_many_parts_fills_frames_of_seventeen() -> None:
    # Measured on Linux 6.18: each part is a page fragment of its own, a frame has 17 at most, and a full one PSH.
    world = World(chosen=personality("linux"))
    fd = zerocopy(world)
    world.host.system.stream(fd).settings.nodelay = True
    parts = (b"x",) * 36
    call = world.start("sendmsg", fd=fd, buffers=parts, flags=MSG_ZEROCOPY, address=None, control=())
    assert world.results[call][1].value == 36
    assert [text.partition(" ack")[0] for text in world.sent()] == ["P. 1:18(17)", "P. 18:35(17)", "P. 35:37(2)"]
