"""The grammar of the shell (POSIX.1-2017, Shell Command Language, section 2.9 and 2.10), as a tree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.shell.words import Lexer, Operator, Word

_REDIRECTIONS = frozenset({">", ">>", "2>", "2>>", "&>", "<", ">&", "2>&"})
_SEPARATORS = frozenset({";", "\n"})
_UNKNOWN_WORDS = frozenset({"case", "function", "select"})


@dataclass(frozen=True, slots=True)
class Redirection:
    """``kind target``, such as ``2> /dev/null``."""

    kind: str
    target: Word


@dataclass(slots=True)
class Simple:
    """A command with its words."""

    words: list[Word] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """A list between braces, or between brackets with its own variables and directory (`is_apart`)."""

    body: "Sequence_"
    is_apart: bool
    redirections: list[Redirection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class If:
    """Pairs of condition and body, tried in order; `otherwise` where none holds."""

    branches: "tuple[tuple[Sequence_, Sequence_], ...]"
    otherwise: "Sequence_"


@dataclass(frozen=True, slots=True)
class For:
    """``for name in words; do body; done``."""

    name: str
    words: tuple[Word, ...]
    body: "Sequence_"


@dataclass(frozen=True, slots=True)
class Loop:
    """``while condition; do body; done``; `until` with the condition turned round."""

    condition: "Sequence_"
    body: "Sequence_"
    is_until: bool


Command: TypeAlias = "Simple | Group | If | For | Loop"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by ``|``; `connector` says how it follows what is before it (``;`` ``&&`` ``||``)."""

    connector: str
    commands: tuple[Command, ...]
    is_negated: bool


Sequence_: TypeAlias = tuple[Pipeline, ...]


@lru_cache(maxsize=256)
def parse(text: str) -> Sequence_:
    """Return the commands of a text in order; `NotModelled` for what this shell does not know.

    Scripts of one suite run the same file of settings, so texts are remembered; nobody may change a tree.
    """
    parser = _Parser(tuple(Lexer(text).tokens()))
    commands = parser.sequence(())
    parser.expect_end()
    return commands


class _Parser:
    def __init__(self, tokens: Sequence[Word | Operator]) -> None:
        self._tokens = tokens
        self._at = 0

    # --- looking -------------------------------------------------------------------------------------------------

    def _operator(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if isinstance(token, Operator) else ""

    def _reserved(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return (token.literal or "") if isinstance(token, Word) else ""

    def _skip_newlines(self) -> None:
        while self._operator() == "\n":
            self._at += 1

    def _take(self, word: str) -> None:
        if self._reserved() != word:
            raise NotModelled(f"shell: {word} is missing")
        self._at += 1

    def expect_end(self) -> None:
        """Everything has been read."""
        if self._at < len(self._tokens):
            found = self._operator() or self._reserved()
            raise NotModelled(f"shell: operator {found}" if self._operator() else f"shell: {found} out of place")

    # --- lists ---------------------------------------------------------------------------------------------------

    def sequence(self, ends: tuple[str, ...]) -> Sequence_:
        """Read a list up to, not including, one of the reserved words or operators `ends`."""
        found: list[Pipeline] = []
        connector = ";"
        while True:
            while self._operator() in _SEPARATORS:
                self._at += 1
            if self._at >= len(self._tokens) or self._reserved() in ends or self._operator() in ends:
                return tuple(found)
            if self._operator() in ("&&", "||"):
                raise NotModelled(f"shell: {self._operator()} without a command before it")
            found.append(self._pipeline(connector))
            connector = self._connector()
            if connector in ("&&", "||"):
                self._skip_newlines()
                if self._at >= len(self._tokens):
                    raise NotModelled(f"shell: {connector} without a command behind it")

    def _connector(self) -> str:
        found = self._operator()
        if found in ("&&", "||"):
            self._at += 1
            return found
        if found and found not in _SEPARATORS and found != ")":
            raise NotModelled(f"shell: operator {found}")
        return ";"

    def _pipeline(self, connector: str) -> Pipeline:
        is_negated = self._reserved() == "!"
        self._at += is_negated
        commands = [self._command()]
        while self._operator() == "|":
            self._at += 1
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(connector, tuple(commands), is_negated)

    # --- commands ------------------------------------------------------------------------------------------------

    def _command(self) -> Command:
        word = self._reserved()
        if word in _UNKNOWN_WORDS:
            raise NotModelled(f"shell: {word}")
        if word == "if":
            return self._if()
        if word == "for":
            return self._for()
        if word in ("while", "until"):
            self._at += 1
            condition = self.sequence(("do",))
            return Loop(condition, self._body(), word == "until")
        if word == "{" or self._operator() == "(":
            return self._group()
        return self._simple()

    def _if(self) -> If:
        branches = []
        otherwise: Sequence_ = ()
        while self._reserved() in ("if", "elif"):
            self._at += 1
            condition = self.sequence(("then",))
            self._take("then")
            branches.append((condition, self.sequence(("elif", "else", "fi"))))
        if self._reserved() == "else":
            self._at += 1
            otherwise = self.sequence(("fi",))
        self._take("fi")
        return If(tuple(branches), otherwise)

    def _for(self) -> For:
        self._at += 1
        name = self._reserved()
        self._at += 1
        self._skip_newlines()
        self._take("in")
        words: list[Word] = []
        while self._at < len(self._tokens) and isinstance(token := self._tokens[self._at], Word):
            words.append(token)
            self._at += 1
        while self._operator() in _SEPARATORS:
            self._at += 1
        return For(name, tuple(words), self._body())

    def _body(self) -> Sequence_:
        self._take("do")
        body = self.sequence(("done",))
        self._take("done")
        return body

    def _group(self) -> Group:
        is_apart = self._operator() == "("
        self._at += 1
        body = self.sequence((")",) if is_apart else ("}",))
        if is_apart:
            if self._operator() != ")":
                raise NotModelled("shell: no closing )")
            self._at += 1
        else:
            self._take("}")
        group = Group(body, is_apart)
        while self._operator() in _REDIRECTIONS:
            group.redirections.append(self._redirection())
        return group

    def _simple(self) -> Simple:
        command = Simple()
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if isinstance(token, Word):
                command.words.append(token)
                self._at += 1
            elif token.text in _REDIRECTIONS:
                command.redirections.append(self._redirection())
            else:
                break
        if not command.words and not command.redirections:
            raise NotModelled(f"shell: operator {self._operator()}" if self._operator() else "shell: no command")
        return command

    def _redirection(self) -> Redirection:
        kind = self._operator()
        self._at += 1
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if not isinstance(token, Word):
            raise NotModelled(f"shell: {kind} without a target")
        self._at += 1
        return Redirection(kind, token)
