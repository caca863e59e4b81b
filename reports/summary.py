"""Verdict counts and the requirement matrix of one or more runs, as Markdown, from JUnit XML with our properties."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from packetdrill_compat.outcome import Verdict
from reports.event import VERDICT_MEANINGS

_ORDER = (Verdict.FAIL, Verdict.ERROR, Verdict.NON_STRICT, Verdict.INFO, Verdict.UNSUPPORTED, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of a run. `target` has the personality behind a colon; `requirements` are (id, level)."""

    name: str
    verdict: Verdict
    target: str = ""
    requirements: tuple[tuple[str, str], ...] = ()


def read_junit(path: Path) -> list[Outcome]:
    """Read the tests of a JUnit XML file that carry a verdict; others are left out.

    Raises `OSError` and `xml.etree.ElementTree.ParseError`.
    """
    root = ElementTree.parse(path).getroot()
    return [outcome for case in root.iter("testcase") if (outcome := _outcome(case)) is not None]


def _outcome(case: ElementTree.Element) -> Outcome | None:
    values: dict[str, str] = {}
    requirements: list[tuple[str, str]] = []
    for each in case.iter("property"):
        name, value = each.get("name", ""), each.get("value", "")
        if name == "requirement":
            requirements.append((value, ""))
        elif name == "level" and requirements:
            # The plugin writes the level of a requirement behind it.
            requirements[-1] = (requirements[-1][0], value)
        else:
            values[name] = value
    try:
        verdict = Verdict(values.get("verdict"))
    except ValueError:
        return None
    target = ":".join(value for value in (values.get("target"), values.get("personality")) if value)
    return Outcome(case.get("name", ""), verdict, target, tuple(requirements))


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return both tables as a Markdown document."""
    parts = ["# Verdicts", "", *verdict_table(outcomes), "", "# Requirements", "", *requirement_matrix(outcomes)]
    return "\n".join(parts) + "\n"


def verdict_table(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield a table: a row for each verdict with its meaning, a column for each target."""
    counts = Counter((outcome.verdict, outcome.target) for outcome in outcomes)
    targets = sorted({target for _, target in counts})
    yield _row("verdict", "meaning", *(target or "?" for target in targets))
    yield _row("---", "---", *("---:" for _ in targets))
    for verdict in Verdict:
        yield _row(verdict.value, VERDICT_MEANINGS[verdict], *(str(counts[verdict, target]) for target in targets))


def requirement_matrix(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a table: a row for each requirement that was tested, a column for each target, verdicts in the cells.

    A cell counts the tests by verdict, the worst verdict first; it is empty when the target had no test for it.
    """
    targets = sorted({outcome.target for outcome in outcomes})
    cells: dict[tuple[str, str], Counter[Verdict]] = {}
    levels: dict[str, str] = {}
    for outcome in outcomes:
        for identifier, level in outcome.requirements:
            cells.setdefault((identifier, outcome.target), Counter())[outcome.verdict] += 1
            levels.setdefault(identifier, level)
    yield _row("requirement", "level", *(target or "?" for target in targets))
    yield _row("---", "---", *("---" for _ in targets))
    for identifier in sorted(levels, key=_natural):
        yield _row(identifier, levels[identifier], *(_cell(cells.get((identifier, target))) for target in targets))


def _cell(counts: Counter[Verdict] | None) -> str:
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in _ORDER if counts[verdict]) if counts else ""


def _natural(identifier: str) -> list[tuple[int, str]]:
    """Return a sort key with numbers as numbers: MUST-9 comes before MUST-10."""
    words = identifier.replace(".", "-").split("-")
    return [(int(word), "") if word.isascii() and word.isdigit() else (-1, word) for word in words]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
