import fnmatch
import re
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.catalogue import Catalogue, CatalogueError, load

RFC_FILE = """
[meta]
rfc = 9999
title = "A made-up document"
count = {count}

[[requirement]]
id = "{id}"
level = "{level}"
basis = "keyword"
section = "1.2"
area = "reset"
observable = "{observable}"
summary = "A stack does this."
test_idea = "Ask for it."
mutant = "It does not."
verified = true
{more}
"""


def write_rfc(directory: Path, name: str = "rfc9999.toml", /, **values: object) -> Path:
    defaults = {"count": 1, "id": "RFC9999-1.2-1", "level": "MUST", "observable": "wire", "more": ""}
    path = directory / name
    path.write_text(RFC_FILE.format(**{**defaults, **values}))
    return path


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return load()


def test_every_requirement_of_the_project_loads_with_a_level_a_section_and_a_sentence(whole: Catalogue) -> None:
    assert len(whole) > 1400
    for requirement in whole:
        assert requirement.level in catalogue.LEVELS, requirement.id
        assert requirement.section, requirement.id
        assert requirement.statement.endswith("."), requirement.id
        assert set(requirement.systems) <= {"all", "linux", "dragonfly"}, requirement.id


def test_every_requirement_named_by_another_one_exists(whole: Catalogue) -> None:
    missing = [(each.id, other) for each in whole for other in each.related if other not in whole]
    assert not missing


def test_the_id_of_an_rfc_requirement_begins_with_its_document(whole: Catalogue) -> None:
    wrong = [
        each.id
        for each in whole
        if each.document.startswith("RFC") and not each.id.startswith(each.document.replace(" ", "") + "-")
    ]
    assert not wrong


def test_the_labels_of_rfc_9293_have_the_level_that_their_label_says(whole: Catalogue) -> None:
    # RFC 9293 appendix B labels its requirements MUST-n, SHLD-n, MAY-n and REC-n ("recommended" is SHOULD in RFC 2119).
    words = {"MUST": "MUST", "SHLD": "SHOULD", "MAY": "MAY", "REC": "SHOULD"}
    for requirement in whole:
        label = re.match(r"RFC9293-(MUST|SHLD|MAY|REC)-\d", requirement.id)
        if label:
            assert requirement.level.removesuffix(" NOT") == words[label[1]], requirement.id


def test_requirements_that_collapse_into_another_one_have_its_level(whole: Catalogue) -> None:
    for requirement in whole:
        for other in requirement.details.get("collapses_with", ()):
            representative = whole.get(other)
            assert representative is not None
            assert representative.level == requirement.level, requirement.id


def test_no_requirement_that_its_document_does_not_state_is_a_must(whole: Catalogue) -> None:
    unstated = [each.id for each in whole if "not in the RFC text" in str(each.details.get("note", "")).lower()]
    assert all(whole.get(identifier).level == "MAY" for identifier in unstated)  # type: ignore[union-attr]


def test_a_prefix_selects_whole_words_only(whole: Catalogue) -> None:
    assert [each.id for each in whole.with_prefix("RFC9293-MUST-1")] == ["RFC9293-MUST-1"]
    resets = whole.with_prefix("RFC9293-3.10.7.4-RST")
    assert len(resets) > 20
    assert all(fnmatch.fnmatchcase(each.id, "RFC9293-3.10.7.4-RST-*") for each in resets)


def test_the_sentence_of_a_requirement_names_level_document_and_section(tmp_path: Path) -> None:
    write_rfc(tmp_path)
    requirement = load(tmp_path).get("RFC9999-1.2-1")
    assert requirement is not None
    assert requirement.sentence == "[MUST] RFC 9999 1.2: A stack does this."


def test_a_statement_of_a_manual_page_has_no_requirement_word(whole: Catalogue) -> None:
    requirement = whole.get("LINUX-TCP7-INTRO-0")
    assert requirement is not None
    assert requirement.level == catalogue.STATED
    assert (requirement.document, requirement.section) == ("Linux tcp(7), man-pages release 5.10", "paragraph 5")


def test_an_id_that_occurs_in_two_files_is_refused(tmp_path: Path) -> None:
    write_rfc(tmp_path, "a.toml")
    write_rfc(tmp_path, "b.toml")
    with pytest.raises(CatalogueError, match=r"b\.toml: RFC9999-1\.2-1 stands in a\.toml too"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 2}, "count says 2, but there are 1"),
        ({"level": "OUGHT"}, "level 'OUGHT' is no requirement word"),
        ({"level": "STATED"}, "level 'STATED' is no requirement word"),
        ({"observable": "smell"}, "observable 'smell'"),
        ({"id": "rfc 9999"}, "an id is words"),
        ({"more": "colour = 'red'"}, "unknown colour"),
        ({"more": "note = ' '"}, "note is empty"),
        ({"more": "note = "}, "Invalid value"),
    ],
    ids=["count", "level", "level of the other shape", "observable", "id", "unknown key", "blank", "no TOML"],
)
def test_a_malformed_requirement_file_is_refused(tmp_path: Path, values: dict[str, object], message: str) -> None:
    write_rfc(tmp_path, **values)
    with pytest.raises(CatalogueError, match=message):
        load(tmp_path)
