"""Segments that a differential run found different from Linux 6.18.44, with the numbers that were measured there."""

import pytest

from reference_stack.personality import personality
from tests.reference_stack.host.world import World
from wire.abi import IPPROTO_TCP, TCP_DEFER_ACCEPT, TCP_QUICKACK
from wire.options import Mss, SackPermitted, Timestamps, WindowScale
from wire.tcp import ACK, SYN, TcpSegment


@pytest.fixture
def linux() -> World:
    return World(chosen=personality("linux"))


def segments(world: World) -> list[TcpSegment]:
    """Return what was sent since the last question."""
    return [packet.body for packet in world.sent_packets() if isinstance(packet.body, TcpSegment)]


def accepted(world: World) -> int:
    """Return a descriptor of an accepted connection whose peer offered nothing but an MSS of 1000."""
    listener = world.socket()
    world.call("bind", fd=listener, address=world.address())
    world.call("listen", fd=listener, backlog=1)
    world.inject("S 0:0(0)", options=(Mss(1000),))
    world.inject(". 1:1(0) ack 1")
    world.sent()
    return world.call("accept", fd=listener).value


def test_the_reset_of_a_close_with_unread_data_carries_the_window(linux: World) -> None:
    fd = accepted(linux)
    linux.inject("P. 1:7(6) ack 1")
    linux.sent()
    linux.call("close", fd=fd)
    (reset,) = segments(linux)
    assert (reset.flags & 4, reset.window) == (4, 64_234)


def test_an_orphan_in_fin_wait_2_repeats_its_window(linux: World) -> None:
    fd = accepted(linux)
    linux.call("close", fd=fd)
    linux.inject(". 1:1(0) ack 2")
    linux.sent()
    linux.inject("F. 1:1(0) ack 2")
    (answer,) = segments(linux)
    assert answer.window == 64_240


def test_an_orphan_whose_fin_is_acknowledged_by_a_fin_does_not(linux: World) -> None:
    fd = accepted(linux)
    linux.call("close", fd=fd)
    linux.sent()
    linux.inject("F. 1:1(0) ack 2")
    (answer,) = segments(linux)
    assert answer.window == 64_239


def crossed(world: World) -> tuple[int, TcpSegment]:
    """Return a descriptor after SYNs crossed, the peer's offering only an MSS, and the SYN-ACK that it drew."""
    fd = world.nonblocking(world.socket())
    world.call("bind", fd=fd, address=world.address())
    world.call("connect", fd=fd, address=world.peer_address())
    world.sent()
    world.inject("S 0:0(0)", options=(Mss(1000),))
    (answer,) = segments(world)
    return fd, answer


def test_after_crossed_syns_the_syn_ack_offers_what_the_syn_did(linux: World) -> None:
    _, answer = crossed(linux)
    assert answer.flags == SYN | ACK
    assert {Mss, SackPermitted, Timestamps, WindowScale} <= {type(option) for option in answer.options}


def test_after_crossed_syns_the_window_stays_scaled(linux: World) -> None:
    crossed(linux)
    linux.inject(". 1:1(0) ack 1")
    linux.inject("P. 1:11(10) ack 1")
    (answer,) = segments(linux)
    assert answer.window == 63  # 64230 octets in units of 1024, rounded up


def test_the_last_segment_of_the_handshake_is_the_data_of_a_writer_that_waits(linux: World) -> None:
    fd = linux.nonblocking(linux.socket())
    linux.call("bind", fd=fd, address=linux.address())
    linux.call("connect", fd=fd, address=linux.peer_address())
    linux.call("fcntl", fd=fd, command=4, argument=2)
    linux.sent()
    linux.start("write", fd=fd, data=bytes(100), count=100)
    linux.inject("S. 0:0(0) ack 1", options=(Mss(1000),))
    assert linux.sent() == ["P. 1:101(100) ack 1"]


def test_without_a_writer_the_handshake_ends_with_an_acknowledgment(linux: World) -> None:
    fd = linux.nonblocking(linux.socket())
    linux.call("bind", fd=fd, address=linux.address())
    linux.call("connect", fd=fd, address=linux.peer_address())
    linux.sent()
    linux.inject("S. 0:0(0) ack 1", options=(Mss(1000),))
    assert linux.sent() == [". 1:1(0) ack 1"]


@pytest.mark.parametrize(("option", "value"), [(TCP_QUICKACK, 0), (TCP_DEFER_ACCEPT, 3)])
def test_options_that_promise_data_hold_the_last_segment_of_the_handshake_back(
    linux: World, option: int, value: int
) -> None:
    fd = linux.nonblocking(linux.socket())
    linux.setsockopt(fd, IPPROTO_TCP, option, value)
    linux.call("bind", fd=fd, address=linux.address())
    linux.call("connect", fd=fd, address=linux.peer_address())
    linux.sent()
    linux.inject("S. 0:0(0) ack 1", options=(Mss(1000),))
    linux.advance(199_000)
    assert linux.sent() == []
    linux.advance(1_000)
    assert linux.sent() == [". 1:1(0) ack 1"]


def test_a_write_that_does_not_wait_promises_nothing(linux: World) -> None:
    fd = linux.nonblocking(linux.socket())
    linux.call("bind", fd=fd, address=linux.address())
    linux.call("connect", fd=fd, address=linux.peer_address())
    assert linux.write(fd, 100).value == -1
    linux.sent()
    linux.inject("S. 0:0(0) ack 1", options=(Mss(1000),))
    assert linux.sent() == [". 1:1(0) ack 1"]
