"""The offered window (RFC 9293, 3.8.6; RFC 7323, section 2)."""

from reference_stack.states import State
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, established, syn_received_passive, syn_sent
from wire.options import Mss, WindowScale


def right_edge(scene: Scene, ack: int, window: int) -> int:
    """Right edge of the offered window, relative to the peer's ISN."""
    return ack + (window << scene.connection.tcb.rcv_wscale)


def fill(scene: Scene) -> None:
    """The peer sends until the window is closed; the application does not read."""
    while (room := scene.connection.tcb.rcv_wnd) > 0:
        scene.arrive("A", data=bytes(min(room, 1460)))
        scene.peer_seq += min(room, 1460)
    scene.pass_time(SECOND)


def test_the_right_edge_stays_while_nobody_reads() -> None:
    # RFC 9293, SHLD-14; RFC9293-3.10.7.4-TEXT-ESTABLISHED-edge.
    scene = established(rcvbuf=20_000)
    edges = set()
    for _ in range(10):
        scene.arrive("A", data=bytes(1000))
        scene.peer_seq += 1000
        for _, segment in scene.pass_time(SECOND):
            edges.add(scene.relative(segment.ack, 0xFFFF_FFF0) + segment.window)
    assert edges == {20_001}


def test_small_reads_do_not_open_a_closed_window_in_small_steps() -> None:
    # RFC 9293, MUST-39: no step below min (RCV.BUFF/2, MSS).
    scene = established(rcvbuf=8000)
    fill(scene)
    edge = scene.peer_seq
    for _ in range(3000):
        scene.read(1)
        for segment in scene.connection.take_segments():
            new_edge = scene.relative(segment.ack, 0xFFFF_FFF0) + segment.window
            assert new_edge == edge or new_edge - edge >= 1460
            edge = new_edge
    assert edge > scene.peer_seq


def test_a_probe_of_the_peer_is_answered_with_the_closed_window() -> None:
    # RFC 9293, MAY-8.
    scene = established(rcvbuf=8000)
    fill(scene)
    scene.read(100)
    for _ in range(5):
        scene.arrive("A", data=b"x")
        scene.expect(Out("A", ack=8001, window=0))
        scene.pass_time(10 * SECOND)


def test_reading_a_closed_window_empty_sends_an_update() -> None:
    scene = established(rcvbuf=8000)
    fill(scene)
    scene.read()
    scene.expect(Out("A", seq=1, ack=8001, window=8000))


def test_reading_each_segment_as_it_comes_does_not_double_the_acknowledgments() -> None:
    scene = established(rcvbuf=60_000)
    count = 0
    for _ in range(20):
        scene.arrive("A", data=bytes(1460))
        scene.peer_seq += 1460
        scene.read()
        count += len(scene.connection.take_segments())
    # Half of the segments, and an update now and then.
    assert count <= 14


def test_a_window_above_64_k_is_scaled_when_both_syns_have_the_option() -> None:
    # RFC 7323, 2.2 and 2.3.
    scene = syn_received_passive(options=(Mss(1460), WindowScale(7)), rcvbuf=1 << 20)
    scene.arrive("A", data=bytes(2920))
    (ack,) = scene.expect(Out("A"))
    assert scene.connection.tcb.rcv_wscale == 5
    assert ack.window << 5 <= 1 << 20
    assert ack.window << 5 > 65535


def test_without_the_option_on_the_peers_syn_no_window_is_scaled() -> None:
    # RFC 7323, 2.2.
    scene = established(rcvbuf=1 << 20, window=500)
    assert scene.connection.tcb.rcv_wscale == 0
    assert scene.connection.tcb.snd_wnd == 500
    scene.arrive("A", data=bytes(2920))
    scene.expect(Out("A", window=65535))


def test_a_shift_above_14_is_used_as_14() -> None:
    # RFC 7323, 2.3.
    scene = syn_received_passive(options=(Mss(1460), WindowScale(255)))
    scene.arrive("A", window=1)
    assert scene.connection.tcb.snd_wnd == 16_384


def test_a_window_scale_option_outside_a_syn_is_ignored() -> None:
    # RFC 7323, 2.2.
    scene = established()
    scene.arrive("A", data=b"x", window=1000, options=(WindowScale(10),))
    assert scene.connection.tcb.snd_wnd == 1000


def test_what_was_offered_stays_acceptable_after_rounding() -> None:
    # RFC 7323, 2.4.
    scene = syn_received_passive(options=(Mss(1460), WindowScale(0)), rcvbuf=1 << 19)
    scene.arrive("A")
    scene.arrive("A", data=bytes(2920))
    (ack,) = scene.expect(Out("A"))
    edge = right_edge(scene, 2921, ack.window)
    for index in range(7):
        scene.arrive("A", seq=2921 + index, data=b"x")
        scene.pass_time(500 * MS)
    scene.arrive("A", seq=edge - 1, data=b"!")
    scene.expect(Out("A", ack=2928))
    assert scene.connection.reassembly.octets == 1


def test_the_largest_window_is_unsigned() -> None:
    # RFC 9293, MUST-1.
    for window in (0x8000, 0x8001, 0xFFFF):
        scene = established(window=window, options=(Mss(536),))
        scene.write(3000)
        assert len(scene.connection.take_segments()) >= 5


def test_a_shrunken_receive_buffer_takes_nothing_back() -> None:
    # RFC 9293, SHLD-14.
    scene = established(rcvbuf=60_000)
    scene.connection.settings.rcvbuf = 5000
    scene.connection.settings_changed(now=scene.now)
    scene.arrive("A", data=bytes(2920))
    scene.expect(Out("A", ack=2921, window=60_000 - 2920))


def test_the_clamp_limits_the_window() -> None:
    scene = syn_sent(window_clamp=5000)
    scene.connection.take_segments()
    scene.arrive("SA", seq=0, options=(Mss(1460),))
    assert scene.state is State.ESTABLISHED
    scene.expect(Out("A", window=5000))
