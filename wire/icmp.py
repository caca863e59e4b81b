"""ICMP for IPv4 (RFC 792) and for IPv6 (RFC 4443), and the packets that error messages quote."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from wire.checksum import internet_checksum, pseudo_header
from wire.errors import MalformedPacket, WireError
from wire.ip import Ipv4Header, Ipv6Header, read_ipv4, read_ipv6
from wire.tcp import PROTOCOL as TCP_PROTOCOL

PROTOCOL_V4 = 1
PROTOCOL_V6 = 58
HEADER_OCTETS = 8
_HEADER = Struct("!BBHI")
_PORTS = Struct("!HH")
_SEQ = Struct("!I")

# RFC 792: destination unreachable, source quench, redirect, time exceeded, parameter problem.
_QUOTING_V4 = frozenset((3, 4, 5, 11, 12))
# RFC 4443, section 2.1: "ICMPv6 messages are grouped into two classes: error messages and informational messages.
# Error messages are identified as such by a zero in the high-order bit".
_INFORMATIONAL_V6 = 128


class Quoted(NamedTuple):
    """The start of the packet that an ICMP error message is about.

    `payload` is what the message holds behind the IP header, and `total_length` how many octets the whole quoted packet
    had by its own length field. Ports are None when fewer than four octets are there or the packet was a later
    fragment; `seq` is None unless it is TCP with at least eight octets.
    """

    header: Ipv4Header | Ipv6Header
    payload: bytes
    total_length: int
    src_port: int | None = None
    dst_port: int | None = None
    seq: int | None = None


class IcmpMessage(NamedTuple):
    """An ICMP message of `version` 4 or 6.

    `rest` is the 32 bits behind the checksum: next-hop MTU, identifier and sequence number, or pointer, by type.
    `checksum` None is computed when the message is built; parsing keeps the one that was found.
    """

    version: int
    type: int
    code: int
    rest: int = 0
    payload: bytes = b""
    checksum: int | None = None

    def quoted(self) -> Quoted | None:
        """Read the quoted packet; None for a message that quotes none, or less than an IP header."""
        quotes = self.type in _QUOTING_V4 if self.version == 4 else self.type < _INFORMATIONAL_V6
        return parse_quoted(self.payload) if quotes else None


def parse_quoted(data: bytes) -> Quoted | None:
    """Read a packet that may be cut off anywhere; None when not even its IP header is whole."""
    read = read_ipv6 if data[:1] and data[0] >> 4 == 6 else read_ipv4
    try:
        header, body_at, packet_end, _ = read(data, 0, len(data))
    except MalformedPacket:
        return None
    payload = data[body_at:]
    protocol = header.protocol if isinstance(header, Ipv4Header) else header.next_header
    ports: tuple[int | None, int | None] = (None, None)
    seq = None
    if len(payload) >= 4 and _starts_transport(header):
        ports = _PORTS.unpack_from(payload)
        if protocol == TCP_PROTOCOL and len(payload) >= 8:
            (seq,) = _SEQ.unpack_from(payload, 4)
    return Quoted(header, payload, packet_end, *ports, seq)


def build_icmp(message: IcmpMessage, src: bytes, dst: bytes) -> bytes:
    """Return the octets of a message between two packed addresses, which count for version 6 only.

    Raises `WireError` for a field out of range.
    """
    version, kind, code, rest, payload, checksum = message
    try:
        if checksum is None:
            data = _HEADER.pack(kind, code, 0, rest) + payload
            if version == 6:
                data = pseudo_header(src, dst, PROTOCOL_V6, len(data)) + data
            checksum = internet_checksum(data)
        return _HEADER.pack(kind, code, checksum, rest) + payload
    except struct_error as error:
        raise WireError(f"ICMP header field out of range: {error}") from None


def parse_icmp(version: int, data: bytes, at: int, end: int) -> IcmpMessage:
    """Read the message that fills `data` from `at` to `end`; `MalformedPacket` when it is shorter than its header."""
    if end - at < HEADER_OCTETS:
        raise MalformedPacket(f"ICMP header of {end - at} octets instead of {HEADER_OCTETS}", at)
    kind, code, checksum, rest = _HEADER.unpack_from(data, at)
    return IcmpMessage(version, kind, code, rest, data[at + HEADER_OCTETS : end], checksum)


def _starts_transport(header: Ipv4Header | Ipv6Header) -> bool:
    """Tell whether the transport header starts behind `header`: it does in a whole packet and in a first fragment."""
    if isinstance(header, Ipv4Header):
        return header.fragment_offset == 0
    return not header.is_fragment
