"""What acceptable acknowledgments do: SND.UNA, send window, closing states (RFC 9293, 3.10.7.4, fifth check)."""

from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import (
    SECOND,
    Out,
    close_wait,
    closing,
    established,
    fin_wait_1,
    last_ack,
    syn_received_passive,
    time_wait,
)
from wire.options import Mss

MSS_1000 = (Mss(1000),)


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-new")
def test_a_new_ack_frees_the_queue_and_only_the_rest_is_sent_again() -> None:
    scene = established(options=MSS_1000, sndbuf=3000)
    assert scene.write(4000) == 3000
    scene.expect(Out("A", seq=1, length=1000), Out("A", seq=1001, length=1000), Out("A", seq=2001, length=1000))
    assert scene.connection.send_space == 0
    scene.arrive("A", ack=1001)
    scene.expect()
    assert scene.connection.send_space == 1000
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("A", seq=1001, length=1000))


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-old")
def test_text_with_an_ack_somewhat_below_snd_una_is_taken() -> None:
    scene = established()
    scene.write(1000)
    scene.arrive("A", ack=1001)
    scene.connection.take_segments()
    scene.arrive("A", ack=1, data=b"0123456789")
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("A", seq=1001, ack=11))
    assert scene.read() == b"0123456789"


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-partial-seg")
def test_an_ack_in_the_middle_of_a_segment_is_honoured() -> None:
    scene = established()
    scene.write(1000)
    scene.connection.take_segments()
    scene.arrive("A", ack=501)
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("A", seq=501, length=500))
    scene.arrive("A", ack=1001)
    scene.expect_nothing(during=60 * SECOND)


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-win-fresh")
def test_a_newer_segment_sets_the_window() -> None:
    scene = established(options=MSS_1000)
    scene.arrive("A", data=b"x", window=1000)
    scene.arrive("A", seq=2, window=3000)
    scene.write(9000)
    segments = [segment for segment in scene.connection.take_segments() if segment.payload]
    assert sum(len(segment.payload) for segment in segments) == 3000


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-win-stale-seq")
def test_a_segment_with_an_older_seq_does_not_set_the_window() -> None:
    scene = established(options=MSS_1000, window=2000)
    scene.write(20000)
    scene.connection.take_segments()
    scene.arrive("A", seq=20, data=b"x", window=3000)
    scene.arrive("A", seq=10, data=b"x", window=60000)
    assert scene.connection.tcb.snd_nxt - scene.connection.tcb.snd_una <= 3000
    assert scene.connection.tcb.snd_wnd == 3000


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-win-stale-ack")
def test_with_equal_seq_an_older_ack_does_not_set_the_window() -> None:
    scene = established(options=MSS_1000)
    scene.write(2000)
    scene.arrive("A", ack=1001, window=5000)
    scene.arrive("A", ack=1, window=100)
    assert scene.connection.tcb.snd_wnd == 5000


@covers("RFC9293-3.10.7.4-ACK-ESTABLISHED-win-equal")
def test_the_same_ack_with_another_window_is_a_window_update() -> None:
    scene = established(options=MSS_1000, window=0)
    scene.write(5000)
    scene.expect()
    scene.arrive("A", window=8000)
    assert sum(len(segment.payload) for segment in scene.connection.take_segments()) == 5000


@covers("RFC9293-3.10.7.4-ACK-FIN-WAIT-1-fin-acked")
def test_when_our_fin_is_acknowledged_text_is_still_taken() -> None:
    scene = fin_wait_1()
    scene.arrive("A", ack=2)
    assert scene.state is State.FIN_WAIT_2
    scene.expect_nothing(during=60 * SECOND)
    scene.peer_ack = 2
    scene.assert_alive()


