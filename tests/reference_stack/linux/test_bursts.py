"""When bursts leave in the personality ``linux``, as measured on 6.18.44."""

from tests.reference_stack.engine.scene import MS, Out, Scene, established
from wire.options import Mss, Nop, SackPermitted


def full_window() -> Scene:
    """A write of 20 segments found room for ten; the round trip is a millisecond."""
    scene = established(name="linux", options=(Mss(1000), Nop(), Nop(), SackPermitted()))
    scene.now += MS
    scene.write(20_000)
    scene.expect(Out("PA", seq=1, length=5000), Out("PA", seq=5001, length=5000))
    return scene


def test_an_acknowledgment_a_millisecond_after_the_write_lets_two_segments_out_at_once() -> None:
    scene = full_window()
    scene.now += MS
    scene.arrive("A", ack=1001)
    scene.expect(Out("PA", seq=10_001, length=2000))


def test_an_acknowledgment_within_a_millisecond_of_the_write_waits_for_the_next_one() -> None:
    scene = full_window()
    scene.now += MS - 1
    scene.arrive("A", ack=1001)
    scene.expect()


def test_a_fin_that_waits_for_the_congestion_window_is_the_loss_probe() -> None:
    scene = established(name="linux", options=(Mss(1000), Nop(), Nop(), SackPermitted()))
    scene.write(10_000)
    scene.connection.take_segments()
    scene.connection.shutdown_send(now=scene.now)
    scene.expect()
    scene.wait_for_segments(within=2_000 * MS)
    scene.expect(Out("FA", seq=10_001))
