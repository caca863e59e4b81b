"""Virtual time: the same script twice gives the same octets at the same times, and hours take no time."""

import pytest

from packetdrill_compat.config import IPV4
from packetdrill_compat.outcome import RunResult
from packetdrill_compat.reader import parse_text
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.reference import create
from targets.trace import CallFinished, Departed
from tests.quality.cases import ScriptCase, scripts

SHARES = 16
HOUR = 3_600_000_000

KEEPALIVE = """\
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  setsockopt(3, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 0:0(0) win 65535 <mss 1460>
+0  > S. 0:0(0) ack 1 <...>
+0  < . 1:1(0) ack 1 win 65535
+0  accept(3, ..., ...) = 4
+7200 > . 0:0(0) ack 1
+0  < . 1:1(0) ack 1 win 65535
+7200 > . 0:0(0) ack 1
"""
"""RFC 9293, MUST-28: the keep-alive interval is no less than two hours by default."""


def life(result: RunResult) -> list[tuple[int, bytes | object]]:
    """Packets and results of calls with their times."""
    return [
        (event.time, event.packet if isinstance(event, Departed) else event.result)
        for event in result.trace.events
        if isinstance(event, Departed | CallFinished)
    ]


def played(case: ScriptCase) -> RunResult:
    return case.play(create(case.rules, seed=5))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_script_played_twice_gives_the_same_octets_at_the_same_times(share: int) -> None:
    cases = [each for each in list(scripts())[share::SHARES] if not each.unsupported()]
    assert len(cases) > 10
    differing = []
    for case in cases:
        first, second = played(case), played(case)
        if (life(first), first.verdict) != (life(second), second.verdict):
            differing.append(case.name)
    assert differing == []


def test_hours_of_keepalive_are_played_at_once() -> None:
    config = variant_config(IPV4)
    script = parse_text(KEEPALIVE, path="keepalive.pkt", config=config)
    target = create()
    result = play(script, config, target, time_limit=10 * HOUR)
    assert result.failure is None, result.failure
    sent = [event.time for event in result.trace.events if isinstance(event, Departed)]
    assert sent[-1] >= 4 * HOUR
