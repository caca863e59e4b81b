"""The acceptability test and the trimming of segments in detail (RFC 9293, 3.4 table 6 and 3.10.7.4, first check)."""

from errno import ECONNRESET

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import SECOND, Out, Scene, established


def small_window(size: int) -> Scene:
    """ESTABLISHED, with so many octets of window left: the rest of the buffer is filled and not read."""
    scene = established(rcvbuf=1000)
    scene.arrive("A", data=b"f" * (1000 - size))
    scene.pass_time(SECOND)
    scene.peer_seq = 1001 - size
    assert scene.connection.tcb.rcv_wnd == size
    return scene


def with_octets_in_flight(scene: Scene, count: int = 100) -> Scene:
    """The stack has sent so many octets which are not acknowledged."""
    scene.write(count)
    scene.expect(Out("A", seq=1, length=count))
    return scene


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case1-len0-wnd0-accept")
def test_at_zero_window_an_empty_segment_at_rcv_nxt_is_acceptable() -> None:
    scene = with_octets_in_flight(small_window(0))
    scene.arrive("A", ack=101)
    scene.expect_nothing(during=10 * SECOND)
    assert scene.connection.unacknowledged_octets == 0


@pytest.mark.parametrize("offset", [-1, 1])
@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case1-len0-wnd0-reject")
def test_at_zero_window_an_empty_segment_elsewhere_is_answered(offset: int) -> None:
    scene = small_window(0)
    scene.arrive("A", seq=1001 + offset)
    scene.expect(Out("A", seq=1, ack=1001, window=0))


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case2-len0-low", "RFC9293-3.10.7.4-SEQ-ESTABLISHED-case2-len0-high")
def test_an_empty_segment_at_either_edge_inside_the_window_counts() -> None:
    scene = with_octets_in_flight(established())
    window = scene.connection.tcb.rcv_wnd
    scene.arrive("A", seq=1, ack=51)
    scene.arrive("A", seq=window, ack=101)
    scene.expect_nothing(during=10 * SECOND)
    assert scene.connection.unacknowledged_octets == 0


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case2-len0-below", "RFC9293-3.10.7.4-SEQ-ESTABLISHED-case2-len0-above")
def test_an_empty_segment_just_outside_either_edge_is_answered_and_dropped() -> None:
    scene = with_octets_in_flight(established())
    window = scene.connection.tcb.rcv_wnd
    for seq in (0, 1 + window):
        scene.arrive("A", seq=seq, ack=101)
        scene.expect(Out("A", seq=101, ack=1))
    assert scene.connection.unacknowledged_octets == 100


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case3-len-wnd0")
def test_text_at_zero_window_is_not_taken_but_its_ack_is() -> None:
    scene = with_octets_in_flight(small_window(0))
    scene.arrive("A", ack=101, data=b"x")
    scene.expect(Out("A", seq=101, ack=1001, window=0))
    assert scene.connection.unacknowledged_octets == 0
    assert scene.connection.receive_available == 1000


@covers("RFC9293-3.10.7.4-RST-ESTABLISHED-zerownd")
def test_at_zero_window_only_rcv_nxt_is_valid_for_a_reset() -> None:
    scene = small_window(0)
    scene.arrive("R", seq=1002)
    scene.expect()
    scene.arrive("R", seq=1001, data=b"why")
    assert scene.connection.error == ECONNRESET


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-left")
def test_of_a_segment_that_is_old_in_part_the_new_part_is_taken() -> None:
    scene = established()
    scene.arrive("A", data=b"0123456789")
    scene.arrive("A", seq=6, data=b"56789abcde")
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("A", ack=16))
    assert scene.read() == b"0123456789abcde"


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-right", "RFC9293-3.10.7.4-SEQ-ESTABLISHED-trim-fin")
def test_what_reaches_past_the_right_edge_is_cut_off_with_its_fin() -> None:
    scene = small_window(20)
    scene.arrive("FA", data=b"n" * 20)
    scene.expect(Out("A", ack=1001))
    assert not scene.connection.receive_eof
    assert scene.read() == b"f" * 980 + b"n" * 20
    scene.connection.take_segments()
    scene.arrive("FA", seq=1001)
    assert scene.connection.receive_eof
    assert scene.state is State.CLOSE_WAIT


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-right")
def test_text_past_the_right_edge_is_not_acknowledged() -> None:
    scene = small_window(20)
    scene.arrive("A", data=b"n" * 30)
    scene.expect(Out("A", ack=1001))


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-old")
def test_a_wholly_old_segment_is_acknowledged_at_once() -> None:
    scene = established()
    scene.arrive("A", data=b"0123456789")
    scene.pass_time(SECOND)
    scene.arrive("A", data=b"0123456789")
    scene.expect(Out("A", ack=11))
    assert scene.connection.receive_available == 10


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-beyond", "RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-last")
def test_the_last_octet_of_the_window_is_kept_and_the_one_after_it_is_not() -> None:
    scene = small_window(20)
    scene.arrive("A", seq=1001, data=b"!")
    scene.expect(Out("A", ack=981))
    scene.arrive("A", seq=1000, data=b"l")
    scene.expect(Out("A", ack=981))
    scene.arrive("A", seq=981, data=b"n" * 19)
    scene.expect(Out("A", ack=1001))
    assert scene.read() == b"f" * 980 + b"n" * 19 + b"l"


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-case4-cover")
def test_a_segment_around_the_whole_window_is_answered_and_dropped() -> None:
    scene = small_window(20)
    scene.arrive("A", seq=971, data=b"c" * 40)
    scene.expect(Out("A", ack=981))


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-wrap")
def test_numbers_wrap_in_order_and_out_of_order() -> None:
    # Every scene starts 16 octets before the wrap of the peer's numbers.
    scene = established()
    scene.arrive("A", seq=31, data=b"c" * 20)
    scene.expect(Out("A", ack=1))
    scene.arrive("A", seq=1, data=b"a" * 30)
    scene.expect(Out("A", ack=51))
    assert scene.read() == b"a" * 30 + b"c" * 20
    scene.arrive("R", seq=51)
    assert scene.connection.error == ECONNRESET


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-order")
def test_segments_that_wait_are_taken_in_sequence_order() -> None:
    scene = established()
    scene.arrive("FA", seq=21, data=b"c" * 10)
    scene.arrive("A", seq=11, data=b"b" * 10)
    scene.connection.take_segments()
    scene.arrive("A", seq=1, data=b"a" * 10)
    scene.expect(Out("A", ack=32))
    assert scene.read() == b"a" * 10 + b"b" * 10 + b"c" * 10
    assert scene.connection.receive_eof


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-overlap")
def test_overlapping_segments_give_each_octet_once() -> None:
    scene = established()
    text = bytes(range(30))
    scene.arrive("A", seq=6, data=text[5:15])
    scene.arrive("A", seq=11, data=text[10:20])
    scene.connection.take_segments()
    scene.arrive("A", seq=1, data=text)
    scene.expect(Out("A", ack=31))
    assert scene.read() == text


@covers("RFC9293-3.10.7.4-SEQ-ESTABLISHED-hold")
def test_a_segment_right_of_rcv_nxt_is_held() -> None:
    scene = established()
    scene.arrive("A", seq=101, data=b"b" * 100)
    scene.expect(Out("A", ack=1))
    scene.arrive("A", seq=1, data=b"a" * 100)
    scene.expect(Out("A", ack=201))
