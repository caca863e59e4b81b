"""A personality: constants, default settings, rule tables and policies of one kind of TCP, as data.

``personality("rfc")`` keeps every MUST and SHOULD of the RFCs; ``personality("linux")`` has the constants and choices
of Linux. A changed one (a planted fault, an experiment) is made with `Personality.with_rule` and
`Personality.with_policy`; nothing in the engine asks for a personality's name.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from reference_stack.rules import RuleSet
from reference_stack.settings import ConnectionSettings

_MODULES = {"rfc": "reference_stack.personalities.rfc", "linux": "reference_stack.personalities.linux"}


@dataclass(frozen=True, slots=True)
class Personality:
    """One kind of TCP. Frozen; the changing methods return a new one."""

    name: str
    rules: RuleSet
    settings: ConnectionSettings

    def new_settings(self) -> ConnectionSettings:
        """Return a fresh copy of the default settings, free to be changed."""
        return replace(self.settings)

    def with_rule(self, name: str, function: Callable[..., Any]) -> "Personality":
        """Return this personality with one rule replaced; `KeyError` when no rule has that name."""
        return replace(self, rules=self.rules.replace(name, function))

    def with_policy(self, name: str, policy: Any) -> "Personality":
        """Return this personality with one policy replaced; `KeyError` when no policy has that name."""
        raise NotImplementedError


def personality(name: str) -> Personality:
    """Return the personality of that name (``rfc`` or ``linux``); `ValueError` names the known ones."""
    if name not in _MODULES:
        raise ValueError(f"no personality {name!r}; known are {', '.join(sorted(_MODULES))}")
    made: Personality = import_module(_MODULES[name]).create()
    return made
