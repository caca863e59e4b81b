"""Playing a script beside others without letting them change its verdict.

Scripts on a real kernel mostly sleep, so many play at once. Those that change what all namespaces share play alone. And
a failure in the crowd that has to do with moments is no verdict: on a machine that does other work as well, a kernel
timer now and then expires one tick late, a packet is injected late, a call returns late. Such a script is played once
more in calm, and alone if it then still misses by so little; what it does there counts. What passes is not repeated.
"""

from collections.abc import Callable

from packetdrill_compat.ast import Script
from packetdrill_compat.claims import ClaimsRule, claims_of
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import FailureKind, RunResult
from targets.base import HOST, Micros
from targets.crew import Place

# A kernel timer that is late is late by one tick, at most 10 ms (CONFIG_HZ is 100 or more). What comes too early, or
# far too late, is no work of the crowd.
_TICK: Micros = 10_000
# An injection that comes later than this may have met another state of the stack than the script meant.
_LATE: Micros = 2_000


class _AloneOnly(Exception):
    """The script changes what all share."""


def play_in_crowd(play: Callable[[ClaimsRule], RunResult], place: Place) -> "RunResult | Place":
    """Play a script with `play`, which obeys the rule it is given; answers with a place where it has to be played."""
    if place is Place.ALONE:
        result = play(_alone)
    else:
        try:
            result = play(_beside_others)
        except _AloneOnly:
            return Place.ALONE
        if _is_doubtful(result):
            return Place.CALM if place is Place.CROWD else Place.ALONE
        if place is Place.CROWD and result.failure is not None and result.failure.kind is FailureKind.PACKET:
            return Place.CALM
    result.was_apart = place is not Place.CROWD
    return result


def _alone(script: Script, config: Config) -> frozenset[str]:
    return claims_of(script, config) | {HOST}


def _beside_others(script: Script, config: Config) -> frozenset[str]:
    claims = claims_of(script, config)
    if HOST in claims:
        raise _AloneOnly
    return claims


def _is_doubtful(result: RunResult) -> bool:
    """Tell whether a failure may be due to moments at which something other than the stack was late."""
    failure = result.failure
    if failure is None:
        return False
    is_near_miss = failure.kind is FailureKind.TIMING and 0 <= failure.excess <= _TICK
    return is_near_miss or max(result.lateness, default=0) >= _LATE
