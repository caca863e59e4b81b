"""shutdown, close, SO_LINGER, resets (RFC 9293 3.10.4 and 3.10.5, RFC 2525 2.17, socket(7), measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno
from tests.reference_stack.host.world import SECOND, World
from wire.abi import SHUT_RD, SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET, pack_linger
from wire.options import Mss, Timestamps


def linger(world: World, fd: int, seconds: int) -> None:
    value = pack_linger(1, seconds)
    assert world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=SO_LINGER, value=value, size=8).value == 0


def shutdown(world: World, fd: int, how: int) -> int:
    result = world.call("shutdown", fd=fd, how=how)
    return -result.errno


# ---------------------------------------------------------------- shutdown


def test_shutdown_for_writing_sends_a_fin_after_the_data(any_family: World) -> None:
    world = any_family
    fd = world.established()
    world.write(fd, 100)
    assert shutdown(world, fd, SHUT_WR) == 0
    assert world.sent() == ["P. 1:101(100) ack 1", "F. 101:101(0) ack 1"]


def test_after_shutdown_writing_fails_and_reading_goes_on(world: World) -> None:
    # BUSYBOX-TCP-SHUT-6.
    fd = world.established()
    shutdown(world, fd, SHUT_WR)
    assert world.errno("write", fd=fd, data=b"x", count=1) == Errno.EPIPE
    world.inject("P. 1:6(5) ack 2")
    assert world.read(fd).value == 5


def test_shutdown_for_reading_ends_reads_and_sends_nothing(world: World) -> None:
    # Measured (ERR-8): read gives 0; data that comes later is still acknowledged and readable.
    fd = world.established()
    assert shutdown(world, fd, SHUT_RD) == 0
    assert world.read(fd).value == 0
    assert world.sent() == []
    world.inject("P. 1:6(5) ack 1")
    world.advance(SECOND)
    assert world.sent() == [". 1:1(0) ack 6"]
    assert world.read(fd).value == 5


def test_shutdown_wakes_a_blocked_read(world: World) -> None:
    fd = world.established()
    call = world.start("read", fd=fd, count=1, null_buffer=False)
    shutdown(world, fd, SHUT_RD)
    assert world.results[call][1].value == 0


def test_shutdown_refuses_what_is_not_connected_and_odd_arguments(world: World) -> None:
    assert world.errno("shutdown", fd=world.socket(), how=SHUT_WR) == Errno.ENOTCONN
    assert world.errno("shutdown", fd=world.established(), how=3) == Errno.EINVAL


def test_shutdown_twice_sends_one_fin(world: World) -> None:
    fd = world.established()
    shutdown(world, fd, SHUT_WR)
    assert shutdown(world, fd, SHUT_RDWR) == 0
    assert world.sent() == ["F. 1:1(0) ack 1"]


def test_shutdown_of_a_listener_for_reading_ends_listening(world: World) -> None:
    listener = world.listen()
    assert shutdown(world, listener, SHUT_WR) == 0
    assert shutdown(world, listener, SHUT_RD) == 0
    world.inject("S 0:0(0)")
    assert world.sent() == ["R. 0:0(0) ack 1"]


def test_shutdown_while_connecting_gives_the_attempt_up(world: World) -> None:
    fd = world.connecting()
    assert shutdown(world, fd, SHUT_RDWR) == 0
    world.inject("S. 0:0(0) ack 1")
    assert world.sent() == ["R 1:1(0)"]


# ---------------------------------------------------------------- close


def test_close_sends_a_fin(any_family: World) -> None:
    world = any_family
    fd = world.established()
    assert world.call("close", fd=fd).value == 0
    assert world.sent() == ["F. 1:1(0) ack 1"]
    assert world.errno("close", fd=fd) == Errno.EBADF


def test_both_sides_close_and_nothing_is_left(world: World) -> None:
    fd = world.established()
    world.inject("F. 1:1(0) ack 1")
    assert world.read(fd).value == 0
    world.call("close", fd=fd)
    world.sent()
    world.inject(". 2:2(0) ack 2")
    assert world.sent() == []
    # LAST-ACK is over: a further segment finds nobody (RFC 9293, 3.10.7.1).
    world.inject("P. 2:3(1) ack 2")
    assert world.sent() == ["R 2:2(0)"]


def test_close_with_unread_data_resets(world: World) -> None:
    # RFC 2525 2.17; RFC 9293, SHLD-3; measured (BUSYBOX-TCP-CLOSE-4): R. at once.
    fd = world.established()
    world.inject("P. 1:7(6) ack 1")
    world.sent()
    world.call("close", fd=fd)
    assert [text[0] for text in world.sent()] == ["R"]


def test_data_that_arrives_after_close_is_reset(world: World) -> None:
    # RFC 9293, 3.6.1: "its TCP SHOULD send a RST to show that data was lost"; the connection is gone.
    fd = world.established()
    world.call("close", fd=fd)
    world.sent()
    world.inject("P. 1:3(2) ack 1")
    assert [text[0] for text in world.sent()] == ["R"]
    world.inject("P. 1:3(2) ack 1")
    assert world.sent() == ["R 1:1(0)"]


def test_a_half_open_connection_dies_with_its_listener_in_silence(world: World) -> None:
    listener = world.listen()
    world.inject("S 0:0(0)")
    world.sent()
    world.call("close", fd=listener)
    assert world.sent() == []
    world.inject(". 1:1(0) ack 1")
    assert world.sent() == ["R 1:1(0)"]


def test_connections_that_nobody_accepted_are_reset_with_their_listener(world: World) -> None:
    listener = world.listen()
    world.handshake()
    world.sent()
    world.call("close", fd=listener)
    assert [text[0] for text in world.sent()] == ["R"]


def test_accepted_connections_outlive_their_listener(world: World) -> None:
    fd = world.established()
    world.call("close", fd=3)
    assert world.write(fd, 1).value == 1
    assert world.sent() == ["P. 1:2(1) ack 1"]


def test_a_port_is_free_again_when_all_is_over(world: World) -> None:
    fd = world.established()
    world.call("close", fd=3)
    assert world.errno("bind", fd=world.socket(), address=world.address()) == Errno.EADDRINUSE
    world.inject("R 1:1(0)")
    world.call("close", fd=fd)
    assert world.call("bind", fd=world.socket(), address=world.address()).value == 0


def test_close_while_connecting_forgets_the_attempt(world: World) -> None:
    fd = world.connecting()
    world.call("close", fd=fd)
    world.advance(10 * SECOND)
    assert world.sent() == []


# ---------------------------------------------------------------- SO_LINGER


def test_linger_zero_resets(world: World) -> None:
    fd = world.established()
    linger(world, fd, 0)
    world.call("close", fd=fd)
    assert [text[0] for text in world.sent()] == ["R"]


@pytest.mark.parametrize("is_nonblocking", [False, True])
def test_lingering_close_returns_when_everything_is_acknowledged(world: World, is_nonblocking: bool) -> None:
    # Measured (BUSYBOX-TCP-LINGER-1, 4 and 5): data and FIN; a non-blocking socket waits too.
    fd = world.established()
    if is_nonblocking:
        world.nonblocking(fd)
    linger(world, fd, 5)
    world.write(fd, 100)
    call = world.start("close", fd=fd)
    world.inject(". 1:1(0) ack 101")
    assert world.result(call) is None
    world.now = 100_000
    world.inject(". 1:1(0) ack 102")
    assert (world.results[call][0], world.results[call][1].value) == (100_000, 0)


def test_lingering_close_ends_after_its_time_and_the_data_is_still_delivered(world: World) -> None:
    # Measured (BUSYBOX-TCP-LINGER-2): 2 s; the connection stays in FIN-WAIT-1.
    fd = world.established(window=0)
    linger(world, fd, 2)
    world.write(fd, 100)
    call = world.start("close", fd=fd)
    world.advance(3 * SECOND)
    assert (world.results[call][0], world.results[call][1].value) == (2 * SECOND, 0)
    world.sent()
    world.inject(". 1:1(0) ack 1 win 1000")
    assert world.sent()[-1].startswith("FP. 1:101(100)")


def test_linger_does_not_protect_from_the_reset_of_unread_data(world: World) -> None:
    # Measured (BUSYBOX-TCP-LINGER-7): RST, close returns at once.
    fd = world.established()
    linger(world, fd, 2)
    world.inject("P. 1:7(6) ack 1")
    world.sent()
    assert world.call("close", fd=fd).value == 0
    assert [text[0] for text in world.sent()] == ["R"]


def test_shutdown_does_not_linger(world: World) -> None:
    # Measured (BUSYBOX-TCP-LINGER-3): shutdown returns at once, only close waits.
    fd = world.established()
    linger(world, fd, 2)
    world.write(fd, 100)
    assert shutdown(world, fd, SHUT_WR) == 0


# ---------------------------------------------------------------- TIME-WAIT


def in_time_wait(world: World) -> int:
    """A connection that we closed first, both FINs acknowledged; returns its local ISN."""
    fd = world.established()
    world.call("close", fd=fd)
    world.inject("F. 1:1(0) ack 2")
    world.sent()
    return world.local_isn


def test_a_newer_syn_reopens_a_connection_in_time_wait(world: World) -> None:
    # RFC 9293, 3.6.1 (MAY-2) and RFC 6191: accepted from the listener, with an ISN above the old numbers.
    old_isn = in_time_wait(world)
    world.remote_isn = 1_000_000
    world.inject("S 0:0(0)")
    assert world.sent() == ["S. 0:0(0) ack 1"]
    assert 0 < (world.local_isn - old_isn) % 2**32 < 2**31
    world.inject(". 1:1(0) ack 1")
    assert world.accept(3) >= 4


def test_on_linux_the_reopened_connection_begins_just_above_the_old_numbers(linux: World) -> None:
    # Measured (tcp_tw_reuse-2): the old SND.NXT + 65537.
    old_isn = in_time_wait(linux)
    linux.remote_isn = 1_000_000
    linux.inject("S 0:0(0)")
    assert (linux.local_isn - (old_isn + 2)) % 2**32 == 65_537


def test_an_older_syn_does_not_reopen_it(world: World) -> None:
    # RFC 9293, 3.10.7.4, fourth check in TIME-WAIT: an ACK says what is expected.
    in_time_wait(world)
    world.inject("S 0:0(0)")
    assert world.sent() == [". 2:2(0) ack 2"]


def test_without_a_listener_time_wait_stays(world: World) -> None:
    in_time_wait(world)
    world.call("close", fd=3)
    world.remote_isn = 1_000_000
    world.inject("S 0:0(0)")
    assert [text[0] for text in world.sent()] == ["."]


def test_tcp_max_tw_buckets_bounds_the_connections_in_time_wait(world: World) -> None:
    # Measured (tcp_max_tw_buckets-2): beyond the limit the connection is gone at once; a repeated FIN meets a reset.
    world.host.shell("sysctl -q net.ipv4.tcp_max_tw_buckets=0", now=0)
    in_time_wait(world)
    world.inject("F. 1:1(0) ack 2")
    assert world.sent() == ["R 2:2(0)"]


def closed_actively_with_timestamps(world: World) -> int:
    """One port only: connect with timestamps and close first, so that it stays in TIME-WAIT; returns SND.NXT."""
    world.host.shell("sysctl -q net.ipv4.ip_local_port_range='50000 50000'", now=0)
    fd = world.connecting()
    world.inject("S. 0:0(0) ack 1", options=(Mss(1460), Timestamps(1, 0)))
    world.call("close", fd=fd)
    world.inject("F. 1:1(0) ack 2", options=(Timestamps(2, 0),))
    world.sent()
    return world.local_isn + 2


@pytest.mark.parametrize(
    ("reuse", "wait_us", "is_reused"), [(1, 1_300_000, True), (1, 900_000, False), (0, 10**7, False)]
)
def test_tcp_tw_reuse_takes_a_time_wait_over_after_a_second(
    world: World, reuse: int, wait_us: int, is_reused: bool
) -> None:
    # Measured (tcp_tw_reuse-2 and 3): a SYN above the old numbers after 1.3 s, else EADDRNOTAVAIL.
    old_next = closed_actively_with_timestamps(world)
    world.host.shell(f"sysctl -q net.ipv4.tcp_tw_reuse={reuse}", now=world.now)
    world.advance(wait_us)
    fd = world.nonblocking(world.socket())
    errno = world.errno("connect", fd=fd, address=world.peer_address())
    assert errno == (Errno.EINPROGRESS if is_reused else Errno.EADDRNOTAVAIL)
    if is_reused:
        assert 0 < (world.local_isn - old_next) % 2**32 < 2**31


def test_an_orphan_above_the_limit_is_reset(world: World) -> None:
    # tcp(7), tcp_max_orphans: "the orphaned connections are reset and a warning is printed".
    assert world.host.shell("sysctl -w net.ipv4.tcp_max_orphans=0", now=world.now).status == 0
    fd = world.established()
    world.call("close", fd=fd)
    assert world.sent() == ["F. 1:1(0) ack 1", "R 2:2(0)"]
    assert world.host.log == ["TCP: too many orphaned sockets"]


def test_an_orphan_within_the_limit_lives_on(world: World) -> None:
    fd = world.established()
    world.call("close", fd=fd)
    assert world.sent() == ["F. 1:1(0) ack 1"]
    assert world.host.log == []
