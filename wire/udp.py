"""UDP datagrams (RFC 768)."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from wire.checksum import internet_checksum, pseudo_header
from wire.errors import MalformedPacket, WireError

PROTOCOL = 17
HEADER_OCTETS = 8
_HEADER = Struct("!HHHH")


class UdpHeader(NamedTuple):
    """The UDP header between IP and a TCP segment: TCP over UDP (FreeBSD's tcp(4), TCP_REMOTE_UDP_ENCAPS_PORT)."""

    src_port: int
    dst_port: int
    checksum: int | None = None

    @property
    def size(self) -> int:
        """Octets of the header."""
        return HEADER_OCTETS


class UdpDatagram(NamedTuple):
    """A UDP datagram.

    `checksum` None is computed when the datagram is built; parsing keeps the one that was found. 0 means that the
    sender computed none.
    """

    src_port: int
    dst_port: int
    payload: bytes = b""
    checksum: int | None = None


def build_udp(datagram: UdpDatagram, src: bytes, dst: bytes) -> bytes:
    """Return the octets of a datagram between two packed addresses. Raises `WireError` for a field out of range."""
    src_port, dst_port, payload, checksum = datagram
    length = HEADER_OCTETS + len(payload)
    try:
        if checksum is None:
            data = _HEADER.pack(src_port, dst_port, length, 0) + payload
            # RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
            checksum = internet_checksum(pseudo_header(src, dst, PROTOCOL, length) + data) or 0xFFFF
        return _HEADER.pack(src_port, dst_port, length, checksum) + payload
    except struct_error as error:
        raise WireError(f"UDP header field out of range: {error}") from None


def parse_udp(data: bytes, at: int, end: int) -> UdpDatagram:
    """Read the datagram that fills `data` from `at` to `end`.

    Raises `MalformedPacket` for a header that is cut off and a length field that says anything else.
    """
    if end - at < HEADER_OCTETS:
        raise MalformedPacket(f"UDP header of {end - at} octets instead of {HEADER_OCTETS}", at)
    src_port, dst_port, length, checksum = _HEADER.unpack_from(data, at)
    if length != end - at:
        raise MalformedPacket(f"UDP length {length} in {end - at} octets", at + 4)
    return UdpDatagram(src_port, dst_port, data[at + HEADER_OCTETS : end], checksum)
