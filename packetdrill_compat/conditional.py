"""Conditional text of the nplab dialect: ``#ifdef NAME … #endif``.

Source: the language specification, section 10.1. The two words are tokens and may stand anywhere. A name is defined by
``-D``, or for the system that the scripts run on.
"""

import re
from collections.abc import Iterator

from packetdrill_compat.ast import Position
from packetdrill_compat.errors import ScriptError, UnsupportedScript
from packetdrill_compat.scanner import Scanner, Token

SYSTEM = "Linux"
"""The name that is predefined; forks for other systems predefine FreeBSD, NetBSD, OpenBSD, Apple or Solaris."""

_DIRECTIVE = re.compile(r"#(ifdef|endif)")
# A name has two characters at least; a single letter in its place is passed over.
_NAME = re.compile(r"(?:[ \t\n]|[a-zA-Z](?![a-zA-Z0-9_]))*([a-zA-Z][a-zA-Z0-9_]+)?")
_SCTP = re.compile(r"sctp|sctp_\w+|SCTP_\w+|IPPROTO_SCTP")


class NplabScanner(Scanner):
    """Leaves out the text between ``#ifdef`` and ``#endif`` when the name is not defined."""

    def __iter__(self) -> Iterator[Token]:
        """Yield the tokens outside of skipped text. Raises `ScriptError` for directives that do not match."""
        start = 0
        opened: Position | None = None
        while True:
            directive: re.Match[str] | None = None
            for token in self._tokens(start):
                if token.type == "#":
                    directive = _DIRECTIVE.match(self.text, token.offset)
                    if directive:
                        break
                self._refuse_sctp(token)
                if not token.text and opened:
                    raise self._error(f"unterminated #ifdef in line {opened.line}", token.offset)
                yield token
            if directive is None:
                return
            start, opened = self._follow(directive, opened)

    def _follow(self, directive: re.Match[str], opened: Position | None) -> tuple[int, Position | None]:
        """Return where to scan on, and where the conditional text was opened that is open then."""
        place = directive.start()
        if directive[1] == "endif":
            if opened is None:
                raise self._error("missing #ifdef for #endif", place)
            return directive.end(), None
        if opened is not None:
            raise self._error(f"#ifdef already seen in line {opened.line}", place)
        name = _NAME.match(self.text, directive.end())
        if name is None or name[1] is None:
            self._refuse_end(directive.end(), place)
            raise self._error("#ifdef must be followed by name", place)
        if name[1] == SYSTEM or name[1] in self.definitions:
            return name.end(), self.position(place)
        end = self.text.find("#endif", name.end())
        if end < 0:
            raise self._error(f"unterminated #ifdef in line {self.position(place).line}", place)
        return end + len("#endif"), None

    def _refuse_end(self, start: int, place: int) -> None:
        if not self.text[start:].strip(" \t\n"):
            raise self._error(f"unterminated #ifdef in line {self.position(place).line}", place)

    def _refuse_sctp(self, token: Token) -> None:
        if _SCTP.fullmatch(token.text):
            raise UnsupportedScript(
                "SCTP is not supported",
                position=self.position(token.offset),
                source=self.text,
                next_step="this project tests TCP; run SCTP scripts with the tool that they were written for",
            )

    def _error(self, message: str, offset: int) -> ScriptError:
        return ScriptError(message, position=self.position(offset), source=self.text)
