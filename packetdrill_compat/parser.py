"""The parsers of the three dialects: tables, scanner and builder put together.

The parser calls the builder's methods directly, so there is no tree in between.
"""

import importlib
import threading
from functools import cache
from typing import NamedTuple

from packetdrill_compat.ast import Script
from packetdrill_compat.build.base import BuilderBase
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.lalr import Parser, UnexpectedToken
from packetdrill_compat.scanner import Scanner, Terminals, Token
from packetdrill_compat.tables import tables_of


class Dialect(NamedTuple):
    """What a dialect is made of: the classes by module and name, because most runs need only one dialect's."""

    builder: tuple[str, str]
    scanner: tuple[str, str]


_SCANNER = ("packetdrill_compat.scanner", "Scanner")
DIALECTS: dict[str, Dialect] = {
    "google": Dialect(("packetdrill_compat.build.google", "GoogleBuilder"), _SCANNER),
    "nplab": Dialect(
        ("packetdrill_compat.build.nplab", "NplabBuilder"), ("packetdrill_compat.conditional", "NplabScanner")
    ),
    "mptcp": Dialect(("packetdrill_compat.build.mptcp", "MptcpBuilder"), _SCANNER),
}
"""The dialects by name: upstream packetdrill and two forks of it."""


class DialectParser:
    """Parses scripts of one dialect, one at a time."""

    def __init__(self, dialect: str) -> None:
        parts = DIALECTS[dialect]
        self.builder: BuilderBase = _class(parts.builder)()
        self.scanner: type[Scanner] = _class(parts.scanner)
        self._lock = threading.Lock()
        self.tables = tables_of(dialect)
        self._parser = Parser(self.tables, self.builder)
        self.terminals = Terminals(self.tables.spellings, self.tables.patterns)

    def parse(self, text: str, *, path: str, config: Config, command_line: tuple[str, ...]) -> tuple[Script, Config]:
        """Return the script and the settings after its option lines; raises `ScriptError`."""
        scanner = self.scanner(text, self.terminals)
        with self._lock:
            self.builder.start(scanner, path=path, config=config, command_line=command_line)
            script = self._run(scanner)
            return script, self.builder.config

    def _run(self, scanner: Scanner) -> Script:
        result: Script
        try:
            result = self._parser.begin().run(scanner)
        except UnexpectedToken as error:
            from packetdrill_compat.syntax_errors import syntax_error  # noqa: PLC0415  good scripts need no words

            raise syntax_error(error.token, error.accepted, scanner, self.builder) from None
        except ScriptError as error:
            error.path = error.path or self.builder.path
            raise
        return result


def _class(place: tuple[str, str]) -> type:
    found: type = getattr(importlib.import_module(place[0]), place[1])
    return found


def scan(text: str, dialect: str) -> list[Token]:
    """Return the tokens of a text as its dialect sees them, without any definitions. Raises `ScriptError`."""
    parser = dialect_parser(dialect)
    return list(parser.scanner(text, parser.terminals))


@cache
def dialect_parser(dialect: str) -> DialectParser:
    """Return the parser of a dialect: ``google``, ``nplab`` or ``mptcp``. Raises `KeyError` for another name."""
    return DialectParser(dialect)
