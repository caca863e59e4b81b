"""SEGMENT ARRIVES in SYN-SENT (RFC 9293, 3.10.7.3) and the opens that meet there."""

from errno import ECONNREFUSED

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, established_active, syn_received_active, syn_sent
from wire.options import Mss, SackPermitted, Timestamps, WindowScale


def complete(scene: Scene) -> None:
    """The true SYN-ACK still works."""
    scene.connection.take_segments()
    scene.arrive("SA", seq=0, ack=1, options=(Mss(1460),))
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.state is State.ESTABLISHED


@pytest.mark.parametrize(
    ("flags", "ack"), [("SA", 0), ("A", -1), ("SA", 2), ("SA", 0x7FFF_0000), ("A", 0x7FFF_0000), ("SA", 0x8000_0000)]
)
@covers("RFC9293-3.10.7.3-ACK-SYN-SENT-low", "RFC9293-3.10.7.3-ACK-SYN-SENT-high")
def test_an_ack_not_for_our_syn_draws_a_reset_and_is_ignored(flags: str, ack: int) -> None:
    scene = syn_sent()
    scene.arrive(flags, seq=0, ack=ack)
    scene.expect(Out("R", seq=ack if ack < 0x8000_0000 else ack - (1 << 32)))
    complete(scene)


@pytest.mark.parametrize("ack", [0, 2])
@covers("RFC9293-3.10.7.3-RST-SYN-SENT-bad-ack")
def test_a_reset_with_an_unacceptable_ack_is_dropped_in_silence(ack: int) -> None:
    scene = syn_sent()
    scene.arrive("RA", seq=0, ack=ack)
    scene.expect()
    complete(scene)


@covers("RFC9293-3.10.7.3-RST-SYN-SENT-ack-ok")
def test_a_reset_that_acknowledges_our_syn_refuses_the_connection() -> None:
    scene = syn_sent()
    scene.arrive("RA", seq=0, ack=1)
    scene.expect_nothing(during=300 * SECOND)
    assert scene.connection.error == ECONNREFUSED
    assert scene.connection.is_deleted


@pytest.mark.parametrize("flags", ["R", "SR"])
@covers("RFC9293-3.10.7.3-RST-SYN-SENT-no-ack", "RFC9293-3.10.7.3-RST-SYN-SENT-syn-rst")
def test_a_reset_without_ack_is_dropped(flags: str) -> None:
    scene = syn_sent()
    scene.arrive(flags, seq=0)
    scene.expect()
    assert scene.state is State.SYN_SENT
    complete(scene)


@pytest.mark.parametrize("options", [(Mss(1460),), ()])
@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-synack")
def test_syn_with_the_ack_of_our_syn_establishes(options: tuple[Mss, ...]) -> None:
    scene = syn_sent()
    scene.arrive("SA", seq=0, ack=1, options=options)
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.state is State.ESTABLISHED
    scene.assert_alive()


@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-synack-data")
def test_text_on_the_syn_ack_is_taken() -> None:
    scene = syn_sent()
    scene.arrive("SA", seq=0, ack=1, data=bytes(30))
    scene.expect(Out("A", seq=1, ack=31))
    assert scene.connection.receive_available == 30


@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-synack-fin")
def test_a_fin_on_the_syn_ack_leads_to_close_wait() -> None:
    scene = syn_sent()
    scene.arrive("SFA", seq=0, ack=1)
    scene.expect(Out("A", seq=1, ack=2))
    assert scene.state is State.CLOSE_WAIT
    assert scene.connection.receive_eof


@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-syn-only")
def test_a_crossing_syn_is_answered_by_a_syn_ack_with_the_same_isn_and_repeated() -> None:
    scene = syn_sent()
    scene.arrive("S", seq=0)
    scene.expect(Out("SA", seq=0, ack=1))
    assert scene.state is State.SYN_RECEIVED
    first = scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("SA", seq=0, ack=1))
    second = scene.wait_for_segments(within=6 * SECOND)
    scene.expect(Out("SA", seq=0, ack=1))
    assert second == 2 * first


@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-syn-data")
def test_text_on_a_crossing_syn_waits_until_the_connection_is_established() -> None:
    scene = syn_sent()
    scene.arrive("S", seq=0, data=b"0123456789")
    scene.expect(Out("SA", seq=0, ack=1))
    assert scene.connection.receive_available == 0
    scene.arrive("SA", seq=0, ack=1)
    scene.expect(Out("A", ack=11))
    assert scene.read() == b"0123456789"


