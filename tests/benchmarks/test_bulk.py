"""Bulk transfers between two simulated hosts: right to the octet, repeatable, in memory that the buffers bound."""

import pytest

from benchmarks.bulk import CLIENT, SERVER, main, make_link, measure, peak_memory, transfer
from targets.weather import Weather

pytestmark = pytest.mark.slow

CALM = Weather(delay=10_000)
STORM = Weather(delay=10_000, loss=0.01, duplication=0.01, reordering=0.02)
PERSONALITIES = ("rfc", "linux", "dragonfly")


@pytest.mark.parametrize("name", PERSONALITIES)
@pytest.mark.parametrize("weather", [CALM, STORM], ids=["calm", "storm"])
def test_every_octet_arrives(name: str, weather: Weather) -> None:
    link = make_link(name, weather, seed=3)
    transfer(link, 500_000)  # raises when it differs
    assert len(link.hosts[CLIENT].tcp.demux) + len(link.hosts[SERVER].tcp.demux) <= 2


@pytest.mark.parametrize("name", PERSONALITIES)
def test_equal_seeds_give_equal_packets_and_others_do_not(name: str) -> None:
    digests = []
    for seed in (1, 1, 2):
        link = make_link(name, STORM, seed=seed)
        transfer(link, 200_000)
        digests.append(link.digest.hexdigest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("name", "octets", "most"), [("rfc", 6, 2.5), ("dragonfly", 6, 2.5), ("freebsd", 6, 2.5), ("linux", 20, 9)]
)
def test_memory_is_bounded_by_the_buffers_not_by_the_octets_moved(name: str, octets: int, most: float) -> None:
    # A send buffer, a receive buffer and a window on its way: never half of all (millions of octets) is in memory.
    # The buffers of Linux are tuned: four million are sent at once at most (tcp_wmem).
    assert peak_memory(name, octets * 1_000_000, CALM) < most * 1_000_000


def test_virtual_time_does_not_wait() -> None:
    figures = measure("rfc", 20_000, Weather(delay=30_000_000))
    assert figures.virtual > 60 > 20 * figures.spent


def test_the_command_prints_a_line_for_each_personality(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--megabytes", "1", "--personality", "rfc", "--memory"]) == 0
    said = capsys.readouterr().out
    assert "rfc        1 MB:" in said
    assert "segments a second" in said
    assert "peak of memory" in said
