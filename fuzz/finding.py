"""From a violation to a minimal script that fails by itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fuzz.session import Session
from oracles import Violation
from packetdrill_compat.ast import Direction, Event, PacketEvent, Script
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import Verdict
from packetdrill_compat.printer import print_script
from packetdrill_compat.runner import play
from targets.base import Target
from wire.packet import parse_packet
from wire.tcp import TcpSegment

TargetFactory = Callable[[], Target]


class NotExpressible(Exception):
    """The violation cannot be said in a packetdrill script (a checksum, or no correct segment can be named)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation with the script that shows it."""

    violation: Violation
    script: Script

    @property
    def identity(self) -> str:
        """What makes two findings the same: the rule and its clause."""
        return f"{self.violation.oracle}-{self.violation.requirement}".lower().replace(" ", "-")

    def text(self) -> str:
        """The ``.pkt`` file."""
        head = (
            f"// Found by fuzzing: {self.violation.message}.\n"
            f"// The last packet is what {self.violation.requirement} allows; the stack sent another.\n"
        )
        return head + print_script(self.script)


def finding_of(session: Session, violation: Violation) -> Finding:
    """Write the conversation up to the violation, with the right packet in place of the wrong one.

    Raises `NotExpressible` when packetdrill's language cannot tell the two apart.
    """
    index = session.of_departure.get(violation.event_index)
    spec = None if violation.correct is None else session.script_segment(violation.correct)
    if index is None or spec is None:
        raise NotExpressible(str(violation))
    wrong = session.events[index]
    assert isinstance(wrong.action, PacketEvent)
    if spec == wrong.action.body:
        raise NotExpressible(str(violation))
    right = replace(wrong, action=replace(wrong.action, body=spec))
    return Finding(violation, session.script([*session.events[:index], right]))


def reproduces(script: Script, config: Config, target: Target) -> bool:
    """Tell whether the script fails at its last event, which is the finding's."""
    result = play(script, config, target)
    failure = result.failure
    return result.verdict is Verdict.FAIL and failure is not None and failure.event_index == len(script.events) - 1


def minimise(finding: Finding, config: Config, make_target: TargetFactory) -> Finding:
    """Leave out events as long as the script still fails at its last one (greedy, from the back)."""
    events = list(finding.script.events)
    at = len(events) - 2
    while at > 0:
        shorter = replace(finding.script, events=tuple(events[:at] + events[at + 1 :]))
        if not _is_outbound(events[at]) and reproduces(shorter, config, make_target()):
            del events[at]
        at -= 1
    return replace(finding, script=replace(finding.script, events=tuple(events)))


def _is_outbound(event: Event) -> bool:
    """Outbound events stay: leaving one out only hides a packet from the next expectation."""
    return isinstance(event.action, PacketEvent) and event.action.direction is Direction.OUTBOUND


def violating_segment(violation: Violation) -> TcpSegment:
    """The segment that broke the rule."""
    body = parse_packet(violation.packet).body
    assert isinstance(body, TcpSegment)
    return body