@covers("RFC9293-3.10.7.3-SYN-SYN-SENT-window")
def test_the_window_of_a_syn_ack_is_not_scaled() -> None:
    scene = syn_sent()
    scene.arrive("SA", seq=0, ack=1, window=1000, options=(Mss(500), WindowScale(7)))
    scene.expect(Out("A", seq=1, ack=1))
    scene.write(5000)
    scene.expect(Out("A", seq=1, length=500), Out("A", seq=501, length=500))


@pytest.mark.parametrize("data", [b"", b"x"])
@covers("RFC9293-3.10.7.3-OTHER-SYN-SENT-ack-only")
def test_a_good_ack_without_syn_is_dropped(data: bytes) -> None:
    scene = syn_sent()
    scene.arrive("A", seq=0, ack=1, data=data)
    scene.expect()
    assert scene.state is State.SYN_SENT
    complete(scene)


@pytest.mark.parametrize("flags", ["", "F", "FA", "P"])
@covers("RFC9293-3.10.7.3-OTHER-SYN-SENT-none", "RFC9293-3.10.7.3-FIN-SYN-SENT-ignored")
def test_a_segment_without_syn_and_rst_is_dropped(flags: str) -> None:
    scene = syn_sent()
    scene.arrive(flags, seq=0, ack=1, data=b"x")
    scene.expect()
    complete(scene)


@covers("RFC9293-3.10.8-RETX-TIMEOUT-SYN-SENT-expire")
def test_the_syn_is_repeated_after_1_2_4_8_seconds_and_given_up_after_three_minutes_or_more() -> None:
    # RFC 9293, MUST-22 and MUST-23; RFC 6298 (2.1), (5.5).
    scene = syn_sent()
    sent = scene.pass_time(1000 * SECOND)
    times = [time for time, _ in sent]
    assert times[:4] == [1 * SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND]
    assert times[-1] > 120 * SECOND
    assert all(segment.seq == sent[0][1].seq for _, segment in sent)
    assert scene.connection.is_deleted
    assert scene.now > 180 * SECOND


def test_data_written_before_the_handshake_follows_it() -> None:
    scene = syn_sent()
    assert scene.write(100) == 100
    scene.expect()
    scene.arrive("SA", seq=0, ack=1, options=(Mss(1460),))
    scene.expect(Out("PA", seq=1, ack=1, length=100))


def test_the_syn_offers_mss_window_scale_timestamps_and_sack() -> None:
    # RFC 9293 SHLD-5, RFC 7323 (2.2, 3.2), RFC 2018 (2).
    scene = syn_sent()
    scene.connection.take_segments()
    scene.now += 1 * SECOND
    scene.connection.on_timer(now=scene.now)
    (syn,) = scene.connection.take_segments()
    kinds = {option.kind for option in syn.options}
    assert {Mss.kind, WindowScale.kind, Timestamps.kind, SackPermitted.kind} <= kinds
    assert Mss(1460) in syn.options


def test_after_a_lost_syn_the_first_flight_is_one_segment_and_its_timer_three_seconds() -> None:
    # RFC 5681, 3.1 (IW after loss of the SYN); RFC 6298 (5.7).
    scene = syn_sent()
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("S", seq=0))
    scene.arrive("SA", seq=0, ack=1, options=(Mss(1000),))
    scene.expect(Out("A", seq=1))
    scene.write(5000)
    scene.expect(Out("A", seq=1, length=1000))
    assert scene.wait_for_segments(within=4 * SECOND) == 3 * SECOND


def test_a_round_trip_of_800_ms_gives_a_timeout_of_2400_ms() -> None:
    # RFC 6298 (2.2): 800 + 4*400.
    scene = syn_sent()
    scene.now += 800 * MS
    complete(scene)
    scene.write(10)
    scene.expect(Out("A", length=10))
    assert scene.wait_for_segments(within=5 * SECOND) == 2400 * MS


def test_a_crossing_open_may_be_closed_before_it_is_complete() -> None:
    # RFC 9293, 3.10.4, SYN-RECEIVED.
    scene = syn_received_active()
    scene.connection.shutdown_send(now=scene.now)
    scene.arrive("A")
    scene.expect(Out("FA", seq=1, ack=1))
    assert scene.state is State.FIN_WAIT_1
    scene.arrive("A", ack=2)
    assert scene.connection.state is State.FIN_WAIT_2


def test_an_active_open_is_established() -> None:
    established_active().assert_alive()
