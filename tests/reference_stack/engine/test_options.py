"""MSS, timestamps, SACK on segments (RFC 9293, 3.7.1; RFC 6691; RFC 7323; RFC 2018; RFC 2883)."""

import pytest

from tests.reference_stack.engine.scene import MASK, MS, SECOND, Out, Scene, X, established, syn_received_passive
from wire.options import Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, WindowScale

NOP = Nop()


def payloads(scene: Scene) -> list[int]:
    """Payload lengths of what was sent."""
    return [len(segment.payload) for segment in scene.connection.take_segments()]


# --- MSS ----


@pytest.mark.parametrize(("ip_version", "mss", "default"), [(4, 1460, 536), (6, 1440, 1220)])
def test_without_the_option_the_default_counts_and_ours_is_the_mtu_less_fixed_headers(
    ip_version: int, mss: int, default: int
) -> None:
    # RFC 9293, MUST-14, MUST-15; RFC 6691, section 2.
    scene = established(options=(), ip_version=ip_version)
    assert scene.connection.tcb.rcv_mss == mss
    scene.write(5000)
    assert max(payloads(scene)) == default


@pytest.mark.parametrize(
    ("offered", "mtu", "used"), [(9000, 1500, 1460), (500, 1500, 500), (65535, 1500, 1460), (1460, 1280, 1240)]
)
def test_the_smaller_of_the_peers_mss_and_the_mtu_is_used(offered: int, mtu: int, used: int) -> None:
    # RFC 9293, MUST-16.
    scene = established(options=(Mss(offered),), mtu=mtu)
    scene.write(20_000)
    assert payloads(scene)[0] == used


def test_the_options_really_sent_are_subtracted() -> None:
    # RFC 9293, MUST-16; RFC 6691: 800 less 12; with three SACK blocks 28 more.
    scene = syn_received_passive(options=(Mss(800), SackPermitted(), Timestamps(1, 0)), nodelay=True)
    scene.options = (NOP, NOP, Timestamps(1, 0))
    scene.arrive("A")
    scene.write(3000)
    assert payloads(scene)[0] == 788
    scene.arrive("A", ack=3001)
    for seq in (101, 301, 501):
        scene.arrive("A", seq=seq, ack=3001, data=b"x" * 100)
    scene.connection.take_segments()
    scene.write(3000)
    assert payloads(scene)[0] == 788 - 28


def test_they_are_subtracted_from_what_is_sent_again_too() -> None:
    # RFC 9293, MUST-16: the segment was full when it left, and one SACK block takes 12 octets.
    scene = established(options=(Mss(800), SackPermitted()))
    scene.write(800)
    assert payloads(scene) == [800]
    scene.arrive("A", seq=101, data=b"x" * 100)
    scene.connection.take_segments()
    scene.wait_for_segments(within=2 * SECOND)
    assert payloads(scene) == [788]


def test_the_announced_mss_is_not_lowered_by_options() -> None:
    scene = syn_received_passive(options=(Mss(1460), Timestamps(1, 0), SackPermitted()))
    assert scene.connection.tcb.rcv_mss == 1460


def test_an_mss_option_outside_a_syn_is_ignored() -> None:
    scene = established(options=(Mss(1000),))
    scene.arrive("A", data=b"x", options=(Mss(200),))
    scene.write(5000)
    assert max(payloads(scene)) == 1000


# --- timestamps ----

TS_SYN: tuple[TcpOption, ...] = (Mss(1460), Timestamps(1000, 0))


def ts(val: int, ecr: int = 0) -> tuple[TcpOption, ...]:
    return (NOP, NOP, Timestamps(val, ecr))


def with_timestamps() -> Scene:
    """ESTABLISHED with timestamps; the peer's are at 1000."""
    scene = syn_received_passive(options=TS_SYN)
    scene.options = ts(1000)
    scene.arrive("A")
    return scene


def echoes(scene: Scene) -> list[int]:
    """TSecr of what was sent; every segment has to carry timestamps."""
    found = []
    for segment in scene.connection.take_segments():
        (option,) = (option for option in segment.options if isinstance(option, Timestamps))
        found.append(option.ecr)
    return found


