"""The parsers of the three dialects: grammar files, scanner and builder put together.

`Lark` makes the LALR tables of a dialect once in a process. Its parser calls the builder's methods directly, so there
is no tree in between.
"""

import threading
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, NoReturn

from lark import Lark
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer, PatternRE, PatternStr

from packetdrill_compat.ast import Script
from packetdrill_compat.build.google import GoogleBuilder
from packetdrill_compat.build.mptcp import MptcpBuilder
from packetdrill_compat.build.nplab import NplabBuilder
from packetdrill_compat.conditional import NplabScanner
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import Scanner, Terminals, Token
from packetdrill_compat.syntax_errors import syntax_error


class Dialect(NamedTuple):
    """What a dialect is made of; the grammar files are read one behind the other."""

    builder: type[GoogleBuilder]
    scanner: type[Scanner]
    grammars: tuple[str, ...]


DIALECTS: dict[str, Dialect] = {
    "google": Dialect(GoogleBuilder, Scanner, ("grammar.lark",)),
    "nplab": Dialect(NplabBuilder, NplabScanner, ("grammar.lark", "nplab.lark")),
    "mptcp": Dialect(MptcpBuilder, Scanner, ("grammar.lark", "mptcp.lark")),
}
"""The dialects by name: upstream packetdrill and two forks of it."""

# Words that mean the same as another keyword.
_SYNONYMS = {"GREv0": "gre", "Flags": "flags", "EXP-FO": "exp-FO"}


class _NoLexer(Lexer):
    """Tokens come from `Scanner`, through the interactive interface of the parser."""

    def __init__(self, lexer_conf: object) -> None:
        pass

    def lex(self, lexer_state: object, parser_state: object) -> NoReturn:
        raise NotImplementedError


class DialectParser:
    """Parses scripts of one dialect, one at a time."""

    def __init__(self, dialect: str) -> None:
        parts = DIALECTS[dialect]
        self.builder = parts.builder()
        self._scanner = parts.scanner
        self._lock = threading.Lock()
        grammar = "".join((files(__package__) / name).read_text(encoding="utf-8") for name in parts.grammars)
        self._lark = Lark(grammar, parser="lalr", lexer=_NoLexer, transformer=self.builder, maybe_placeholders=False)
        self.terminals = _terminals(self._lark)

    def parse(self, text: str, *, path: str, config: Config, command_line: tuple[str, ...]) -> tuple[Script, Config]:
        """Return the script and the settings after its option lines; raises `ScriptError`."""
        scanner = self._scanner(text, self.terminals)
        with self._lock:
            self.builder.start(scanner, path=path, config=config, command_line=command_line)
            script = self._run(scanner)
            return script, self.builder.config

    def _run(self, scanner: Scanner) -> Script:
        parser = self._lark.parse_interactive()
        feed: Callable[[Any], Script] = parser.feed_token
        result: Script
        try:
            for token in scanner:
                result = feed(token)
        except UnexpectedToken as error:
            raise syntax_error(error, _accepted(parser), scanner, self.builder) from None
        except ScriptError as error:
            error.path = error.path or self.builder.path
            raise
        return result


def scan(text: str, dialect: str) -> list[Token]:
    """Return the tokens of a text as its dialect sees them, without any definitions. Raises `ScriptError`."""
    return list(DIALECTS[dialect].scanner(text, dialect_parser(dialect).terminals))


def _accepted(parser: Any) -> frozenset[str]:
    return frozenset(parser.accepts())


def _terminals(lark: Lark) -> Terminals:
    spellings = {t.pattern.value: t.name for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    spellings |= {word: spellings[same] for word, same in _SYNONYMS.items() if same in spellings}
    patterns = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternRE)}
    return Terminals(spellings, patterns)


@cache
def dialect_parser(dialect: str) -> DialectParser:
    """Return the parser of a dialect: ``google``, ``nplab`` or ``mptcp``. Raises `KeyError` for another name."""
    return DialectParser(dialect)
