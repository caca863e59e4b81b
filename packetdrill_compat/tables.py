"""Makes the parser tables of the dialects from the grammar files with lark, and reads those that are shipped.

After a change of a grammar file run ``python -m packetdrill_compat.tables``, which writes ``tables/DIALECT.json``.
Tables that do not belong to the grammar are never used: it is read with lark then, which takes 0.15 s more.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from packetdrill_compat.lalr import Rule, Tables

_HERE = Path(__file__).parent
_FOLDER = _HERE / "tables"
GRAMMARS: dict[str, tuple[str, ...]] = {
    "google": ("grammar.lark",),
    "nplab": ("grammar.lark", "nplab.lark"),
    "mptcp": ("grammar.lark", "mptcp.lark"),
}
"""The grammar files of each dialect, read one behind the other."""

# Words that mean the same as another keyword.
_SYNONYMS = {"GREv0": "gre", "Flags": "flags", "EXP-FO": "exp-FO"}


def tables_of(dialect: str) -> Tables:
    """Return the tables of a dialect: the shipped ones, or new ones when the grammar is another."""
    text = grammar_of(dialect)
    try:
        shipped = json.loads((_FOLDER / f"{dialect}.json").read_bytes())
    except (OSError, ValueError):
        shipped = {}
    if shipped.get("grammar") != _mark(text):
        shipped = make(text)
    rules = [Rule(*fields) for fields in shipped["rules"]]
    return Tables(shipped["start"], shipped["end"], shipped["states"], rules, shipped["spellings"], shipped["patterns"])


def grammar_of(dialect: str) -> str:
    """Return the text of a dialect's grammar."""
    return "".join((_HERE / name).read_text(encoding="utf-8") for name in GRAMMARS[dialect])


def _mark(grammar: str) -> int:
    return crc32(grammar.encode())


def make(grammar: str) -> dict[str, Any]:
    """Return the tables of a grammar as JSON can hold them."""
    from lark.lexer import PatternRE, PatternStr  # noqa: PLC0415  lark takes longer to load than scripts to read
    from lark.parsers.lalr_analysis import Shift  # noqa: PLC0415

    lark = _lark(grammar)
    table = lark.parser.parser._parse_table
    start = table.start_states["start"]
    # lark numbers states by chance; in the order in which they are reached the same grammar gives the same file.
    order: list[Any] = [start]
    rules: list[Any] = []
    for state in order:
        for _name, (action, argument) in sorted(table.states[state].items()):
            seen = order if action is Shift else rules
            if argument not in seen:
                seen.append(argument)
    numbers = {state: number for number, state in enumerate(order)}
    states = [
        {
            name: numbers[to] if action is Shift else ~rules.index(to)
            for name, (action, to) in sorted(table.states[state].items())
        }
        for state in order
    ]
    spellings = {each.pattern.value: each.name for each in lark.terminals if isinstance(each.pattern, PatternStr)}
    return {
        "grammar": _mark(grammar),
        "start": numbers[start],
        "end": numbers[table.end_states["start"]],
        "states": states,
        "rules": [_rule(rule) for rule in rules],
        "spellings": spellings | {word: spellings[same] for word, same in _SYNONYMS.items() if same in spellings},
        "patterns": {each.name: each.pattern.value for each in lark.terminals if isinstance(each.pattern, PatternRE)},
    }


def _lark(grammar: str) -> Any:
    from lark import Lark  # noqa: PLC0415
    from lark.lexer import Lexer  # noqa: PLC0415

    class NoLexer(Lexer):
        """Tokens come from `scanner.Scanner`."""

        def __init__(self, lexer_conf: object) -> None:
            pass

        def lex(self, lexer_state: object, parser_state: object) -> Any:
            raise NotImplementedError

    return Lark(grammar, parser="lalr", lexer=NoLexer, maybe_placeholders=False)


def _rule(rule: Any) -> Sequence[Any]:
    """Return the fields of a `Rule`."""
    kept = [
        ~place if not symbol.is_term and symbol.name.startswith("_") else place
        for place, symbol in enumerate(rule.expansion)
        if rule.options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)
    ]
    name = rule.alias or rule.options.template_source or rule.origin.name
    is_whole = kept == list(range(len(rule.expansion)))
    passes_single = bool(rule.options.expand1 and not rule.alias)
    return str(rule.origin.name), len(rule.expansion), str(name), passes_single, None if is_whole else kept


def write() -> None:
    """Write the tables of all dialects."""
    _FOLDER.mkdir(exist_ok=True)
    for dialect in GRAMMARS:
        text = json.dumps(make(grammar_of(dialect)), separators=(",", ":"), sort_keys=True)
        (_FOLDER / f"{dialect}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
    sys.exit(0)
