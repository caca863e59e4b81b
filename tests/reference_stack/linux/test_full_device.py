"""A device whose queue takes nothing, in the personality ``linux``: as measured on 6.18.44 with ``pfifo limit 0``."""

from errno import ETIMEDOUT

from reference_stack.recovery.base import CaState
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, established
from wire.options import Mss, Nop, SackPermitted


def refused(**settings: int) -> Scene:
    """The device takes nothing from here on."""
    scene = established(name="linux", options=(Mss(1000), Nop(), Nop(), SackPermitted()), **settings)
    scene.connection.settings.device.is_full = True
    return scene


def test_new_data_that_the_device_refuses_stays_unsent_and_reduces_the_window() -> None:
    scene = refused()
    scene.write(1000)
    scene.expect(Out("PA", seq=1, length=1000))
    info = scene.connection.info(now=scene.now)
    assert (info.unacked, info.notsent_bytes, info.ca_state) == (0, 1000, CaState.CWR)


def test_refused_data_is_tried_again_as_a_window_probe_every_half_second() -> None:
    scene = refused()
    scene.write(1000)
    scene.connection.take_segments()
    times = [time for time, segment in scene.pass_time(1500 * MS) if segment.payload]
    first = scene.connection.probes.first_delay(scene.connection)
    assert times == [first, first + 500 * MS, first + SECOND]
    info = scene.connection.info(now=scene.now)
    assert (info.probes, info.backoff) == (3, 0)


def test_the_user_timeout_ends_a_connection_that_gets_nothing_out() -> None:
    scene = refused(user_timeout_us=3 * SECOND)
    scene.write(24)
    scene.pass_time(5 * SECOND)
    assert scene.connection.is_deleted
    assert scene.connection.error == ETIMEDOUT


def test_a_refused_timeout_retransmission_is_repeated_after_half_a_second_without_backoff() -> None:
    scene = established(name="linux", options=(Mss(1000),))
    scene.write(1000)
    scene.expect(Out("PA", seq=1, length=1000))
    scene.connection.settings.device.is_full = True
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("PA", seq=1, length=1000))
    info = scene.connection.info(now=scene.now)
    assert (info.retransmits, info.backoff, info.total_retrans, info.ca_state) == (1, 0, 1, CaState.LOSS)
    assert scene.wait_for_segments(within=SECOND) == 500 * MS
    scene.expect(Out("PA", seq=1, length=1000))
    scene.connection.settings.device.is_full = False
    assert scene.wait_for_segments(within=SECOND) == 500 * MS
    scene.expect(Out("PA", seq=1, length=1000))
    info = scene.connection.info(now=scene.now)
    assert (info.retransmits, info.backoff, info.total_retrans) == (3, 1, 3)


def test_the_personality_rfc_takes_a_refusal_for_a_loss() -> None:
    scene = established(name="rfc")
    scene.connection.settings.device.is_full = True
    scene.write(1000)
    scene.expect(Out("PA", seq=1, length=1000))
    info = scene.connection.info(now=scene.now)
    assert (info.unacked, info.notsent_bytes, info.ca_state) == (1, 0, CaState.OPEN)
