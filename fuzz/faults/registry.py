"""What a planted fault is, the registry of all, and the decorators that enter them.

The id of a fault is its name in the catalogue of TCP implementation faults, where it is listed there; the first line
of the function's documentation is its title; `violates` names the clauses that a stack with this fault breaks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from fuzz.faults.alter import Replacement, alter
from reference_stack.connection import Connection
from reference_stack.host import Host
from reference_stack.personality import Personality
from reference_stack.personality import personality as personality_named
from targets.reference import ReferenceTarget

_Function = TypeVar("_Function", bound=Replacement)


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. `part` is the name of what it replaces, `area` the part of TCP that it belongs to."""

    kind: ClassVar[str] = ""
    """What is replaced: ``rule``, ``policy``, ``connection`` or ``host``."""

    id: str
    area: str
    part: str
    violates: tuple[str, ...]
    title: str
    replacement: Any

    def plant(self, sound: Personality) -> Personality:
        """Return the personality with this fault in it, named after both."""
        return replace(self.mutated(sound), name=f"{sound.name}+{self.id}")

    def target(self, sound: str | Personality = "rfc", *, seed: int = 0) -> ReferenceTarget:
        """Return a reference target with this fault, in the given personality."""
        clean = personality_named(sound) if isinstance(sound, str) else sound
        return ReferenceTarget(self.plant(clean), seed=seed, make_host=self.make_host)

    def make_host(self, *args: Any, **keywords: Any) -> Host:
        """Return a host with this fault."""
        host = Host(*args, **keywords)
        self.disturb(host)
        return host

    def fits(self, sound: Personality) -> bool:  # noqa: ARG002
        """Tell whether a personality has what this fault replaces."""
        return True

    def mutated(self, sound: Personality) -> Personality:
        """Return the personality with one rule or policy replaced; as it is for faults that lie elsewhere."""
        return sound

    def disturb(self, host: Host) -> None:
        """Change a fresh host; nothing for faults of a personality."""


class RuleFault(Fault):
    """Replaces a rule; the replacement is called with the sound rule in front of its arguments."""

    __slots__ = ()
    kind: ClassVar[str] = "rule"

    def fits(self, sound: Personality) -> bool:
        """Tell whether the personality has the rule."""
        return self.part in sound.rules.names()

    def mutated(self, sound: Personality) -> Personality:
        """Return the personality with the rule replaced."""
        return sound.with_rule(self.part, partial(self.replacement, sound.rules[self.part].function))


class PolicyFault(Fault):
    """Replaces one attribute of a policy: ``window.select``, or a constant such as ``delayed_ack.DELAY_US``."""

    __slots__ = ()
    kind: ClassVar[str] = "policy"

    def fits(self, sound: Personality) -> bool:
        """Tell whether the personality's policy has the method or constant."""
        policy, name = self.part.split(".")
        factory = getattr(sound.policies, policy)
        return not isinstance(factory, type) or hasattr(factory, name)

    def mutated(self, sound: Personality) -> Personality:
        """Return the personality with the policy replaced."""
        policy, name = self.part.split(".")
        factory = getattr(sound.policies, policy)

        def make(*args: object) -> object:
            made = factory(*args)
            alter(made, name, self.replacement)
            return made

        return sound.with_policy(policy, make)


class ConnectionFault(Fault):
    """Replaces a method of the connection that has no rule of its own, such as ``accept_syn``."""

    __slots__ = ()
    kind: ClassVar[str] = "connection"

    def disturb(self, host: Host) -> None:
        """Alter every connection as the host makes it."""
        alter(host.tcp, "_connection", self._make)

    def _make(self, original: Callable[..., Connection], _tcp: object, *args: Any, **keywords: Any) -> Connection:
        connection = original(*args, **keywords)
        alter(connection, self.part, self.replacement)
        return connection


class HostFault(Fault):
    """Replaces a method around the connections: ``tcp.release``, ``system.close``, or one of the host itself."""

    __slots__ = ()
    kind: ClassVar[str] = "host"

    def disturb(self, host: Host) -> None:
        """Alter the host or one of its layers."""
        path, _, name = self.part.rpartition(".")
        alter(attrgetter(path)(host) if path else host, name, self.replacement)


FAULTS: dict[str, Fault] = {}
"""Every fault by its id."""


def create(fault: str, *, personality: str | Personality = "rfc", seed: int = 0) -> ReferenceTarget:
    """Make a reference target with one fault; `KeyError` for an unknown one."""
    return FAULTS[fault].target(personality, seed=seed)


class Area:
    """Decorators that register the faults of one part of TCP: ``@OPENING.rule("listen/ignore-reset", id, clauses)``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def rule(self, rule: str, identifier: str, *violates: str) -> Callable[[_Function], _Function]:
        """Register a function that replaces the rule of that name; it gets the sound one as its first argument."""
        return self._entering(RuleFault, rule, identifier, violates)

    def policy(self, method: str, identifier: str, *violates: str) -> Callable[[_Function], _Function]:
        """Register a function that replaces a policy's method, named like ``window.select``."""
        return self._entering(PolicyFault, method, identifier, violates)

    def connection(self, method: str, identifier: str, *violates: str) -> Callable[[_Function], _Function]:
        """Register a function that replaces a method of the connection."""
        return self._entering(ConnectionFault, method, identifier, violates)

    def host(self, method: str, identifier: str, *violates: str) -> Callable[[_Function], _Function]:
        """Register a function that replaces a method of the host or of one of its layers."""
        return self._entering(HostFault, method, identifier, violates)

    def constant(self, name: str, value: object, identifier: str, title: str, *violates: str) -> None:
        """Register another value of a policy's constant, named like ``delayed_ack.DELAY_US``."""
        self._enter(PolicyFault(identifier, self.name, name, violates, title, value))

    def _entering(
        self, kind: type[Fault], part: str, identifier: str, violates: tuple[str, ...]
    ) -> Callable[[_Function], _Function]:
        def enter(function: _Function) -> _Function:
            title = (function.__doc__ or "").split("\n")[0]
            self._enter(kind(identifier, self.name, part, violates, title, function))
            return function

        return enter

    @staticmethod
    def _enter(fault: Fault) -> None:
        if fault.id in FAULTS:
            raise ValueError(f"two faults are named {fault.id!r}")
        if not fault.title or not fault.violates:
            raise ValueError(f"fault {fault.id!r} has no title or violates nothing")
        FAULTS[fault.id] = fault
