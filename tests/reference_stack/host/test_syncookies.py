"""SYN cookies (RFC 4987 section 3.6, tcp(7) tcp_syncookies, measured on Linux 6.18)."""

import pytest

from reference_stack.connection import FourTuple
from reference_stack.host.isn import Secrets
from reference_stack.host.syncookies import MINUTE_US, SynCookies
from reference_stack.personality import personality
from tests.reference_stack.host.world import SECOND, World
from wire.options import Mss, SackPermitted, Timestamps, WindowScale
from wire.tcp import ACK, CWR, ECE, SYN, TcpSegment

NAME = FourTuple("192.168.0.1", 8080, "192.0.2.1", 40000)


def always() -> World:
    """A host that answers every SYN with a cookie (tcp_syncookies 2)."""
    world = World(chosen=personality("rfc").with_settings(timestamps=True, sack=True, window_scaling=True))
    world.host.shell("sysctl -q net.ipv4.tcp_syncookies=2", now=0)
    world.listen()
    return world


def answer(world: World) -> TcpSegment:
    body = world.sent_packets()[0].body
    assert isinstance(body, TcpSegment)
    return body


def test_an_overflowing_queue_answers_every_syn(world: World) -> None:
    # Measured (tcp_syncookies-3): 12 of 12 answered, and the ACK of a cookie completes a connection.
    listener = world.listen(backlog=4)
    for port in range(12):
        world.remote_port = 50_000 + port
        world.inject("S 0:0(0)", options=(Mss(1460),))
    assert len(world.sent()) == 12
    world.inject(". 1:1(0) ack 1")
    fd = world.accept(listener)
    world.inject("P. 1:6(5) ack 1")
    assert world.read(fd).value == 5
    assert world.write(fd, 7).value == 7
    assert world.sent()[-1].startswith("P. 1:8(7)")


def test_a_cookie_is_sent_once_and_nothing_is_kept() -> None:
    # Measured (tcp_syncookies-4): no retransmission, the ACK 3.5 s later completes the connection.
    world = always()
    world.inject("S 0:0(0)", options=(Mss(1460),))
    assert world.sent() == ["S. 0:0(0) ack 1"]
    world.advance(3_500_000)
    assert world.sent() == []
    world.inject(". 1:1(0) ack 1")
    assert world.accept(3) == 4


def test_a_number_that_is_no_cookie_is_reset() -> None:
    world = always()
    world.inject("S 0:0(0)")
    world.sent()
    world.inject(". 1:1(0) ack 1000")
    assert world.sent() == ["R 1000:1000(0)"]
    assert world.errno("accept", fd=world.nonblocking(3)) == 11


def test_a_cookie_is_void_after_two_minutes() -> None:
    world = always()
    world.inject("S 0:0(0)")
    world.sent()
    world.advance(121 * SECOND)
    world.inject(". 1:1(0) ack 1")
    assert world.sent() == ["R 1:1(0)"]


def test_without_timestamps_only_the_mss_survives() -> None:
    # Measured (tcp_syncookies-5): the SYN-ACK carries only an MSS, and the peer's 1400 counts as 1300.
    world = always()
    world.inject("S 0:0(0)", options=(Mss(1400), SackPermitted(), WindowScale(7)))
    assert {type(option) for option in answer(world).options} == {Mss}
    world.inject(". 1:1(0) ack 1")
    fd = world.accept(3)
    world.write(fd, 1400)
    assert world.sent()[0] == ". 1:1301(1300) ack 1"


def test_with_timestamps_sack_and_window_scale_survive() -> None:
    # Measured (tcp_syncookies-5).
    world = always()
    world.inject("S 0:0(0)", options=(Mss(1460), SackPermitted(), Timestamps(100, 0), WindowScale(7)))
    stamps = next(option for option in answer(world).options if isinstance(option, Timestamps))
    world.inject(". 1:1(0) ack 1 win 10", options=(Timestamps(101, stamps.val),))
    world.accept(3)
    connection = world.host.tcp.demux.connection(NAME)
    assert connection is not None
    assert connection.connection is not None
    tcb = connection.connection.tcb
    assert (tcb.has_timestamps, tcb.has_sack, tcb.snd_wscale, tcb.snd_wnd) == (True, True, 7, 1280)


@pytest.mark.parametrize("mss", [536, 1300, 1440, 1460])
@pytest.mark.parametrize("minutes", [0, 1, 2])
def test_the_cookie_gives_the_syn_back_for_two_minutes(mss: int, minutes: int) -> None:
    cookies = SynCookies(Secrets(1))
    syn = TcpSegment(40000, 8080, 777, 0, SYN, 1000, options=(Mss(mss),))
    isn = cookies.isn(NAME, syn, now=5)
    ack = TcpSegment(40000, 8080, 778, (isn + 1) % 2**32, ACK, 1000)
    found = cookies.syn(NAME, ack, ts_offset=0, now=5 + minutes * MINUTE_US)
    assert found == (syn if minutes < 2 else None)


def test_the_timestamp_never_runs_ahead_of_the_clock() -> None:
    cookies = SynCookies(Secrets(1))
    syn = TcpSegment(
        40000, 8080, 777, 0, SYN | ECE | CWR, 1, options=(SackPermitted(), WindowScale(14), Timestamps(9, 0))
    )
    for clock in (64, 100, 5000):
        stamped = cookies.stamp(syn._replace(options=(Timestamps(clock + 3, 9),)), syn, 3).options[0]
        assert isinstance(stamped, Timestamps)
        assert clock - 64 < stamped.val - 3 <= clock
        ack = TcpSegment(
            40000, 8080, 778, (cookies.isn(NAME, syn, now=0) + 1) % 2**32, ACK, 1,
            options=(Timestamps(10, stamped.val),),
        )  # fmt: skip
        found = cookies.syn(NAME, ack, ts_offset=3, now=0)
        assert found is not None
        assert {SackPermitted(), WindowScale(14)} <= set(found.options)
        assert found.flags & (ECE | CWR) == ECE | CWR