@covers("RFC9293-3.10.7.4-ACK-FIN-WAIT-1-data-only")
def test_an_ack_of_the_data_before_the_fin_leaves_the_fin_to_be_sent_again() -> None:
    scene = established()
    scene.write(100)
    scene.connection.shutdown_send(now=0)
    scene.expect(Out("A", seq=1, length=100), Out("FA", seq=101))
    scene.arrive("A", ack=101)
    assert scene.state is State.FIN_WAIT_1
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("FA", seq=101))
    scene.arrive("A", ack=102)
    assert scene.connection.state is State.FIN_WAIT_2


@covers("RFC9293-3.10.7.4-ACK-FIN-WAIT-2-closeok")
def test_in_fin_wait_2_nothing_is_left_to_send_but_the_peer_is_heard() -> None:
    scene = fin_wait_1()
    scene.arrive("A", ack=2)
    assert scene.connection.unacknowledged_octets == 0
    scene.arrive("A", ack=2, data=b"late")
    assert scene.read() == b"late"


@covers("RFC9293-3.10.7.4-ACK-CLOSE-WAIT-new")
def test_in_close_wait_sending_goes_on() -> None:
    scene = close_wait(options=MSS_1000)
    scene.write(2000)
    scene.expect(Out("A", seq=1, ack=2, length=1000), Out("A", seq=1001, ack=2, length=1000))
    scene.arrive("A", ack=1001)
    scene.arrive("A", ack=2001)
    scene.expect_nothing(during=60 * SECOND)
    assert scene.connection.unacknowledged_octets == 0


@covers("RFC9293-3.10.7.4-ACK-CLOSING-not-fin", "RFC9293-3.10.7.4-ACK-LAST-ACK-not-fin")
def test_an_ack_of_data_alone_leaves_closing_and_last_ack_unchanged() -> None:
    for close_first in (True, False):
        scene = established()
        scene.write(100)
        if close_first:
            scene.connection.shutdown_send(now=0)
        scene.arrive("FA", ack=1)
        if not close_first:
            scene.connection.shutdown_send(now=0)
        expected = State.CLOSING if close_first else State.LAST_ACK
        assert scene.state is expected
        scene.peer_seq = 2
        scene.connection.take_segments()
        scene.arrive("A", ack=101)
        assert scene.state is expected
        scene.wait_for_segments(within=3 * SECOND)
        scene.expect(Out("FA", seq=101, ack=2))


@covers("RFC9293-3.10.7.4-ACK-CLOSING-fin-acked")
def test_in_closing_the_ack_of_our_fin_leads_to_time_wait() -> None:
    scene = closing()
    scene.arrive("A", ack=2)
    assert scene.state is State.TIME_WAIT
    scene.expect_nothing(during=60 * SECOND)


@covers("RFC9293-3.10.7.4-ACK-LAST-ACK-fin-acked")
def test_in_last_ack_the_ack_of_our_fin_deletes_the_connection() -> None:
    scene = last_ack()
    scene.arrive("A", ack=2)
    scene.expect()
    assert scene.connection.is_deleted
    assert scene.connection.error == 0


@covers("RFC9293-3.10.7.4-ACK-TIME-WAIT-fin-retransmit", "RFC9293-3.10.8-TW-TIMEOUT-TIME-WAIT-expire")
def test_a_repeated_fin_restarts_the_2_msl_timer_which_then_deletes_the_connection() -> None:
    # RFC 9293, 3.4.2: MSL is two minutes.
    scene = time_wait()
    for _ in range(3):
        scene.expect_nothing(during=200 * SECOND)
        scene.arrive("FA", seq=1, ack=2)
        scene.expect(Out("A", seq=2, ack=2))
    scene.expect_nothing(during=239 * SECOND)
    assert not scene.connection.is_deleted
    scene.expect_nothing(during=2 * SECOND)
    assert scene.connection.is_deleted


def test_the_window_of_the_completing_ack_counts_and_not_that_of_the_syn() -> None:
    # RFC 1122, 4.2.2.20 (f).
    scene = syn_received_passive(options=(Mss(100),))
    scene.arrive("A", window=500)
    scene.write(5000)
    assert sum(len(segment.payload) for segment in scene.connection.take_segments()) == 500
