"""Which results of a script that played beside others count, and which make it play again alone."""

import pytest

from packetdrill_compat.ast import Script
from packetdrill_compat.claims import ClaimsRule
from packetdrill_compat.config import Config
from packetdrill_compat.crowd import play_in_crowd
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from packetdrill_compat.reader import parse_text
from targets.base import HOST
from targets.crew import Place
from targets.trace import Trace

QUIET = parse_text("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")
LOUD = parse_text("`modprobe x`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")


class Play:
    """Plays nothing, gives a result, and remembers what was claimed."""

    def __init__(self, result: RunResult, script: Script = QUIET) -> None:
        self.result = result
        self.script = script
        self.claims: frozenset[str] = frozenset()

    def __call__(self, rule: ClaimsRule) -> RunResult:
        self.claims = rule(self.script, Config())
        return self.result


def result(kind: FailureKind | None = None, excess: int = 0, lateness: int = 0) -> RunResult:
    verdict = Verdict.PASS if kind is None else Verdict.FAIL
    made = RunResult(verdict, QUIET, Config(), Trace())
    made.lateness = [lateness]
    if kind is not None:
        made.failure = Failure(kind, "a.pkt", 1, 1, "why", excess=excess)
    return made


@pytest.mark.parametrize(
    "sound",
    [
        result(),
        result(lateness=50_000),
        result(FailureKind.CODE),
        result(FailureKind.TIMING, excess=-500),
        result(FailureKind.TIMING, excess=30_000),
    ],
    ids=["pass", "late pass", "wrong code", "too early", "far too late"],
)
def test_a_result_that_the_crowd_cannot_have_made_counts(sound: RunResult) -> None:
    assert play_in_crowd(Play(sound), Place.CROWD) is sound
    assert not sound.was_apart


NEAR_MISSES = {
    "one tick late": result(FailureKind.TIMING, excess=3_000),
    "own moment": result(FailureKind.TIMING),
    "late injection": result(FailureKind.SYSCALL, lateness=2_500),
}


@pytest.mark.parametrize("doubtful", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_near_miss_is_played_in_calm_and_then_alone(doubtful: RunResult) -> None:
    assert play_in_crowd(Play(doubtful), Place.CROWD) is Place.CALM
    assert play_in_crowd(Play(doubtful), Place.CALM) is Place.ALONE


def test_a_wrong_packet_is_confirmed_in_calm() -> None:
    wrong = result(FailureKind.PACKET)
    assert play_in_crowd(Play(wrong), Place.CROWD) is Place.CALM
    assert play_in_crowd(Play(wrong), Place.CALM) is wrong
    assert wrong.was_apart


def test_alone_every_result_counts_and_the_machine_is_claimed() -> None:
    play = Play(result(FailureKind.TIMING, excess=3_000))
    assert play_in_crowd(play, Place.ALONE) is play.result
    assert play.result.was_apart
    assert HOST in play.claims


def test_a_script_that_changes_the_machine_does_not_play_beside_others() -> None:
    assert play_in_crowd(Play(result(), LOUD), Place.CROWD) is Place.ALONE
