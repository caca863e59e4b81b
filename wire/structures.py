"""C structures of the socket interface: int, linger, timeval, sockaddr, control messages, extended errors.

Octets are laid out as on 64-bit little-endian Linux (x86-64, aarch64, riscv64), whatever system this runs on. Unpacking
data that are too short raises `MalformedPacket`; packing a value out of its range raises `WireError`.
"""

from struct import Struct
from struct import error as struct_error
from typing import Any, NamedTuple

from wire.addresses import address_octets, address_text
from wire.errors import MalformedPacket, WireError

AF_INET = 2
AF_INET6 = 10

_INT = Struct("<i")
_LINGER = Struct("<ii")
_TIMEVAL = Struct("<qq")
_FAMILY = Struct("<H")
_SOCKADDR_IN = Struct("<H2s4s8x")
_SOCKADDR_IN6 = Struct("<H2sI16sI")
_CMSGHDR = Struct("<Qii")
_EXTENDED_ERROR = Struct("<IBBBBII")
_MICROSECONDS = 1_000_000


def _pack(name: str, layout: Struct, *values: object) -> bytes:
    try:
        return layout.pack(*values)
    except struct_error as error:
        raise WireError(f"{name}: {error}") from None


def _unpack(name: str, layout: Struct, data: bytes, at: int = 0) -> tuple[Any, ...]:
    if len(data) - at < layout.size:
        raise MalformedPacket(f"{name} of {len(data) - at} octets, {layout.size} is the least", at)
    return layout.unpack_from(data, at)


def pack_int(value: int) -> bytes:
    """Return a C int; unsigned values up to 2**32-1 wrap to their signed twins."""
    return _pack("int", _INT, value - (1 << 32) if value > 0x7FFF_FFFF else value)


def unpack_int(data: bytes) -> int:
    """Read a C int at the start of `data`."""
    (value,) = _unpack("int", _INT, data)
    return int(value)


def pack_linger(onoff: int, linger_s: int) -> bytes:
    """Return a struct linger (socket(7), SO_LINGER); the time is in seconds."""
    return _pack("linger", _LINGER, onoff, linger_s)


def unpack_linger(data: bytes) -> tuple[int, int]:
    """Read a struct linger: on or off, and seconds."""
    onoff, linger_s = _unpack("linger", _LINGER, data)
    return onoff, linger_s


def pack_timeval(duration_us: int) -> bytes:
    """Return a struct timeval of a duration in microseconds (socket(7), SO_RCVTIMEO)."""
    return _pack("timeval", _TIMEVAL, *divmod(duration_us, _MICROSECONDS))


def unpack_timeval(data: bytes) -> int:
    """Read a struct timeval as microseconds."""
    seconds, microseconds = _unpack("timeval", _TIMEVAL, data)
    return int(seconds * _MICROSECONDS + microseconds)


# ---------------------------------------------------------------- socket addresses


class SocketName(NamedTuple):
    """What a sockaddr says. `host` is canonical text, empty for a family that is neither AF_INET nor AF_INET6."""

    family: int
    host: str = ""
    port: int = 0
    flow_info: int = 0
    scope_id: int = 0


def pack_sockaddr(name: SocketName) -> bytes:
    """Return a sockaddr_in (16 octets, ip(7)) or sockaddr_in6 (28 octets, ipv6(7)); for another family, 16 with zeros.

    Raises `WireError` for an address that does not fit the family and for a port beyond 65535.
    """
    family, host, port, flow_info, scope_id = name
    if family not in (AF_INET, AF_INET6):
        return _pack("sockaddr", _FAMILY, family) + bytes(14)
    octets = address_octets(host)
    if len(octets) != (4 if family == AF_INET else 16):
        raise WireError(f"address {host} in a sockaddr of family {family}")
    if not 0 <= port <= 0xFFFF:
        raise WireError(f"port {port}")
    port_octets = port.to_bytes(2, "big")
    if family == AF_INET:
        return _pack("sockaddr_in", _SOCKADDR_IN, family, port_octets, octets)
    # ipv6(7): the flow information is in network byte order.
    flow_octets = int.from_bytes((flow_info & 0xFFFF_FFFF).to_bytes(4, "big"), "little")
    return _pack("sockaddr_in6", _SOCKADDR_IN6, family, port_octets, flow_octets, octets, scope_id)


def unpack_sockaddr(data: bytes) -> SocketName:
    """Read a sockaddr. Raises `MalformedPacket` when it is too short for its family."""
    (family,) = _unpack("sockaddr", _FAMILY, data)
    if family == AF_INET:
        _, port, octets = _unpack("sockaddr_in", _SOCKADDR_IN, data)
        return SocketName(family, address_text(octets), int.from_bytes(port, "big"))
    if family == AF_INET6:
        _, port, flow, octets, scope_id = _unpack("sockaddr_in6", _SOCKADDR_IN6, data)
        flow_info = int.from_bytes(flow.to_bytes(4, "little"), "big")
        return SocketName(family, address_text(octets), int.from_bytes(port, "big"), flow_info, scope_id)
    return SocketName(family)


# ---------------------------------------------------------------- control messages


def cmsg_len(size: int) -> int:
    """CMSG_LEN of cmsg(3): header and `size` octets of data, without padding behind them."""
    return _CMSGHDR.size + size


def cmsg_space(size: int) -> int:
    """CMSG_SPACE of cmsg(3): what a message with `size` octets of data takes in a control buffer."""
    return cmsg_len(size) + -size % 8


def pack_cmsg(level: int, kind: int, data: bytes) -> bytes:
    """Return one control message, padded to CMSG_SPACE, so that results can be joined."""
    return _pack("cmsghdr", _CMSGHDR, cmsg_len(len(data)), level, kind) + data + bytes(-len(data) % 8)


def unpack_cmsgs(data: bytes) -> list[tuple[int, int, bytes]]:
    """Read a control buffer as (level, type, data) of each message.

    Fewer octets at the end than a header has are no message (CMSG_NXTHDR of cmsg(3)). Raises `MalformedPacket` for a
    length that is less than the header or reaches beyond the buffer.
    """
    messages: list[tuple[int, int, bytes]] = []
    at = 0
    while len(data) - at >= _CMSGHDR.size:
        length, level, kind = _CMSGHDR.unpack_from(data, at)
        if length < _CMSGHDR.size or at + length > len(data):
            raise MalformedPacket(f"control message of {length} octets where {len(data) - at} are left", at)
        messages.append((level, kind, data[at + _CMSGHDR.size : at + length]))
        at += cmsg_space(length - _CMSGHDR.size)
    return messages


class ExtendedError(NamedTuple):
    """struct sock_extended_err of IP_RECVERR and of timestamps (ip(7); linux/errqueue.h)."""

    errno: int
    origin: int
    type: int = 0
    code: int = 0
    info: int = 0
    data: int = 0

    def pack(self) -> bytes:
        """Return the 16 octets."""
        errno, origin, kind, code, info, data = self
        return _pack("sock_extended_err", _EXTENDED_ERROR, errno, origin, kind, code, 0, info, data)

    @classmethod
    def unpack(cls, octets: bytes) -> "ExtendedError":
        """Read the first 16 octets; what follows (the offender's sockaddr) is left alone."""
        errno, origin, kind, code, _, info, data = _unpack("sock_extended_err", _EXTENDED_ERROR, octets)
        return cls(errno, origin, kind, code, info, data)
