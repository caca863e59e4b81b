"""fcntl and ioctl on sockets (fcntl(2), tcp(7) Ioctls, measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno, NotModelled
from tests.reference_stack.host.world import World
from wire.abi import (
    F_GETFD,
    F_GETFL,
    F_GETOWN,
    F_SETFD,
    F_SETFL,
    F_SETOWN,
    FIONBIO,
    O_NONBLOCK,
    O_RDWR,
    SIOCATMARK,
    SIOCINQ,
    SIOCOUTQ,
    SIOCOUTQNSD,
    SIOCSPGRP,
    pack_int,
    unpack_int,
)


def fcntl(world: World, fd: int, command: int, argument: int | None = None) -> int:
    return world.call("fcntl", fd=fd, command=command, argument=argument).value


def number(world: World, fd: int, request: int) -> int:
    result = world.call("ioctl", fd=fd, request=request, argument=bytes(4))
    return unpack_int(result.optval) if result.value == 0 else -result.errno


def test_fcntl_sets_and_clears_o_nonblock(world: World) -> None:
    fd = world.socket()
    assert fcntl(world, fd, F_GETFL) == O_RDWR
    assert fcntl(world, fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0
    assert fcntl(world, fd, F_GETFL) == O_RDWR | O_NONBLOCK
    fcntl(world, fd, F_SETFL, O_RDWR)
    assert fcntl(world, fd, F_GETFL) == O_RDWR


def test_fcntl_keeps_descriptor_flags_and_owner(world: World) -> None:
    fd = world.socket()
    assert [fcntl(world, fd, F_SETFD, 1), fcntl(world, fd, F_SETOWN, 77), fcntl(world, fd, F_GETOWN)] == [0, 0, 77]
    assert fcntl(world, fd, F_GETFD) in (0, 1)
    with pytest.raises(NotModelled, match="fcntl command 1031"):
        fcntl(world, fd, 1031, 4096)


def test_fionbio_is_o_nonblock_too(world: World) -> None:
    fd = world.established()
    world.call("ioctl", fd=fd, request=FIONBIO, argument=pack_int(1))
    assert world.errno("read", fd=fd, count=1, null_buffer=False) == Errno.EAGAIN


def test_siocinq_counts_unread_octets_and_no_fin(world: World) -> None:
    # Measured (SIOCINQ-1): 700, then 500; a FIN is not counted.
    fd = world.established()
    world.inject("P. 1:701(700) ack 1")
    assert number(world, fd, SIOCINQ) == 700
    world.read(fd, 200)
    world.inject("F. 701:701(0) ack 1")
    assert number(world, fd, SIOCINQ) == 500


def test_siocoutq_counts_unacknowledged_and_siocoutqnsd_unsent_octets(world: World) -> None:
    # Measured (SIOCOUTQ-1): 3000 and 2000 unsent; after an ACK of 1000 both 2000.
    fd = world.established(window=1000)
    world.write(fd, 3000)
    assert [number(world, fd, SIOCOUTQ), number(world, fd, SIOCOUTQNSD)] == [3000, 2000]
    world.inject(". 1:1(0) ack 1001 win 0")
    assert [number(world, fd, SIOCOUTQ), number(world, fd, SIOCOUTQNSD)] == [2000, 2000]


def test_a_queued_fin_counts_as_one_octet_until_it_is_acknowledged(world: World) -> None:
    # Measured (SIOCOUTQ-1): 100 octets and a FIN are 101.
    fd = world.established()
    world.write(fd, 100)
    world.call("shutdown", fd=fd, how=1)
    assert number(world, fd, SIOCOUTQ) == 101
    world.inject(". 1:1(0) ack 102")
    assert number(world, fd, SIOCOUTQ) == 0


def test_queue_sizes_of_sockets_without_a_connection(world: World) -> None:
    # Measured (SIOCINQ-2, SIOCOUTQ-2): EINVAL in LISTEN, 0 on unconnected and connecting sockets.
    listener = world.listen()
    for request in (SIOCINQ, SIOCOUTQ):
        assert number(world, listener, request) == -Errno.EINVAL
        assert number(world, world.socket(), request) == 0
        assert number(world, world.connecting(), request) == 0


def test_siocatmark_finds_the_urgent_mark(world: World) -> None:
    # Measured (SIOCATMARK-1 to 4): 0, a read stops at the mark, then nonzero; 0 on a listener.
    fd = world.established()
    world.inject("P.U 1:11(10) ack 1", payload=b"11122X3344", urgent=6)
    assert number(world, fd, SIOCATMARK) == 0
    assert world.read(fd, 100).data == b"11122"
    assert number(world, fd, SIOCATMARK) == 1
    assert world.read(fd, 100).data == b"3344"
    assert number(world, 3, SIOCATMARK) == 0


@pytest.mark.parametrize("number_", [SIOCINQ, FIONBIO, SIOCSPGRP])
def test_an_ioctl_without_memory_for_its_number_fails(world: World, number_: int) -> None:
    fd = world.established()
    result = world.call("ioctl", fd=fd, request=number_, argument=None)
    assert (result.value, result.errno) == (-1, Errno.EFAULT)  # ioctl(2), measured on Linux 6.18


def test_an_owner_can_be_set_and_odd_requests_are_named(world: World) -> None:
    fd = world.socket()
    assert world.call("ioctl", fd=fd, request=SIOCSPGRP, argument=pack_int(9)).value == 0
    assert fcntl(world, fd, F_GETOWN) == 9
    with pytest.raises(NotModelled, match="0x8912"):
        world.call("ioctl", fd=fd, request=0x8912, argument=None)
