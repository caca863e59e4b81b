"""From a violation to a minimal script that fails by itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fuzz.session import Session
from oracles import Violation, check_trace
from packetdrill_compat.ast import Direction, Event, EventTime, PacketEvent, Script, TcpSpec, TimeKind
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import Verdict
from packetdrill_compat.printer import print_script
from packetdrill_compat.runner import play
from targets.base import Micros, Target
from targets.trace import Departed

TargetFactory = Callable[[], Target]
LATER: Micros = 1_000_000


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
        return head + print_script(self.script).rstrip("\n") + "\n"


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
    assert isinstance(wrong.action.body, TcpSpec)
    if spec == wrong.action.body:
        raise NotExpressible(str(violation))
    right = replace(wrong, action=replace(wrong.action, body=spec))
    if spec.window == wrong.action.body.window:
        right = _without_window(right)
    # The rule says what to send, not when: a sound stack may for instance delay this acknowledgment.
    right = replace(right, time=EventTime(TimeKind.RANGE, right.time.start, right.time.start + LATER))
    before = [_without_window(event) if _is_outbound(event) else event for event in session.events[:index]]
    return Finding(violation, session.script([*before, right]))


def _without_window(event: Event) -> Event:
    """The expectation without ``win``: a finding compares the window only when the window is what is wrong."""
    action = event.action
    assert isinstance(action, PacketEvent)
    assert isinstance(action.body, TcpSpec)
    return replace(event, action=replace(action, body=replace(action.body, window=None)))


@dataclass(frozen=True, slots=True)
class Shows:
    """Tells whether a script shows a finding on the target and, where a sound one is known, passes there."""

    config: Config
    make_target: TargetFactory
    sound: TargetFactory | None = None

    def __call__(self, finding: Finding, script: Script) -> bool:
        """Play the script."""
        if not self._fails_by_the_rule(finding, script):
            return False
        return self.sound is None or play(script, self.config, self.sound()).verdict is Verdict.PASS

    def _fails_by_the_rule(self, finding: Finding, script: Script) -> bool:
        """Tell whether the script fails at its last event, and with a packet that breaks the finding's rule."""
        result = play(script, self.config, self.make_target())
        failure = result.failure
        if result.verdict is not Verdict.FAIL or failure is None or failure.event_index != len(script.events) - 1:
            return False
        violations = check_trace(result.trace)
        if not violations or violations[0].oracle != finding.violation.oracle:
            return False
        # With strict segments each outbound event takes one packet, so the last one is judged with this one.
        judged = sum(_is_outbound(event) for event in script.events) - 1
        departures = [place for place, event in enumerate(result.trace.events) if isinstance(event, Departed)]
        return judged < len(departures) and departures[judged] == violations[0].event_index


def minimise(finding: Finding, shows: Shows) -> Finding:
    """Leave out events as long as the script still shows the finding (greedy, from the back)."""
    events = list(finding.script.events)
    at = len(events) - 2
    while at > 0:
        shorter = replace(finding.script, events=tuple(events[:at] + events[at + 1 :]))
        if shows(finding, shorter):
            del events[at]
        at -= 1
    return replace(finding, script=replace(finding.script, events=tuple(events)))


def _is_outbound(event: Event) -> bool:
    return isinstance(event.action, PacketEvent) and event.action.direction is Direction.OUTBOUND
