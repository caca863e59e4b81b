"""Two connections of this stack against each other: every octet arrives once, in order, whatever the network does."""

from random import Random

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.pair import CLIENT, SERVER, Weather, make_pair, transfer

DATA = Random(1).randbytes(300_000)

WEATHER = {
    "calm": Weather(),
    "loss": Weather(loss=0.02),
    "heavy loss": Weather(loss=0.15),
    "reordering": Weather(jitter=15_000),
    "duplication": Weather(duplication=0.1),
    "storm": Weather(loss=0.05, jitter=10_000, duplication=0.05),
}


@pytest.mark.parametrize("name", ["rfc", "linux"])
@pytest.mark.parametrize("sack", [True, False], ids=["sack", "no sack"])
@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "no timestamps"])
@pytest.mark.parametrize("weather", WEATHER)
def test_every_octet_arrives_in_order(name: str, weather: str, timestamps: bool, sack: bool) -> None:
    pair = make_pair(name=name, weather=WEATHER[weather], seed=7, sack=sack, timestamps=timestamps)
    assert transfer(pair, DATA) == DATA


@pytest.mark.parametrize("name", ["rfc", "linux"])
@pytest.mark.parametrize("seed", range(5))
def test_every_octet_arrives_for_other_seeds(name: str, seed: int) -> None:
    pair = make_pair(name=name, weather=WEATHER["storm"], seed=seed)
    assert transfer(pair, DATA[:100_000]) == DATA[:100_000]


def test_a_small_receive_buffer_only_slows_the_transfer() -> None:
    pair = make_pair(rcvbuf=3000, weather=Weather(loss=0.02), seed=3)
    assert transfer(pair, DATA[:50_000]) == DATA[:50_000]


def test_the_server_can_send_too() -> None:
    pair = make_pair(weather=Weather(loss=0.02), seed=4)
    assert transfer(pair, DATA[:50_000], source=SERVER) == DATA[:50_000]


def test_after_a_close_from_both_sides_both_connections_end() -> None:
    pair = make_pair(weather=Weather(loss=0.1), seed=5)
    assert transfer(pair, b"hello") == b"hello"
    pair.ends[SERVER].shutdown_send(now=pair.now)
    pair.run(until=pair.now + 200_000_000)
    assert pair.ends[SERVER].is_deleted
    assert pair.ends[CLIENT].state is State.TIME_WAIT
    pair.run(until=pair.now + 500_000_000)
    assert pair.ends[CLIENT].is_deleted
    assert [end.error for end in pair.ends] == [0, 0]


def test_both_sides_may_send_at_once() -> None:
    pair = make_pair(weather=Weather(loss=0.03, jitter=5000), seed=6)
    pair.run(until=1_000_000)
    for end in pair.ends:
        end.send(DATA[:50_000], now=pair.now)
    pair.run(until=pair.now + 100_000_000)
    for end in pair.ends:
        assert end.receive(100_000, now=pair.now) == DATA[:50_000]


def test_simultaneous_open_makes_one_connection() -> None:
    # RFC 9293, MUST-10.
    pair = make_pair()
    pair.ends[SERVER].connect(now=0)
    pair.run(until=5_000_000)
    assert [end.state for end in pair.ends] == [State.ESTABLISHED, State.ESTABLISHED]
    assert pair.ends[CLIENT].send(b"x", now=pair.now) == 1
    pair.run(until=pair.now + 5_000_000)
    assert pair.ends[SERVER].receive(10, now=pair.now) == b"x"


def test_simultaneous_close_ends_in_time_wait_on_both_sides() -> None:
    pair = make_pair()
    pair.run(until=1_000_000)
    for end in pair.ends:
        end.shutdown_send(now=pair.now)
    pair.run(until=pair.now + 1_000_000)
    assert [end.state for end in pair.ends] == [State.TIME_WAIT, State.TIME_WAIT]
