"""SACK blocks of the personality ``linux``, as measured on 6.18.44: islands, overlaps and duplicates."""

import pytest

from tests.reference_stack.engine.scene import MS, Out, Scene, X, established
from wire.options import Mss, Nop, Sack, SackPermitted

Range = tuple[int, int]


def receiving(*arrivals: Range) -> Scene:
    """Segments of the peer from one sequence number to another, 13 ms apart; the answers are thrown away."""
    scene = established(name="linux", options=(Mss(1460), Nop(), Nop(), SackPermitted()))
    for left, right in arrivals:
        scene.now += 13 * MS
        scene.connection.take_segments()
        scene.arrive("A", seq=left, data=bytes(right - left))
    return scene


def blocks(scene: Scene) -> list[Range]:
    """SACK blocks of the only segment that was sent."""
    (segment,) = scene.connection.take_segments()
    found = [option for option in segment.options if isinstance(option, Sack)]
    return [(scene.relative(left, X), scene.relative(right, X)) for option in found for left, right in option.blocks]


THREE = (1, 100), (200, 300), (400, 500), (600, 700)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        # A part that was there is a duplicate; the block of the new segment follows.
        ((50, 275), [(50, 100)]),
        ((150, 275), [(200, 275), (150, 300), (600, 700), (400, 500)]),
        ((150, 350), [(200, 300), (150, 350), (600, 700), (400, 500)]),
        ((250, 350), [(250, 300), (200, 350), (600, 700), (400, 500)]),
        ((200, 300), [(200, 300), (200, 300), (600, 700), (400, 500)]),
        ((200, 400), [(200, 300), (200, 500), (600, 700)]),
        # Two hundred octets do not fit behind the hundred of the buffer before them.
        ((300, 500), [(400, 500), (200, 500), (600, 700)]),
        ((500, 675), [(600, 675), (400, 700), (200, 300)]),
        # What fills the gap at RCV.NXT and covers an island reports that island only.
        ((100, 350), [(200, 300), (600, 700), (400, 500)]),
        ((100, 400), [(200, 300), (600, 700)]),
        ((100, 700), [(200, 300)]),
    ],
)
def test_a_segment_that_overlaps_islands(last: Range, expected: list[Range]) -> None:
    scene = receiving(*THREE, last)
    found = blocks(scene)
    assert found[: len(expected)] == expected
    if last[0] > 100:
        assert len(found) == len(expected)


def test_the_newest_island_is_reported_first_and_four_at_most() -> None:
    scene = receiving((1, 2), (10, 11), (20, 21), (30, 31), (40, 41), (50, 51))
    assert blocks(scene) == [(50, 51), (40, 41), (30, 31), (20, 21)]


def test_an_island_that_grows_comes_to_the_front_and_takes_in_its_neighbours() -> None:
    scene = receiving((1, 2), (16, 32), (4, 8), (8, 16))
    assert blocks(scene) == [(4, 32)]


def test_a_fin_ahead_of_a_gap_counts_as_received() -> None:
    scene = receiving((1, 2), (16, 32))
    scene.connection.take_segments()
    scene.arrive("FA", seq=32)
    assert blocks(scene) == [(16, 33)]


def test_without_dsack_duplicates_are_not_reported() -> None:
    scene = receiving(*THREE)
    scene.connection.take_segments()
    scene.connection.settings.dsack = False
    scene.arrive("A", seq=200, data=bytes(100))
    assert blocks(scene) == [(200, 300), (600, 700), (400, 500)]


def test_the_islands_are_forgotten_when_the_gap_is_filled() -> None:
    scene = receiving((16, 32), (1, 16))
    scene.expect(Out("A", ack=32))
    scene.now += 13 * MS
    scene.arrive("A", seq=40, data=bytes(10))
    assert blocks(scene) == [(40, 50)]
