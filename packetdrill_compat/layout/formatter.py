"""Lays out a script: one event a line, canonical blanks, comments where they were.

The blanks between two tokens come from the printer of the parsed script, the tokens themselves from the file: so
symbols, numbers and strings keep their spelling. A statement with a comment inside, or one whose printed form has other
tokens, is left as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from packetdrill_compat.ast import Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.parser import scan
from packetdrill_compat.printer import print_script_items
from packetdrill_compat.reader import load
from packetdrill_compat.scanner import END, Token

_COMMENT = re.compile(r"//[^\n]*(?=\n)|/\*(?:[^*]|\*[^/])*+\*+/", re.DOTALL)
_MOST_BLANK_LINES = 1
_WIDEST_TIME = 8


@dataclass(frozen=True, slots=True)
class _Item:
    """An option line, a command or an event: its tokens, and its text in canonical layout."""

    tokens: tuple[Token, ...]
    text: str

    @property
    def is_event(self) -> bool:
        """Tell whether it begins with a time; option lines and commands do not."""
        return self.tokens[0].type not in ("OPTION", "BACK_QUOTED")

    def aligned(self, width: int) -> "_Item":
        """Return the item with its time filled up to a width."""
        time, blank, action = self.text.partition(" ")
        return replace(self, text=f"{time:<{width}} {action.lstrip(' ')}") if blank and "\n" not in time else self

    @property
    def end(self) -> int:
        """Offset behind the last token."""
        last = self.tokens[-1]
        return last.offset + len(last.text)


def format_script(path: str, text: str, *, dialect: str, config: Config) -> str:
    """Return the text of a script in canonical layout. Raises `ScriptError` for a script that cannot be read.

    Formatting the result again changes nothing.
    """
    script, _config = load(path, text=text, dialect=dialect, config=config)
    tokens = [token for token in scan(text, dialect) if token.type != END]
    items = _aligned(list(_items(script, tokens, text)))
    result = "".join(_laid_out(items, text))
    _assert_same(path, text, result, dialect)
    return result


def _items(script: Script, tokens: Sequence[Token], text: str) -> Iterator[_Item]:
    """Cut the tokens into statements, by the places at which these begin."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    printed = print_script_items(script)
    starts = [line_starts[position.line - 1] + position.column - 1 for position, _text in printed]
    bounds = [*starts, len(text) + 1]
    at = 0
    for (start, end), (_position, canonical) in zip(zip(starts, bounds[1:], strict=False), printed, strict=True):
        mine: list[Token] = []
        while at < len(tokens) and tokens[at].offset < end:
            if tokens[at].offset >= start:
                mine.append(tokens[at])
            at += 1
        yield _Item(tuple(mine), _respaced(tuple(mine), canonical, text, script.dialect))


def _respaced(tokens: tuple[Token, ...], canonical: str, text: str, dialect: str) -> str:
    """Return the tokens of the file with the blanks of the printed form, or the text of the file as it is."""
    written = text[tokens[0].offset : tokens[-1].offset + len(tokens[-1].text)]
    if _has_comment(tokens, text):
        return written
    printed = [token for token in scan(canonical, dialect) if token.type != END]
    if len(printed) != len(tokens):
        return _single_blanks(tokens, text)
    parts: list[str] = []
    end = 0
    for mine, theirs in zip(tokens, printed, strict=True):
        parts += [canonical[end : theirs.offset], mine.text]
        end = theirs.offset + len(theirs.text)
    return "".join(parts)


def _has_comment(tokens: tuple[Token, ...], text: str) -> bool:
    return any(gap.strip() for gap in _gaps(tokens, text))


def _gaps(tokens: tuple[Token, ...], text: str) -> Iterator[str]:
    for before, behind in pairwise(tokens):
        yield text[before.offset + len(before.text) : behind.offset]


def _single_blanks(tokens: tuple[Token, ...], text: str) -> str:
    parts = [tokens[0].text]
    for gap, token in zip(_gaps(tokens, text), tokens[1:], strict=True):
        parts += [" " if gap else "", token.text]
    return "".join(parts)


def _aligned(items: list[_Item]) -> list[_Item]:
    """Put the events of a script under each other: times, then actions; a long time sticks out."""
    times = [item.text.partition(" ")[0] for item in items if item.is_event]
    width = max((len(time) for time in times if len(time) <= _WIDEST_TIME), default=0)
    return [item.aligned(width) if item.is_event else item for item in items]


def _laid_out(items: Sequence[_Item], text: str) -> Iterator[str]:
    end = 0
    for number, item in enumerate(items):
        gap = text[end : item.tokens[0].offset]
        yield from _gap(gap, is_first=number == 0)
        yield item.text
        end = item.end
    yield from _gap(text[end:], is_first=not items, is_last=True)


def _gap(gap: str, *, is_first: bool, is_last: bool = False) -> Iterator[str]:
    """Lay out what stands between two statements: a comment at the end of a line, blank lines, lines of comments."""
    if _COMMENT.sub("", gap).strip():  # conditional text of the nplab dialect: as it is
        yield ("" if is_first else "\n") + gap.strip(" \t\n") + "\n"
        return
    begun = not is_first  # a line that still has to end
    is_empty_start = is_first
    at = 0
    for match in _COMMENT.finditer(gap):
        lines = gap.count("\n", at, match.start())
        if begun and lines == 0:
            yield f"  {match[0]}"
        else:
            blank = 0 if is_empty_start else min(max(lines - 1, 0), _MOST_BLANK_LINES)
            yield "\n" * begun + "\n" * blank + match[0]
        begun, is_empty_start = True, False
        at = match.end()
    lines = gap.count("\n", at)
    if is_last:
        yield "\n" if begun else ""
        return
    if begun:
        yield "\n" + "\n" * min(max(lines - 1, 0), _MOST_BLANK_LINES)


def _assert_same(path: str, before: str, after: str, dialect: str) -> None:
    """Refuse to change anything but white space, whatever this module does wrong."""
    if _content(before, dialect) != _content(after, dialect):
        raise ScriptError("the layout would change more than white space", path=path, next_step="report this script")


def _content(text: str, dialect: str) -> tuple[list[str], list[str]]:
    tokens = [token.text for token in scan(text, dialect)]
    gaps, end = [], 0
    for token in scan(text, dialect):
        gaps += _COMMENT.findall(text[end : token.offset])
        end = token.offset + len(token.text)
    return tokens, gaps
