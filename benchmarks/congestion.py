"""Congestion controls and loss recoveries over a lossy path: a table from fixed seeds, beside what theory says.

Two connections without hosts, 20 ms each way, no limit of bandwidth: the window and the losses alone set the rate. The
theory is that of Mathis, Semke, Mahdavi and Ott (1997, "The Macroscopic Behavior of the TCP Congestion Avoidance
Algorithm"): MSS/RTT * C/sqrt(p), with C = sqrt(3/4) for a receiver that acknowledges every second segment. It speaks of
Reno; CUBIC is to be no slower (RFC 9438, 4.3).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from tests.reference_stack.engine.pair import CLIENT, MS, Pair, Weather, make_pair, transfer

DELAY_US = 20 * MS
MSS = 1448  # 1500 octets less the headers and timestamps
BUFFER = 4_000_000
LOSSES = (0.0, 0.001, 0.005, 0.02, 0.05)


@dataclass(frozen=True)
class Kind:
    """One way to control and recover: personality, congestion control, with SACK or not, named loss recovery."""

    personality: str
    control: str
    has_sack: bool = True
    recovery: str = ""

    @property
    def label(self) -> str:
        recovery = self.recovery or ("sack" if self.has_sack else "no sack")
        return f"{self.personality}/{self.control}/{recovery}"


KINDS = (
    Kind("rfc", "reno"),
    Kind("rfc", "reno", has_sack=False),
    Kind("rfc", "reno", recovery="rack"),
    Kind("rfc", "cubic"),
    Kind("linux", "reno"),
    Kind("linux", "cubic"),
    Kind("linux", "reno", has_sack=False),
)


@dataclass(frozen=True)
class Row:
    """What became of one transfer. `rate` is octets a second, `lost` counts data and acknowledgments."""

    kind: Kind
    loss: float
    rate: float
    lost: int
    retransmissions: int

    @property
    def share_of_theory(self) -> float:
        """The rate as a multiple of what Mathis et al. give; 0 without losses."""
        return self.rate / theory(self.loss) if self.loss else 0.0


def theory(loss: float) -> float:
    """Return octets a second for Reno at a share of losses."""
    return MSS / (2 * DELAY_US / 1e6) * sqrt(3 / 4) / sqrt(loss)


def measure(kind: Kind, loss: float, *, octets: int, seed: int) -> Row:
    """Move octets once. Raises `RuntimeError` when they do not arrive."""
    pair: Pair = make_pair(
        name=kind.personality,
        weather=Weather(delay=DELAY_US, loss=loss),
        seed=seed,
        sack=kind.has_sack,
        congestion_control=kind.control,
        loss_recovery=kind.recovery,
        sndbuf=BUFFER,
        rcvbuf=BUFFER,
        max_tso_segments=1,
    )
    data = bytes(octets)
    if transfer(pair, data, chunk=BUFFER) != data:
        raise RuntimeError(f"{kind.label}: not every octet arrived at a loss of {loss}")
    sender = pair.ends[CLIENT]
    return Row(kind, loss, octets / (pair.now / 1e6), pair.lost, sender.counters.total_retransmissions)


def mean(kind: Kind, loss: float, *, octets: int, seeds: Sequence[int]) -> Row:
    """Return the mean of several seeds."""
    rows = [measure(kind, loss, octets=octets, seed=seed) for seed in seeds]
    return Row(
        kind,
        loss,
        sum(row.rate for row in rows) / len(rows),
        sum(row.lost for row in rows),
        sum(row.retransmissions for row in rows),
    )


def table(octets: int, seeds: Sequence[int]) -> Iterator[Row]:
    """Yield a row for each kind and share of losses."""
    for kind in KINDS:
        for loss in LOSSES:
            yield mean(kind, loss, octets=octets, seeds=seeds)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks congestion", description=__doc__.partition("\n")[0])
    parser.add_argument("--kilobytes", type=int, default=3000, help="thousand octets of each transfer")
    parser.add_argument("--seeds", type=int, default=3, help="transfers of each row")
    options = parser.parse_args(argv)
    print(f"{'kind':<22} {'loss':>6} {'kB/s':>9} {'of theory':>9} {'lost':>6} {'again':>6}")
    for row in table(options.kilobytes * 1000, range(options.seeds)):
        of_theory = f"{row.share_of_theory:.2f}" if row.loss else "-"
        print(
            f"{row.kind.label:<22} {row.loss:>6.1%} {row.rate / 1000:>9.1f} {of_theory:>9} {row.lost:>6} "
            f"{row.retransmissions:>6}",
            flush=True,
        )
    return 0
