"""Reading a script of sixty lines: processor time of scanner, grammar and builder together.

The budget is five milliseconds a script, after the tables of the dialect were made. The script is our own and has the
usual mixture: packets with options, system calls, comments and a code block.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Sequence

from packetdrill_compat.parser import dialect_parser
from packetdrill_compat.reader import parse_text

BUDGET_MS = 5.0
LINES = 60

_HEAD = """\
// A connection is opened and data are acknowledged segment by segment.
--tolerance_usecs=10000
0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0.000 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0.000 bind(3, ..., ...) = 0
+0.000 listen(3, 1) = 0

+0.100 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>
+0.000 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 200 ecr 100,nop,wscale 8>
+0.100 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 110 ecr 200>
+0.000 accept(3, ..., ...) = 4
"""
_ROUND = """\
+0.010 write(4, ..., 1000) = 1000
+0.000 > P. {start}:{end}(1000) ack 1 <nop,nop,TS val 210 ecr 110>
// The peer acknowledges with a selective acknowledgment of what came before.
+0.050 < . 1:1(0) ack {end} win 257 <nop,nop,TS val 120 ecr 210,nop,nop,sack 1:{start}>
+0.000 %{{ assert tcpi_unacked == 0, tcpi_unacked }}%
"""


def sample(lines: int = LINES) -> str:
    """Return a script with this many lines."""
    text = _HEAD
    start = 1
    while text.count("\n") < lines:
        text += _ROUND.format(start=start, end=start + 1000)
        start += 1000
    return "\n".join(text.split("\n")[:lines]) + "\n"


def milliseconds(text: str, repetitions: int) -> float:
    """Return the best processor time of reading `text`."""
    parse_text(text)
    best = float("inf")
    for _ in range(repetitions):
        begin = time.process_time()
        parse_text(text)
        best = min(best, time.process_time() - begin)
    return best * 1000


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks parser", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    arguments = parser.parse_args(argv)
    begin = time.process_time()
    dialect_parser("google")
    print(f"tables of the upstream grammar  {(time.process_time() - begin) * 1000:8.1f} ms, once in a process")
    text = sample(arguments.lines)
    best = milliseconds(text, arguments.repetitions)
    budget = BUDGET_MS * arguments.lines / LINES
    print(f"a script of {arguments.lines:>3} lines          {best:8.2f} ms, budget {budget:.1f} ms")
    print(f"lines a second                  {arguments.lines / best * 1000:8.0f}")
    if arguments.profile:
        with cProfile.Profile() as profile:
            milliseconds(text, arguments.repetitions)
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)
    return 0 if best <= budget else 1
