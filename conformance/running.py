"""Plays one script in one variant on the selected target."""

from dataclasses import dataclass
from functools import partial

from conformance.kernel import may_lack_kernel, why_no_kernel
from conformance.selection import KERNEL, personality_of, target_name
from conformance.settings import Settings
from packetdrill_compat import options, runner, variants
from packetdrill_compat.claims import ClaimsRule, claims_of
from packetdrill_compat.config import IPV6
from packetdrill_compat.crowd import play_in_crowd
from packetdrill_compat.header import Header
from packetdrill_compat.outcome import RunResult
from reference_stack.personality import personality
from targets import base
from targets.base import Network, Target, Unsupported
from targets.crew import Place
from targets.registry import create_target


@dataclass(frozen=True, slots=True)
class Job:
    """One item to play: a script, its header, a variant. `path` is what messages show, too."""

    path: str
    header: Header
    variant: str
    settings: Settings


def missing_support(target: Target, header: Header, variant: str) -> str:
    """Return why a target cannot play a test, in one line; empty when it can."""
    has = target.capabilities
    if header.systems and not has.intersection(header.systems):
        return f"{target.name} is not {' or '.join(header.systems)}"
    family = base.IPV6 if variant == IPV6 else base.IPV4
    if lacking := sorted((header.capabilities | {family}) - has):
        return f"{target.name} has no {', '.join(lacking)}"
    return ""


def open_target(header: Header, variant: str, settings: Settings) -> Target:
    """Create the target of a test, not yet open. Raises `Unsupported` when it said beforehand that it cannot."""
    name = target_name(header, settings)
    if name != settings.target and (missing := _missing_personality(personality_of(name))):
        raise Unsupported(missing)
    if settings.target_name == KERNEL and may_lack_kernel() and (missing := why_no_kernel()):
        raise Unsupported(missing)
    target = create_target(name)
    if reason := missing_support(target, header, variant):
        raise Unsupported(reason)
    return target


def _missing_personality(name: str) -> str:
    """Return why the reference stack cannot follow a system's rules, in one line; empty when it can."""
    try:
        personality(name)
    except ValueError as error:
        return f"reference: {error}"
    return ""


def network_of(variant: str) -> Network:
    """Return the addresses of a variant, the same for scripts and for Python tests."""
    return runner.network_of(options.check(variants.variant_config(variant)))


def play(job: Job, claims: ClaimsRule = claims_of) -> RunResult:
    """Play a script. Raises `Unsupported` when the target said beforehand that it cannot."""
    return runner.run_file(
        job.path,
        target=open_target(job.header, job.variant, job.settings),
        config=variants.variant_config(job.variant),
        command_line=[f"--define={definition}" for definition in job.settings.definitions],
        dialect=job.header.dialect or job.settings.dialect,
        time_limit=job.header.time_limit or job.settings.time_limit,
        allows_shell=job.settings.allows_shell,
        claims=claims,
    )


def play_beside_others(job: Job, place: Place) -> RunResult | Place:
    """Play a script in a crew (`targets.crew`); raises as `play` does."""
    return play_in_crowd(partial(play, job), place)
