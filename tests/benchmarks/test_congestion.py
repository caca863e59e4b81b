"""Every congestion control and loss recovery over lossy paths of fixed seeds: as fast as theory says, within a factor.

Mathis, Semke, Mahdavi and Ott (1997) give the rate of Reno within some ten percent for long transfers; these are short
and begin with slow start, hence the wide limits. What is wrong is further off: a recovery that waits for the timer at
each loss stays below a tenth, one that ignores losses is faster by multiples.
"""

from collections.abc import Iterator

import pytest

from benchmarks.congestion import KINDS, Kind, Row, main, mean, measure
from reference_stack.congestion.base import CongestionControl, registry

pytestmark = pytest.mark.slow

OCTETS = 600_000
BY_LABEL = {kind.label: kind for kind in KINDS}


def row(label: str, loss: float) -> Row:
    return mean(BY_LABEL[label], loss, octets=OCTETS, seeds=(0, 1, 2))


@pytest.mark.parametrize("label", BY_LABEL)
@pytest.mark.parametrize("loss", [0.01, 0.03])
def test_the_rate_is_the_one_that_losses_allow(label: str, loss: float) -> None:
    assert 0.35 < row(label, loss).share_of_theory < 2.5


@pytest.mark.parametrize("label", BY_LABEL)
def test_more_losses_mean_a_lower_rate(label: str) -> None:
    rates = [row(label, loss).rate for loss in (0.0, 0.01, 0.05)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("label", [label for label, kind in BY_LABEL.items() if kind.has_sack])
def test_with_sack_little_more_is_sent_again_than_was_lost(label: str) -> None:
    # RFC 6675: only what is judged lost is sent again; the rest are loss probes and retransmissions that a lost
    # acknowledgment made needless.
    result = row(label, 0.03)
    assert result.lost > 20
    assert result.retransmissions < 1.3 * result.lost + 3


@pytest.mark.parametrize("label", BY_LABEL)
def test_without_losses_nothing_is_sent_again_and_slow_start_doubles(label: str) -> None:
    result = row(label, 0.0)
    assert result.retransmissions == 0
    # RFC 5681, 3.1 and RFC 6928: from ten segments on the window grows by at least half of itself in a round trip
    # with delayed acknowledgments: 600,000 octets are 415 segments, so at most eight round trips and the handshake.
    assert OCTETS / result.rate < 10 * 0.040


def test_equal_seeds_give_equal_rows() -> None:
    kind = BY_LABEL["linux/cubic/sack"]
    assert measure(kind, 0.02, octets=OCTETS, seed=4) == measure(kind, 0.02, octets=OCTETS, seed=4)


@pytest.fixture
def careless() -> Iterator[str]:
    """A congestion control of one's own, known as long as a test runs: it does not care for losses."""

    @registry.register
    class Careless(CongestionControl):
        name = "careless"

        def on_ack(self, acked: int, *, flight: int, now: int) -> None:
            self.cwnd = 60 * self.quantum

        def on_congestion(self, *, flight: int, now: int) -> None:
            self.ssthresh = 60 * self.quantum

        def on_timeout(self, *, flight: int, is_first: bool, now: int) -> None:
            self.cwnd = self.quantum

        def on_idle(self, *, idle: int, rto: int, now: int) -> None:
            return

    yield Careless.name
    registry.forget(Careless.name)


def test_a_control_of_ones_own_is_used_and_told_apart(careless: str) -> None:
    assert careless in registry.names()
    result = mean(Kind("rfc", careless), 0.03, octets=OCTETS, seeds=(0, 1, 2))
    assert result.share_of_theory > 2.5


def test_the_command_prints_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kilobytes", "50", "--seeds", "1"]) == 0
    said = capsys.readouterr().out
    assert all(label in said for label in BY_LABEL)
