"""Which cells of the state x event catalogue a test covers: ``@covers("RFC9293-3.10.7.4-RST-*-outside")``."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TypeVar

COVERED: set[str] = set()
"""Patterns of requirement ids, filled when the test modules are imported."""

Test = TypeVar("Test", bound=Callable[..., None])


def covers(*patterns: str) -> Callable[[Test], Test]:
    """Note that a test checks the requirements whose ids match; a pattern has ``*`` as in file names."""

    def note(test: Test) -> Test:
        COVERED.update(patterns)
        return test

    return note


def is_covered(requirement: str) -> bool:
    """Tell whether some test covers the requirement."""
    return any(fnmatchcase(requirement, pattern) for pattern in COVERED)
