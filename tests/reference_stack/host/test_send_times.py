"""SO_TIMESTAMPING for sends on a TCP socket; results and errnos as measured on Linux 6.18.44."""

from errno import EAGAIN, EINVAL, ENOMSG, EOPNOTSUPP
from struct import unpack

import pytest

from reference_stack.host import NotModelled
from reference_stack.personality import personality
from tests.reference_stack.host.world import World
from wire.abi import (
    MSG_CTRUNC,
    MSG_ERRQUEUE,
    MSG_TRUNC,
    SCM_TIMESTAMPING,
    SCM_TSTAMP_ACK,
    SCM_TSTAMP_SCHED,
    SCM_TSTAMP_SND,
    SO_EE_ORIGIN_TIMESTAMPING,
    SO_SNDBUF,
    SO_TIMESTAMPING,
    SOF_TIMESTAMPING_BIND_PHC,
    SOF_TIMESTAMPING_OPT_ID,
    SOF_TIMESTAMPING_OPT_ID_TCP,
    SOF_TIMESTAMPING_OPT_STATS,
    SOF_TIMESTAMPING_OPT_TSONLY,
    SOF_TIMESTAMPING_RX_SOFTWARE,
    SOF_TIMESTAMPING_SOFTWARE,
    SOF_TIMESTAMPING_TX_ACK,
    SOF_TIMESTAMPING_TX_SCHED,
    SOF_TIMESTAMPING_TX_SOFTWARE,
    SOL_SOCKET,
    ExtendedError,
)

ALL = (
    SOF_TIMESTAMPING_TX_SCHED
    | SOF_TIMESTAMPING_TX_SOFTWARE
    | SOF_TIMESTAMPING_TX_ACK
    | SOF_TIMESTAMPING_SOFTWARE
    | SOF_TIMESTAMPING_OPT_ID
)
MS = 1_000


@pytest.fixture
def world() -> World:
    return World(chosen=personality("linux"))


def timed(world: World, flags: int = ALL) -> int:
    """An established connection whose sends are timed."""
    fd = world.established()
    assert world.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, flags).value == 0
    return fd


def times(world: World, fd: int) -> list[tuple[int, int, int]]:
    """Everything in the error queue: kind, number of the octet, microseconds."""
    found: list[tuple[int, int, int]] = []
    while True:
        result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=200, flags=MSG_ERRQUEUE)
        if result.value < 0:
            assert result.errno == EAGAIN
            return found
        time, error = result.control
        assert (time.level, time.type) == (SOL_SOCKET, SCM_TIMESTAMPING)
        what = ExtendedError.unpack(error.data)
        assert (what.errno, what.origin, what.type, what.code) == (ENOMSG, SO_EE_ORIGIN_TIMESTAMPING, 0, 0)
        seconds, nanoseconds = unpack("<2q", time.data[:16])
        found.append((what.info, what.data, seconds * 1_000_000 + nanoseconds // 1000))


def test_a_send_is_told_when_it_is_queued_sent_and_acknowledged(world: World) -> None:
    fd = timed(world)
    world.now += 10 * MS
    world.write(fd, 100)
    world.now += 20 * MS
    world.inject(". 1:1(0) ack 101")
    assert times(world, fd) == [
        (SCM_TSTAMP_SCHED, 99, 10 * MS),
        (SCM_TSTAMP_SND, 99, 10 * MS),
        (SCM_TSTAMP_ACK, 99, 30 * MS),
    ]


def test_only_the_last_octet_of_a_send_of_several_packets_is_timed(world: World) -> None:
    fd = timed(world, ALL & ~SOF_TIMESTAMPING_TX_SCHED)
    world.write(fd, 30_000)
    world.now += 20 * MS
    world.inject(". 1:1(0) ack 14601")
    world.now += 20 * MS
    world.inject(". 1:1(0) ack 30001")
    assert [(kind, key) for kind, key, _ in times(world, fd)] == [(SCM_TSTAMP_SND, 29_999), (SCM_TSTAMP_ACK, 29_999)]


def test_a_send_that_was_taken_in_part_is_timed_by_what_was_taken(world: World) -> None:
    fd = world.nonblocking(timed(world))
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 1)
    taken = world.write(fd, 100_000).value
    assert 0 < taken < 100_000
    for ack in (14_601, 43_801, taken + 1):  # windows of ten, twenty and forty segments
        world.inject(f". 1:1(0) ack {ack}")
    assert {key for _, key, _ in times(world, fd)} == {taken - 1}


def test_a_retransmission_is_told_like_the_first_transmission(world: World) -> None:
    fd = timed(world, ALL & ~SOF_TIMESTAMPING_TX_ACK)
    world.write(fd, 100)
    world.advance(300 * MS)
    kinds = [kind for kind, _, _ in times(world, fd)]
    assert kinds == [SCM_TSTAMP_SCHED, SCM_TSTAMP_SND] * 2


def test_a_send_that_joins_the_buffer_of_the_one_before_takes_its_place(world: World) -> None:
    fd = timed(world)
    world.write(fd, 10)
    for _ in range(2):  # Nagle holds these back, in one buffer
        world.write(fd, 10)
    world.inject(". 1:1(0) ack 11")
    assert {key for _, key, _ in times(world, fd)} == {9, 29}


@pytest.mark.parametrize(("extra", "first"), [(0, 10), (SOF_TIMESTAMPING_OPT_ID_TCP, 0)])
def test_octets_are_numbered_from_the_unacknowledged_or_the_unsent_one(world: World, extra: int, first: int) -> None:
    fd = world.established()
    world.write(fd, 10)
    world.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, ALL | extra)
    world.write(fd, 1)
    world.inject(". 1:1(0) ack 11")
    world.inject(". 1:1(0) ack 12")
    assert {key for _, key, _ in times(world, fd)} == {first}


