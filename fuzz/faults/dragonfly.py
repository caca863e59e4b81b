"""Faults of what DragonFly BSD's tcp(4) describes; all but a few change nothing under the rules of another system."""

from typing import Any

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack.arrival.closed import closed_reset
from reference_stack.connection import FourTuple
from reference_stack.core import ConnectionCore
from reference_stack.host.errnos import Errno
from reference_stack.host.host import SystemCalls
from reference_stack.host.incoming import Incoming
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.host.values import OK, Result
from reference_stack.policies.acking import DelayedAck
from reference_stack.policies.icmp import IcmpError, IcmpErrors
from reference_stack.policies.limits import Limits
from reference_stack.policies.mss import SegmentSizes
from reference_stack.policies.options import SegmentOptions
from reference_stack.policies.start import CongestionStart
from reference_stack.policies.transmission import Sendable, Transmission
from reference_stack.recovery.base import LossRecovery
from reference_stack.recovery.plain_reno import PlainReno
from wire.options import TcpOption

BSD = Area("bsd")
MAN = "DragonFly tcp(4)"

BSD.constant(
    "limits.MOST_RETRANSMISSIONS", 4, "bsd-gives-up-early", "Four retransmissions end a connection.", "RFC 9293 3.8.3"
)


@BSD.host("sysctls.apply", "bsd-sysctl-without-effect", MAN)
def leave_settings(_original: Replacement, _sysctls: object, *_arguments: object) -> None:
    """What sysctl writes changes no behaviour."""


@BSD.policy("transmission.next_length", "bsd-nopush-sends", MAN)
def send_as_ever(
    _original: Replacement, policy: Transmission, connection: ConnectionCore, sendable: Sendable, *, now: int
) -> int:
    """TCP_NOPUSH and the limit of data in flight hold nothing back."""
    return Transmission.next_length(policy, connection, sendable, now=now)


@BSD.policy("transmission.on_write", "bsd-nopush-full-buffer-waits", MAN)
def wait_on(_original: Replacement, _policy: Transmission, *_arguments: object, **_keywords: object) -> None:
    """A full send buffer does not end the waiting of TCP_NOPUSH."""


