"""Socket addresses between `SocketAddress` and struct sockaddr (ip(7), ipv6(7))."""

import socket
import struct

from targets.calls import SocketAddress

_FAMILY = struct.Struct("=H")
_LARGEST = 128  # struct sockaddr_storage (socket(7))


def pack_address(address: SocketAddress) -> bytes:
    """Return the sockaddr. A family without an address is followed by zeros, as many as an address may have."""
    if address.raw is not None:
        return address.raw
    family = _FAMILY.pack(address.family & 0xFFFF)
    if not address.host and not address.port:
        return family + bytes(_LARGEST - len(family))
    port = (address.port & 0xFFFF).to_bytes(2, "big")
    if address.family == socket.AF_INET:
        return family + port + socket.inet_pton(socket.AF_INET, address.host or "0.0.0.0") + bytes(8)
    if address.family == socket.AF_INET6:
        return family + port + bytes(4) + socket.inet_pton(socket.AF_INET6, address.host or "::") + bytes(4)
    return family + bytes(14)


def unpack_address(data: bytes) -> SocketAddress | None:
    """Read a sockaddr; None when the kernel wrote none."""
    if len(data) < _FAMILY.size:
        return None
    (family,) = _FAMILY.unpack_from(data)
    if family == socket.AF_INET and len(data) >= 8:
        host = socket.inet_ntop(socket.AF_INET, data[4:8])
    elif family == socket.AF_INET6 and len(data) >= 24:
        host = socket.inet_ntop(socket.AF_INET6, data[8:24])
    else:
        return SocketAddress(family, raw=data)
    return SocketAddress(family, host, int.from_bytes(data[2:4], "big"))