def test_without_numbers_the_key_is_zero_and_without_software_there_is_no_time(world: World) -> None:
    fd = timed(world, SOF_TIMESTAMPING_TX_SOFTWARE)
    world.write(fd, 100)
    result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=200, flags=MSG_ERRQUEUE)
    (error,) = result.control
    assert ExtendedError.unpack(error.data).data == 0


def test_the_packet_comes_along_unless_only_times_are_wanted(world: World) -> None:
    fd = timed(world, ALL)
    world.write(fd, 10)
    result = world.call("recvmsg", fd=fd, sizes=(100,), control_size=200, flags=MSG_ERRQUEUE)
    assert (result.value, result.data[-10:], result.msg_flags) == (50, bytes(10), MSG_ERRQUEUE)
    result = world.call("recvmsg", fd=fd, sizes=(4,), control_size=200, flags=MSG_ERRQUEUE)
    assert (result.value, result.msg_flags) == (4, MSG_ERRQUEUE | MSG_TRUNC)
    world.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, ALL | SOF_TIMESTAMPING_OPT_TSONLY)
    world.inject(". 1:1(0) ack 11")
    result = world.call("recvmsg", fd=fd, sizes=(0,), control_size=200, flags=MSG_ERRQUEUE)
    assert (result.value, result.msg_flags) == (0, MSG_ERRQUEUE)


def test_a_control_buffer_that_ends_inside_a_message_gets_the_beginning_of_it(world: World) -> None:
    fd = timed(world, SOF_TIMESTAMPING_TX_SOFTWARE)
    world.write(fd, 100)
    result = world.call("recvmsg", fd=fd, sizes=(500,), control_size=20, flags=MSG_ERRQUEUE)
    assert [len(each.data) for each in result.control] == [4]
    assert result.msg_flags == MSG_ERRQUEUE | MSG_CTRUNC


@pytest.mark.parametrize(
    ("flags", "errno"),
    [
        (1 << 19, EINVAL),
        (SOF_TIMESTAMPING_OPT_ID_TCP, EINVAL),
        (SOF_TIMESTAMPING_OPT_STATS, EINVAL),
        (SOF_TIMESTAMPING_BIND_PHC, EOPNOTSUPP),
    ],
)
def test_flags_that_mean_nothing_are_refused(world: World, flags: int, errno: int) -> None:
    assert world.setsockopt(world.established(), SOL_SOCKET, SO_TIMESTAMPING, flags).errno == errno


def test_octets_cannot_be_numbered_without_a_connection(world: World) -> None:
    for fd in (world.socket(), world.listen()):
        assert world.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_OPT_ID).errno == EINVAL
        assert world.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE).value == 0


def test_the_flags_come_back(world: World) -> None:
    fd = timed(world)
    assert world.getsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING) == ALL


@pytest.mark.parametrize("flag", [SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_OPT_STATS])
def test_what_is_not_there_is_named(world: World, flag: int) -> None:
    with pytest.raises(NotModelled, match="SOF_TIMESTAMPING_"):
        world.setsockopt(world.established(), SOL_SOCKET, SO_TIMESTAMPING, flag | SOF_TIMESTAMPING_OPT_TSONLY)
