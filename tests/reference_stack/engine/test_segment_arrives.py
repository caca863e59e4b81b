"""SEGMENT ARRIVES (RFC 9293, 3.10.7) by event, in every state to which the event's rule applies.

Expected segments come from the requirement catalogue of section 3.10; the numbers are those of its set-ups.
"""

from errno import ECONNREFUSED, ECONNRESET

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import CONSTRUCTORS, SECOND, Out, Scene

SYNCHRONIZED = ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT")
HALF_OPEN = ("SYN-RECEIVED-passive", "SYN-RECEIVED-active")
AFTER_FIN = ("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT")
READING = ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2")

SND_NXT = {"FIN-WAIT-1": 2, "FIN-WAIT-2": 2, "CLOSING": 2, "LAST-ACK": 2, "TIME-WAIT": 2}
RCV_NXT = dict.fromkeys(AFTER_FIN, 2)
UNACKNOWLEDGED = {"FIN-WAIT-1", "CLOSING", "LAST-ACK"}


def enter(name: str) -> tuple[Scene, int, int]:
    """Return a scene in the state, SND.NXT-Y and RCV.NXT-X."""
    return CONSTRUCTORS[name](), SND_NXT.get(name, 1), RCV_NXT.get(name, 1)


def window_of(scene: Scene) -> int:
    """RCV.WND of the connection."""
    return scene.connection.tcb.rcv_wnd


def assert_unchanged(scene: Scene, name: str) -> None:
    """The connection is still in its state and answers as it should."""
    assert scene.state.value == name.removesuffix("-passive").removesuffix("-active")
    assert not scene.connection.is_deleted
    if name in READING:
        scene.assert_alive()
    elif name == "CLOSE-WAIT":
        scene.connection.take_segments()
        scene.write(1)
        scene.expect(Out("A", seq=1, ack=2, length=1))
    elif name == "TIME-WAIT":
        scene.connection.take_segments()
        scene.arrive("FA", seq=1)
        scene.expect(Out("A", seq=2, ack=2))


# --- first check: sequence number ----


def test_a_syn_left_of_the_window_does_not_end_a_half_open_connection_by_text_that_reaches_into_it() -> None:
    # 3.10.7.4, first: portions that lie outside the window, SYN included, are trimmed off.
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("S", seq=-100, data=bytes(200))
    scene.expect(Out("A", seq=1, ack=1))
    assert_unchanged(scene, "SYN-RECEIVED-passive")


@pytest.mark.parametrize("name", [*SYNCHRONIZED, *HALF_OPEN])
@covers("RFC9293-3.10.7.4-SEQ-*-unacceptable")
def test_text_beyond_the_window_is_answered_by_the_current_numbers_and_dropped(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("A", seq=rcv_nxt + window_of(scene), data=b"x")
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert_unchanged(scene, name)


@pytest.mark.parametrize("name", SYNCHRONIZED)
@covers("RFC9293-3.10.7.4-SEQ-*-olddup")
def test_an_old_octet_is_acknowledged_again(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("A", seq=rcv_nxt - 1, data=b"x")
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert_unchanged(scene, name)


@covers("RFC9293-3.10.7.4-SEQ-SYN-RECEIVED-passive-dupsyn")
def test_a_repeated_syn_draws_the_syn_ack_again() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("S", seq=0)
    scene.expect(Out("SA", seq=0, ack=1))
    scene.arrive("A")
    assert scene.state is State.ESTABLISHED


# --- second check: RST ----


@pytest.mark.parametrize("flags", ["R", "RA"])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("SYN-RECEIVED-passive", 0),
        ("SYN-RECEIVED-active", ECONNREFUSED),
        ("ESTABLISHED", ECONNRESET),
        ("FIN-WAIT-1", ECONNRESET),
        ("FIN-WAIT-2", ECONNRESET),
        ("CLOSE-WAIT", ECONNRESET),
        ("CLOSING", 0),
        ("LAST-ACK", 0),
        ("TIME-WAIT", 0),
    ],
)
@covers("RFC9293-3.10.7.4-RST-*-exact")
def test_a_reset_at_exactly_rcv_nxt_ends_the_connection(name: str, error: int, flags: str) -> None:
    scene, _, rcv_nxt = enter(name)
    scene.arrive(flags, seq=rcv_nxt)
    scene.expect()
    assert scene.connection.is_deleted
    assert scene.connection.error == error
    scene.expect_nothing(during=300 * SECOND)


