"""Named rules in ordered tables: what the engine does is a list that can be read, counted and changed row by row.

A `Rule` has a stable name, the section that it comes from and a function. `RuleSet` holds the tables of one
personality. `RuleSet.replace` gives a rule set in which exactly one function differs: that is how a planted fault, or
the choice of another system, enters. The engine itself knows no personality and no fault.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore
    from wire.tcp import TcpSegment


class Verdict(Enum):
    """What a rule of a segment table says about going on."""

    NEXT = "go on with the next rule"
    STOP = "the segment is finished with"


class ListenVerdict(Enum):
    """What LISTEN does with a segment (RFC 9293, 3.10.7.2)."""

    DROP = "drop"
    RESET = "answer with a reset"
    ACCEPT = "make a connection of it"
    NEXT = "go on with the next rule"


Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule(Generic[Function]):
    """One row: `name` is unique in a rule set, `section` is where the rule is written, `function` does it."""

    name: str
    section: str
    function: Function

    @property
    def title(self) -> str:
        """First sentence of the function's documentation: what the rule says, in words."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


ClosedRule: TypeAlias = "Callable[[TcpSegment], TcpSegment | bool]"
"""True drops the segment in silence, False goes on with the next rule, a segment is the answer."""
ListenRule: TypeAlias = "Callable[[TcpSegment], ListenVerdict]"
ArrivalRule: TypeAlias = "Callable[[ConnectionCore, Arrival], Verdict]"


class TimerRule(Protocol):
    """What a timer does when it has run out."""

    def __call__(self, connection: "ConnectionCore", /, *, now: int) -> None:
        """Act; the timer is not running any more."""


class CallRule(Protocol):
    """What a user call does."""

    def __call__(self, connection: "ConnectionCore", /, *, now: int) -> None:
        """Act on the call."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rule tables of a personality. Order within a table is the order of the checks."""

    closed: "tuple[Rule[ClosedRule], ...]" = ()
    """RFC 9293, 3.10.7.1: what a segment without a connection is answered with."""
    listen: "tuple[Rule[ListenRule], ...]" = ()
    """RFC 9293, 3.10.7.2."""
    syn_sent: "tuple[Rule[ArrivalRule], ...]" = ()
    """RFC 9293, 3.10.7.3."""
    synchronized: "tuple[Rule[ArrivalRule], ...]" = ()
    """RFC 9293, 3.10.7.4: SYN-RECEIVED and all later states."""
    time_wait: "tuple[Rule[ArrivalRule], ...]" = ()
    """A table of its own for TIME-WAIT; without one the `synchronized` table holds there too."""
    timers: "tuple[Rule[TimerRule], ...]" = ()
    """One rule a timer (RFC 9293, 3.10.8), called as ``function(connection, now=now)``."""
    calls: "tuple[Rule[CallRule], ...]" = ()
    """User calls that change state (RFC 9293, 3.10.1 to 3.10.6), called as ``function(connection, now=now)``."""
    _index: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for table, rule in self._rows():
            if rule.name in self._index:
                raise ValueError(f"two rules are named {rule.name!r}")
            self._index[rule.name] = table

    def _rows(self) -> "Iterator[tuple[str, Rule[Any]]]":
        for table in fields(self):
            if table.name != "_index":
                for rule in getattr(self, table.name):
                    yield table.name, rule

    def __iter__(self) -> "Iterator[Rule[Any]]":
        return (rule for _, rule in self._rows())

    def __getitem__(self, name: str) -> "Rule[Any]":
        """Return the rule of that name; `KeyError` names the unknown rule."""
        return next(rule for rule in getattr(self, self.table_of(name)) if rule.name == name)

    def table_of(self, name: str) -> str:
        """Return the table that holds the rule; `KeyError` when there is none of that name."""
        return self._index[name]

    def names(self) -> tuple[str, ...]:
        """Every rule name, table after table, in order."""
        return tuple(self._index)

    def replace(self, name: str, function: Callable[..., Any]) -> "RuleSet":
        """Return a rule set in which the rule `name` has another function; `KeyError` when there is none."""
        table = self.table_of(name)
        rows = tuple(
            Rule(rule.name, rule.section, function) if rule.name == name else rule for rule in getattr(self, table)
        )
        return self._changed(table, rows)

    def without(self, name: str) -> "RuleSet":
        """Return a rule set that lacks the rule `name`."""
        table = self.table_of(name)
        return self._changed(table, tuple(rule for rule in getattr(self, table) if rule.name != name))

    def moved(self, name: str, *, before: str) -> "RuleSet":
        """Return a rule set in which the rule `name` comes right before another one of its table."""
        table, rule = self.table_of(name), self[name]
        rows = [each for each in getattr(self, table) if each is not rule]
        rows.insert([each.name for each in rows].index(before), rule)
        return self._changed(table, tuple(rows))

    def _changed(self, table: str, rows: tuple[Rule[Any], ...]) -> "RuleSet":
        changes: dict[str, Any] = {table: rows}
        return replace(self, **changes)
