"""How a run ended, as values: verdict, failure, and everything a report needs."""

import enum
from dataclasses import dataclass, field, replace

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
    worst injection lateness up to here, None in virtual time. A failure `is_of_whole_script` when packetdrill names no
    line for it, although a place is known.
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
    excess: Micros = 0
    is_of_whole_script: bool = False

    @property
    def first_line(self) -> str:
        """``PATH:LINE: message``, as the C tool prints it; with the column where the script itself is wrong."""
        where = self.path
        if self.line and not self.is_of_whole_script:
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

    def _both_sides(self) -> list[str]:
        """What the script wants and what came, under each other."""
        lines = [f"  want  {printable(self.want)}"] if self.want else []
        if self.got:
            first, *more = printable(self.got).split("\n")
            lines.append(f"  got   {first}")
            lines += [f"        {line}" for line in more]
        elif self.want:
            lines.append("  got   nothing")
        return lines

    def as_warning(self) -> "Failure":
        """Return the failure in the words for one that does not end the script (``--non_fatal=packet``)."""
        return replace(self, message=self.message.replace("error handling", "warning handling", 1))

    def render(self) -> str:
        """Return the full text for a terminal."""
        lines = [self.first_line, *self._source()]
        lines += self._both_sides()
        names = max((len(d.name) for d in self.differences), default=0)
        wants = max((len(d.want) for d in self.differences), default=0)
        lines += [f"    {d.name:<{names}}  want {d.want:<{wants}}  got {d.got}".rstrip() for d in self.differences]
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
    was_apart: bool = False
    """It was played outside of the crowd, because others beside it could have changed its verdict."""
