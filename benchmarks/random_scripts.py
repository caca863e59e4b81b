"""Writes random scripts for a differential run: a peer whose segments are lost, late, marked, repeated and overlap.

``python -m benchmarks random_scripts [--count N] [--seed N] FOLDER``, then ``python -m benchmarks differential
FOLDER``. A script expects nothing of what the target sends: where two targets part is for the differential run to say.
The same seed gives the same scripts.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

MARKS = ("[noecn] ", "[noecn] ", "[ect0] ", "[ce] ")
PAUSES_MS = (3, 4, 5, 45, 50)
"""Never so short that the order of two events could be a matter of luck."""
BUFFERS = ("", "", "", "20000", "100000")
READABLE = 12_000
"""The peer sends at most so much more than was read, so that it stays within the smallest window."""


class Peer:
    """What a peer sends, in script notation, and what of it the application could read."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        pick = self._dice.choice
        self.mss = pick((536, 1000, 1460))
        self.has_sack = self._dice.random() < 0.7
        self.scale = pick((None, 0, 4, 7))
        self.has_ecn = self._dice.random() < 0.35
        self.buffer = pick(BUFFERS)
        self._sent: list[tuple[int, int]] = []
        self._next = 1
        self._read = 1
        self._written = 1

    def lines(self) -> Iterator[str]:
        """Yield the lines of the script."""
        yield from self._opening()
        for _ in range(self._dice.randint(15, 70)):
            chance = self._dice.random()
            if chance < 0.7:
                yield self._segment()
            elif chance < 0.9:
                yield self._reading()
            else:
                count = self._dice.choice((1, 100, 2 * self.mss))
                self._written += count
                yield f"{self._pause()}write(4, ..., {count}) = {count}"
                # At once, so that no timer of the sender gets into play.
                yield f"+.003  < {self._mark()}. {self._next}:{self._next}(0) ack {self._written} win 65535"

    def _opening(self) -> Iterator[str]:
        options = [f"mss {self.mss}"]
        options += ["nop", "nop", "sackOK"] if self.has_sack else []
        options += ["nop", f"wscale {self.scale}"] if self.scale is not None else []
        flags, answer = ("SEW", "SE.") if self.has_ecn else ("S", "S.")
        yield "//: targets linux"
        yield "//: variants ipv4"
        yield ""
        yield f"`sysctl -q net.ipv4.tcp_ecn={int(self.has_ecn)}`"
        yield ""
        yield " 0     socket(..., SOCK_STREAM, IPPROTO_TCP) = 3"
        if self.buffer:
            yield f"+0     setsockopt(3, SOL_SOCKET, SO_RCVBUF, [{self.buffer}], 4) = 0"
        yield "+0     bind(3, ..., ...) = 0"
        yield "+0     listen(3, 1) = 0"
        yield f"+0     < {flags} 0:0(0) win 65535 <{','.join(options)}>"
        yield f"+0~+.1 > {answer} 0:0(0) ack 1 <...>"
        yield "+.05   < . 1:1(0) ack 1 win 65535"
        yield "+0     accept(3, ..., ...) = 4"
        yield "+0     fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0"

    def _segment(self) -> str:
        start, length = self._place()
        self._sent.append((start, start + length))
        letters = self._dice.choice(("P.", "P.", "."))
        if self.has_ecn and self._dice.random() < 0.1:
            letters = "W" + letters
        numbers = f"{start}:{start + length}({length}) ack {self._written}"
        return f"{self._pause()}< {self._mark()}{letters} {numbers} win 65535"

    def _place(self) -> tuple[int, int]:
        """Return where the segment begins and its length: mostly what comes next, at times old or further on."""
        dice, mss = self._dice, self.mss
        is_full = self._next > self._read + READABLE
        if self._next > 1 and (is_full or dice.random() < 0.15):
            start = max(1, self._next - mss * dice.randint(1, 6) + dice.choice((0, 0, 7)))
            return start, min(dice.choice((mss, mss // 2, 100)), max(self._next - start, 1))
        if dice.random() < 0.1:
            self._next += mss * dice.randint(1, 3)
        start, length = self._next, dice.choice((*[mss] * 7, 100, mss // 2, 1))
        self._next += length
        return start, length

    def _reading(self) -> str:
        wanted = self._dice.choice((100_000, 100_000, 500, 3 * self.mss))
        edge = self._read
        for start, end in sorted(self._sent):
            if start <= edge:
                edge = max(edge, end)
        count = min(wanted, edge - self._read)
        self._read += count
        return f"{self._pause()}read(4, ..., {wanted}) = " + (str(count) if count else "-1 EAGAIN (try again)")

    def _mark(self) -> str:
        return self._dice.choice(MARKS) if self.has_ecn else ""

    def _pause(self) -> str:
        return f"+.{self._dice.choice(PAUSES_MS):03}  "


def script(seed: int) -> str:
    """Return the script of a seed."""
    return "\n".join([f"// A random peer, seed {seed}.", *Peer(seed).lines()]) + "\n"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks random_scripts", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the scripts go; it is made")
    parser.add_argument("--count", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first, the others count up (default: 1)")
    choice = parser.parse_args(argv)
    choice.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(choice.seed, choice.seed + choice.count):
        (choice.folder / f"seed-{seed:05}.pkt").write_text(script(seed), encoding="utf-8")
    print(f"{choice.count} scripts in {choice.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
