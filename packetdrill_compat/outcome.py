"""How a run ended, as values: verdict, failure, and everything a report needs."""

import enum
from dataclasses import dataclass, field

from packetdrill_compat.ast import Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import marked_line, printable
from targets.base import Micros
from targets.trace import Trace


class Verdict(enum.Enum):
    """The six verdicts of the project (docs: README, "Verdicts")."""

    PASS = "pass"
    NON_STRICT = "non-strict"
    INFO = "info"
    FAIL = "fail"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


class FailureKind(enum.Enum):
    """What part of the script was not met."""

    PACKET = "packet"
    TIMING = "timing"
    MISSING = "missing packet"
    SYSCALL = "system call"
    CODE = "code"
    COMMAND = "command"
    LIMIT = "time limit"
    SCRIPT = "script"
    TARGET = "target"
    HARNESS = "harness"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs, both sides in script notation."""

    name: str
    want: str
    got: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not pass.

    `message` is recognisable to packetdrill users (its own wording behind ``PATH:LINE:``). `want` and `got` are lines
    in script notation. `seen` are the packets that came while the expectation waited. `lateness` is the harness's own
    worst injection lateness up to here, None in virtual time.
    """

    kind: FailureKind
    path: str
    line: int
    column: int
    message: str
    want: str = ""
    got: str = ""
    differences: tuple[Difference, ...] = ()
    seen: tuple[str, ...] = ()
    source_line: str = ""
    lateness: Micros | None = None
    next_step: str = ""
    event_index: int | None = None

    @property
    def first_line(self) -> str:
        """``PATH:LINE: message``, as the C tool prints it; with the column where the script itself is wrong."""
        where = self.path
        if self.line:
            where += f":{self.line}"
            where += f":{self.column}" if self.kind is FailureKind.SCRIPT and self.column else ""
        return f"{where}: {printable(self.message)}"

    def _source(self) -> list[str]:
        """The line of the script, with a caret where the script itself is wrong."""
        if not self.source_line.strip():
            return []
        indent = len(self.source_line) - len(self.source_line.lstrip())
        line, before = marked_line(self.source_line.strip(), self.column - indent)
        is_exact = self.kind is FailureKind.SCRIPT and self.column > indent
        return [f"  line  {line}", *([f"        {before}^"] if is_exact else [])]

    def render(self) -> str:
        """Return the full text for a terminal."""
        lines = [self.first_line, *self._source()]
        if self.want:
            lines.append(f"  want  {printable(self.want)}")
        if self.got or self.want:
            lines.append(f"  got   {printable(self.got) or 'nothing'}")
        width = max((len(d.name) for d in self.differences), default=0)
        lines += [f"    {d.name:<{width}}  want {d.want}   got {d.got}" for d in self.differences]
        if self.seen:
            lines.append("  packets seen while waiting:")
            lines += [f"    {packet}" for packet in self.seen]
        if self.lateness is not None:
            lines.append(f"  the harness was at most {self.lateness} us late with its injections")
        if self.next_step:
            lines.append(f"  next step: {self.next_step}")
        return "\n".join(lines)


@dataclass(slots=True)
class RunResult:
    """A finished run. `duration` is the target's own time from first to last event."""

    verdict: Verdict
    script: Script | None
    config: Config
    trace: Trace
    failure: Failure | None = None
    warnings: list[Failure] = field(default_factory=list)
    duration: Micros = 0
    lateness: list[Micros] = field(default_factory=list)
    reason: str = ""
