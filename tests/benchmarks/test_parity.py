"""The table of verdicts side by side."""

from pathlib import Path

import pytest

from benchmarks.parity import Item, Outcome, Series, items_of, main, report

ITEMS: list[Item] = [("/s/a.pkt", "ipv4"), ("/s/b.pkt", "ipv4"), ("/s/c.pkt", "ipv6"), ("/s/d.pkt", "ipv6")]
GOOD, BAD = Outcome(True), Outcome(False, "why")


def series(*outcomes: list[Outcome]) -> Series:
    return Series(dict(zip(ITEMS, outcomes, strict=True)), wall=2.0, cpu=1.0, repeat=1)


def test_table_counts_agreement_and_names_every_disagreement() -> None:
    theirs = series([GOOD, GOOD], [BAD, BAD], [GOOD, GOOD], [GOOD, GOOD])
    ours = series([GOOD, GOOD], [BAD, BAD], [BAD, BAD], [GOOD, BAD])
    text = report(ITEMS, theirs, ours, Path("/s"))
    assert "both pass                    1" in text
    assert "only the C tool passes       1" in text
    assert "flaky with ours              1" in text
    assert "agreement                 50.0 %" in text
    assert "c.pkt@ipv6: C tool pass, ours fail\n    C tool: -\n    ours:   why" in text
    assert "d.pkt@ipv6: C tool pass, ours flaky" in text
    assert "a.pkt" not in text


def test_scripts_for_one_family_run_in_its_variants_only(tmp_path: Path) -> None:
    for name in ("x.pkt", "only-v6.pkt", "only-v4.pkt"):
        (tmp_path / name).write_text("")
    names = [(Path(path).name, variant) for path, variant in items_of(tmp_path)]
    assert names.count(("only-v6.pkt", "ipv6")) == 1
    assert len(names) == 3 + 1 + 2


def test_missing_binary_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.pkt").write_text("")
    assert main(["--packetdrill", "/nowhere/packetdrill", "--scripts", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "parity: /nowhere/packetdrill cannot be executed\n"
