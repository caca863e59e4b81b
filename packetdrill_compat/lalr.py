"""An LALR(1) parser that runs on finished tables, so that reading a script does not load a parser generator.

The tables are made by lark (`tables.py`) and mean what lark means by them: a rule's value is what the builder's method
of its name gives for the values of its parts; parts that the grammar leaves out are dropped, and the parts of inlined
rules stand in place of their own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from packetdrill_compat.scanner import END, Token

Values = list[Any]
Make = Callable[[Values], Any]


class Rule(NamedTuple):
    """One rule: what it makes, how many symbols it has, and how their values become those of its parts.

    `name` is the builder's method. `included` are the places of the parts that are kept, negative (``~place``) for one
    whose own parts stand in its place; None keeps all. With `passes_single` a single part is the value itself.
    """

    origin: str
    size: int
    name: str
    passes_single: bool
    included: Sequence[int] | None


class Tables(NamedTuple):
    """What to do in each state: under a terminal the next state, or ``~rule``; under a rule's origin the next state."""

    start: int
    end: int
    states: Sequence[dict[str, int]]
    rules: Sequence[Rule]
    spellings: dict[str, str]
    patterns: dict[str, str]


class UnexpectedToken(Exception):
    """No rule goes on with this token; `accepted` are the terminals that one would go on with."""

    def __init__(self, token: Token, accepted: frozenset[str]) -> None:
        super().__init__(token.text)
        self.token = token
        self.accepted = accepted


class Parser:
    """The tables of a dialect joined with the methods of a builder; `begin` starts a parse."""

    def __init__(self, tables: Tables, builder: object) -> None:
        self.tables = tables
        self.reductions = [(rule.size, rule.origin, _maker(rule, builder)) for rule in tables.rules]

    def begin(self) -> "Run":
        """Return a parse that has seen nothing yet."""
        return Run(self)


class Run:
    """One parse: feed it tokens, the last of which is that of type `END`."""

    def __init__(self, parser: Parser) -> None:
        self._tables = parser.tables
        self._reductions = parser.reductions
        self._states = [parser.tables.start]
        self._values: Values = []

    def feed(self, token: Token) -> Any:
        """Take one more token; the value of the whole behind the last one. Raises `UnexpectedToken`."""
        return self.run((token,))

    def run(self, tokens: Iterable[Token]) -> Any:
        """Take tokens in turn; the value of the whole behind the last one. Raises `UnexpectedToken`."""
        # One loop for all tokens, on local names: half of the time of reading a script is spent here.
        table, states, values, reductions = self._tables.states, self._states, self._values, self._reductions
        end = self._tables.end
        row = table[states[-1]]
        for token in tokens:
            kind = token.type
            while (step := row.get(kind)) is None or step < 0:
                if step is None:
                    raise UnexpectedToken(token, self.accepted())
                size, origin, make = reductions[~step]
                parts = values[len(values) - size :]
                del states[len(states) - size :], values[len(values) - size :]
                values.append(make(parts))
                state = table[states[-1]][origin]
                states.append(state)
                if state == end and kind == END:
                    return values[-1]
                row = table[state]
            states.append(step)
            values.append(token)
            row = table[step]
        return None

    def accepted(self) -> frozenset[str]:
        """Return the terminals that could come next."""
        possible = [name for name in self._tables.states[self._states[-1]] if name.isupper()]  # rules are lower case
        return frozenset(name for name in possible if self._leads_on(name))

    def _leads_on(self, terminal: str) -> bool:
        """Tell whether the reductions that a terminal brings about end in taking it."""
        tables, states = self._tables, list(self._states)
        while True:
            step = tables.states[states[-1]].get(terminal)
            if step is None:
                return False
            if step >= 0:
                return True
            rule = tables.rules[~step]
            del states[len(states) - rule.size :]
            states.append(tables.states[states[-1]][rule.origin])
            if terminal == END and states[-1] == tables.end:
                return True


class _Inlined(NamedTuple):
    """The value of a rule without a method: its parts, for the rule that it stands in."""

    parts: Values


def _maker(rule: Rule, builder: object) -> Make:
    make: Make = getattr(builder, rule.name, None) or _Inlined
    if rule.included is not None:
        make = _picking(make, tuple(rule.included))
    return _passing_single(make) if rule.passes_single else make


def _picking(make: Make, included: tuple[int, ...]) -> Make:
    if all(place >= 0 for place in included):
        return lambda parts: make([parts[place] for place in included])

    def pick(parts: Values) -> Any:
        kept: Values = []
        for place in included:
            if place >= 0:
                kept.append(parts[place])
            else:
                kept += parts[~place].parts
        return make(kept)

    return pick


def _passing_single(make: Make) -> Make:
    return lambda parts: parts[0] if len(parts) == 1 else make(parts)