@BSD.policy("options.syn", "bsd-noopt-ignored", MAN)
def offer_options(
    _original: Replacement, policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """TCP_NOOPT leaves the options in."""
    return SegmentOptions.syn(policy, connection, now=now)


@BSD.policy("limits.next_check", "bsd-keepinit-ignored", MAN)
def try_for_ever(_original: Replacement, _policy: Limits, _connection: ConnectionCore) -> int:
    """An opening goes on for ever."""
    return 1 << 62


@BSD.policy("icmp.on_error", "bsd-icmp-may-rst-ignored", MAN)
def end_on_any(
    _original: Replacement, policy: IcmpErrors, connection: ConnectionCore, error: IcmpError, *, now: int
) -> None:
    """A hard ICMP error ends an opening, whatever icmp_may_rst says."""
    IcmpErrors.on_error(policy, connection, error, now=now)


@BSD.policy("icmp.on_error", "bsd-icmp-deaf", MAN, "RFC 9293 3.9.2.2")
def hear_nothing(_original: Replacement, _policy: IcmpErrors, *_arguments: object, **_keywords: object) -> None:
    """ICMP errors are ignored."""


@BSD.policy("congestion.recovery", "bsd-newreno-cannot-be-switched-off", MAN)
def recover_as_newreno(_original: Replacement, policy: CongestionStart, connection: ConnectionCore) -> LossRecovery:
    """A partial acknowledgment has the next hole sent again without newreno too."""
    return CongestionStart.recovery(policy, connection)


@BSD.policy("resets.before_giving_up", "bsd-silent-end", "Stevens, TCP/IP Illustrated")
def say_nothing(_original: Replacement, _policy: object, _connection: ConnectionCore, **_keywords: object) -> None:
    """A connection that is given up ends without a reset."""


@BSD.connection("update_segment_size", "bsd-maxseg-without-effect", MAN, "RFC 8201 5.2")
def keep_size(_original: Replacement, _connection: ConnectionCore) -> None:
    """Segments of a connection keep their size."""


@BSD.host("system._check_multicast", "bsd-multicast-taken", MAN)
def take_multicast(_original: Replacement, _calls: SystemCalls, *_arguments: object) -> None:
    """A multicast address is as good as any."""


@BSD.host("system.setsockopt", "bsd-unknown-option-taken", "POSIX setsockopt")
def take_option(original: Replacement, _calls: SystemCalls, **arguments: Any) -> Result:
    """An option that does not exist can be set."""
    try:
        result: Result = original(**arguments)
    except Exception as failed:
        if getattr(failed, "errno", 0) == Errno.ENOPROTOOPT:
            return OK
        raise
    return result


@BSD.host("tcp._on_closed_port", "bsd-blackhole-ignored", MAN)
def answer_always(_original: Replacement, tcp: TcpLayer, arrived: Incoming) -> None:
    """A closed port answers, whatever blackhole says."""
    tcp._answer(arrived, closed_reset(arrived.segment, rules=tcp._rules))


@BSD.host("tcp._isn_epoch", "bsd-secret-never-reseeded", MAN)
def stay_in_epoch(_original: Replacement, _tcp: TcpLayer, _now: int) -> int:
    """isn_reseed_interval is ignored."""
    return 0


@BSD.host("_around.secrets.isn", "bsd-isn-without-clock", "RFC 6528 3", "RFC 9293 3.4.1")
def count_nothing(original: Replacement, _secrets: object, name: FourTuple, **_keywords: int) -> int:
    """The initial sequence number of a connection is the same each time."""
    isn: int = original(name, now=0)
    return isn


@BSD.host("sysctls.read", "bsd-sysctl-reads-zero", MAN)
def read_zero(_original: Replacement, _sysctls: object, _name: str) -> str:
    """Each setting reads as 0, whether it exists or not."""
    return "0"


@BSD.host("sysctls.write", "bsd-anything-can-be-written", MAN)
def take_anything(_original: Replacement, _sysctls: object, _name: str, _text: str) -> None:
    """sysctl never refuses to write."""


@BSD.host("tcp._wants_cookie", "bsd-no-cookies", MAN, "RFC 4987 3.6")
def send_no_cookie(_original: Replacement, _tcp: TcpLayer, _listener: object) -> bool:
    """There are no SYN cookies."""
    return False


@BSD.host("tcp._wants_cookie", "bsd-cookies-cannot-be-switched-off", MAN)
def send_cookies(_original: Replacement, _tcp: TcpLayer, _listener: object) -> bool:
    """Each request is answered with a SYN cookie."""
    return True


@BSD.host("tcp._child", "bsd-keepinit-not-inherited", MAN)
def begin_with_default(original: Replacement, _tcp: TcpLayer, listener: TcpSocket, arrived: Incoming) -> TcpSocket:
    """An accepted socket has the system's TCP_KEEPINIT."""
    child: TcpSocket = original(listener, arrived)
    child.settings.keepinit_us = 75_000_000
    return child


@BSD.host("routes.is_local", "bsd-every-address-is-ours", MAN, "RFC 1122 3.2.1.3")
def own_every_address(_original: Replacement, _routes: object, _address: str) -> bool:
    """Every address is one of this host."""
    return True


@BSD.policy("delayed_ack.on_data", "bsd-acknowledges-at-once", MAN)
def acknowledge_at_once(
    _original: Replacement, _policy: DelayedAck, connection: ConnectionCore, _arrival: object
) -> None:
    """No acknowledgment waits to ride on data."""
    connection.ack_now = True


@BSD.policy("congestion.recovery", "bsd-plain-reno-always", MAN, "RFC 6582 3.2")
def recover_as_reno(_original: Replacement, _policy: CongestionStart, connection: ConnectionCore) -> LossRecovery:
    """There is no NewReno."""
    return PlainReno(
        scoreboard=connection.scoreboard, congestion=connection.congestion, una=connection.tcb.snd_una, dupthresh=3
    )


@BSD.policy("mss.effective", "bsd-mssdflt-wins", MAN, "RFC 9293 3.7.1")
def keep_to_default(original: Replacement, _policy: SegmentSizes, connection: ConnectionCore) -> int:
    """No segment is larger than mssdflt, whatever the peer announces."""
    return min(int(original(connection)), connection.settings.default_mss)
