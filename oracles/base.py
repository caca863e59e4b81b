"""What an oracle is, and the walk over a trace that feeds them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from oracles.flow import Flow, FlowTable
from targets.base import Micros
from targets.trace import Departed, Injected, Trace
from wire.errors import MalformedPacket
from wire.packet import Packet, checksum_errors, parse_packet
from wire.tcp import TcpSegment


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong with a segment, and the segment that would have been right where one can be named."""

    message: str
    correct: TcpSegment | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a stack broke: when (microseconds of the trace), what, and which clause says so.

    `event_index` is the place of the segment in the trace; `correct` is the segment that would have been right, as
    numbers on the wire, where the oracle can name it.
    """

    oracle: str
    requirement: str
    time: Micros
    message: str
    packet: bytes
    event_index: int
    correct: TcpSegment | None = None

    def __str__(self) -> str:
        return f"{self.time / 1e6:.6f} {self.oracle} ({self.requirement}): {self.message}"


class Oracle(Protocol):
    """One rule. A fresh object judges one trace; both methods are called for each TCP segment in trace order."""

    name: str
    requirement: str

    def injected(self, flow: Flow, segment: TcpSegment) -> None:
        """Note a segment that went into the stack; its checksums are right. Called before the flow learns from it."""

    def departed(self, flow: Flow, segment: TcpSegment) -> Breach | None:
        """Judge a segment that left the stack: None, or what is wrong. Called after the flow has learned from it."""


ORACLES: dict[str, Callable[[], Oracle]] = {}


def register(factory: Callable[[], Oracle]) -> Callable[[], Oracle]:
    """Register an oracle class under its name."""
    ORACLES[factory().name] = factory
    return factory


def check_trace(trace: Trace, oracles: list[Oracle] | None = None) -> list[Violation]:
    """Run the oracles (default: all registered) over a trace and return the violations in trace order."""
    judges = [factory() for factory in ORACLES.values()] if oracles is None else oracles
    flows = FlowTable()
    violations: list[Violation] = []
    for index, event in enumerate(trace.events):
        if isinstance(event, Injected):
            _note_injected(event, judges, flows)
        elif isinstance(event, Departed):
            violations += _judge_departed(event, index, judges, flows)
    return violations


def _note_injected(event: Injected, judges: list[Oracle], flows: FlowTable) -> None:
    # Octets behind a packet and an option area that cannot be read keep no stack from taking the rest (MUST-7).
    packet = _parsed(event.packet, tolerant=True)
    # A segment with a wrong checksum was never received (RFC 9293, section 3.1, MUST-3).
    if packet is None or not isinstance(packet.body, TcpSegment) or checksum_errors(event.packet):
        return
    flow = flows.of_injected(packet, packet.body)
    for judge in judges:
        judge.injected(flow, packet.body)
    flow.note_injected(packet.body)


def _judge_departed(event: Departed, index: int, judges: list[Oracle], flows: FlowTable) -> Iterator[Violation]:
    packet = _parsed(event.packet)
    if packet is None:
        yield Violation("well-formed", "RFC 9293 3.1", event.time, "malformed packet", event.packet, index)
        return
    wrong = checksum_errors(event.packet)
    if wrong:
        text = f"wrong checksum: {', '.join(wrong)}"
        yield Violation("checksum", "RFC9293-MUST-2", event.time, text, event.packet, index)
    if not isinstance(packet.body, TcpSegment):
        return
    flow = flows.of_departed(packet, packet.body)
    flow.note_departed(packet.body)
    for judge in judges:
        breach = judge.departed(flow, packet.body)
        if breach is not None:
            yield Violation(
                judge.name, judge.requirement, event.time, breach.message, event.packet, index, breach.correct
            )


def _parsed(data: bytes, *, tolerant: bool = False) -> Packet | None:
    try:
        return parse_packet(data, tolerant=tolerant)
    except MalformedPacket:
        return None
