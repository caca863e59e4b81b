"""Verdicts side by side: the C packetdrill and this interpreter over a folder of scripts, on the running kernel.

``python -m benchmarks parity --packetdrill BINARY --scripts DIR [--jobs N] [--repeat K]``. The C tool runs serially, as
its own runner does; ours with N at a time, as pytest plays them. Every item runs K times with each; it is flaky when
its verdicts differ.
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

from packetdrill_compat.claims import ClaimsRule
from packetdrill_compat.crowd import play_in_crowd
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.runner import run_file
from packetdrill_compat.variants import VARIANT_FLAGS, variant_config, variants_of
from targets.crew import Crew, Place
from targets.registry import create_target

PATIENCE_S = 180
_JOBS = 10 * (os.cpu_count() or 1)
_PR_SET_CHILD_SUBREAPER = 36
_REAP_S = 5.0
Item = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of one item ended: passed or not, and the first line of the reason."""

    is_pass: bool
    message: str = ""
    lateness: tuple[int, ...] = ()
    was_apart: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """All runs of one tool: outcomes by item, wall and processor time in seconds over all repeats."""

    outcomes: dict[Item, list[Outcome]]
    wall: float
    cpu: float
    repeat: int

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


def run_ours(item: Item, place: Place) -> Outcome | Place:
    """Play the item on the kernel target: the work of a crew."""
    path, variant = item
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what code blocks print

    def play(claims: ClaimsRule) -> RunResult:
        return run_file(path, target=create_target("kernel"), config=variant_config(variant), claims=claims)

    result = play_in_crowd(play, place)
    if isinstance(result, Place):
        return result
    reason = "" if result.failure is None else f"{result.verdict.value}: {result.failure.first_line}"
    lateness = tuple(result.lateness)
    return Outcome(result.verdict is Verdict.PASS, _first_line(reason), lateness, was_apart=result.was_apart)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def their_series(items: Sequence[Item], binary: str, *, repeat: int) -> Series:
    """Run all items with the C tool, one after the other, `repeat` times."""
    outcomes: dict[Item, list[Outcome]] = {item: [] for item in items}
    wall, cpu = time.monotonic(), _processor_time()
    for _ in range(repeat):
        for item in items:
            outcomes[item].append(run_c_tool(binary, item))
    return Series(outcomes, time.monotonic() - wall, _processor_time() - cpu, repeat)


def our_series(items: Sequence[Item], *, jobs: int, repeat: int) -> Series:
    """Play all items with `jobs` at a time, `repeat` times, each time with a new crew."""
    outcomes: dict[Item, list[Outcome]] = {item: [] for item in items}
    wall, cpu = time.monotonic(), _processor_time()
    for _ in range(repeat):
        crew: Crew[Item, Outcome] = Crew(run_ours, size=jobs, preload=("packetdrill_compat.warm", __name__))
        try:
            futures = [crew.submit(item) for item in items]
            for item, future in zip(items, futures, strict=True):
                outcomes[item].append(future.result())
        finally:
            crew.close()
    wall = time.monotonic() - wall
    _reap_all()
    return Series(outcomes, wall, _processor_time() - cpu, repeat)


def _adopt_descendants() -> None:
    """Become the parent of every orphaned descendant, so that its processor time is counted here (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_all() -> None:
    """Wait for what the crew's processes have started; they end with them, but for two servants of multiprocessing."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
    give_up = time.monotonic() + _REAP_S
    with suppress(ChildProcessError):
        while time.monotonic() < give_up:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)


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
        wall, cpu = series.wall / series.repeat, series.cpu / series.repeat
        lines.append(f"  {name:<7} {wall:7.1f} s wall {cpu:7.1f} s processor for each of {series.repeat} runs")
    lines += _circumstances(ours)
    for item in items:
        if theirs.verdict(item) != ours.verdict(item):
            lines += _disagreement(item, theirs, ours, folder)
    return "\n".join(lines)


def _circumstances(ours: Series) -> list[str]:
    """How late our injections were, and how many items had to be played apart."""
    lateness = sorted(late for outcomes in ours.outcomes.values() for each in outcomes for late in each.lateness)
    apart = sum(each.was_apart for outcomes in ours.outcomes.values() for each in outcomes)
    lines = [f"  played apart with ours   {apart / ours.repeat:7.1f} for each run"]
    if lateness:
        middle, late = lateness[len(lateness) // 2], lateness[len(lateness) * 99 // 100]
        lines.append(f"  injection lateness of ours: median {middle} us, 99 % {late} us, worst {lateness[-1]} us")
    return lines


def _disagreement(item: Item, theirs: Series, ours: Series, folder: Path) -> list[str]:
    name = f"{os.path.relpath(item[0], folder)}@{item[1]}"
    return [
        f"{name}: C tool {theirs.verdict(item)}, ours {ours.verdict(item)}",
        f"    C tool: {theirs.message(item) or '-'}",
        f"    ours:   {ours.message(item) or '-'}",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison; exit status 1 when an item is flaky with ours and stable with the C tool."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks parity", description=__doc__)
    parser.add_argument("--packetdrill", required=True, metavar="BINARY")
    parser.add_argument("--scripts", required=True, type=Path, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=_JOBS, help="scripts at a time with ours (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args(argv)
    binary = os.path.abspath(arguments.packetdrill)
    items = items_of(arguments.scripts.resolve())
    if not items or not os.access(binary, os.X_OK):
        what = f"no scripts in {arguments.scripts}" if not items else f"{binary} cannot be executed"
        print(f"parity: {what}", file=sys.stderr)
        return 2
    _adopt_descendants()
    ours = our_series(items, jobs=arguments.jobs, repeat=arguments.repeat)
    theirs = their_series(items, binary, repeat=arguments.repeat)
    print(report(items, theirs, ours, arguments.scripts.resolve()))
    unstable = [item for item in items if ours.verdict(item) == "flaky" and theirs.verdict(item) != "flaky"]
    return 1 if unstable else 0
