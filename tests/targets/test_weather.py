"""A bad path: what is drawn repeats with the seed, and the shares are those that were asked for."""

import pytest

from targets.weather import Path, Weather


def copies(weather: Weather, count: int, seed: int = 0) -> list[tuple[int, ...]]:
    path = Path(weather, seed=seed)
    return [tuple(path.delays()) for _ in range(count)]


def test_a_calm_path_gives_every_packet_once_after_the_delay() -> None:
    assert copies(Weather(delay=7), 100) == [(7,)] * 100


def test_equal_seeds_give_equal_weather_and_others_do_not() -> None:
    storm = Weather(loss=0.1, duplication=0.1, reordering=0.1)
    assert copies(storm, 500, seed=1) == copies(storm, 500, seed=1)
    assert copies(storm, 500, seed=1) != copies(storm, 500, seed=2)


def test_the_shares_are_those_asked_for() -> None:
    drawn = copies(Weather(loss=0.2, duplication=0.5, reordering=0.25, delay=10, extra_delay=5), 20_000)
    arrived = [each for each in drawn if each]
    assert len(arrived) == pytest.approx(16_000, rel=0.05)
    assert sum(len(each) == 2 for each in arrived) == pytest.approx(8000, rel=0.05)
    delays = [delay for each in arrived for delay in each]
    assert set(delays) == {10, 15}
    assert delays.count(15) == pytest.approx(len(delays) / 4, rel=0.05)


def test_a_path_counts_what_it_did() -> None:
    path = Path(Weather(loss=1.0))
    assert list(path.delays()) == []
    assert (path.lost, path.duplicated, path.reordered) == (1, 0, 0)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="loss"):
        Weather(loss=value)
    with pytest.raises(ValueError, match="duplication"):
        Weather(duplication=value)
    with pytest.raises(ValueError, match="reordering"):
        Weather(reordering=value)


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="delay"):
        Weather(delay=-1)
