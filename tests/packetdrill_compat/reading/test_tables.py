"""The shipped parser tables belong to the grammar files, and the parser on them reads what lark's own parser reads."""

from pathlib import Path
from typing import Any

import pytest

from packetdrill_compat import tables
from packetdrill_compat.config import Config
from packetdrill_compat.lalr import Parser
from packetdrill_compat.parser import dialect_parser
from packetdrill_compat.scanner import END
from tests.bad_input.test_mutated_scripts import BASES

DIALECTS = tuple(tables.GRAMMARS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_shipped_tables_belong_to_the_grammar(dialect: str) -> None:
    made = tables.make(tables.grammar_of(dialect))
    shipped = tables.tables_of(dialect)
    again = "run: python -m packetdrill_compat.tables"
    assert list(shipped.states) == made["states"], again
    assert [tuple(rule) for rule in shipped.rules] == [tuple(rule) for rule in made["rules"]], again


def test_tables_of_another_grammar_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "google.json").write_text('{"grammar": 1, "states": []}')
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    assert tables.tables_of("google").states
    (tmp_path / "google.json").write_text("no JSON")
    assert tables.tables_of("google").states


@pytest.mark.parametrize("text", BASES)
def test_scripts_read_as_with_the_parser_of_lark(text: str) -> None:
    parser = dialect_parser("google")
    want, _ = parser.parse(text, path="a.pkt", config=Config(), command_line=())
    lark = tables._lark(tables.grammar_of("google"))
    scanner = parser.scanner(text, parser.terminals)
    parser.builder.start(scanner, path="a.pkt", config=Config(), command_line=())
    run, theirs = Parser(parser.tables, parser.builder).begin(), lark.parse_interactive()
    got: Any = None
    for token in scanner:
        assert run.accepted() == frozenset(theirs.accepts())
        got = run.feed(token)
        if token.type != END:
            theirs.feed_token(token)
    assert got == want
