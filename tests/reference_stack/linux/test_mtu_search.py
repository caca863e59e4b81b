"""Path MTU by probing in the personality ``linux`` (RFC 4821): every number as measured on 6.18.44."""

from reference_stack.recovery.base import CaState
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, established
from wire.options import Mss, Nop, Sack, SackPermitted, WindowScale


def searching(*, window: int = 12, **settings: int) -> Scene:
    """A connection with search_low 552 and search_high 1500; the larger window lets the segment size follow."""
    scene = established(
        name="linux",
        window=32_000,
        options=(Mss(1460), Nop(), Nop(), SackPermitted(), Nop(), WindowScale(1)),
        mtu_probing=2,
        base_mss=512,
        initial_window=window,
        early_retransmit=0,
        max_tso_segments=1,
        **settings,
    )
    scene.now += 10 * MS
    scene.window = 40_000
    scene.arrive("A")
    assert scene.connection.tcb.snd_mss == 512
    return scene


def sizes(scene: Scene) -> list[int]:
    """Octets of each segment that left."""
    return [len(segment.payload) for segment in scene.connection.take_segments()]


def test_a_probe_in_the_middle_of_the_range_goes_before_ordinary_segments() -> None:
    scene = searching()
    scene.write(4608)
    # (552 + 1500) / 2 = 1026 octets of packet.
    assert sizes(scene)[0] == 986
    assert scene.connection.info(now=scene.now).snd_cwnd == 11


def test_a_probe_that_arrives_raises_the_segment_size() -> None:
    scene = searching()
    scene.write(4608)
    scene.connection.take_segments()
    scene.arrive("A", ack=987)
    info = scene.connection.info(now=scene.now)
    # 11 segments of 552 octets are 5 of 1026; then one acknowledged segment in slow start.
    assert info.snd_mss == 986
    assert info.snd_cwnd == 5 + 1


def test_a_lost_probe_lowers_the_upper_limit_and_is_no_sign_of_congestion() -> None:
    scene = searching()
    scene.write(4608)
    scene.connection.take_segments()
    scene.now += 10 * MS
    block = Sack((((scene.connection.tcb.iss + 987) & 0xFFFF_FFFF, (scene.connection.tcb.iss + 2523) & 0xFFFF_FFFF),))
    scene.arrive("A", ack=1, options=(Nop(), Nop(), block))
    scene.expect(Out("A", seq=1, length=512), Out("A", seq=513, length=474))
    info = scene.connection.info(now=scene.now)
    assert (info.snd_mss, info.snd_cwnd, info.ca_state, info.snd_ssthresh) == (512, 12, CaState.LOSS, 0x7FFF_FFFF)
    scene.now += 10 * MS
    scene.arrive("A", ack=4609)
    scene.peer_ack = 4609
    scene.write(7300)
    # (552 + 1025) / 2 = 788.
    assert sizes(scene)[0] == 748


def test_no_probe_leaves_with_a_congestion_window_below_eleven() -> None:
    scene = searching(window=10)
    scene.write(4608)
    assert max(sizes(scene)) != 986


def test_no_probe_leaves_without_enough_data_behind_it_to_find_its_loss() -> None:
    scene = searching()
    # 986 octets and four segments of 512.
    scene.write(986 + 4 * 512 - 1)
    assert 986 not in sizes(scene)


def test_the_search_ends_when_its_limits_are_close() -> None:
    scene = searching(mtu_probe_threshold=1000)
    scene.write(4608)
    assert 986 not in sizes(scene)


def test_after_repeated_timeouts_segments_get_smaller() -> None:
    scene = established(name="linux", options=(Mss(1460),), mtu_probing=1, base_mss=512)
    scene.write(1460)
    scene.expect(Out("PA", length=1460))
    assert scene.connection.tcb.snd_mss == 1460
    scene.pass_time(10 * SECOND)
    assert scene.connection.tcb.snd_mss < 1460


def test_without_the_setting_timeouts_change_no_sizes() -> None:
    scene = established(name="linux", options=(Mss(1460),))
    scene.write(1460)
    scene.pass_time(10 * SECOND)
    assert scene.connection.tcb.snd_mss == 1460
