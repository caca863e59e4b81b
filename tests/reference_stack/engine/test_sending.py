"""What leaves when: Nagle, silly windows, PSH, corking, congestion window (RFC 9293, 3.7.4, 3.8.6.2.1, 3.9.1.2)."""

from tests.reference_stack.engine.scene import MASK, MS, SECOND, Out, established, syn_received_passive
from wire.options import Mss, Nop, Sack, SackPermitted, TcpOption

MSS_1000 = (Mss(1000),)
SACKED: tuple[TcpOption, ...] = (Mss(1000), SackPermitted())


def test_small_writes_are_collected_while_an_ack_is_outstanding() -> None:
    # RFC 9293, SHLD-7.
    scene = established()
    for _ in range(10):
        scene.write(1)
    scene.expect(Out("A", seq=1, length=1))
    scene.arrive("A", ack=2)
    scene.expect(Out("PA", seq=2, length=9))


def test_nagle_can_be_switched_off() -> None:
    # RFC 9293, MUST-17.
    scene = established(nodelay=True)
    for _ in range(3):
        scene.write(1)
    scene.expect(Out("A", seq=1, length=1), Out("A", seq=2, length=1), Out("A", seq=3, length=1))


def test_switching_nagle_off_releases_what_it_held() -> None:
    scene = established()
    scene.write(1)
    scene.write(1)
    scene.expect(Out("A", seq=1, length=1))
    scene.connection.settings.nodelay = True
    scene.connection.settings_changed(now=scene.now)
    scene.expect(Out("A", seq=2, length=1))


def test_full_segments_do_not_wait() -> None:
    scene = established(options=MSS_1000)
    scene.write(1)
    scene.write(2500)
    scene.expect(Out("A", seq=1, length=1), Out("A", seq=2, length=1000), Out("A", seq=1002, length=1000))


def test_push_is_set_on_the_segment_that_empties_the_queue_only() -> None:
    # RFC 9293, MUST-61, SHLD-27, SHLD-28.
    scene = established(options=MSS_1000, window=0)
    for _ in range(20):
        scene.write(100)
    scene.expect()
    scene.arrive("A", window=65535)
    first, second = scene.expect(Out("A", seq=1, length=1000), Out("PA", seq=1001, length=1000))
    assert not first.flags & 8
    assert second.flags & 8


def test_a_corked_partial_segment_waits_200_ms_or_for_the_cork_to_go() -> None:
    # tcp(7), TCP_CORK.
    scene = established(options=MSS_1000, cork=True)
    scene.write(1500)
    scene.expect(Out("A", seq=1, length=1000))
    scene.arrive("A", ack=1001)
    assert scene.wait_for_segments(within=SECOND) == 200 * MS
    scene.expect(Out("A", seq=1001, length=500))
    scene.arrive("A", ack=1501)
    scene.write(10)
    scene.expect()
    scene.connection.settings.cork = False
    scene.connection.settings_changed(now=scene.now)
    scene.expect(Out("A", seq=1501, length=10))


def test_more_holds_a_partial_segment_until_the_next_write() -> None:
    # RFC 9293, MAY-16.
    scene = established()
    scene.write(10, more=True)
    scene.write(10, more=True)
    scene.expect()
    scene.write(10)
    scene.expect(Out("PA", seq=1, length=30))


def test_the_first_flight_is_ten_segments() -> None:
    # RFC 6928, section 2; the handshake does not enlarge it (RFC 5681, 3.1).
    scene = established(options=MSS_1000)
    scene.write(30_000)
    assert len(scene.connection.take_segments()) == 10


def test_slow_start_doubles_the_flight_each_round_trip() -> None:
    # RFC 5681, 3.1.
    scene = established(options=MSS_1000, sndbuf=200_000)
    scene.write(200_000)
    flights, acked = [], 0
    for _ in range(3):
        flight = len(scene.connection.take_segments())
        flights.append(flight)
        for _ in range(flight):
            acked += 1000
            scene.arrive("A", ack=1 + acked)
    assert flights == [10, 20, 40]


