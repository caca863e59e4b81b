"""poll and epoll: which events, and when a wait ends (poll(2), epoll(7), measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno
from reference_stack.host.values import Event
from tests.reference_stack.host.world import SECOND, World
from wire.abi import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLONESHOT,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    SO_SNDBUF,
    SOL_SOCKET,
    SOL_TCP,
    TCP_NOTSENT_LOWAT,
)

ALL = POLLIN | POLLPRI | POLLOUT | POLLRDHUP


class Entry:
    def __init__(self, fd: int, events: int = ALL) -> None:
        self.fd, self.events = fd, events


class Interest:
    def __init__(self, events: int, data: int = 0) -> None:
        self.events, self.data = events, data


def events_of(world: World, fd: int) -> int:
    return world.call("poll", entries=(Entry(fd),), timeout_ms=0).revents[0]


# ---------------------------------------------------------------- poll


def test_a_fresh_socket_hangs_up(world: World) -> None:
    # Linux, tcp_poll: a closed socket is writable and hung up.
    assert events_of(world, world.socket()) == POLLOUT | POLLHUP


def test_a_listener_is_readable_with_a_connection_to_accept(world: World) -> None:
    listener = world.listen()
    assert events_of(world, listener) == 0
    world.handshake()
    assert events_of(world, listener) == POLLIN
    world.accept(listener)
    assert events_of(world, listener) == 0


def test_an_idle_connection_is_writable(world: World) -> None:
    assert events_of(world, world.established()) == POLLOUT


def test_a_connection_under_way_is_not_ready(world: World) -> None:
    fd = world.connecting()
    assert events_of(world, fd) == 0
    world.inject("S. 0:0(0) ack 1")
    assert events_of(world, fd) == POLLOUT


def test_a_refused_connection_is_an_error_and_a_hang_up(world: World) -> None:
    fd = world.connecting()
    world.inject("R. 0:0(0) ack 1")
    assert events_of(world, fd) & (POLLERR | POLLHUP | POLLOUT) == POLLERR | POLLHUP | POLLOUT


def test_data_and_the_end_are_readable(world: World) -> None:
    fd = world.established()
    world.inject("P. 1:4(3) ack 1")
    assert events_of(world, fd) == POLLIN | POLLOUT
    world.read(fd)
    assert events_of(world, fd) == POLLOUT
    world.inject("F. 4:4(0) ack 1")
    assert events_of(world, fd) == POLLIN | POLLOUT | POLLRDHUP


def test_both_directions_shut_are_a_hang_up(world: World) -> None:
    fd = world.established()
    world.call("shutdown", fd=fd, how=2)
    assert events_of(world, fd) == POLLIN | POLLOUT | POLLRDHUP | POLLHUP


def test_a_reset_is_an_error(world: World) -> None:
    fd = world.established()
    world.inject("R 1:1(0)")
    assert events_of(world, fd) == POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR


def test_a_full_send_buffer_is_not_writable(world: World) -> None:
    # LINUX-SEND-B-5: POLLOUT is clear after a short count.
    fd = world.nonblocking(world.established(window=0))
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 10_000)
    assert world.write(fd, 20_000).value == 10_000
    assert events_of(world, fd) == 0


def test_unsent_data_above_the_low_water_mark_is_not_writable(world: World) -> None:
    # TCP_NOTSENT_LOWAT: writable while fewer unsent octets are queued.
    fd = world.established(window=0)
    world.setsockopt(fd, SOL_TCP, TCP_NOTSENT_LOWAT, 100)
    world.write(fd, 99)
    assert events_of(world, fd) == POLLOUT
    world.write(fd, 1)
    assert events_of(world, fd) == 0


def test_urgent_data_is_exceptional(world: World) -> None:
    # Measured (URG-8 and URG-9): POLLPRI once the octet is there, not while only the pointer is known.
    fd = world.established()
    world.inject("P.U 1:3(2) ack 1", payload=b"ab", urgent=3)
    assert not events_of(world, fd) & POLLPRI
    world.inject("P. 3:4(1) ack 1", payload=b"c")
    assert events_of(world, fd) & POLLPRI
    world.call("recv", fd=fd, count=1, flags=1, null_buffer=False)
    assert not events_of(world, fd) & POLLPRI


def test_poll_reports_only_what_was_asked_for_and_always_errors(world: World) -> None:
    fd = world.established()
    assert world.call("poll", entries=(Entry(fd, POLLIN),), timeout_ms=0).value == 0
    world.inject("R 1:1(0)")
    assert world.call("poll", entries=(Entry(fd, 0),), timeout_ms=0).revents == (POLLERR | POLLHUP,)


def test_poll_knows_bad_and_negative_descriptors(world: World) -> None:
    result = world.call("poll", entries=(Entry(99), Entry(-1)), timeout_ms=0)
    assert (result.value, result.revents) == (1, (POLLNVAL, 0))


def test_poll_waits_for_an_event(world: World) -> None:
    fd = world.established()
    call = world.start("poll", entries=(Entry(fd, POLLIN),), timeout_ms=-1)
    world.now = 55
    world.inject("P. 1:4(3) ack 1")
    assert (world.results[call][0], world.results[call][1].revents) == (55, (POLLIN,))


def test_poll_gives_up_at_its_timeout(world: World) -> None:
    call = world.start("poll", entries=(Entry(world.established(), POLLIN),), timeout_ms=200)
    world.advance(SECOND)
    assert (world.results[call][0], world.results[call][1].value) == (200_000, 0)
    assert world.results[call][1].revents == (0,)


# ---------------------------------------------------------------- epoll


def epoll(world: World, fd: int, events: int, data: int = 7) -> int:
    instance = world.call("epoll_create", size=1).value
    control(world, instance, EPOLL_CTL_ADD, fd, events, data)
    return instance


def control(world: World, instance: int, operation: int, fd: int, events: int = 0, data: int = 7) -> int:
    event = Interest(events, data)
    return world.call("epoll_ctl", epfd=instance, operation=operation, fd=fd, event=event).errno


def ready(world: World, instance: int) -> tuple[Event, ...]:
    return world.call("epoll_wait", epfd=instance, max_events=5, timeout_ms=0).events


def test_level_triggered_epoll_reports_as_long_as_it_is_so(world: World) -> None:
    fd = world.established()
    instance = epoll(world, fd, POLLIN)
    assert ready(world, instance) == ()
    world.inject("P. 1:4(3) ack 1")
    assert [ready(world, instance), ready(world, instance)] == [(Event(POLLIN, 7),)] * 2
    world.read(fd)
    assert ready(world, instance) == ()


def test_edge_triggered_epoll_reports_each_arrival_once(world: World) -> None:
    fd = world.established()
    instance = epoll(world, fd, POLLIN | EPOLLET)
    world.inject("P. 1:4(3) ack 1")
    assert [ready(world, instance), ready(world, instance)] == [(Event(POLLIN, 7),), ()]
    world.inject("P. 4:7(3) ack 1")
    assert [ready(world, instance), ready(world, instance)] == [(Event(POLLIN, 7),), ()]


def test_one_shot_epoll_reports_once_until_it_is_armed_again(world: World) -> None:
    fd = world.established()
    instance = epoll(world, fd, POLLIN | EPOLLONESHOT)
    world.inject("P. 1:4(3) ack 1")
    assert [ready(world, instance), ready(world, instance)] == [(Event(POLLIN, 7),), ()]
    assert control(world, instance, EPOLL_CTL_MOD, fd, POLLIN | EPOLLONESHOT, 8) == 0
    assert ready(world, instance) == (Event(POLLIN, 8),)


def test_epoll_wait_waits(world: World) -> None:
    fd = world.established()
    instance = epoll(world, fd, POLLIN)
    call = world.start("epoll_wait", epfd=instance, max_events=5, timeout_ms=-1)
    late = world.start("epoll_wait", epfd=epoll(world, fd, POLLPRI), max_events=5, timeout_ms=100)
    world.inject("P. 1:4(3) ack 1")
    assert world.results[call][1].events == (Event(POLLIN, 7),)
    world.advance(SECOND)
    assert (world.results[late][0], world.results[late][1].value) == (100_000, 0)


def test_epoll_ctl_refuses_what_makes_no_sense(world: World) -> None:
    fd, other = world.established(), world.socket()
    instance = epoll(world, fd, POLLIN)
    assert control(world, instance, EPOLL_CTL_ADD, fd) == Errno.EEXIST
    assert control(world, instance, EPOLL_CTL_MOD, other) == Errno.ENOENT
    assert control(world, instance, EPOLL_CTL_DEL, other) == Errno.ENOENT
    assert control(world, instance, 99, fd) == Errno.EINVAL
    assert control(world, instance, EPOLL_CTL_ADD, instance) == Errno.EINVAL
    assert control(world, instance, EPOLL_CTL_MOD, fd, EPOLLEXCLUSIVE) == Errno.EINVAL
    assert control(world, fd, EPOLL_CTL_ADD, other) == Errno.EINVAL
    assert control(world, instance, EPOLL_CTL_ADD, 99) == Errno.EBADF


def test_a_removed_or_closed_descriptor_reports_nothing(world: World) -> None:
    fd = world.established()
    instance = epoll(world, fd, POLLOUT)
    assert control(world, instance, EPOLL_CTL_DEL, fd) == 0
    assert ready(world, instance) == ()
    control(world, instance, EPOLL_CTL_ADD, fd, POLLOUT)
    world.call("close", fd=fd)
    assert ready(world, instance) == ()


@pytest.mark.parametrize("maximum", [0, -1])
def test_epoll_wait_wants_room_for_an_event(world: World, maximum: int) -> None:
    instance = world.call("epoll_create", size=1).value
    assert world.errno("epoll_wait", epfd=instance, max_events=maximum, timeout_ms=0) == Errno.EINVAL
    assert world.errno("epoll_create", size=0) == Errno.EINVAL