def test_timestamps_are_only_used_when_the_peer_offered_them() -> None:
    # RFC 7323, 3.2.
    scene = syn_received_passive()
    scene.arrive("A", data=b"x", options=ts(5))
    scene.pass_time(0)
    scene.write(10)
    (segment,) = scene.connection.take_segments()
    assert segment.options == ()


def test_the_syn_ack_echoes_the_timestamp_of_the_syn() -> None:
    scene = syn_received_passive(options=TS_SYN)
    scene.wait_for_segments(within=2 * SECOND)
    assert echoes(scene) == [1000]


def test_once_negotiated_every_segment_carries_timestamps() -> None:
    # RFC 7323, 3.2.
    scene = with_timestamps()
    scene.write(3000)
    scene.arrive("A", seq=1 + 70_000 + 70_000, data=b"x")
    scene.arrive("R", seq=2)
    scene.connection.shutdown_send(now=0)
    assert len(echoes(scene)) >= 4


def test_the_timestamp_clock_ticks_each_millisecond_from_its_offset() -> None:
    # RFC 7323, 5.4.
    values = []
    scene = syn_received_passive(options=TS_SYN, ts_offset=0xFFFF_FFF0)
    scene.options = ts(1000)
    for _ in range(3):
        scene.arrive("A", seq=0, data=b"x")
        (segment,) = scene.connection.take_segments()
        values += [option.val for option in segment.options if isinstance(option, Timestamps)]
        scene.now += 10 * SECOND
    assert [(value - values[0]) & MASK for value in values] == [0, 10_000, 20_000]


def test_with_delayed_acks_the_earlier_timestamp_is_echoed() -> None:
    # RFC 7323, 4.3 (A).
    scene = with_timestamps()
    scene.arrive("A", data=bytes(1448), options=ts(1100))
    scene.arrive("A", seq=1449, data=bytes(1448), options=ts(1110))
    assert echoes(scene) == [1100]


def test_out_of_order_data_is_acknowledged_with_the_last_timestamp_in_order_and_the_filler_with_its_own() -> None:
    # RFC 7323, 4.3 (B) and (C).
    scene = with_timestamps()
    scene.arrive("A", data=bytes(100), options=ts(1100))
    scene.pass_time(SECOND)
    scene.arrive("A", seq=201, data=bytes(100), options=ts(1120))
    assert echoes(scene) == [1100]
    scene.arrive("A", seq=101, data=bytes(100), options=ts(1130))
    assert echoes(scene) == [1130]


def test_a_segment_beyond_the_last_ack_does_not_move_ts_recent() -> None:
    # RFC 7323, 4.3 (2).
    scene = with_timestamps()
    scene.arrive("A", seq=5000, data=b"x", options=ts(5000))
    assert echoes(scene) == [1000]


def test_paws_acknowledges_and_drops_an_older_timestamp_but_takes_an_equal_one() -> None:
    # RFC 7323, 5.3 R1.
    scene = with_timestamps()
    scene.arrive("A", data=b"0123456789", options=ts(999))
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.connection.receive_available == 0
    scene.arrive("A", data=b"0123456789", options=ts(1000))
    assert scene.connection.receive_available == 10


def test_paws_compares_around_the_wrap() -> None:
    scene = syn_received_passive(options=(Mss(1460), Timestamps(0xFFFF_FFF0, 0)))
    scene.arrive("A", data=b"x", options=ts(5))
    assert scene.connection.receive_available == 1


def test_a_reset_is_not_subject_to_paws_nor_needs_the_option() -> None:
    # RFC 7323, 5.2.
    for options in (ts(1), ()):
        scene = with_timestamps()
        scene.arrive("R", options=options)
        assert scene.connection.is_deleted


