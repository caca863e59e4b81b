"""A finished test as a value, and the forms in which others want it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.catalogue import STATED, Requirement
from conformance.selection import personality_of, target_version
from conformance.verdicts import Judgement
from packetdrill_compat.outcome import Failure
from reports import event
from targets.base import Micros
from targets.trace import Trace


@dataclass(frozen=True, slots=True)
class Finished:
    """A test after it ran, script or Python.

    `name` is that of the item, `path` its file as messages show it, `target` the name that was opened, with its
    argument. `level` is what the test's header says when it differs from its requirements. `deviation` is the known
    deviation that was declared for it, if any. `script` is the text of a script. `was_apart` says that it was taken out
    of the crowd (`packetdrill_compat.crowd`).
    """

    name: str
    path: str
    title: str
    target: str
    variant: str
    judgement: Judgement
    requirements: tuple[Requirement, ...] = ()
    level: str | None = None
    deviation: str = ""
    trace: Trace | None = None
    failure: Failure | None = None
    warnings: tuple[Failure, ...] = ()
    lateness: tuple[Micros, ...] = ()
    script: str = ""
    was_apart: bool = False

    @property
    def properties(self) -> list[tuple[str, object]]:
        """The properties that JUnit XML shows."""
        found: list[tuple[str, object]] = [
            ("verdict", self.judgement.verdict.value),
            ("target", self.target.partition(":")[0]),
            ("variant", self.variant),
            ("personality", personality_of(self.target)),
            ("reason", self.judgement.reason),
            ("deviation", self.deviation),
            ("lateness", max(self.lateness, default=0) or ""),
        ]
        for each in self.requirements:
            found += [("requirement", each.id), ("level", self.level or each.level)]
            found += [("section", each.section), ("document", each.document)]
        return [(name, value) for name, value in found if value != ""]

    @property
    def summary(self) -> dict[str, Any]:
        """What the terminal summary needs; only what pytest-xdist can send."""
        return {
            "name": f"{self.path}@{self.variant}" if self.script else f"{self.path}::{self.name}",
            "target": self.target,
            "verdict": self.judgement.verdict.value,
            "reason": self.judgement.reason,
            "requirements": [each.id for each in self.requirements],
            "deviation": self.deviation,
            "lateness": list(self.lateness),
            "was_apart": self.was_apart,
        }

    @property
    def report(self) -> event.TestReport:
        """What reporters are told."""
        return event.TestReport(
            name=self.name,
            verdict=self.judgement.verdict,
            title=self.title,
            requirements=tuple(_reported(each, self.level) for each in self.requirements),
            target=self.target,
            target_version=target_version(self.target),
            variant=self.variant,
            path=self.path,
            script=self.script,
            failure=self.failure,
            warnings=self.warnings,
            trace=self.trace,
            reason=self.judgement.reason,
            deviation=self.deviation,
        )


def _reported(requirement: Requirement, level: str | None) -> event.Requirement:
    word = level or requirement.level
    return event.Requirement(
        id=requirement.id,
        level="" if word == STATED else word,
        section=requirement.section,
        summary=requirement.statement,
    )


def capture_path(directory: Path, finished: Finished) -> Path:
    """Return where the capture of a test goes: one file for each test, named after its path."""
    words: Sequence[str] = re.findall(r"[\w.@-]+", finished.summary["name"].replace("..", ""))
    return directory / ("-".join(words) + ".pcapng")
