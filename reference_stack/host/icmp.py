"""ICMP errors as a host reads them: which errno, hard or soft, and which MTU (RFC 1122 4.2.3.9, RFC 5927, RFC 4443).

"Hard" is what RFC 9293 MUST-54 to MUST-56 and section 3.9.2.2 say: it should end a connection, and RFC 5927 and
RFC 5461 restrict that to connections that are being made; that decision is the engine's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from reference_stack.host.errnos import Errno

ECHO_REPLY_V4, ECHO_V4, UNREACHABLE_V4, QUENCH_V4, REDIRECT_V4 = 0, 8, 3, 4, 5
TIME_EXCEEDED_V4, PARAMETER_V4 = 11, 12
UNREACHABLE_V6, TOO_BIG_V6, TIME_EXCEEDED_V6, PARAMETER_V6 = 1, 2, 3, 4
ECHO_V6, ECHO_REPLY_V6 = 128, 129
FRAGMENTATION_NEEDED = 4
PORT_UNREACHABLE_V4, PORT_UNREACHABLE_V6 = 3, 4


@dataclass(frozen=True, slots=True)
class IcmpReading:
    """What an ICMP error means to the transport: `mtu` is None unless it is about the packet's size."""

    errno: int
    hard: bool
    mtu: int | None = None
    is_unreachable: bool = False
    """There is no way to the host or its network: codes that RFC 6069 speaks of."""


# Codes of "destination unreachable": the errno as Linux gives it (icmp_err_convert), and hard or soft. RFC 1122
# 4.2.3.9: codes 0, 1 and 5 are soft, 2 to 4 hard. The later codes are from RFC 1812 5.2.7.1; 11 and 12 (type of
# service) are transient there, the others administrative.
_UNREACHABLE_V4: tuple[tuple[Errno, bool], ...] = (
    (Errno.ENETUNREACH, False),
    (Errno.EHOSTUNREACH, False),
    (Errno.ENOPROTOOPT, True),
    (Errno.ECONNREFUSED, True),
    (Errno.EMSGSIZE, False),
    (Errno.EOPNOTSUPP, False),
    (Errno.ENETUNREACH, True),
    (Errno.EHOSTDOWN, True),
    (Errno.ENONET, True),
    (Errno.ENETUNREACH, True),
    (Errno.EHOSTUNREACH, True),
    (Errno.ENETUNREACH, False),
    (Errno.EHOSTUNREACH, False),
    (Errno.EHOSTUNREACH, True),
    (Errno.EHOSTUNREACH, True),
    (Errno.EHOSTUNREACH, True),
)
# RFC 4443 3.1: no route, prohibited, beyond scope, address unreachable, port unreachable, policy, reject route.
# RFC 9293 3.9.2.2: codes 0 and 3 are soft, 1 and 4 hard.
_UNREACHABLE_V6: tuple[tuple[Errno, bool], ...] = (
    (Errno.ENETUNREACH, False),
    (Errno.EACCES, True),
    (Errno.EHOSTUNREACH, False),
    (Errno.EHOSTUNREACH, False),
    (Errno.ECONNREFUSED, True),
    (Errno.EACCES, True),
    (Errno.EACCES, True),
)


HardErrors: TypeAlias = Mapping[tuple[int, int, int], Errno]
"""By version, type and code: the errors that end an opening, and how."""

FREEBSD_HARD: HardErrors = {
    (4, UNREACHABLE_V4, 2): Errno.ECONNREFUSED,
    (4, UNREACHABLE_V4, PORT_UNREACHABLE_V4): Errno.ECONNREFUSED,
    (4, UNREACHABLE_V4, 9): Errno.ECONNREFUSED,
    (4, UNREACHABLE_V4, 10): Errno.ECONNREFUSED,
    (4, UNREACHABLE_V4, 13): Errno.ECONNREFUSED,
    (4, TIME_EXCEEDED_V4, 0): Errno.EHOSTUNREACH,
    (6, UNREACHABLE_V6, 1): Errno.ECONNREFUSED,
    (6, UNREACHABLE_V6, PORT_UNREACHABLE_V6): Errno.ECONNREFUSED,
    (6, TIME_EXCEEDED_V6, 0): Errno.EHOSTUNREACH,
    (6, PARAMETER_V6, 1): Errno.ECONNREFUSED,
}
"""Protocol, port, and what is prohibited (tcp(4), ``icmp_may_rst``), as the scripts of FreeBSD's developers have it."""


def with_hard_errors(reading: IcmpReading, error: tuple[int, int, int], hard: HardErrors) -> IcmpReading:
    """Return what an error (version, type, code) means on a host with a table of its own."""
    return replace(reading, hard=error in hard, errno=hard.get(error, reading.errno))


def read_error(version: int, kind: int, code: int, rest: int) -> IcmpReading | None:
    """Return what an ICMP message of `kind` and `code` means, or None when it is not an error a transport acts on.

    `rest` is the 32-bit field after the checksum. Source quench is ignored (RFC 6633 section 3, RFC 9293 MUST-55).
    """
    return _read_v4(kind, code, rest) if version == 4 else _read_v6(kind, code, rest)


def _read_v4(kind: int, code: int, rest: int) -> IcmpReading | None:
    if kind == UNREACHABLE_V4 and code < len(_UNREACHABLE_V4):
        errno, hard = _UNREACHABLE_V4[code]
        # RFC 1191 section 4: the low 16 bits are the next-hop MTU, 0 from a router that does not know of it.
        return IcmpReading(errno, hard, rest & 0xFFFF if code == FRAGMENTATION_NEEDED else None, code in (0, 1))
    if kind == TIME_EXCEEDED_V4:
        return IcmpReading(Errno.EHOSTUNREACH, False)
    if kind == PARAMETER_V4:
        return IcmpReading(Errno.EPROTO, False)
    return None


def _read_v6(kind: int, code: int, rest: int) -> IcmpReading | None:
    if kind == UNREACHABLE_V6 and code < len(_UNREACHABLE_V6):
        return IcmpReading(*_UNREACHABLE_V6[code], is_unreachable=code == 0)
    if kind == TOO_BIG_V6:
        return IcmpReading(Errno.EMSGSIZE, False, rest)
    if kind == TIME_EXCEEDED_V6:
        return IcmpReading(Errno.EHOSTUNREACH, False)
    if kind == PARAMETER_V6:
        # RFC 4443 3.4: code 1, unrecognized next header, is the protocol unreachable of IPv6.
        return IcmpReading(Errno.EPROTO, code == 1)
    return None
