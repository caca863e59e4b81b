"""The requirement catalogue: what the documents ask of a TCP, read from ``requirements/*.toml``.

Two kinds of file exist. A file with a ``[meta]`` table is drawn from an RFC: each entry has a level and a section. A
file with a ``[document]`` table is drawn from a manual page or an article: its entries are statements without a
requirement word, so their level is `STATED`.
"""

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packetdrill_compat import header

DIRECTORY = Path(__file__).parent / "requirements"

# RFC 2119 and RFC 8174: the requirement words. STATED is ours, for documents that use none.
STATED = "STATED"
LEVELS = (*header.LEVELS, STATED)

_ID = re.compile(r"[A-Z0-9]+(?:[-.][A-Za-z0-9_]+)+")
_OBSERVABLE = ("wire", "socket", "both", "none")
_RFC_KEYS = frozenset(
    {"id", "level", "basis", "section", "area", "observable", "summary", "test_idea", "mutant", "verified"}
)
_RFC_EXTRAS = frozenset({"see", "note", "known_deviations", "state", "event", "next_state", "collapses_with"})
_STATEMENT_KEYS = frozenset(
    {"id", "kind", "statement", "applies_to", "observable", "stimulus", "expected", "mutant", "source"}
    | {"linux_6_18", "linux_6_18_observed"}
)
_STATEMENT_EXTRAS = frozenset({"dragonfly_tree", "note", "name", "type", "default", "allowed"})


class CatalogueError(Exception):
    """A requirement file that does not keep its form; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable requirement.

    `document` is a short name ("RFC 9293", "Linux tcp(7), man-pages release 5.10"), `section` the place in it,
    `statement` our own words, `observable` where a test can see it: ``wire``, ``socket``, ``both`` or ``none``.
    `stimulus` and `mutant` say how to test it and which wrong behaviour the test must catch. `systems` are the targets
    it is about (``all``, ``linux``, ``dragonfly``). `details` holds what only some entries have.
    """

    id: str
    level: str
    document: str
    section: str
    statement: str
    kind: str
    observable: str
    stimulus: str
    mutant: str
    systems: tuple[str, ...] = ("all",)
    related: tuple[str, ...] = ()
    file: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sentence(self) -> str:
        """``[MUST] RFC 9293 3.10.7.4: statement``, as failures print it."""
        return f"[{self.level}] {self.document} {self.section}: {self.statement}"


def begins_with(identifier: str, words: str) -> bool:
    """Whether an id begins with `words` as whole words: ``RFC9293-MUST-1`` does not begin ``RFC9293-MUST-10``."""
    return identifier.startswith(words) and identifier[len(words) :][:1] in ("", "-", ".")


class Catalogue:
    """All requirements of some files, by id."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._by_id = dict(requirements)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._by_id.values())

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    def get(self, identifier: str) -> Requirement | None:
        """Return the requirement with exactly this id."""
        return self._by_id.get(identifier)

    def with_prefix(self, prefix: str) -> list[Requirement]:
        """Return the requirements whose id begins with `prefix`, in file order: ``RFC9293-3.10.7.4-RST`` is a cell."""
        return [each for each in self if begins_with(each.id, prefix)]


@functools.cache
def load(directory: Path = DIRECTORY) -> Catalogue:
    """Read every ``*.toml`` of `directory`. Raises `CatalogueError` for a malformed file or an id that occurs twice."""
    found: dict[str, Requirement] = {}
    for path in sorted(directory.glob("*.toml")):
        for requirement in _read(path):
            if requirement.id in found:
                raise CatalogueError(
                    f"{path}: {requirement.id} stands in {found[requirement.id].file} too; an id is given once, ever"
                )
            found[requirement.id] = requirement
    return Catalogue(found)


def _read(path: Path) -> list[Requirement]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    entries = content.get("requirement", [])
    if ("meta" in content) == ("document" in content):
        raise CatalogueError(f"{path}: exactly one of [meta] (an RFC) and [document] (anything else) must be there")
    head = content.get("meta") or content["document"]
    if head.get("count") != len(entries):
        raise CatalogueError(f"{path}: count says {head.get('count')}, but there are {len(entries)} requirements")
    build = _from_rfc if "meta" in content else _from_statement
    return [build(path, head, entry) for entry in entries]


def _from_rfc(path: Path, meta: Mapping[str, Any], entry: Mapping[str, Any]) -> Requirement:
    _check_entry(path, entry, _RFC_KEYS, _RFC_EXTRAS)
    if entry["level"] not in LEVELS or entry["level"] == STATED:
        raise CatalogueError(f"{path}: {entry['id']}: level {entry['level']!r} is no requirement word")
    return Requirement(
        id=entry["id"],
        level=entry["level"],
        document=f"RFC {meta['rfc']}",
        section=entry["section"],
        statement=entry["summary"],
        kind=entry["area"],
        observable=entry["observable"],
        stimulus=entry["test_idea"],
        mutant=entry["mutant"],
        related=(*entry.get("see", ()), *entry.get("collapses_with", ())),
        file=path.name,
        details={**_rest(entry, "basis", "verified"), **{key: entry[key] for key in _RFC_EXTRAS & entry.keys()}},
    )


def _from_statement(path: Path, head: Mapping[str, Any], entry: Mapping[str, Any]) -> Requirement:
    _check_entry(path, entry, _STATEMENT_KEYS, _STATEMENT_EXTRAS)
    document, source = head["document"], entry["source"]
    if not source.startswith(document):
        raise CatalogueError(f"{path}: {entry['id']}: source {source!r} does not name the document {document!r}")
    extras = {key: entry[key] for key in _STATEMENT_EXTRAS & entry.keys()}
    return Requirement(
        id=entry["id"],
        level=STATED,
        document=re.sub(r"^\d+ ", "", document),
        section=source[len(document) :].lstrip(", "),
        statement=entry["statement"],
        kind=entry["kind"],
        observable=entry["observable"],
        stimulus=entry["stimulus"],
        mutant=entry["mutant"],
        systems=tuple(entry["applies_to"]),
        file=path.name,
        details={**_rest(entry, "expected", "linux_6_18", "linux_6_18_observed"), **extras},
    )


def _rest(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entry[key] for key in keys}


def _check_entry(path: Path, entry: Mapping[str, Any], keys: frozenset[str], extras: frozenset[str]) -> None:
    name = entry.get("id", "an entry without id")
    if missing := sorted(keys - entry.keys()):
        raise CatalogueError(f"{path}: {name}: missing {', '.join(missing)}")
    if unknown := sorted(entry.keys() - keys - extras):
        raise CatalogueError(f"{path}: {name}: unknown {', '.join(unknown)}")
    if not _ID.fullmatch(name):
        raise CatalogueError(f"{path}: {name}: an id is words of letters, digits and _ joined by - or .")
    for key, value in entry.items():
        if isinstance(value, str) and (not value or value != value.strip()):
            raise CatalogueError(f"{path}: {name}: {key} is empty or padded with blanks")
    if entry["observable"] not in _OBSERVABLE:
        raise CatalogueError(f"{path}: {name}: observable {entry['observable']!r} is none of {', '.join(_OBSERVABLE)}")