@pytest.mark.parametrize("name", [*SYNCHRONIZED, *HALF_OPEN])
@covers("RFC9293-3.10.7.4-RST-*-inwindow")
def test_a_reset_elsewhere_in_the_window_draws_a_challenge_ack(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("R", seq=rcv_nxt + 1)
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    scene.arrive("R", seq=rcv_nxt + window_of(scene) - 1)
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert_unchanged(scene, name)


@pytest.mark.parametrize("name", [*SYNCHRONIZED, *HALF_OPEN])
@covers("RFC9293-3.10.7.4-RST-*-outside")
def test_a_reset_outside_the_window_is_dropped_in_silence(name: str) -> None:
    scene, _, rcv_nxt = enter(name)
    scene.arrive("R", seq=rcv_nxt - 1)
    scene.arrive("R", seq=rcv_nxt + window_of(scene))
    scene.expect()
    assert_unchanged(scene, name)


@covers("RFC9293-3.10.7.4-RST-ESTABLISHED-badack")
def test_the_ack_field_of_a_reset_plays_no_role() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("RA", ack=100_001)
    scene.expect()
    assert scene.connection.error == ECONNRESET


@covers("RFC9293-3.10.7.4-RST-ESTABLISHED-after-fin")
def test_with_octets_out_of_order_a_reset_still_has_to_hit_rcv_nxt() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("A", seq=101, data=bytes(100))
    scene.expect(Out("A", ack=1))
    scene.arrive("R", seq=201)
    scene.expect(Out("A", ack=1))
    scene.arrive("R", seq=1)
    scene.expect()
    assert scene.connection.error == ECONNRESET


# --- fourth check: SYN ----


@pytest.mark.parametrize("name", [*SYNCHRONIZED, "SYN-RECEIVED-active"])
@covers("RFC9293-3.10.7.4-SYN-*-inwindow", "RFC9293-3.10.7.4-SYN-ESTABLISHED-exact")
def test_a_syn_in_the_window_draws_a_challenge_ack(name: str) -> None:
    for offset in (0, 5):
        scene, snd_nxt, rcv_nxt = enter(name)
        scene.arrive("S", seq=rcv_nxt + offset, data=b"0123456789")
        scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
        assert_unchanged(scene, name)


@pytest.mark.parametrize("name", SYNCHRONIZED)
@covers("RFC9293-3.10.7.4-SYN-*-outside", "RFC9293-3.10.7.4-SYN-TIME-WAIT-challenge")
def test_a_syn_outside_the_window_draws_the_same_ack(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("S", seq=rcv_nxt + window_of(scene) + 1000)
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    scene.arrive("S", seq=rcv_nxt - 1000)
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert_unchanged(scene, name)


@covers("RFC9293-3.10.7.4-SYN-SYN-RECEIVED-passive-inwindow")
def test_a_syn_in_the_window_of_a_half_open_passive_connection_returns_it_to_listen() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("S", seq=6)
    scene.expect()
    assert scene.connection.is_deleted
    assert scene.connection.error == 0


@covers("RFC9293-3.10.7.4-SYN-ESTABLISHED-synack-dup")
def test_a_repeated_syn_ack_is_acknowledged_again() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("SA", seq=0, ack=1)
    scene.expect(Out("A", seq=1, ack=1))
    scene.assert_alive()


@covers("RFC9293-3.10.7.4-SYN-ESTABLISHED-halfopen")
def test_the_challenge_ack_lets_a_rebooted_peer_end_the_stale_connection() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("S", seq=777_777)
    scene.expect(Out("A", seq=1, ack=1))
    scene.arrive("R", seq=1)
    scene.expect()
    assert scene.connection.error == ECONNRESET


# --- fifth check: ACK ----


@pytest.mark.parametrize("name", [*SYNCHRONIZED, *HALF_OPEN])
@covers("RFC9293-3.10.7.4-ACK-*-noack")
def test_a_segment_without_ack_is_dropped_in_silence(name: str) -> None:
    scene, _, rcv_nxt = enter(name)
    scene.arrive("", seq=rcv_nxt, data=b"x")
    scene.arrive("F", seq=rcv_nxt)
    scene.expect()
    assert scene.connection.tcb.rcv_nxt - scene.connection.tcb.irs == rcv_nxt
    assert_unchanged(scene, name)


@pytest.mark.parametrize("name", SYNCHRONIZED)
@covers("RFC9293-3.10.7.4-ACK-*-future")
def test_an_ack_of_something_never_sent_is_answered_and_dropped(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("A", seq=rcv_nxt, ack=snd_nxt + 1, data=b"x")
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert_unchanged(scene, name)


@pytest.mark.parametrize("name", SYNCHRONIZED)
@covers("RFC9293-3.10.7.4-ACK-*-ancient")
def test_an_ack_older_than_the_largest_window_is_answered_and_dropped(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    una = snd_nxt - (name in UNACKNOWLEDGED)
    scene.arrive("A", seq=rcv_nxt, ack=una - 65536, data=b"x")
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    assert scene.connection.receive_available == 0
    if name in READING:
        scene.arrive("A", seq=rcv_nxt, ack=una - 65535, data=b"x")
        assert scene.connection.receive_available == 1


@pytest.mark.parametrize("name", SYNCHRONIZED)
@covers("RFC9293-3.10.7.4-ACK-*-dup", "RFC9293-3.10.7.4-SEQ-ESTABLISHED-ack-of-ack")
def test_a_duplicate_ack_is_harmless_and_its_text_is_taken(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    una = snd_nxt - (name in UNACKNOWLEDGED)
    scene.arrive("A", seq=rcv_nxt, ack=una)
    scene.arrive("A", seq=rcv_nxt, ack=una)
    scene.expect()
    scene.arrive("A", seq=rcv_nxt, ack=una, data=b"x")
    assert scene.connection.receive_available == (name in READING)


@pytest.mark.parametrize("name", HALF_OPEN)
@covers("RFC9293-3.10.7.4-ACK-SYN-RECEIVED-*-accept")
def test_the_ack_of_our_syn_completes_the_handshake_and_sets_the_window(name: str) -> None:
    scene, _, _ = enter(name)
    scene.arrive("A", window=3000)
    assert scene.state is State.ESTABLISHED
    scene.write(5000)
    # 80 more octets would fit, but make a silly window (RFC 9293, 3.8.6.2.1).
    scene.expect(Out("A", seq=1, length=1460), Out("A", seq=1461, length=1460))


@covers("RFC9293-3.10.7.4-ACK-SYN-RECEIVED-active-accept")
def test_the_syn_ack_of_a_crossing_open_completes_it() -> None:
    scene, _, _ = enter("SYN-RECEIVED-active")
    scene.arrive("SA", seq=0, ack=1)
    assert scene.state is State.ESTABLISHED
    scene.assert_alive()


@pytest.mark.parametrize("ack", [0, 2])
@covers("RFC9293-3.10.7.4-ACK-SYN-RECEIVED-passive-low", "RFC9293-3.10.7.4-ACK-SYN-RECEIVED-passive-high")
def test_an_unacceptable_ack_in_syn_received_draws_a_reset(ack: int) -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("A", ack=ack)
    scene.expect(Out("R", seq=ack))
    scene.arrive("A")
    assert scene.state is State.ESTABLISHED


@covers("RFC9293-3.10.7.4-ACK-SYN-RECEIVED-passive-data")
def test_text_and_fin_on_the_completing_ack_are_taken_in_the_same_pass() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("PFA", data=bytes(50))
    scene.expect(Out("A", seq=1, ack=52))
    assert scene.state is State.CLOSE_WAIT
    assert scene.connection.receive_available == 50
    assert scene.connection.receive_eof


@covers("RFC9293-3.10.7.4-FIN-SYN-RECEIVED-passive-accept")
def test_a_fin_with_the_completing_ack_leads_to_close_wait() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("FA")
    scene.expect(Out("A", seq=1, ack=2))
    assert scene.state is State.CLOSE_WAIT
    scene.write(3)
    scene.expect(Out("A", seq=1, ack=2, length=3))


# --- sixth to eighth step: URG, text, FIN ----


@pytest.mark.parametrize("name", READING)
@covers("RFC9293-3.10.7.4-URG-*-signal")
def test_an_urgent_pointer_is_signalled_once_and_again_when_it_moves(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("UA", seq=rcv_nxt, ack=snd_nxt, data=b"12345", urgent=5)
    assert scene.connection.urgent_count == 1
    scene.arrive("UA", seq=rcv_nxt, ack=snd_nxt, data=b"12345", urgent=5)
    assert scene.connection.urgent_count == 1
    scene.arrive("UA", seq=rcv_nxt + 5, ack=snd_nxt, data=b"6", urgent=4)
    assert scene.connection.urgent_count == 2
    assert scene.connection.tcb.rcv_up == scene.connection.tcb.irs + rcv_nxt + 9


@pytest.mark.parametrize("name", AFTER_FIN)
@covers("RFC9293-3.10.7.4-URG-*-ignored")
def test_urg_after_the_peers_fin_is_ignored(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("UA", seq=rcv_nxt, ack=snd_nxt - (name in UNACKNOWLEDGED), urgent=10)
    scene.expect()
    assert scene.connection.urgent_count == 0
    assert_unchanged(scene, name)


@covers("RFC9293-3.10.7.4-URG-SYN-RECEIVED-passive-deferred")
def test_urg_on_the_completing_ack_is_seen() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("UA", data=b"abc", urgent=3)
    assert scene.connection.urgent_pending


@covers("RFC9293-3.10.7.4-URG-ESTABLISHED-noflag")
def test_the_urgent_field_without_urg_means_nothing() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("A", data=b"12345", urgent=5)
    assert not scene.connection.urgent_pending


@covers("RFC9293-3.10.7.4-URG-ESTABLISHED-backward")
def test_the_urgent_pointer_never_moves_back() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("UA", urgent=100)
    scene.arrive("UA", data=b"0123456789", urgent=50)
    assert scene.connection.urgent_mark == 99


@pytest.mark.parametrize("name", READING)
@covers("RFC9293-3.10.7.4-TEXT-*-accept", "RFC9293-3.10.7.4-TEXT-ESTABLISHED-psh")
def test_text_in_order_is_acknowledged_within_half_a_second_and_readable(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    edge = rcv_nxt + window_of(scene)
    scene.arrive("A", seq=rcv_nxt, ack=snd_nxt, data=b"x" * 100)
    assert scene.wait_for_segments(within=SECOND // 2) < SECOND // 2
    (ack,) = scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt + 100))
    assert edge - 100 <= rcv_nxt + 100 + ack.window <= edge
    assert scene.read() == b"x" * 100


@pytest.mark.parametrize("name", AFTER_FIN)
@covers("RFC9293-3.10.7.4-TEXT-*-ignored")
def test_text_after_the_peers_fin_is_ignored(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    scene.arrive("A", seq=rcv_nxt, ack=snd_nxt - (name in UNACKNOWLEDGED), data=b"0123456789")
    assert all(scene.relative(segment.ack, 0xFFFF_FFF0) == rcv_nxt for segment in scene.connection.take_segments())
    assert scene.connection.receive_available == 0
    assert_unchanged(scene, name)


@covers("RFC9293-3.10.7.4-TEXT-SYN-RECEIVED-passive-queued")
def test_text_out_of_order_with_the_completing_ack_waits_for_the_gap() -> None:
    scene, _, _ = enter("SYN-RECEIVED-passive")
    scene.arrive("A", seq=11, data=b"b" * 10)
    scene.expect(Out("A", ack=1))
    scene.arrive("A", seq=1, data=b"a" * 10)
    scene.expect(Out("A", ack=21))
    assert scene.read() == b"a" * 10 + b"b" * 10


@covers("RFC9293-3.10.7.4-FIN-ESTABLISHED-accept")
def test_a_fin_is_acknowledged_at_once_and_leads_to_close_wait() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("FA")
    scene.expect(Out("A", seq=1, ack=2))
    assert scene.state is State.CLOSE_WAIT
    assert scene.connection.receive_eof
    scene.peer_seq = 2
    scene.write(1000)
    scene.expect(Out("A", seq=1, ack=2, length=1000))


@covers("RFC9293-3.10.7.4-FIN-ESTABLISHED-data")
def test_text_on_a_fin_is_delivered_first() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("FA", data=b"0123456789")
    scene.expect(Out("A", ack=12))
    assert scene.read() == b"0123456789"
    assert scene.connection.receive_eof


@covers("RFC9293-3.10.7.4-FIN-ESTABLISHED-gap")
def test_a_fin_behind_a_gap_waits() -> None:
    scene, _, _ = enter("ESTABLISHED")
    scene.arrive("FA", seq=11)
    scene.expect(Out("A", ack=1))
    assert not scene.connection.receive_eof
    scene.arrive("A", data=b"0123456789")
    scene.expect(Out("A", ack=12))
    assert scene.state is State.CLOSE_WAIT


@covers("RFC9293-3.10.7.4-FIN-FIN-WAIT-1-acked")
def test_fin_with_the_ack_of_ours_leads_to_time_wait() -> None:
    scene, _, _ = enter("FIN-WAIT-1")
    scene.arrive("FA", ack=2)
    scene.expect(Out("A", seq=2, ack=2))
    assert scene.state is State.TIME_WAIT
    scene.expect_nothing(during=100 * SECOND)
    scene.arrive("FA", ack=2)
    scene.expect(Out("A", seq=2, ack=2))


@covers("RFC9293-3.10.7.4-FIN-FIN-WAIT-1-unacked", "RFC9293-3.10.7.4-ACK-CLOSING-fin-acked")
def test_fin_without_the_ack_of_ours_leads_to_closing_and_then_time_wait() -> None:
    scene, _, _ = enter("FIN-WAIT-1")
    scene.arrive("FA", ack=1)
    scene.expect(Out("A", seq=2, ack=2))
    assert scene.state is State.CLOSING
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("FA", seq=1, ack=2))
    scene.arrive("A", seq=2, ack=2)
    assert scene.connection.state is State.TIME_WAIT
    scene.expect_nothing(during=60 * SECOND)
    scene.arrive("FA", seq=1, ack=2)
    scene.expect(Out("A", seq=2, ack=2))


@covers("RFC9293-3.10.7.4-FIN-FIN-WAIT-2-accept")
def test_fin_in_fin_wait_2_leads_to_time_wait() -> None:
    scene, _, _ = enter("FIN-WAIT-2")
    scene.arrive("FA")
    scene.expect(Out("A", seq=2, ack=2))
    assert scene.state is State.TIME_WAIT
    scene.arrive("FA")
    scene.expect(Out("A", seq=2, ack=2))


@pytest.mark.parametrize("name", AFTER_FIN)
@covers("RFC9293-3.10.7.4-FIN-*-again")
def test_a_further_fin_changes_nothing(name: str) -> None:
    scene, snd_nxt, rcv_nxt = enter(name)
    una = snd_nxt - (name in UNACKNOWLEDGED)
    scene.arrive("FA", seq=1, ack=una)
    scene.expect(Out("A", seq=snd_nxt, ack=rcv_nxt))
    scene.arrive("FA", seq=2, ack=una)
    assert all(scene.relative(segment.ack, 0xFFFF_FFF0) == rcv_nxt for segment in scene.connection.take_segments())
    assert_unchanged(scene, name)
