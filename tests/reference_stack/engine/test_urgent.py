"""Urgent data at the receiver, as sockets show it (RFC 6093, section 3; tcp(7))."""

from tests.reference_stack.engine.scene import established


def test_without_inline_the_last_urgent_octet_is_out_of_band() -> None:
    # RFC 6093, 3.1 and section 4: the pointer names the octet after the urgent one.
    scene = established()
    scene.arrive("UA", data=b"abc", urgent=3)
    assert scene.connection.receive_available == 2
    assert scene.connection.receive_urgent(now=0) == b"c"
    assert scene.read() == b"ab"
    assert scene.read() == b""


def test_inline_the_urgent_octet_stays_in_the_stream_behind_the_mark() -> None:
    scene = established(oobinline=True)
    scene.arrive("UA", data=b"22X33", urgent=3)
    assert scene.read() == b"22"
    assert scene.connection.urgent_mark == 0
    assert scene.read() == b"X33"
    assert scene.connection.receive_urgent(now=0) is None


def test_reading_stops_at_the_mark_and_then_skips_the_octet() -> None:
    scene = established()
    scene.arrive("UA", data=b"22X33", urgent=3)
    assert scene.read() == b"22"
    assert scene.read() == b"33"
    assert scene.connection.receive_urgent(now=0) is None


def test_the_octet_may_be_announced_before_it_comes() -> None:
    # RFC 9293, MUST-32.
    scene = established()
    scene.arrive("UA", data=b"0123456789", urgent=100)
    assert scene.connection.urgent_count == 1
    assert scene.connection.urgent_mark == 99
    assert scene.connection.receive_urgent(now=0) == b""


def test_the_octet_is_taken_once_but_can_be_looked_at() -> None:
    scene = established()
    scene.arrive("UA", data=b"abc", urgent=3)
    assert scene.connection.receive_urgent(now=0, peek=True) == b"c"
    assert scene.connection.receive_urgent(now=0) == b"c"
    assert scene.connection.receive_urgent(now=0) is None


def test_the_old_meaning_of_the_pointer_can_be_chosen() -> None:
    # RFC 1122, 4.2.2.4 and sysctl tcp_stdurg.
    scene = established(urgent_points_to_last=True)
    scene.arrive("UA", data=b"abc", urgent=2)
    assert scene.connection.receive_urgent(now=0) == b"c"
    scene.connection.send(b"xyz", now=0, urgent=True)
    assert scene.connection.take_segments()[-1].urgent == 2


def test_a_peek_looks_past_the_octet_at_the_mark() -> None:
    scene = established()
    scene.arrive("UA", data=b"X33", urgent=1)
    assert scene.connection.receive(10, now=0, peek=True) == b"33"
    assert scene.read() == b"33"


def test_the_urgent_signal_comes_with_a_closed_window() -> None:
    # RFC 9293, MUST-66.
    scene = established(rcvbuf=1000)
    scene.arrive("A", data=bytes(1000))
    scene.pass_time(1_000_000)
    scene.arrive("UA", seq=1001, urgent=5)
    assert scene.connection.urgent_count == 1
