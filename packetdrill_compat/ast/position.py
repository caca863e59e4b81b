"""Where a node stands."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column of a token, both counted from 1."""

    line: int = 0
    column: int = 0


def no_position() -> Position:
    """Default of a node's `position`: nowhere, and no part of comparison."""
    return field(default=Position(), compare=False, kw_only=True)
