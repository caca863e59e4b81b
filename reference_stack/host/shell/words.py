"""Words and operators of the shell (POSIX.1-2017, Shell Command Language, sections 2.2, 2.3 and 2.6)."""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from reference_stack.host.errnos import NotModelled

_LONG_OPERATORS = ("2>>", "2>&", "&>", "&&", "||", ">>", "2>", ">&", "1>", "<<", ";;")
_OPERATORS = (*_LONG_OPERATORS, ";", "\n", ">", "<", "|", "&", "(", ")")


class Kind(Enum):
    """What a part of a word is."""

    TEXT = "text"
    PARAMETER = "parameter"
    COMMAND = "command substitution"
    ARITHMETIC = "arithmetic"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a word: `text` is the text, the name, the command or the expression. `is_quoted`: it is not split."""

    kind: Kind
    text: str
    is_quoted: bool


@dataclass(slots=True)
class Word:
    """A word before its expansion."""

    parts: list[Part] = field(default_factory=list)

    @property
    def literal(self) -> str | None:
        """The text of a word without expansions and quotes, else None: only such a word is a reserved one."""
        if any(part.kind is not Kind.TEXT or part.is_quoted for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator or a newline."""

    text: str


class Lexer:
    """Cut a command text into words and operators; nothing is expanded."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._word: Word | None = None

    def tokens(self) -> Iterator[Word | Operator]:
        """Yield all tokens; `NotModelled` for a construct that this shell lacks."""
        while self._at < len(self._text):
            yield from self._step()
        yield from self._end_word()

    def _step(self) -> Iterator[Word | Operator]:
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
            yield Operator(found.removeprefix("1"))
        else:
            self._word_part(character)

    def _operator(self) -> str:
        for text in _OPERATORS:
            # A digit is the number of a descriptor only in front of > and at the start of a word.
            if self._text.startswith(text, self._at) and not (text[0] in "12" and self._word is not None):
                return text
        return ""

    def _end_word(self) -> Iterator[Word]:
        if self._word is not None:
            yield self._word
            self._word = None

    def _add(self, kind: Kind, text: str, *, is_quoted: bool) -> None:
        if self._word is None:
            self._word = Word()
        parts = self._word.parts
        if kind is Kind.TEXT and parts and parts[-1].kind is Kind.TEXT and parts[-1].is_quoted == is_quoted:
            text = parts.pop().text + text
        parts.append(Part(kind, text, is_quoted))

    def _word_part(self, character: str) -> None:
        self._at += 1
        if character == "'":
            self._add(Kind.TEXT, self._until("'"), is_quoted=True)
        elif character == '"':
            self._double_quoted()
        elif character == "\\":
            self._add(Kind.TEXT, self._text[self._at : self._at + 1], is_quoted=True)
            self._at += 1
        elif character in "$`":
            self._expansion(character, is_quoted=False)
        else:
            self._add(Kind.TEXT, character, is_quoted=False)

    def _until(self, end: str) -> str:
        stop = self._text.find(end, self._at)
        if stop < 0:
            raise NotModelled(f"shell: no closing {end}")
        part = self._text[self._at : stop]
        self._at = stop + len(end)
        return part

    def _double_quoted(self) -> None:
        self._add(Kind.TEXT, "", is_quoted=True)
        while True:
            if self._at >= len(self._text):
                raise NotModelled('shell: no closing "')
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                return
            if character in "$`":
                self._expansion(character, is_quoted=True)
            elif character == "\\" and self._text[self._at : self._at + 1] in ('"', "\\", "$", "`", "\n"):
                self._add(Kind.TEXT, self._text[self._at].strip("\n"), is_quoted=True)
                self._at += 1
            else:
                self._add(Kind.TEXT, character, is_quoted=True)

    def _expansion(self, character: str, *, is_quoted: bool) -> None:
        if character == "`":
            self._add(Kind.COMMAND, self._until("`"), is_quoted=is_quoted)
        elif self._text.startswith("((", self._at):
            self._at += 2
            self._add(Kind.ARITHMETIC, self._until("))"), is_quoted=is_quoted)
        elif self._text.startswith("(", self._at):
            self._at += 1
            self._add(Kind.COMMAND, self._until_bracket(), is_quoted=is_quoted)
        elif self._text.startswith("{", self._at):
            self._at += 1
            self._add(Kind.PARAMETER, self._until("}"), is_quoted=is_quoted)
        else:
            self._plain_parameter(is_quoted=is_quoted)

    def _until_bracket(self) -> str:
        start, depth = self._at, 1
        while depth:
            if self._at >= len(self._text):
                raise NotModelled("shell: no closing )")
            depth += {"(": 1, ")": -1}.get(self._text[self._at], 0)
            self._at += 1
        return self._text[start : self._at - 1]

    def _plain_parameter(self, *, is_quoted: bool) -> None:
        if self._text[self._at : self._at + 1] in tuple("?$#@*0123456789"):
            self._at += 1
            self._add(Kind.PARAMETER, self._text[self._at - 1], is_quoted=is_quoted)
            return
        start = self._at
        while self._at < len(self._text) and (self._text[self._at].isalnum() or self._text[self._at] == "_"):
            self._at += 1
        if self._at > start:
            self._add(Kind.PARAMETER, self._text[start : self._at], is_quoted=is_quoted)
        else:
            self._add(Kind.TEXT, "$", is_quoted=True)


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
