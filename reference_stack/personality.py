"""A personality: default settings, rule tables and policies of one kind of TCP, as data.

``personality("rfc")`` keeps every MUST and SHOULD of the RFCs; ``personality("linux")`` has the constants and choices
of Linux, ``personality("dragonfly")`` those of DragonFly BSD. A changed one (a planted fault, an experiment) is made
with `Personality.with_rule` and `Personality.with_policy`; nothing in the engine asks for a personality's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from reference_stack.arrival.control import RESET_ERRNO
from reference_stack.authentication.signing import Authentication
from reference_stack.device import Device
from reference_stack.policies.accecn import AccurateEcn
from reference_stack.policies.acking import DelayedAck
from reference_stack.policies.challenge import ChallengeAck
from reference_stack.policies.ecn import Ecn
from reference_stack.policies.icmp import IcmpErrors
from reference_stack.policies.limits import Limits
from reference_stack.policies.mss import SegmentSizes
from reference_stack.policies.mtu_search import MtuSearch
from reference_stack.policies.opening import Opening
from reference_stack.policies.options import SegmentOptions, TimestampClock
from reference_stack.policies.probes import Probes
from reference_stack.policies.resets import Resets
from reference_stack.policies.start import CongestionStart
from reference_stack.policies.time_wait import TimeWait
from reference_stack.policies.timing import RoundTripTimer
from reference_stack.policies.transmission import Transmission
from reference_stack.policies.usertimeout import UserTimeoutExchange
from reference_stack.policies.window import ReceiveWindow
from reference_stack.reassembly import ReassemblyQueue
from reference_stack.recovery.scoreboard import Scoreboard
from reference_stack.rtt import RttEstimator
from reference_stack.rules import RuleSet
from reference_stack.sack import SackGenerator
from reference_stack.sequence import SequenceSpace
from reference_stack.settings import ConnectionSettings
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

_MODULES = {name: f"reference_stack.personalities.{name}" for name in ("rfc", "linux", "dragonfly", "freebsd")}

RttFactory: TypeAlias = "Callable[[ConnectionCore], RttEstimator]"


def _rfc_rtt(connection: "ConnectionCore") -> RttEstimator:
    settings = connection.settings
    estimator = RttEstimator()
    if settings.rto_min_us is not None:
        estimator.minimum = settings.rto_min_us
    if settings.rto_max_us is not None:
        estimator.maximum = settings.rto_max_us
    return estimator


@dataclass(frozen=True, slots=True)
class Policies:
    """A factory for each policy. Every connection makes its own instances when it begins."""

    sequence: Callable[[], SequenceSpace] = SequenceSpace
    """Modular arithmetic."""
    reassembly: Callable[[], ReassemblyQueue] = ReassemblyQueue
    """The store for octets ahead of RCV.NXT."""
    sack: Callable[[], SackGenerator] = SackGenerator
    """SACK blocks that we send."""
    scoreboard: Callable[[], Scoreboard] = Scoreboard
    """What is outstanding, and SACK blocks that we receive."""
    rtt: RttFactory = _rfc_rtt
    """Round-trip time and RTO; called with the connection."""
    congestion: Callable[[], CongestionStart] = CongestionStart
    """Choice of congestion control and loss recovery, initial window."""
    timing: Callable[[], RoundTripTimer] = RoundTripTimer
    """Which acknowledgments are measurements."""
    delayed_ack: Callable[[], DelayedAck] = DelayedAck
    """When data is acknowledged."""
    transmission: Callable[[], Transmission] = Transmission
    """Nagle, silly-window avoidance, corking, segment size, PSH."""
    window: Callable[[], ReceiveWindow] = ReceiveWindow
    """The offered window and its scale."""
    options: Callable[[], SegmentOptions] = SegmentOptions
    """Options on segments."""
    timestamps: Callable[[], TimestampClock] = TimestampClock
    """TSval and TSecr."""
    mss: Callable[[], SegmentSizes] = SegmentSizes
    """Segment sizes."""
    challenge: Callable[[], ChallengeAck] = ChallengeAck
    """Limits on answers to segments that prove nothing."""
    limits: Callable[[], Limits] = Limits
    """R1, R2 and when to give up."""
    probes: Callable[[], Probes] = Probes
    """Window probes and keep-alives."""
    resets: Callable[[], Resets] = Resets
    """Form of resets."""
    time_wait: Callable[[], TimeWait] = TimeWait
    """Length of TIME-WAIT, reuse."""
    icmp: Callable[[], IcmpErrors] = IcmpErrors
    """ICMP errors and path MTU."""
    mtu_search: Callable[[], MtuSearch] = MtuSearch
    """Path MTU by probing."""
    opening: Callable[[], Opening] = Opening
    """Text on a SYN."""
    user_timeout: Callable[[], UserTimeoutExchange] = UserTimeoutExchange
    """User timeout option: RFC 5482."""
    authentication: Callable[[], Authentication] = Authentication
    """Signatures: RFC 2385, RFC 5925."""
    ecn: Callable[[], Ecn] = AccurateEcn
    """Explicit congestion notification."""


@dataclass(frozen=True, slots=True)
class Personality:
    """One kind of TCP. Frozen; the changing methods return a new one."""

    name: str
    rules: RuleSet
    settings: ConnectionSettings
    policies: Policies
    reset_errors: Mapping[State, int]
    """errno that a valid reset gives the user, by state; 0 in states that are not listed."""

    def new_settings(self) -> ConnectionSettings:
        """Return a fresh copy of the default settings, free to be changed."""
        return replace(self.settings, device=Device())

    def with_rule(self, name: str, function: Callable[..., Any]) -> "Personality":
        """Return this personality with one rule replaced; `KeyError` when no rule has that name."""
        return replace(self, rules=self.rules.replace(name, function))

    def with_policy(self, name: str, policy: Callable[..., Any]) -> "Personality":
        """Return this personality with one policy replaced by another class or factory.

        Names are the fields of `Policies`; `KeyError` when there is none of that name.
        """
        if name not in {field.name for field in fields(Policies)}:
            raise KeyError(name)
        changes: dict[str, Any] = {name: policy}
        return replace(self, policies=replace(self.policies, **changes))

    def with_settings(self, **changes: Any) -> "Personality":
        """Return this personality with other default settings."""
        return replace(self, settings=replace(self.settings, **changes))

    def reset_errno(self, state: State, *, is_passive: bool) -> int:
        """Return what the user is told of a valid reset: nothing for a half-open passive connection (MUST-11)."""
        if state is State.SYN_RECEIVED and is_passive:
            return 0
        return self.reset_errors.get(state, 0)


def personality(name: str) -> Personality:
    """Return the personality of that name (``rfc``, ``linux``, ...); `ValueError` names the known ones."""
    if name not in _MODULES:
        raise ValueError(f"no personality {name!r}; known are {', '.join(sorted(_MODULES))}")
    made: Personality = import_module(_MODULES[name]).create()
    return made


__all__ = ["RESET_ERRNO", "Personality", "Policies", "personality"]
