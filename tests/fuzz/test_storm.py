"""The storm is silent on the sound stack, finds planted faults by each of its rules, and repeats to the octet."""

from dataclasses import replace
from random import Random

import pytest

from benchmarks.storm import main
from fuzz.faults import FAULTS
from fuzz.storm.packets import draw
from fuzz.storm.run import Finding, Storm
from fuzz.storm.stage import STATES, Stage, states_of
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.personality import Personality, personality
from reference_stack.rules import Verdict

pytestmark = pytest.mark.slow


def findings(stack: Personality, packets: int, seed: int = 0) -> list[Finding]:
    return list(Storm(stack, seed=seed).run(packets))


@pytest.mark.parametrize(
    ("name", "seed", "life"),
    [
        # A segment that a timeout had asked for was sent again although it was acknowledged by then.
        ("linux", 7, 2826),
        # A FIN was taken from a segment whose ACK did not end the handshake.
        ("rfc", 8, 6218),
    ],
)
def test_a_life_that_once_found_something_finds_nothing(name: str, seed: int, life: int) -> None:
    assert [str(each) for each in Storm(personality(name), seed=seed).live(life)] == []


@pytest.mark.parametrize("name", ["rfc", "linux", "dragonfly", "freebsd"])
def test_a_storm_finds_nothing_in_the_sound_stack(name: str) -> None:
    storm = Storm(personality(name), seed=20)
    assert [str(each) for each in storm.run(5000)] == []
    wanted = {state.partition("/")[0] for state in STATES} - {"CLOSED", "LISTEN"} | {"no connection"}
    assert {state for state in wanted if storm.reached[state] < 50} == set()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rst-in-window-accepted", "ends in"),
        ("rst-left-edge-off-by-one", "ends in"),
        ("syn-in-window-resets", "ends in"),
        ("ack-unsent-accepted", "SND.UNA advances without"),
        ("noack-data-accepted", "has no ACK"),
        ("ooo-fin-early", "RCV.NXT advances"),
        ("badack-established-rst", "sends a reset and lives on"),
        ("rcv-edge-retreats", "right-edge-left"),
    ],
)
def test_a_storm_finds_a_planted_fault(fault: str, words: str) -> None:
    found = findings(FAULTS[fault].plant(personality("rfc")), 2500)
    assert any(words in each.message for each in found), [each.message for each in found[:5]]


def raising(_connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    raise KeyError("planted")


def test_an_exception_is_a_finding_and_the_storm_goes_on() -> None:
    broken = personality("rfc").with_rule("fin/take", raising)
    storm = Storm(broken)
    found = list(storm.run(500))
    assert storm.packets >= 500
    assert any("raises KeyError" in each.message for each in found)


def test_equal_seeds_give_equal_packets() -> None:
    def packets(seed: int) -> list[bytes]:
        random = Random(seed)
        stage = Stage("ESTABLISHED", personality("linux"), random)
        return [draw(stage, random) for _ in range(50)]

    assert packets(1) == packets(1)
    assert packets(1) != packets(2)


@pytest.mark.parametrize("name", ["rfc", "linux", "dragonfly"])
def test_every_state_is_reached_in_every_personality(name: str) -> None:
    for state in states_of(personality(name)):
        for seed in range(3):
            Stage(state, personality(name), Random(seed))


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--packets", "500", "--personality", "rfc", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "rfc: 5" in said
    assert "0 findings" in said


def test_a_finding_plays_again_by_its_life() -> None:
    broken = replace(FAULTS["rst-in-window-accepted"].plant(personality("rfc")))
    first = findings(broken, 500)[0]
    assert str(next(iter(Storm(broken).live(first.life)))) == str(first)
