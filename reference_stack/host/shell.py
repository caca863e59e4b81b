"""A small shell: the part of sh(1) that init and cleanup commands of scripts use, without processes and without files.

Known: words with quotes, comments, line continuations, ``;`` newline ``&&`` ``||``, redirection to /dev/null or of
``echo`` into a setting, ``$NAME`` ``${NAME}`` ``$?`` ``$((arithmetic))``. What is not known raises `NotModelled` and
names it; nothing is ever passed over in silence.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reference_stack.host.errnos import NotModelled

Lookup: TypeAlias = Callable[[str], str]

_CONNECTORS = frozenset({";", "\n", "&&", "||"})
_REDIRECTIONS = frozenset({">", ">>", "2>", "2>>", "&>", "<", ">&", "2>&"})
_OPERATORS = ("2>>", "2>&", "&>", "&&", "||", ">>", "2>", ">&", ";", "\n", ">", "<", "|", "&", "(", ")")


@dataclass(slots=True)
class SimpleCommand:
    """One command with its words; `connector` says how it follows the one before it (``;`` ``&&`` ``||``)."""

    connector: str
    words: list[str] = field(default_factory=list)
    output_to: str | None = None
    """Target of ``>``, or None for the script's own output."""
    is_silent: bool = False
    """The command's output and messages are thrown away (``> /dev/null``, ``&> /dev/null``)."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word (after expansion) or an operator."""

    text: str
    is_operator: bool


class Lexer:
    """Cut a command text into tokens, expanding variables at once (`lookup` gives a variable's value)."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text = text
        self._lookup = lookup
        self._at = 0
        self._word: list[str] | None = None

    def tokens(self) -> Iterator[Token]:
        """Yield all tokens; `NotModelled` for a construct that this shell lacks."""
        while self._at < len(self._text):
            yield from self._step()
        yield from self._end_word()

    def _step(self) -> Iterator[Token]:
        character = self._text[self._at]
        found = self._operator()
        if self._text.startswith("\\\n", self._at):
            self._at += 2
        elif character in " \t\r":
            self._at += 1
            yield from self._end_word()
        elif character == "#" and self._word is None:
            self._at = (self._text + "\n").find("\n", self._at)
        elif found:
            self._at += len(found)
            yield from self._end_word()
            yield Token(found, True)
        else:
            self._word_part(character)

    def _operator(self) -> str:
        for text in _OPERATORS:
            # A digit is the number of a descriptor only in front of > and at the start of a word.
            if self._text.startswith(text, self._at) and not (text[0] == "2" and self._word is not None):
                return text
        return ""

    def _end_word(self) -> Iterator[Token]:
        if self._word is not None:
            yield Token("".join(self._word), False)
            self._word = None

    def _word_part(self, character: str) -> None:
        if self._word is None:
            self._word = []
        self._at += 1
        if character == "'":
            self._word.append(self._until("'"))
        elif character == '"':
            self._double_quoted()
        elif character == "\\":
            self._word.append(self._text[self._at : self._at + 1])
            self._at += 1
        elif character == "$":
            self._word.append(self._expansion())
        elif character == "`":
            raise NotModelled("shell: command substitution")
        else:
            self._word.append(character)

    def _until(self, end: str) -> str:
        stop = self._text.find(end, self._at)
        if stop < 0:
            raise NotModelled(f"shell: no closing {end}")
        part = self._text[self._at : stop]
        self._at = stop + len(end)
        return part

    def _double_quoted(self) -> None:
        assert self._word is not None
        self._word.append("")
        while True:
            if self._at >= len(self._text):
                raise NotModelled('shell: no closing "')
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                return
            if character == "$":
                self._word.append(self._expansion())
            elif character == "`":
                raise NotModelled("shell: command substitution")
            elif character == "\\" and self._text[self._at : self._at + 1] in ('"', "\\", "$", "`", "\n"):
                self._word.append(self._text[self._at].strip("\n"))
                self._at += 1
            else:
                self._word.append(character)

    def _expansion(self) -> str:
        if self._text.startswith("((", self._at):
            self._at += 2
            return str(arithmetic(self._expand_names(self._until("))"))))
        if self._text.startswith("(", self._at):
            raise NotModelled("shell: command substitution")
        if self._text.startswith("{", self._at):
            self._at += 1
            return self._parameter(self._until("}"))
        if self._text[self._at : self._at + 1] in ("?", "$"):
            self._at += 1
            return self._lookup(self._text[self._at - 1])
        start = self._at
        while self._at < len(self._text) and (self._text[self._at].isalnum() or self._text[self._at] == "_"):
            self._at += 1
        return self._lookup(self._text[start : self._at]) if self._at > start else "$"

    def _parameter(self, name: str) -> str:
        if not name.isidentifier():
            raise NotModelled(f"shell: parameter expansion ${{{name}}}")
        return self._lookup(name)

    def _expand_names(self, expression: str) -> str:
        names = expression.replace("$", "")
        return re.sub(r"\b[A-Za-z_]\w*", lambda match: self._lookup(match[0]) or "0", names)


_BINARY: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}


def arithmetic(expression: str) -> int:
    """Evaluate ``$((expression))``: integers with + - * / % << >> | & and brackets; `NotModelled` for anything else."""
    try:
        tree = ast.parse(expression.replace("/", "//").strip(), mode="eval")
        return _evaluate(tree.body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        raise NotModelled(f"shell: arithmetic $(({expression}))") from None


def _evaluate(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand)
    raise ValueError


def parse_commands(text: str, lookup: Lookup) -> Iterator[SimpleCommand]:
    """Yield the commands of `text` in order, each parsed only when its turn comes, so that `lookup` sees new values."""
    current = SimpleCommand(";")
    tokens = Lexer(text, lookup).tokens()
    for token in tokens:
        if not token.is_operator:
            current.words.append(token.text)
        elif token.text in _REDIRECTIONS:
            _redirect(current, token.text, next(tokens, None))
        elif token.text in _CONNECTORS:
            connector = ";" if token.text == "\n" else token.text
            if current.words:
                yield current
                current = SimpleCommand(connector)
            elif connector != ";":
                raise NotModelled(f"shell: {token.text} without a command before it")
        else:
            raise NotModelled(f"shell: operator {token.text}")
    if current.words:
        yield current


def _redirect(command: SimpleCommand, kind: str, target: Token | None) -> None:
    if target is None or target.is_operator:
        raise NotModelled(f"shell: {kind} without a target")
    if kind in (">&", "2>&") and target.text in ("1", "2"):
        return
    if target.text == "/dev/null" and kind != "<":
        # Messages have no stream of their own here: 2> /dev/null hides nothing that a caller compares.
        command.is_silent = command.is_silent or not kind.startswith("2")
        return
    if kind not in (">", ">>"):
        raise NotModelled(f"shell: redirection {kind} {target.text}")
    command.output_to = target.text
