"""Openings and endings in the personality ``linux``, as measured on 6.18.44 (TUN, 250 ticks a second)."""

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.scene import MS, SECOND, Out, closing, established, make, syn_sent, time_wait
from wire.options import Mss


def test_the_acknowledgment_of_a_fin_leaves_with_our_own_when_that_follows_at_once() -> None:
    scene = established(name="linux")
    scene.now += 100 * MS
    scene.arrive("FA")
    scene.expect()
    scene.connection.shutdown_send(now=scene.now)
    scene.expect(Out("FA", seq=1, ack=2))


def test_the_acknowledgment_of_a_fin_waits_for_the_next_tick_only() -> None:
    # Measured: between 3 and 7 ms, which is the next or the next but one tick of 4 ms.
    scene = established(name="linux")
    scene.now += 100 * MS
    scene.arrive("FA")
    assert scene.wait_for_segments(within=SECOND) == MS
    scene.expect(Out("A", seq=1, ack=2))


@pytest.mark.parametrize(("flags", "ack"), [("RA", 0), ("RA", 2), ("SA", 0), ("A", 2)])
def test_a_wrong_acknowledgment_of_the_syn_makes_it_leave_again_at_once(flags: str, ack: int) -> None:
    scene = syn_sent(name="linux")
    scene.now += 100 * MS
    scene.arrive(flags, seq=0, ack=ack)
    if "R" not in flags:
        scene.expect(Out("R", seq=ack))
    assert scene.wait_for_segments(within=SECOND) == 2 * MS
    scene.expect(Out("S", seq=0))
    assert scene.wait_for_segments(within=2 * SECOND) == SECOND
    scene.expect(Out("S", seq=0))


def test_a_wrong_acknowledgment_changes_nothing_once_the_syn_was_repeated() -> None:
    scene = syn_sent(name="linux")
    assert scene.wait_for_segments(within=2 * SECOND) == SECOND
    scene.expect(Out("S", seq=0))
    scene.arrive("RA", seq=0, ack=0)
    scene.expect_nothing(during=SECOND - 1)


def test_text_on_a_syn_ack_is_ignored() -> None:
    scene = syn_sent(name="linux")
    scene.arrive("SA", seq=0, data=b"abc", options=(Mss(1460),))
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.read() == b""


def test_a_syn_with_fin_ends_time_wait_as_a_syn_alone_does() -> None:
    scene = time_wait(name="linux")
    segment = scene.segment("SF", seq=100)
    assert scene.state is State.TIME_WAIT
    assert scene.connection.may_reopen(segment, now=scene.now)


def test_by_the_rfc_a_syn_with_fin_does_not_end_time_wait() -> None:
    scene = time_wait(name="rfc")
    assert not scene.connection.may_reopen(scene.segment("SF", seq=100), now=scene.now)


def test_a_fin_again_that_acknowledges_ours_in_closing_is_not_answered() -> None:
    scene = closing(name="linux")
    scene.arrive("FA", seq=1, ack=2)
    scene.expect()
    assert scene.state is State.TIME_WAIT


@pytest.mark.parametrize(("path_mtu", "mss"), [(1200, 1160), (100, 256), (None, 1460), (1500, 1460)])
def test_a_known_path_mtu_lowers_the_mss_that_is_announced(path_mtu: int | None, mss: int) -> None:
    scene = make(name="linux", path_mtu=path_mtu)
    scene.connection.connect(now=scene.now)
    (syn,) = scene.connection.take_segments()
    assert syn.options[0] == Mss(mss)
