from dataclasses import replace
from pathlib import Path

import pytest

from conformance import catalogue, deviations
from conformance.deviations import DeviationError, Subject, find, load

SUBJECT = Subject(
    script="/home/me/conformance/rfc9293/reset/exact.pkt",
    requirements=("RFC9293-MUST-10", "RFC9293-3.10.7.4-RST-ESTABLISHED-exact"),
    variant="ipv4",
    personality="rfc",
    version="6.18.44-1-amd64",
)
REASON = 'reason = "known"\nlink = "https://example.org/1"\n'


def entries(directory: Path, text: str) -> tuple[deviations.Deviation, ...]:
    (directory / "kernel.toml").write_text(f"# comment\n[[deviation]]\n{REASON}{text}\n")
    return load("kernel", directory=directory)


@pytest.mark.parametrize(
    "text",
    [
        'requirement = "RFC9293-MUST-10"',
        'requirement = "RFC9293-3.10.7.4-RST"',
        'script = "reset/exact.pkt"',
        'script = "rfc9293/*/exact.pkt"\nvariants = ["ipv4", "ipv6"]',
        'script = "exact.pkt"\nversions = ">=6.12,<7"\npersonality = "rfc"',
    ],
    ids=["id", "beginning of an id", "end of a path", "path with star", "version and personality"],
)
def test_an_entry_covers_what_it_describes(tmp_path: Path, text: str) -> None:
    found = find(entries(tmp_path, text), SUBJECT)
    assert found is not None
    assert str(found) == "known (https://example.org/1; kernel.toml:2)"


@pytest.mark.parametrize(
    "text",
    [
        'requirement = "RFC9293-MUST-1"',
        'script = "other/exact.pkt"',
        'script = "exact.pkt"\nvariants = ["ipv6"]',
        'script = "exact.pkt"\nversions = "<6.18"',
        'script = "exact.pkt"\npersonality = "linux"',
    ],
    ids=["half a word of an id", "other folder", "other variant", "other version", "other personality"],
)
def test_an_entry_does_not_cover_more_than_it_describes(tmp_path: Path, text: str) -> None:
    assert find(entries(tmp_path, text), SUBJECT) is None


def test_an_entry_with_versions_does_not_cover_an_unknown_version(tmp_path: Path) -> None:
    unknown = replace(SUBJECT, version="current")
    assert find(entries(tmp_path, 'script = "exact.pkt"\nversions = ">=1"'), unknown) is None
    assert find(entries(tmp_path, 'script = "exact.pkt"'), unknown) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"kernel\.toml:2: a deviation names a requirement or a script"),
        ('script = "x.pkt"\nversion = "1"', r"kernel\.toml:2: unknown version; known: link"),
        ('script = "x.pkt"\nversions = "six"', r"kernel\.toml:2: versions: .*'six'"),
        ("script = 3", "are texts"),
        ('script = "x.pkt"\n[other]\na = 1', "only .*deviation.* tables may stand here"),
        ("script = ", "Invalid value"),
    ],
    ids=["nothing named", "unknown key", "bad version", "bad type", "other table", "no TOML"],
)
def test_a_malformed_deviations_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeviationError, match=message):
        entries(tmp_path, text)


@pytest.mark.parametrize("missing", ["reason", "link"])
def test_an_entry_needs_a_reason_and_a_link(tmp_path: Path, missing: str) -> None:
    lines = [line for line in REASON.split("\n") if not line.startswith(missing)]
    (tmp_path / "kernel.toml").write_text("\n".join(["[[deviation]]", 'script = "x.pkt"', *lines]))
    with pytest.raises(DeviationError, match=f"a deviation needs a {missing}"):
        load("kernel", directory=tmp_path)


def test_the_deviations_of_the_project_name_requirements_and_scripts_that_exist() -> None:
    known = catalogue.load()
    for path in deviations.DIRECTORY.glob("*.toml"):
        for entry in load(path.stem):
            assert not entry.requirement or known.with_prefix(entry.requirement), entry.where
            assert not entry.script or list(deviations.DIRECTORY.parent.rglob(entry.script)), entry.where
