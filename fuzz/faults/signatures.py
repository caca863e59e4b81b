"""Faults in signed segments (RFC 2385)."""

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack.authentication.signing import Authentication
from reference_stack.core import ConnectionCore
from wire.options import Ao, Md5
from wire.tcp import FIN, RST, TcpSegment

SIGNATURES = Area("signatures")


@SIGNATURES.policy("authentication.accepts", "md5-unsigned-accepted", "RFC 2385 2.0")
def accept_unsigned(original: Replacement, _own: Authentication, _of: ConnectionCore, segment: TcpSegment) -> bool:
    """A segment without a signature is taken although there is a key."""
    return not any(isinstance(option, Md5) for option in segment.options) or bool(original(_of, segment))


@SIGNATURES.policy("authentication.accepts", "md5-reset-unchecked", "RFC 2385 2.0", "RFC 2385 4.1")
def accept_any_reset(original: Replacement, _own: Authentication, _of: ConnectionCore, segment: TcpSegment) -> bool:
    """The signature of a reset is not looked at."""
    return bool(segment.flags & RST) or bool(original(_of, segment))


@SIGNATURES.policy("authentication.sign", "md5-fin-unsigned", "RFC 2385 2.0")
def leave_fin_unsigned(
    original: Replacement, _own: Authentication, _of: ConnectionCore, segment: TcpSegment
) -> TcpSegment:
    """A FIN leaves without a signature."""
    signed: TcpSegment = original(_of, segment)
    return segment if segment.flags & FIN else signed


@SIGNATURES.policy("authentication.octets", "md5-room-forgotten", "RFC 2385 4.3")
def forget_room(_original: Replacement, _own: Authentication, _of: ConnectionCore) -> int:
    """The size of segments does not allow for the signature."""
    return 0


@SIGNATURES.policy("authentication.accepts", "ao-unsigned-accepted", "RFC 5925 7.3", "RFC 5925 7.5")
def accept_without_option(original: Replacement, _own: Authentication, of: ConnectionCore, segment: TcpSegment) -> bool:
    """A segment without the authentication option is taken although there is a key."""
    return not any(isinstance(option, Ao) for option in segment.options) or bool(original(of, segment))
