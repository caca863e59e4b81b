"""RACK-TLP (RFC 8985) and PRR (RFC 9937) in a connection; F-RTO and undo there too. MSS 1000, round trip 100 ms."""

from typing import Any

import pytest

from reference_stack.recovery.base import CaState
from tests.reference_stack.engine.scene import MASK, MS, SECOND, Scene, Y, make
from wire.options import Mss, Sack, SackPermitted, TcpOption

RTT = 100 * MS


def connected(*, sack: bool = True, **settings: Any) -> Scene:
    """An established connection with one sample of the round trip."""
    scene = make(**{"loss_recovery": "rack", "nodelay": True, "initial_window": 20, **settings})
    options: tuple[TcpOption, ...] = (Mss(1000), *((SackPermitted(),) if sack else ()))
    scene.connection.accept_syn(scene.segment("S", seq=0, options=options), now=0)
    scene.connection.take_segments()
    scene.now = RTT
    scene.arrive("A")
    return scene


def send(scene: Scene, count: int) -> None:
    scene.write(count * 1000)
    scene.connection.take_segments()


def sack(scene: Scene, *segments: int, una: int = 0, dsack: int | None = None) -> list[int]:
    """The peer SACKs these segments (counted from 0); return which ones are sent now."""
    blocks = [] if dsack is None else [(dsack, dsack + 1)]
    for segment in segments:
        if blocks and segment == blocks[-1][1] and (dsack is None or len(blocks) > 1):
            blocks[-1] = (blocks[-1][0], segment + 1)
        else:
            blocks.append((segment, segment + 1))
    edges = tuple(((Y + 1 + left * 1000) & MASK, (Y + 1 + right * 1000) & MASK) for left, right in blocks)
    scene.arrive("A", ack=1 + una * 1000, options=(Sack(edges),) if edges else ())
    return taken(scene)


