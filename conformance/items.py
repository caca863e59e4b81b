"""Scripts as pytest items: one file, up to three items, named ``name.pkt@ipv4`` and so on."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import catalogue, deviations
from conformance.catalogue import Requirement
from conformance.deviations import Deviation, Subject
from conformance.finished import Finished
from conformance.selection import personality_of, target_name, target_version
from conformance.settings import settings_of
from conformance.verdicts import Judgement, ScriptBroken, ScriptFailed, UnexpectedFailure, explain, judge
from packetdrill_compat.config import IP_VERSIONS
from packetdrill_compat.errors import ScriptError, printable
from packetdrill_compat.header import Header, position_of_requirement, read_header
from packetdrill_compat.outcome import RunResult, Verdict
from targets.base import TargetError, Unsupported

if TYPE_CHECKING:
    from conformance.running import Job

_SHORT_ID = re.compile(rf"(?P<file>.*\.pkt)@(?P<variant>{'|'.join(IP_VERSIONS)})")
_DEVIATIONS = pytest.StashKey[tuple[Deviation, ...]]()


def full_argument(argument: str, directory: Path) -> str:
    """Turn ``path/name.pkt@ipv4`` of a command line into the node id that pytest knows; leave everything else alone."""
    match = _SHORT_ID.fullmatch(argument)
    if match is None or "::" in argument or (directory / argument).exists():
        return argument
    return f"{match['file']}::{Path(argument).name}"


class ScriptFile(pytest.File):
    """A packetdrill script."""

    def collect(self) -> Iterator["ScriptItem"]:
        """Give an item for each variant that the script and the options allow."""
        # A byte that is no UTF-8 is legal in a script (in a string), and a file that cannot be read is an error of its
        # items: the reader of the language judges both.
        try:
            text = self.path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            text = ""
        problem = None
        try:
            header = read_header(text, shown_path(self))
            header = replace(header, title=printable(header.title))
        except ScriptError as error:
            header, problem = Header(), error
        text = printable(text)  # from here on for people and reports only
        for variant in header.variants:
            if variant in settings_of(self.config).variants:
                yield ScriptItem.create(self, variant, text, header, problem)


class ScriptItem(pytest.Item):
    """One script in one variant. After it ran, `result` and `judgement` tell how."""

    text: str = ""
    header: Header
    variant: str
    problem: ScriptError | None
    deviation: Deviation | None = None
    result: RunResult | None = None
    judgement: Judgement | None = None

    @classmethod
    def create(
        cls, parent: ScriptFile, variant: str, text: str, header: Header, problem: ScriptError | None
    ) -> "ScriptItem":
        """Make the item and give it its markers."""
        item = cls.from_parent(parent, name=f"{parent.path.name}@{variant}")
        item.text, item.header, item.variant, item.problem = text, header, variant, problem
        for identifier in header.requirements:
            item.add_marker(pytest.mark.requirement(identifier))
        if header.is_slow:
            item.add_marker(pytest.mark.slow)
        item.deviation = deviation_of(item, header, variant)
        if item.deviation is not None:
            item.add_marker(pytest.mark.xfail(raises=ScriptFailed, strict=True, reason=str(item.deviation)))
        return item

    @property
    def command(self) -> str:
        """A command line that repeats exactly this item."""
        return shlex.join(["pytest", f"{shown_path(self)}@{self.variant}", *settings_of(self.config).arguments])

    @property
    def job(self) -> "Job":
        """What has to be played."""
        from conformance.running import Job  # noqa: PLC0415

        return Job(shown_path(self), self.header, self.variant, settings_of(self.config))

    @property
    def finished(self) -> Finished:
        """What became of the item; only after it ran."""
        result = self.result
        return Finished(
            name=self.name,
            path=shown_path(self),
            title=self.header.title,
            target=target_name(self.header, settings_of(self.config)),
            variant=self.variant,
            judgement=self.judgement or Judgement(Verdict.ERROR, "the harness stopped with an exception"),
            requirements=known_requirements(self.header),
            level=self.header.level,
            deviation=str(self.deviation) if self.deviation is not None else "",
            trace=result.trace if result is not None else None,
            failure=result.failure if result is not None else None,
            warnings=tuple(result.warnings) if result is not None else (),
            lateness=tuple(result.lateness) if result is not None else (),
            script=self.text,
            was_apart=result is not None and result.was_apart,
        )

    def runtest(self) -> None:
        """Play the script and raise what its verdict means for pytest."""
        requirements = self._requirements()
        self.result = _play(self)
        self.judgement = judge(self.result, self.header, requirements)
        _raise_verdict(self, self.judgement, requirements)

    def _requirements(self) -> list[Requirement]:
        try:
            return requirements_of(self.header, shown_path(self), self.text)
        except ScriptBroken as error:
            self.judgement = Judgement(Verdict.ERROR, str(error))
            raise

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show only the text for what a script can bring about; a traceback is for our own mistakes."""
        if isinstance(excinfo.value, ScriptFailed | UnexpectedFailure | ScriptBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Place and headline of the item."""
        return self.path, 0, self.name


def _play(item: ScriptItem) -> RunResult:
    # The interpreter and the stack are imported here, so that collecting costs nothing of theirs.
    from conformance import ahead  # noqa: PLC0415

    try:
        if item.problem is not None:
            raise item.problem
        return ahead.play(item)
    except Unsupported as error:
        item.judgement = Judgement(Verdict.UNSUPPORTED, error.reason)
        pytest.skip(f"unsupported: {error.reason}")
    except (ScriptError, TargetError) as error:
        item.judgement = Judgement(Verdict.ERROR, str(error).split("\n", 1)[0])
        raise ScriptBroken(str(error)) from error


def _raise_verdict(item: ScriptItem, judged: Judgement, requirements: list[Requirement]) -> None:
    if judged.verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"unsupported: {judged.reason}")
    failure = item.result.failure if item.result else None
    text = explain(judged, failure, requirements, item.command)
    if judged.verdict is Verdict.ERROR:
        raise ScriptBroken(text)
    is_broken = judged.verdict in (Verdict.FAIL, Verdict.NON_STRICT)
    if item.deviation is not None and is_broken:
        if item.deviation.message not in text:
            raise UnexpectedFailure(
                f"{text}\n  not the deviation of {item.deviation.where}: {item.deviation.message!r}"
            )
        raise ScriptFailed(text)
    if judged.verdict is Verdict.FAIL or (is_broken and settings_of(item.config).is_strict):
        raise ScriptFailed(text)
    if is_broken or judged.verdict is Verdict.INFO:
        item.add_report_section("call", f"verdict {judged.verdict.value}", text)


def requirements_of(header: Header, path: str, text: str = "") -> list[Requirement]:
    """Return the requirements that a header names, which is that of `text`, if there is a text.

    Raises `ScriptBroken` for an id that the catalogue does not have.
    """
    found = []
    for identifier in header.requirements:
        requirement = catalogue.load().get(identifier)
        if requirement is None:
            raise ScriptBroken(str(_unknown(identifier, path, text)))
        found.append(requirement)
    return found


def known_requirements(header: Header) -> tuple[Requirement, ...]:
    """Return those requirements that the catalogue has."""
    return tuple(each for each in map(catalogue.load().get, header.requirements) if each is not None)


def _unknown(identifier: str, path: str, text: str) -> ScriptError:
    import difflib  # noqa: PLC0415 (only for the message)

    near = difflib.get_close_matches(identifier, [each.id for each in catalogue.load()], n=3)
    return ScriptError(
        f"the catalogue has no requirement {identifier}",
        path=path,
        position=position_of_requirement(identifier, text),
        source=text,
        next_step=f"the nearest are {', '.join(near)}" if near else "see conformance/requirements for the ids",
    )


def deviation_of(item: pytest.Item, header: Header, variant: str) -> Deviation | None:
    """Return the known deviation of the selected target that a test is about."""
    name = target_name(header, settings_of(item.config))
    subject = Subject(
        script=item.path.as_posix(),
        requirements=header.requirements,
        variant=variant,
        personality=personality_of(name),
        version=target_version(name),
    )
    return deviations.find(_deviations(item.config), subject)


def _deviations(config: pytest.Config) -> tuple[Deviation, ...]:
    if _DEVIATIONS not in config.stash:
        settings = settings_of(config)
        try:
            config.stash[_DEVIATIONS] = deviations.load(settings.target_name, settings.deviations)
        except deviations.DeviationError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[_DEVIATIONS]


def shown_path(node: pytest.Item | pytest.Collector) -> str:
    """Return the path of a node as messages show it: relative to where pytest was started."""
    return os.path.relpath(node.path, node.config.invocation_params.dir)