def test_after_24_days_of_silence_ts_recent_is_void() -> None:
    # RFC 7323, 5.5.
    scene = with_timestamps()
    scene.now += 25 * 24 * 3600 * SECOND
    scene.arrive("A", data=b"x", options=ts(500))
    assert scene.connection.receive_available == 1
    scene.arrive("A", seq=2, data=b"y", options=ts(501))
    assert scene.connection.receive_available == 2


def test_a_segment_without_the_negotiated_option_is_dropped_in_silence() -> None:
    # RFC 7323, 3.2.
    scene = with_timestamps()
    scene.arrive("A", data=b"x", options=())
    scene.arrive("FA", options=())
    scene.expect_nothing(during=SECOND)
    scene.arrive("A", data=b"x")
    assert scene.connection.receive_available == 1


def test_a_timestamp_echo_times_a_retransmission() -> None:
    # RFC 7323, section 4 and RFC 6298, section 3: the echo tells which transmission was acknowledged.
    scene = with_timestamps()
    scene.now += 100 * SECOND
    scene.write(10)
    scene.connection.take_segments()
    scene.wait_for_segments(within=5 * SECOND)
    (again,) = scene.connection.take_segments()
    val = next(option.val for option in again.options if isinstance(option, Timestamps))
    scene.now += 50 * MS
    scene.arrive("A", ack=11, options=ts(2000, val))
    assert scene.connection.rtt.backoff == 0
    assert scene.connection.rtt.srtt == 50 * MS // 8 or scene.connection.rtt.srtt == 50 * MS


def test_without_timestamps_a_retransmission_is_not_timed() -> None:
    # RFC 6298, section 3: Karn's algorithm; (5.7): the backed-off timer stays.
    scene = established()
    scene.write(10)
    scene.connection.take_segments()
    scene.wait_for_segments(within=5 * SECOND)
    scene.connection.take_segments()
    scene.now += 5 * MS
    scene.arrive("A", ack=11)
    assert scene.connection.rtt.backoff == 1
    scene.write(10)
    scene.connection.take_segments()
    assert scene.wait_for_segments(within=5 * SECOND) == 2 * SECOND


# --- SACK ----

SACK_SYN: tuple[TcpOption, ...] = (Mss(1460), SackPermitted())


def sacks(scene: Scene) -> list[tuple[tuple[int, int], ...]]:
    """SACK blocks of what was sent, relative to the peer's ISN."""
    found = []
    for segment in scene.connection.take_segments():
        blocks = [option.blocks for option in segment.options if isinstance(option, Sack)]
        relative = tuple((scene.relative(left, X), scene.relative(right, X)) for left, right in (blocks or [()])[0])
        found.append(relative)
    return found


def test_without_sack_permitted_no_sack_is_sent() -> None:
    # RFC 2018, section 4.
    scene = established()
    scene.arrive("A", seq=1001, data=bytes(1000))
    (segment,) = scene.connection.take_segments()
    assert segment.options == ()


def test_a_gap_is_reported_with_left_and_right_edge() -> None:
    # RFC 2018, section 3.
    scene = established(options=SACK_SYN)
    scene.arrive("A", seq=1001, data=bytes(1000))
    (segment,) = scene.expect(Out("A", ack=1))
    left, right = (X + 1001) & MASK, (X + 2001) & MASK
    assert segment.options == (NOP, NOP, Sack(((left, right),)))


def test_every_segment_above_a_gap_draws_its_own_acknowledgment() -> None:
    # RFC 2018, section 4; RFC 5681, 3.2.
    scene = established(options=SACK_SYN)
    for index in range(1, 6):
        scene.arrive("A", seq=1 + 100 * index, data=bytes(100))
        assert sacks(scene) == [((101, 101 + 100 * index),)]


def test_four_blocks_fit_without_timestamps_and_three_with() -> None:
    # RFC 2018, section 3.
    for options, most in ((SACK_SYN, 4), ((*SACK_SYN, Timestamps(1, 0)), 3)):
        scene = syn_received_passive(options=options)
        scene.options = ts(1) if most == 3 else ()
        scene.arrive("A")
        for seq in (101, 301, 501, 701, 901):
            scene.arrive("A", seq=seq, data=b"x")
        last = sacks(scene)[-1]
        assert len(last) == most
        assert last[0] == (901, 902)


