"""Differential run: the same scripts on two targets; every packet and every result that differs is listed.

``python -m benchmarks differential [--left TARGET] [--right TARGET] [--variant NAME] [PATH ...]``. A script that passes
on both still may leave much open (``<...>``, ``win`` left out, ``...``), and this shows it. Sequence numbers are
relative to the initial ones, values of timestamps are left out, and segments that follow each other are put together,
so that only what a peer could tell apart counts. Times may differ by a tenth of a second and a twentieth of the time
passed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from conformance.running import missing_support
from packetdrill_compat.ast.events import Script, SyscallEvent
from packetdrill_compat.config import IP_VERSIONS, IPV4
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import Header, read_header
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.runner import run_file
from packetdrill_compat.variants import variant_config
from targets.base import TargetError, Unsupported
from targets.calls import GetSockOpt, Syscall, call_name
from targets.registry import create_target
from targets.trace import CallFinished, CallStarted, Departed, Injected, Trace, TraceEvent
from wire.abi import SOL_TCP, TCP_INFO
from wire.errors import WireError
from wire.options import Timestamps
from wire.packet import Packet, parse_packet
from wire.tcp import ACK, FIN, PSH, RST, SYN, URG, TcpSegment

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "conformance"
TIME_LIMIT_US = 600_000_000
NEAR_US, SHARE = 100_000, 20
_LETTERS = ((FIN, "F"), (SYN, "S"), (RST, "R"), (PSH, "P"), (URG, "U"), (0x40, "E"), (0x80, "W"), (ACK, "."))
_JOINS_MAX_US = 5_000
_GIVES_FD = frozenset({"socket", "accept", "open", "epoll_create", "pipe"})

Ends: TypeAlias = tuple[str, int, str, int]


@dataclass(slots=True)
class Step:
    """One thing that a target did: `text` in script notation, at `time` of the script."""

    time: int
    text: str
    first: int = 0
    last: int = 0
    rest: str = ""
    """What must be equal for two data segments to be put together; empty for everything else."""


@dataclass(slots=True)
class Story:
    """What a target did with a script, as far as the script went."""

    verdict: Verdict
    steps: list[Step] = field(default_factory=list)
    reason: str = ""
    line: int = 0
    """Where the script failed, 0 if it did not."""


@dataclass(slots=True)
class _Numbers:
    """Initial sequence numbers of the connections, both directions, by the ends of the sender."""

    first: dict[Ends, int] = field(default_factory=dict)

    def note(self, packet: Packet) -> None:
        body = packet.body
        if isinstance(body, TcpSegment) and body.flags & SYN:
            self.first[ends_of(packet, body)] = body.seq

    def relative(self, ends: Ends, number: int) -> int:
        return (number - self.first.get(ends, 0)) % 2**32


def ends_of(packet: Packet, segment: TcpSegment) -> Ends:
    """Return sender and receiver of a segment."""
    return packet.ip.src, segment.src_port, packet.ip.dst, segment.dst_port


def tell(trace: Trace, script: Script) -> list[Step]:
    """Return what the target did while the events of the script were played; what cleans up afterwards is left out."""
    calls = sum(isinstance(event.action, SyscallEvent) for event in script.events)
    numbers, steps = _Numbers(), []
    for event in _until_the_end(trace.events, calls):
        if isinstance(event, Injected):
            _note(numbers, event.packet)
        elif isinstance(event, Departed):
            steps.append(_packet_step(numbers, event, event.time - trace.origin))
        elif isinstance(event, CallFinished) and not _is_of_code(event.syscall):
            result = event.result
            name = call_name(event.syscall)
            value = "fd" if name in _GIVES_FD and result.value >= 0 else result.value
            text = f"{name} = {value} errno {result.errno}"
            steps.append(Step(event.time - trace.origin, text))
    return joined(steps)


def _until_the_end(events: Sequence[TraceEvent], calls: int) -> Iterator[TraceEvent]:
    begun = 0
    for event in events:
        if isinstance(event, Injected) and event.scheduled is None:
            return
        if isinstance(event, CallStarted) and not _is_of_code(event.syscall):
            begun += 1
            if begun > calls:
                return
        yield event


def _is_of_code(call: Syscall) -> bool:
    return isinstance(call, GetSockOpt) and (call.level, call.name) == (SOL_TCP, TCP_INFO)


def _note(numbers: _Numbers, data: bytes) -> None:
    try:
        numbers.note(parse_packet(data))
    except WireError:
        return


def _packet_step(numbers: _Numbers, event: Departed, time: int) -> Step:
    packet = parse_packet(event.packet)
    numbers.note(packet)
    body = packet.body
    if not isinstance(body, TcpSegment):
        return Step(time, f"{type(body).__name__} {body}"[:80])
    src, src_port, dst, dst_port = ends_of(packet, body)
    seq = numbers.relative((src, src_port, dst, dst_port), body.seq)
    ack = numbers.relative((dst, dst_port, src, src_port), body.ack) if body.flags & ACK else None
    letters = "".join(letter for bit, letter in _LETTERS if body.flags & bit)
    length = len(body.payload)
    rest = f"ack {ack} win {body.window}" + (f" urg {body.urgent}" if body.flags & URG else "")
    options = ",".join("TS" if isinstance(option, Timestamps) else str(option) for option in body.options)
    text = f"{letters} {seq}:{seq + length}({length}) {rest}" + (f" <{options}>" if options else "")
    joins = bool(length) and not body.flags & (SYN | RST | URG)
    return Step(time, text, seq, seq + length, f"{rest} <{options}>" if joins else "")


def joined(steps: Sequence[Step]) -> list[Step]:
    """Put segments of data together that follow each other without a pause."""
    told: list[Step] = []
    for step in steps:
        before = told[-1] if told else None
        follows = before is not None and before.rest == step.rest and before.last == step.first
        if before is None or not step.rest or not follows or step.time - before.time > _JOINS_MAX_US:
            told.append(step)
            continue
        length = step.last - before.first
        text = f"{step.text.split()[0]} {before.first}:{step.last}({length}) {step.rest}"
        told[-1] = Step(before.time, text.removesuffix(" <>"), before.first, step.last, step.rest)
    return told


def differences(left: Sequence[Step], right: Sequence[Step]) -> Iterator[str]:
    """Yield one line for each place where two stories part; packets and results are compared each in their order."""
    for is_call in (False, True):
        pair = ([step for step in side if (" errno " in step.text) is is_call] for side in (left, right))
        for one, other in zip_longest(*pair):
            if one is None or other is None or not _is_same(one, other):
                yield f"{_shown(one)}  |  {_shown(other)}"


def _is_same(one: Step, other: Step) -> bool:
    late = abs(one.time - other.time)
    return one.text == other.text and late <= NEAR_US + max(one.time, other.time) // SHARE


def _shown(step: Step | None) -> str:
    return "nothing" if step is None else f"{step.time / 1e6:.3f} {step.text}"


def story_of(path: Path, header: Header, variant: str, name: str) -> Story:
    """Play a script on a target and tell what happened."""
    try:
        target = create_target(name)
        if reason := missing_support(target, header, variant):
            return Story(Verdict.UNSUPPORTED, reason=reason)
        result: RunResult = run_file(
            str(path), target=target, config=variant_config(variant), time_limit=header.time_limit or TIME_LIMIT_US
        )
    except (Unsupported, TargetError, ScriptError) as error:
        return Story(Verdict.UNSUPPORTED, reason=str(error))
    steps = tell(result.trace, result.script) if result.script is not None else []
    if result.failure is None:
        return Story(result.verdict, steps, result.reason)
    return Story(result.verdict, steps, result.failure.first_line, result.failure.line)


def scripts_of(paths: Sequence[str]) -> list[Path]:
    """Return the scripts that arguments name: files, and all below folders; the whole suite for none."""
    chosen = [Path(each) for each in paths] or [SUITE]
    return sorted(script for each in chosen for script in ([each] if each.is_file() else each.rglob("*.pkt")))


def compare(path: Path, variant: str, left: str, right: str) -> tuple[str, list[str]]:
    """Return how a script ended on both (``same``, ``differs``, ``skipped``) and the lines that say where."""
    header = read_header(path.read_text(encoding="utf-8", errors="surrogateescape"), str(path))
    if variant not in header.variants:
        return "skipped", []
    stories = [story_of(path, header, variant, name) for name in (left, right)]
    if any(story.verdict is Verdict.UNSUPPORTED for story in stories):
        return "skipped", [story.reason for story in stories if story.verdict is Verdict.UNSUPPORTED]
    endings = {(story.verdict, story.line) for story in stories}
    lines = [f"{story.verdict.value}: {story.reason}" for story in stories] if len(endings) > 1 else []
    lines += differences(stories[0].steps, stories[1].steps)
    return "differs" if lines else "same", lines


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks differential", description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", metavar="PATH", help="scripts or folders (default: the conformance suite)")
    parser.add_argument("--left", default="reference:linux", help="one target (default: reference:linux)")
    parser.add_argument("--right", default="kernel", help="the other target (default: kernel)")
    parser.add_argument("--variant", default=IPV4, choices=IP_VERSIONS, help="addresses and socket family")
    choice = parser.parse_args(argv)
    counts = {"same": 0, "differs": 0, "skipped": 0}
    for path in scripts_of(choice.paths):
        how, lines = compare(path, choice.variant, choice.left, choice.right)
        counts[how] += 1
        if how == "differs":
            print(f"{path}@{choice.variant}", *(f"    {line}" for line in lines[:12]), sep="\n", flush=True)
    print(f"{choice.left} | {choice.right}: " + ", ".join(f"{count} {how}" for how, count in counts.items()))
    return 0 if not counts["differs"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
