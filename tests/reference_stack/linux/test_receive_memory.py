"""The receive window of the personality ``linux``: every number was read from a kernel (6.18.44, TUN device).

`tcpi_rcv_ssthresh` is the ceiling that the window may not pass; the default buffer is 131072 octets.
"""

from typing import Any

import pytest

from reference_stack.policies.linux.memory import Frame, Held, ReceiveMemory, frame_of
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, established
from wire.options import Mss, Nop, SackPermitted, WindowScale

SCALED = (Mss(1460), Nop(), WindowScale(7))


def linux(**settings: Any) -> Scene:
    """A passive open is complete."""
    return established(name="linux", **settings)


def feed(scene: Scene, octets: int) -> None:
    """The peer sends a segment and gets its acknowledgment."""
    scene.now += 10 * MS
    scene.arrive("PA", data=bytes(octets))
    scene.peer_seq += octets
    scene.pass_time(SECOND)


def offered(scene: Scene) -> tuple[int, int]:
    """``tcpi_rcv_ssthresh`` and ``tcpi_rcv_wnd``."""
    info = scene.connection.info(now=scene.now)
    return info.rcv_ssthresh, info.rcv_wnd


def test_a_fresh_connection_keeps_room_for_one_segment() -> None:
    assert offered(linux()) == (64_076, 64_240)


def test_segments_of_a_thousand_octets_lower_the_ceiling_to_their_share_of_the_memory() -> None:
    # 1000 of 2304 octets of memory are payload: 111/256 of the buffer.
    scene = linux()
    for window in (63_240, 62_240, 61_240):
        feed(scene, 1000)
        assert offered(scene) == (56_832, window)


def test_a_larger_segment_raises_the_ceiling_to_the_window_and_two_segments_more() -> None:
    scene = linux()
    for _ in range(3):
        feed(scene, 1000)
    scene.read(3000)
    feed(scene, 1000)
    feed(scene, 1460)
    assert offered(scene) == (63_160, 62_780)


def test_with_a_scale_the_window_is_rounded_up_to_its_unit() -> None:
    scene = linux(options=SCALED)
    windows = []
    for octets in (1000, 1000, 1000, 1000, 1460):
        feed(scene, octets)
        windows.append(offered(scene))
        scene.read()
    assert windows == [(56_832, 63_488)] * 4 + [(66_408, 66_560)]


def test_without_a_scale_more_counts_as_offered_than_the_field_can_say() -> None:
    # Half of 540,000 octets in whole segments; the first segment raises the clamp to its share of the buffer.
    scene = linux(rcvbuf=540_000)
    assert offered(scene) == (65_535, 268_640)
    scene.arrive("PA", data=bytes(1000))
    scene.expect(Out("A", ack=1001, window=0xFFFF))
    assert offered(scene) == (234_140, 267_640)


def test_a_small_segment_after_larger_ones_changes_nothing() -> None:
    scene = linux()
    feed(scene, 1460)
    before = offered(scene)[0]
    feed(scene, 100)
    assert offered(scene)[0] == before


def test_a_segment_out_of_order_is_measured_too() -> None:
    scene = linux()
    scene.arrive("PA", seq=1001, data=bytes(1000))
    assert offered(scene) == (56_832, 64_240)


def test_a_larger_buffer_lets_the_window_grow_by_two_segments_for_each() -> None:
    # SO_RCVBUF 8000000 is reported as 16000000; with a scale the window follows the ceiling.
    scene = linux(options=SCALED)
    scene.connection.settings.rcvbuf = 16_000_000
    ceilings = []
    for _ in range(3):
        feed(scene, 1460)
        ceilings.append(offered(scene)[0])
    assert ceilings == [67_160, 70_080, 73_000]


@pytest.mark.parametrize(
    ("packet", "memory"),
    [
        (140, 832),
        (192, 832),
        (193, 1280),
        (1040, 2304),
        (1500, 2304),
        (5040, 8448),
        (8040, 12_544),
        (16_040, 20_736),
        (60_040, 61_696),
    ],
)
def test_the_memory_of_a_packet_is_a_power_of_two_or_whole_pages_and_an_overhead(packet: int, memory: int) -> None:
    # SO_MEMINFO shows these: sizes of kmalloc, 320 octets of skb_shared_info, 256 of sk_buff; 576 for small heads.
    assert frame_of(packet).memory == memory


def test_a_small_segment_is_copied_into_the_room_behind_the_one_before() -> None:
    memory = ReceiveMemory()
    memory.add(Held(0, 1000, frame_of(1040)), read_seq=0)
    memory.add(Held(1000, 1100, frame_of(140)), read_seq=0)
    assert memory.used(0) == 2304
    memory.add(Held(1100, 2100, frame_of(1040)), read_seq=0)
    assert memory.used(0) == 2 * 2304


def test_nothing_is_copied_behind_a_buffer_that_was_read_up_or_before_octets_that_came_twice() -> None:
    memory = ReceiveMemory()
    memory.add(Held(0, 1000, frame_of(1040)), read_seq=0)
    memory.add(Held(900, 1100, frame_of(240)), read_seq=0)
    assert memory.used(0) == 2304 + 1280
    memory.add(Held(1100, 1200, frame_of(140)), read_seq=1100)
    assert memory.used(1100) == 832


def test_memory_is_free_once_all_octets_of_a_buffer_were_read() -> None:
    memory = ReceiveMemory()
    memory.add(Held(0, 1000, Frame(2304, 0)), read_seq=0)
    memory.add(Held(1000, 2000, Frame(2304, 0)), read_seq=0)
    assert memory.used(999) == 2 * 2304
    assert memory.used(1000) == 2304
    assert memory.used(2000) == 0


def test_so_meminfo_tells_of_segments_ahead_of_the_stream_too() -> None:
    # SO_MEMINFO on 6.18: 2304 for a segment of 1000, one of 300 behind it takes nothing, in order or ahead.
    scene = established(name="linux", window=32_792, options=(Mss(1000), Nop(), Nop(), SackPermitted()))
    seen = []
    for start, octets in ((1000, 1000), (2000, 300), (3000, 1000), (3000, 1000), (0, 1000)):
        scene.arrive("PA", seq=1 + start, data=bytes(octets))
        seen.append(scene.connection.window.memory(scene.connection))
    assert seen == [2304, 2304, 4608, 4608, 6912]


@pytest.mark.parametrize(
    ("octets", "window", "delay"),
    [(4000, 5000, 0), (7000, 8760, 0), (8000, 4000, 40 * MS), (9000, 5000, 40 * MS), (12_000, 2000, 40 * MS)],
)
def test_an_acknowledgment_waits_where_less_than_half_of_the_buffer_is_free(
    octets: int, window: int, delay: int
) -> None:
    # SO_RCVBUF 10000, one packet put together from segments of 1000 octets.
    scene = established(name="linux", window=32_792, rcvbuf=20_000, rcvbuf_locked=True, options=(Mss(1000),))
    segment = scene.segment("PA", data=bytes(octets))
    scene.connection.on_segment(segment, now=scene.now, gso_size=1000)
    waited = 0 if scene.connection.outgoing else scene.wait_for_segments(within=SECOND)
    scene.expect(Out("A", ack=octets + 1, window=window))
    assert waited == delay
