"""What makes script times keep to the kernel's: the ticks, sockets without detours, sends without threads."""

import os
import socket
import time

import pytest

from targets import calls
from targets.base import Completion
from targets.kernel import clock
from targets.kernel.room import finds_room
from targets.kernel.target import KernelTarget
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import IPV4, do, established

pytestmark = pytest.mark.needs_kernel

NO_LOWAT = 2**32 - 1
MUCH = 50_000_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is shown the ticks")
def test_the_watched_tick_is_the_one_that_the_kernel_shows() -> None:
    period, phase = clock.tick()
    # What is watched is the clock that the tick has moved on, a little later.
    assert (clock._watched_tick() - phase) % period < period // 4


def test_a_script_begins_shortly_after_a_tick(opened: Opener) -> None:
    target = opened()
    period, phase = clock.tick()
    target.begin()
    assert (time.monotonic_ns() - phase) % period < period // 2


def test_sockets_are_made_in_the_namespace_under_test(opened: Opener) -> None:
    target = opened()
    made = do(target, calls.Socket(socket.AF_INET, socket.SOCK_STREAM, 0))
    with socket.socket(fileno=os.dup(made.value)) as inside:
        inside.bind((IPV4.local_ip, 0))  # an address that only that namespace has
    with socket.socket() as outside, pytest.raises(OSError, match="Cannot assign"):
        outside.bind((IPV4.local_ip, 0))


def test_errors_of_socket_come_through(opened: Opener) -> None:
    result = do(opened(), calls.Socket(socket.AF_INET, 77, 0))
    assert (result.value, os.strerror(result.errno)) == (-1, "Invalid argument")


def sends(fd: int, octets: int) -> calls.Write:
    return calls.Write(fd, b"", octets)


def connected(target: KernelTarget) -> int:
    return established(target)[0]


def test_a_small_send_on_a_connection_finds_room_and_a_large_one_may_not(opened: Opener) -> None:
    fd = connected(opened())
    assert finds_room(sends(fd, 1000), NO_LOWAT)
    assert not finds_room(sends(fd, MUCH), NO_LOWAT)


def test_nothing_finds_room_above_the_low_water_mark_or_where_that_is_unknown(opened: Opener) -> None:
    fd = connected(opened())
    assert not finds_room(sends(fd, 1000), 1000)
    assert not finds_room(sends(fd, 1000), None)


def test_a_socket_that_is_no_connection_promises_no_room(opened: Opener) -> None:
    made = do(opened(), calls.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0))
    assert not finds_room(sends(made.value, 10), NO_LOWAT)


def test_a_write_that_waits_does_not_hold_the_script_up(opened: Opener) -> None:
    target = opened()
    handle = target.call(calls.Write(connected(target), bytes(MUCH), MUCH))
    while (happening := target.poll(target.now() + 50_000)) is not None:
        assert not isinstance(happening, Completion), f"{handle} has returned although nobody has read"