def taken(scene: Scene) -> list[int]:
    return [Scene.relative(each.seq, Y) // 1000 for each in scene.connection.take_segments() if each.payload]


def test_three_sacked_segments_mean_loss_at_once_where_nothing_was_reordered() -> None:
    scene = connected()  # 3.3.2
    send(scene, 10)
    scene.now += RTT
    assert sack(scene, 1) == []
    assert sack(scene, 1, 2) == []
    assert 0 in sack(scene, 1, 2, 3)
    assert scene.connection.recovery.ca_state is CaState.RECOVERY


def test_a_single_sacked_segment_means_loss_after_a_quarter_of_the_round_trip() -> None:
    # 6.2, step 5: the reordering timer fires without a further acknowledgment.
    scene = connected()
    send(scene, 2)
    scene.now += RTT
    assert sack(scene, 1) == []
    assert scene.wait_for_segments(within=SECOND) == pytest.approx(RTT // 4, abs=5 * MS)
    assert taken(scene) == [0]


def test_a_lost_retransmission_is_found_without_a_timeout() -> None:
    scene = connected()  # 6.2
    send(scene, 10)
    scene.now += RTT
    sack(scene, 1, 2, 3)
    scene.now += 10 * MS
    new = sack(scene, 1, 2, 3, 4, 5, 6, 7)
    scene.write(5000)
    new += taken(scene)
    assert max(new, default=0) >= 10, "new data was sent behind the retransmission"
    scene.now += RTT
    again = sack(scene, *range(1, max(new) + 1))
    if not again:
        scene.wait_for_segments(within=RTT)
        again = taken(scene)
    assert 0 in again


def test_reordering_that_was_seen_ends_the_shortcut() -> None:
    scene = connected()  # 6.2, step 3
    send(scene, 3)
    scene.now += RTT
    sack(scene, 1)
    sack(scene, una=2)
    assert scene.connection.recovery.has_seen_reordering  # type: ignore[attr-defined]
    send(scene, 10)
    scene.now += RTT
    assert sack(scene, 4, 5, 6, una=3) == []
    assert scene.wait_for_segments(within=SECOND) >= RTT // 8
    assert 3 in taken(scene)


def test_reported_duplicates_widen_the_window_up_to_the_round_trip() -> None:
    scene = connected()  # 6.2, step 4
    send(scene, 4)
    scene.now += RTT
    sack(scene, una=4)
    recovery: Any = scene.connection.recovery
    before = recovery.reorder_window()
    send(scene, 2)
    sack(scene, una=4, dsack=3)
    assert recovery.reorder_window() == 2 * before
    for turn in range(20):
        scene.now += RTT
        sack(scene, una=6 + 2 * turn)
        send(scene, 2)
        sack(scene, una=6 + 2 * turn, dsack=3)
    assert recovery.reorder_window() == scene.connection.rtt.srtt


def test_a_silent_tail_is_probed_once_and_then_comes_the_timeout() -> None:
    # 7.2 and 7.3: twice SRTT, the highest segment; one probe, then the timer of RFC 6298.
    scene = connected()
    send(scene, 4)
    assert scene.wait_for_segments(within=SECOND) == 2 * RTT
    assert taken(scene) == [3]
    assert scene.wait_for_segments(within=2 * SECOND) >= 1000 * MS
    assert taken(scene) == [0]


def test_a_single_segment_is_probed_later_because_its_ack_may_be_delayed() -> None:
    scene = connected()  # 7.2
    send(scene, 1)
    assert scene.wait_for_segments(within=SECOND) == 2 * RTT + 200 * MS


def test_the_probe_is_new_data_where_there_is_some() -> None:
    scene = connected(initial_window=4)  # 7.3
    scene.write(6000)
    assert taken(scene) == [0, 1, 2, 3]
    scene.wait_for_segments(within=SECOND)
    assert taken(scene) == [4]


@pytest.mark.parametrize(("dsack", "is_reduced"), [(None, True), (3, False)])
def test_a_probe_that_repaired_a_loss_is_a_congestion_signal(dsack: int | None, is_reduced: bool) -> None:
    scene = connected()  # 7.4.2
    send(scene, 4)
    scene.wait_for_segments(within=SECOND)
    scene.connection.take_segments()
    before = scene.connection.congestion.cwnd
    if dsack is not None:
        sack(scene, una=4, dsack=dsack)
    else:
        sack(scene, una=4)
        send(scene, 1)
        scene.now += RTT
        sack(scene, una=5)
    assert (scene.connection.congestion.cwnd < before) is is_reduced


def test_marked_losses_leave_as_the_window_allows_and_cwnd_ends_at_ssthresh() -> None:
    # 9.3; RFC 9937, 6.4.
    scene = connected()
    send(scene, 20)
    scene.now += RTT
    # Three were delivered: three leave, although seventeen are marked.
    assert sack(scene, 17, 18, 19) == [0, 1, 2]
    for una in (3, 5, 10, 20):
        scene.now += RTT
        sack(scene, una=una)
    congestion = scene.connection.congestion
    assert congestion.cwnd == congestion.ssthresh == 10_000


def test_without_sack_there_is_no_rack() -> None:
    scene = connected(sack=False)  # 4
    send(scene, 5)
    scene.now += RTT
    for _ in range(2):
        scene.arrive("A")
    assert taken(scene) == []
    scene.arrive("A")
    assert taken(scene) == [0]


# --- F-RTO and undo, with the recovery of RFC 6675 and of New Reno ---------------------------------------------------


@pytest.mark.parametrize("has_sack", [True, False])
def test_a_spurious_timeout_sends_two_new_segments_and_nothing_again(has_sack: bool) -> None:
    # RFC 5682, 2.1: acknowledgments of the originals come late.
    scene = connected(sack=has_sack, loss_recovery="", initial_window=10)
    scene.write(30_000)
    assert len(taken(scene)) == 10
    scene.wait_for_segments(within=2 * SECOND)
    assert taken(scene) == [0]
    scene.arrive("A", ack=1001)
    assert taken(scene) == [10, 11]
    scene.arrive("A", ack=2001)
    assert all(segment >= 12 for segment in taken(scene))
    assert scene.connection.congestion.ssthresh >= 10_000
    assert scene.connection.recovery.ca_state is CaState.OPEN


@pytest.mark.parametrize("has_sack", [True, False])
def test_a_genuine_timeout_goes_on_with_at_most_three_segments(has_sack: bool) -> None:
    # RFC 5682, 2.1, step 3a.
    scene = connected(sack=has_sack, loss_recovery="", initial_window=10)
    scene.write(30_000)
    scene.connection.take_segments()
    scene.wait_for_segments(within=2 * SECOND)
    scene.connection.take_segments()
    scene.arrive("A", ack=1001)
    assert taken(scene) == [10, 11]
    if has_sack:
        again = sack(scene, 10, una=1)
    else:
        scene.arrive("A", ack=1001)
        again = taken(scene)
    assert again[0] == 1
    assert len(again) <= 3


def test_no_frto_inside_a_recovery() -> None:
    # RFC 5682, 3.1, SHOULD NOT.
    scene = connected(sack=False, loss_recovery="", initial_window=10)
    scene.write(30_000)
    scene.connection.take_segments()
    for _ in range(3):
        scene.arrive("A")
    scene.connection.take_segments()
    scene.wait_for_segments(within=3 * SECOND)
    scene.connection.take_segments()
    scene.arrive("A", ack=1001)
    assert all(segment < 11 for segment in taken(scene))


def test_a_spurious_fast_retransmit_is_taken_back_after_a_duplicate_report() -> None:
    # RFC 3708 with RFC 4015.
    scene = connected(loss_recovery="", initial_window=10)
    send(scene, 10)
    scene.now += RTT
    for number in (1, 2, 3):
        sack(scene, *range(1, number + 1))
    congestion = scene.connection.congestion
    assert congestion.ssthresh == 5000
    sack(scene, una=4)
    sack(scene, una=4, dsack=0)
    assert congestion.ssthresh >= 10_000
    assert scene.connection.recovery.ca_state is CaState.OPEN
