"""Tokens of a script, by the rules of a flex scanner: the longest match wins, then the order of the rules.

Source: the language specification, sections 1.1 and 1.2. One regular expression does the work; its alternatives are
ordered so that the first one that matches is also the longest. Two rules need more than that and are explained where
they stand: quoted text and IPv6 addresses.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from packetdrill_compat.ast import Position
from packetdrill_compat.definitions import Replacement

_HEX4 = "[0-9a-fA-F]{1,4}"
_IPV4 = r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+"


def _ipv6_pattern() -> str:
    """Return a pattern of all IPv6 forms, for each number of leading groups the form with the longest match first.

    ``::`` stands for at least one group, so at most seven groups are written around it.
    """
    forms = [f"(?:{_HEX4}:){{7}}{_HEX4}", f"::ffff(?::0{{1,4}})?:{_IPV4}", f"(?:{_HEX4}:){{1,4}}:{_IPV4}"]
    forms += [f"(?:{_HEX4}:){{{count}}}(?::{_HEX4}){{1,{7 - count}}}" for count in range(1, 7)]
    forms += [f"(?:{_HEX4}:){{1,7}}:", f":(?::{_HEX4}){{1,7}}", "::"]
    return "|".join(forms)


# White space is space, tab and newline only. A line comment needs its newline. Inside a block comment a star swallows
# the character behind it unless that is a slash, so an even run of stars does not close it; likewise `}` in a code
# block.
_SKIP = r"(?:[ \t\n]+|//[^\n]*\n|/\*(?:[^*]|\*[^/])*+\*/)*+"

# A quote behind a backslash is part of the text if any later quote can close it, whatever stands before the backslash:
# the greedy repetition finds the longest such text.
_QUOTED = r'"[^"]*(?:(?<=\\)"[^"]*)*"'
_BACK_QUOTED = r"`[^`]*(?:(?<=\\)`[^`]*)*`"

END = "$END"
"""The terminal behind the last token."""


class Token(NamedTuple):
    """One token: its terminal, the text in the file, and the value, which differs where a definition replaced a word.

    `value` lacks the quotes of quoted text, the dashes of an option and the marks of a code block.
    """

    type: str
    text: str
    value: str
    offset: int


class Terminals:
    """The terminals of a grammar by their spelling, and the pattern that finds them all.

    `spellings` are the fixed ones: keywords, and single characters. `patterns` are terminals that the grammar gives as
    regular expressions. Everything else is built in.
    """

    def __init__(self, spellings: Mapping[str, str], patterns: Mapping[str, str]) -> None:
        self.spellings = spellings
        self.keywords = {text: name for text, name in spellings.items() if text[0].isalnum()}
        self.characters = {text: name for text, name in spellings.items() if len(text) == 1}
        self.pattern = self._compile(patterns)

    def _compile(self, patterns: Mapping[str, str]) -> re.Pattern[str]:
        # Keywords with other characters than those of a word (`sequence#`) are longer than what they begin with.
        odd = sorted((word for word in self.keywords if not re.fullmatch(r"\w+", word)), key=len, reverse=True)
        named = "".join(f"(?P<{name}>{pattern})|" for name, pattern in patterns.items())
        return re.compile(
            _SKIP
            + "(?:"
            # No other rule matches more than an address does: each of them stops at the first colon.
            + rf"(?P<IPV6_ADDR>(?=[0-9a-fA-F]{{0,4}}:[0-9a-fA-F:]*:)(?:{_ipv6_pattern()}))"
            + rf"|(?P<IPV4_ADDR>{_IPV4})"
            + r"|(?P<FLOAT>-?[0-9]*\.[0-9]+)"
            + r"|(?P<HEX_INTEGER>0x[0-9a-fA-F]+(?![0-9a-zA-Z_]))"
            + r"|(?P<INTEGER>-[0-9]+|[0-9]+(?![0-9a-zA-Z_]))"
            + rf"|(?P<KEYWORD>{'|'.join(map(re.escape, odd))})"
            + rf"|{named}(?P<WORD>[0-9a-zA-Z_]+)"
            + rf"|(?P<STRING>{_QUOTED})"
            + rf"|(?P<BACK_QUOTED>{_BACK_QUOTED})"
            + r"|(?P<CODE>%\{(?:[^}]|\}[^%])*+\}%)"
            + r"|(?P<OPTION>--[0-9a-zA-Z_]+)"
            + r"|(?P<ELLIPSIS>\.\.\.)"
            + r"|(?P<OTHER>.)"
            + r"|(?P<END>\Z)"
            + ")",
            re.DOTALL,
        )


class Scanner:
    """The tokens of one text. Iterate once; `definitions` may be set while the iteration runs.

    The parser sees a definition's value in place of every word that is scanned after `definitions` was set. Because the
    parser looks one token ahead, the token behind the option section was scanned before (section 1.2).
    """

    def __init__(self, text: str, terminals: Terminals) -> None:
        self.text = text
        self.definitions: Mapping[str, Replacement] = {}
        self.terminals = terminals
        self._line_starts: list[int] | None = None

    def position(self, offset: int) -> Position:
        """Return the line and column of a place in the text."""
        if self._line_starts is None:
            self._line_starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def __iter__(self) -> Iterator[Token]:
        """Yield all tokens; the last one has type `END`."""
        return self._tokens(0)

    def _tokens(self, start: int) -> Iterator[Token]:
        keywords, characters = self.terminals.keywords, self.terminals.characters
        for match in self.terminals.pattern.finditer(self.text, start):
            kind = match.lastgroup or ""
            text = match[kind]
            offset = match.end() - len(text)
            if kind == "OTHER":
                yield Token(characters.get(text, text), text, text, offset)
            elif kind == "WORD":
                keyword = keywords.get(text)
                replacement = None if keyword else self.definitions.get(text)
                if replacement:
                    yield Token(replacement.type, text, replacement.value, offset)
                else:
                    yield Token(keyword or kind, text, text, offset)
            elif kind == "KEYWORD":
                yield Token(keywords[text], text, text, offset)
            elif kind in _UNQUOTE:
                yield Token(kind, text, _UNQUOTE[kind](text), offset)
            elif kind == "END":
                yield Token(END, text, text, offset)
                return
            else:
                yield Token(kind, text, text, offset)


_UNQUOTE: dict[str, Callable[[str], str]] = {
    "STRING": lambda text: text[1:-1],
    "BACK_QUOTED": lambda text: text[1:-1],
    "CODE": lambda text: text[2:-2].strip(" \t"),
    "OPTION": lambda text: text[2:],
}
