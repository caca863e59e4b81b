"""What the protocols of one simulated host share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from reference_stack.host.iplayer import IpLayer
from reference_stack.host.isn import Secrets
from reference_stack.host.routes import Routes
from reference_stack.host.shell.counters import CounterHistory
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.host.traits import HostTraits
from reference_stack.personality import Personality

Emit: TypeAlias = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the protocols of one host share."""

    personality: Personality
    traits: HostTraits
    sysctls: SysctlSettings
    routes: Routes
    secrets: Secrets
    ip: IpLayer
    emit: Emit
    files: dict[str, str]
    """Files that commands of this host have made, by absolute path."""
    counters: CounterHistory = field(default_factory=CounterHistory)
    """What nstat(8) shows."""
    associations: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Secrets for TCP-MD5 by the addresses of sender and receiver (setkey(8) of FreeBSD)."""
    log: list[str] = field(default_factory=list)
    """Lines of the system log."""