def test_after_idleness_the_window_restarts() -> None:
    # RFC 5681, 4.1.
    scene = established(options=MSS_1000, sndbuf=200_000)
    scene.write(30_000)
    acked = 0
    while segments := scene.connection.take_segments():
        for segment in segments:
            acked += len(segment.payload)
            scene.arrive("A", ack=1 + acked)
    assert scene.connection.congestion.cwnd > 20_000
    scene.pass_time(5 * SECOND)
    scene.write(50_000)
    assert len(scene.connection.take_segments()) == 10


def test_a_lost_segment_is_repaired_by_three_duplicates() -> None:
    # RFC 5681, 3.2.
    scene = established(options=MSS_1000)
    scene.write(10_000)
    scene.connection.take_segments()
    for _ in range(2):
        scene.arrive("A")
        scene.expect()
    scene.arrive("A")
    scene.expect(Out("A", seq=1, length=1000))


def test_only_genuine_duplicates_count() -> None:
    # RFC 5681, section 2: no payload, the same window.
    scene = established(options=MSS_1000)
    scene.write(10_000)
    scene.connection.take_segments()
    for index in range(4):
        scene.arrive("A", window=30_000 + index)
    for index in range(4):
        scene.arrive("A", seq=1 + index, data=b"x", window=30_003)
    assert all(not segment.payload for segment in scene.connection.take_segments())


def test_limited_transmit_sends_new_data_on_the_first_two_duplicates() -> None:
    # RFC 3042; the receiver's window still counts.
    scene = established(options=MSS_1000)
    scene.write(20_000)
    scene.connection.take_segments()
    scene.arrive("A")
    scene.expect(Out("A", seq=10_001, length=1000))
    scene.arrive("A")
    scene.expect(Out("A", seq=11_001, length=1000))
    scene.arrive("A")
    scene.expect(Out("A", seq=1, length=1000))
    scene = established(options=MSS_1000, window=10_000)
    scene.write(20_000)
    scene.connection.take_segments()
    scene.arrive("A")
    scene.arrive("A")
    scene.expect()


def test_the_timer_restarts_with_every_ack_of_new_data() -> None:
    # RFC 6298 (5.3).
    scene = established(options=MSS_1000)
    scene.write(4000)
    scene.connection.take_segments()
    for acked in (1001, 2001, 3001):
        scene.expect_nothing(during=900 * MS)
        scene.arrive("A", ack=acked)
    scene.wait_for_segments(within=10 * SECOND)
    scene.expect(Out("A", seq=3001, length=1000))


def test_after_a_timeout_exactly_one_segment_leaves() -> None:
    # RFC 5681, 3.1; RFC 6298 (5.4).
    scene = established(options=MSS_1000)
    scene.write(10_000)
    scene.connection.take_segments()
    scene.wait_for_segments(within=2 * SECOND)
    scene.expect(Out("A", seq=1, length=1000))
    scene.arrive("A", ack=1001)
    scene.expect(Out("A", seq=1001, length=1000), Out("A", seq=2001, length=1000))


def test_segments_that_were_sacked_are_not_sent_again_by_a_partial_ack() -> None:
    scene = syn_received_passive(options=SACKED)
    scene.arrive("A")
    scene.write(10_000)
    scene.connection.take_segments()
    y = 0xFFFF_FF00
    block = Sack((((y + 1001) & MASK, (y + 4001) & MASK),))
    scene.arrive("A", options=(Nop(), Nop(), block))
    scene.expect(Out("A", seq=1, length=1000))
    scene.arrive("A", ack=4001)
    scene.expect()


def test_octets_are_the_ones_that_were_written() -> None:
    scene = established(options=MSS_1000)
    data = bytes(range(256)) * 10
    scene.connection.send(data, now=0)
    segments = scene.connection.take_segments()
    assert b"".join(segment.payload for segment in segments) == data[:2000]
    scene.wait_for_segments(within=2 * SECOND)
    (again,) = scene.connection.take_segments()
    assert again.payload == data[:1000]