def test_data_carries_sack_while_a_gap_is_open() -> None:
    # RFC 2018, section 4: "in every ACK which does not ACK the highest sequence number".
    scene = established(options=SACK_SYN)
    scene.arrive("A", seq=1001, data=bytes(1000))
    scene.connection.take_segments()
    scene.write(100)
    assert sacks(scene) == [((1001, 2001),)]
    scene.arrive("A", data=bytes(1000))
    assert sacks(scene) == [()]


def test_a_duplicate_is_reported_once_below_the_ack() -> None:
    # RFC 2883, section 4.
    scene = established(options=SACK_SYN)
    scene.arrive("A", data=bytes(1000))
    scene.pass_time(SECOND)
    scene.arrive("A", data=bytes(500))
    assert sacks(scene) == [((1, 501),)]
    scene.arrive("A", seq=1001, data=bytes(100))
    scene.wait_for_segments(within=SECOND)
    assert sacks(scene) == [()]


def test_a_duplicate_above_the_ack_is_followed_by_its_island() -> None:
    scene = established(options=SACK_SYN)
    scene.arrive("A", seq=1001, data=bytes(1000))
    scene.connection.take_segments()
    scene.arrive("A", seq=1201, data=bytes(100))
    assert sacks(scene) == [((1201, 1301), (1001, 2001))]


def test_of_a_partly_old_segment_the_old_part_is_the_duplicate() -> None:
    # RFC 2883, 4: left edge the first, right edge one past the last duplicate octet.
    scene = established(options=SACK_SYN)
    scene.arrive("A", data=bytes(2000))
    scene.pass_time(SECOND)
    scene.arrive("A", seq=1901, data=bytes(200))
    scene.wait_for_segments(within=SECOND)
    assert sacks(scene) == [((1901, 2001),)]


def test_without_dsack_a_duplicate_is_just_acknowledged() -> None:
    scene = established(options=SACK_SYN, dsack=False)
    scene.arrive("A", data=bytes(1000))
    scene.pass_time(SECOND)
    scene.arrive("A", data=bytes(500))
    assert sacks(scene) == [()]


def test_sack_permitted_outside_a_syn_means_nothing() -> None:
    # RFC 2018, section 2.
    scene = established()
    scene.arrive("A", data=b"x", options=(SackPermitted(),))
    scene.arrive("A", seq=1001, data=b"y")
    assert sacks(scene)[-1] == ()


def test_the_peers_sacks_keep_octets_from_being_sent_again() -> None:
    # RFC 2018, section 5.
    scene = established(options=(Mss(1000), SackPermitted()))
    scene.write(10_000)
    scene.connection.take_segments()
    y = 0xFFFF_FF00
    block = Sack((((y + 2001) & MASK, (y + 10_001) & MASK),))
    scene.arrive("A", options=(NOP, NOP, block))
    scene.expect(Out("A", seq=1, length=1000), Out("A", seq=1001, length=1000))


def test_octets_that_were_sacked_stay_until_they_are_acknowledged() -> None:
    # RFC 2018, section 8: the peer may have dropped them.
    scene = established(options=(Mss(1000), SackPermitted()))
    scene.write(5000)
    scene.connection.take_segments()
    y = 0xFFFF_FF00
    scene.arrive("A", options=(NOP, NOP, Sack((((y + 1) & MASK, (y + 5001) & MASK),))))
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("A", seq=1, length=1000))


def test_window_scale_on_the_syn_ack_needs_it_on_the_syn() -> None:
    scene = syn_received_passive(options=(Mss(1460), WindowScale(0)))
    scene.wait_for_segments(within=2 * SECOND)
    (synack,) = scene.connection.take_segments()
    assert any(isinstance(option, WindowScale) for option in synack.options)
    scene = syn_received_passive(options=(Mss(1460),))
    scene.wait_for_segments(within=2 * SECOND)
    (synack,) = scene.connection.take_segments()
    assert synack.options == (Mss(1460),)
