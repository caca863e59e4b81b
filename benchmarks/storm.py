"""Robustness: random and mutated packets against the reference stack in every state, every outcome judged.

Prints what was found, how many packets came in which state, the speed, and the growth of this process's memory. Equal
seeds give equal storms; a finding names its life, which plays again alone with ``--life``.
"""

import argparse
import resource
import time
from collections.abc import Iterator, Sequence

from fuzz.storm.run import Finding, Storm
from reference_stack.personality import personality

_MOST_FINDINGS = 20


def main(argv: Sequence[str]) -> int:
    """Run the storms; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm", description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000, help="packets for each personality")
    parser.add_argument("--personality", action="append", help="rfc, linux, dragonfly, freebsd (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--life", type=int, help="play only this life of the seed")
    options = parser.parse_args(argv)
    is_clean = True
    for name in options.personality or ("rfc", "linux", "dragonfly", "freebsd"):
        storm = Storm(personality(name), seed=options.seed)
        is_clean = _run(name, storm, options.packets, options.life) and is_clean
    return 0 if is_clean else 1


def _run(name: str, storm: Storm, packets: int, life: int | None) -> bool:
    begun, memory = time.perf_counter(), _peak()
    findings: Iterator[Finding] = storm.run(packets) if life is None else storm.live(life)
    found = 0
    for finding in findings:
        found += 1
        if found <= _MOST_FINDINGS:
            print(finding, flush=True)
    seconds = time.perf_counter() - begun
    print(f"{name}: {storm.packets} packets, {found} findings, {storm.packets / seconds:,.0f} packets a second")
    print(f"    peak of memory grew by {(_peak() - memory) / 1024:.1f} MB")
    print("    " + ", ".join(f"{state} {count}" for state, count in storm.reached.most_common()), flush=True)
    return not found


def _peak() -> int:
    """Return the largest resident size of this process so far, in units of 1024 octets (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
