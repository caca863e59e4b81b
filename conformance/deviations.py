"""Known deviations: where a target is known to differ, which versions, why, and where it is reported.

``deviations/<target>.toml`` holds one ``[[deviation]]`` table for each. They are strict: a script that passes although
a deviation is declared for it fails, so that the list never says more than is true.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from conformance.catalogue import begins_with
from packetdrill_compat.config import IP_VERSIONS

DIRECTORY = Path(__file__).parent / "deviations"

_TEXTS = ("requirement", "script", "personality", "versions", "message", "reason", "link")
_KEYS = frozenset({*_TEXTS, "variants"})


class DeviationError(Exception):
    """A deviations file that does not keep its form; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a deviation may be about: one script in one variant on one version of a target."""

    script: str
    requirements: tuple[str, ...]
    variant: str
    personality: str
    version: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry. Empty fields match everything; at least one of `requirement` and `script` is given.

    `requirement` is an id, or the first whole words of ids; `script` the end of a path, in which ``*`` stands for
    anything in one folder. `versions` is a version specifier (``>=5.10,<6.12``): kernel releases for the kernel, the
    project's own version for the reference stack. `message` must occur in the failure, so that another failure is not
    taken for this one.
    """

    where: str
    reason: str
    link: str
    requirement: str = ""
    script: str = ""
    personality: str = ""
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    message: str = ""
    variants: tuple[str, ...] = ()

    def covers(self, subject: Subject) -> bool:
        """Whether this entry is about `subject`."""
        return (
            (not self.requirement or any(begins_with(each, self.requirement) for each in subject.requirements))
            and (not self.script or PurePath(subject.script).match(self.script))
            and self.personality in ("", subject.personality)
            and (not self.variants or subject.variant in self.variants)
            and self._has_version(subject.version)
        )

    def _has_version(self, version: str) -> bool:
        # A kernel release such as 6.18.44-amd64 carries more than a version; what counts are the leading numbers.
        numbers = re.match(r"\d+(?:\.\d+)*", version)
        if numbers is None:
            return not self.versions
        return self.versions.contains(numbers[0], prereleases=True)

    def __str__(self) -> str:
        return f"{self.reason} ({self.link}; {self.where})"


def find(deviations: Iterable[Deviation], subject: Subject) -> Deviation | None:
    """Return the first entry about `subject`."""
    return next((each for each in deviations if each.covers(subject)), None)


def load(target: str, more: Sequence[Path] = (), directory: Path = DIRECTORY) -> tuple[Deviation, ...]:
    """Read the entries of a target and of `more` files. Raises `DeviationError`; a target without a file has none."""
    own = directory / f"{target}.toml"
    paths = [own] if own.exists() else []
    return tuple(entry for path in [*paths, *more] for entry in _read(path))


def _read(path: Path) -> list[Deviation]:
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise DeviationError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeviationError(f"{path}: this is no TOML: {error}") from error
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.strip() == "[[deviation]]"]
    entries = content.pop("deviation", [])
    if content or not isinstance(entries, list) or len(lines) != len(entries):
        raise DeviationError(f"{path}: only [[deviation]] tables may stand here")
    return [_entry(f"{path.name}:{line}", entry) for line, entry in zip(lines, entries, strict=True)]


def _entry(where: str, entry: dict[str, Any]) -> Deviation:
    if unknown := sorted(entry.keys() - _KEYS):
        raise DeviationError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    for key in ("reason", "link"):
        if not entry.get(key):
            raise DeviationError(f"{where}: a deviation needs a {key}")
    if not (entry.get("requirement") or entry.get("script")):
        raise DeviationError(f"{where}: a deviation names a requirement or a script")
    if not all(isinstance(entry.get(key, ""), str) for key in _TEXTS):
        raise DeviationError(f"{where}: {', '.join(_TEXTS)} are texts")
    variants = entry.get("variants", [])
    if not isinstance(variants, list) or not all(each in IP_VERSIONS for each in variants):
        raise DeviationError(f"{where}: variants is a list of {', '.join(IP_VERSIONS)}")
    try:
        versions = SpecifierSet(entry.get("versions", ""))
    except InvalidSpecifier as error:
        raise DeviationError(f"{where}: versions: {error}; write for example '>=5.10,<6.12'") from error
    texts = {key: entry[key] for key in _TEXTS if key in entry and key != "versions"}
    return Deviation(where=where, versions=versions, variants=tuple(variants), **texts)
