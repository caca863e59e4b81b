"""Verdicts side by side: the C packetdrill and this interpreter over a folder of scripts, on the running kernel.

``python -m benchmarks parity --packetdrill BINARY --scripts DIR [--jobs N] [--repeat K]``. The C tool runs serially, as
its own runner does; ours with N processes. Every item runs K times with each; it is flaky when its verdicts differ.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packetdrill_compat.outcome import Verdict
from packetdrill_compat.runner import run_file
from packetdrill_compat.variants import VARIANT_FLAGS, variant_config, variants_of
from targets.registry import create_target

PATIENCE_S = 180
Item = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of one item ended: passed or not, and the first line of the reason."""

    is_pass: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """All runs of one tool: outcomes by item, wall and processor time in seconds."""

    outcomes: dict[Item, list[Outcome]]
    wall: float
    cpu: float

    def verdict(self, item: Item) -> str:
        """``pass``, ``fail``, or ``flaky`` when the repeats disagree."""
        passes = {outcome.is_pass for outcome in self.outcomes[item]}
        return "flaky" if len(passes) > 1 else "pass" if True in passes else "fail"

    def message(self, item: Item) -> str:
        """The reason of the first run that did not pass."""
        return next((outcome.message for outcome in self.outcomes[item] if not outcome.is_pass), "")


def items_of(folder: Path) -> list[Item]:
    """Every script of the folder in each of its variants."""
    scripts = sorted(str(path) for path in folder.rglob("*.pkt"))
    return [(script, variant) for script in scripts for variant in variants_of(script)]


def run_c_tool(binary: str, item: Item) -> Outcome:
    """Run the C tool in a fresh network namespace, in the script's folder."""
    path, variant = item
    command = ["unshare", "--net", binary, *VARIANT_FLAGS[variant], os.path.basename(path)]
    try:
        done = subprocess.run(
            command, cwd=os.path.dirname(path), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(False, f"killed after {PATIENCE_S} s")
    return Outcome(done.returncode == 0, _first_line(done.stderr))


def run_ours(item: Item) -> Outcome:
    """Play the item on the kernel target."""
    path, variant = item
    result = run_file(path, target=create_target("kernel"), config=variant_config(variant))
    reason = "" if result.failure is None else f"{result.verdict.value}: {result.failure.first_line}"
    return Outcome(result.verdict is Verdict.PASS, _first_line(reason))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def run_series(items: Sequence[Item], run: Callable[[Item], Outcome], *, jobs: int, repeat: int) -> Series:
    """Run all items `repeat` times, each round with `jobs` processes (1: in this one)."""
    outcomes: dict[Item, list[Outcome]] = {item: [] for item in items}
    wall, cpu = time.monotonic(), _processor_time()
    for _ in range(repeat):
        if jobs == 1:
            round_of = [run(item) for item in items]
        else:
            with ProcessPoolExecutor(jobs) as pool:
                round_of = list(pool.map(run, items))
        for item, outcome in zip(items, round_of, strict=True):
            outcomes[item].append(outcome)
    return Series(outcomes, time.monotonic() - wall, _processor_time() - cpu)


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def report(items: Sequence[Item], theirs: Series, ours: Series, folder: Path) -> str:
    """The table and the list of disagreements."""
    pairs = Counter((theirs.verdict(item), ours.verdict(item)) for item in items)
    rows = [
        ("both pass", pairs["pass", "pass"]),
        ("both fail", pairs["fail", "fail"]),
        ("only the C tool passes", pairs["pass", "fail"]),
        ("only ours passes", pairs["fail", "pass"]),
        ("flaky with the C tool", sum(count for (c, _), count in pairs.items() if c == "flaky")),
        ("flaky with ours", sum(count for (_, o), count in pairs.items() if o == "flaky")),
    ]
    lines = [f"{len(items)} items", *(f"  {name:<24} {count:5}" for name, count in rows)]
    agree = sum(theirs.verdict(item) == ours.verdict(item) for item in items)
    lines.append(f"  agreement                {100 * agree / max(len(items), 1):5.1f} %")
    for name, series in (("C tool", theirs), ("ours", ours)):
        lines.append(f"  {name:<7} {series.wall:7.1f} s wall {series.cpu:7.1f} s processor")
    for item in items:
        if theirs.verdict(item) != ours.verdict(item):
            lines += _disagreement(item, theirs, ours, folder)
    return "\n".join(lines)


def _disagreement(item: Item, theirs: Series, ours: Series, folder: Path) -> list[str]:
    name = f"{os.path.relpath(item[0], folder)}@{item[1]}"
    return [
        f"{name}: C tool {theirs.verdict(item)}, ours {ours.verdict(item)}",
        f"    C tool: {theirs.message(item) or '-'}",
        f"    ours:   {ours.message(item) or '-'}",
    ]


@dataclass(frozen=True, slots=True)
class CTool:
    """The C tool as a function of an item, so that another process can be given it."""

    binary: str

    def __call__(self, item: Item) -> Outcome:
        """Run the item."""
        return run_c_tool(self.binary, item)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison; exit status 1 when an item is flaky with ours and stable with the C tool."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks parity", description=__doc__)
    parser.add_argument("--packetdrill", required=True, metavar="BINARY")
    parser.add_argument("--scripts", required=True, type=Path, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=8, help="processes for ours (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args(argv)
    binary = os.path.abspath(arguments.packetdrill)
    items = items_of(arguments.scripts.resolve())
    if not items or not os.access(binary, os.X_OK):
        what = f"no scripts in {arguments.scripts}" if not items else f"{binary} cannot be executed"
        print(f"parity: {what}", file=sys.stderr)
        return 2
    ours = run_series(items, run_ours, jobs=arguments.jobs, repeat=arguments.repeat)
    theirs = run_series(items, CTool(binary), jobs=1, repeat=arguments.repeat)
    print(report(items, theirs, ours, arguments.scripts.resolve()))
    unstable = [item for item in items if ours.verdict(item) == "flaky" and theirs.verdict(item) != "flaky"]
    return 1 if unstable else 0
