"""Generic Routing Encapsulation, version 0 (RFC 2784, with key and sequence number of RFC 2890)."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from wire.checksum import internet_checksum
from wire.errors import MalformedPacket, WireError

PROTOCOL = 47
CHECKSUM_PRESENT = 0x8000
ROUTING_PRESENT = 0x4000
KEY_PRESENT = 0x2000
SEQUENCE_PRESENT = 0x1000
VERSION_MASK = 0x0007

_WORD = Struct("!HH")
_LONG = Struct("!I")
_CHECKSUM_AT = 4


class GreHeader(NamedTuple):
    """A GRE header.

    `flags` is the first 16 bits, version included; its bits say which words follow. `protocol` is an EtherType and is
    filled in from the header that follows. `checksum` None is computed when the packet is built (if the flag asks for
    one); parsing keeps the one that was found. `offset` is the second half of the checksum's word (reserved1).
    """

    flags: int = 0
    protocol: int = 0
    checksum: int | None = None
    offset: int = 0
    key: int = 0
    sequence: int = 0

    @property
    def has_checksum(self) -> bool:
        """Whether the word with checksum and offset is there."""
        return bool(self.flags & CHECKSUM_PRESENT)

    @property
    def has_key(self) -> bool:
        """Whether the key word is there."""
        return bool(self.flags & KEY_PRESENT)

    @property
    def has_sequence(self) -> bool:
        """Whether the word with the sequence number is there."""
        return bool(self.flags & SEQUENCE_PRESENT)

    @property
    def size(self) -> int:
        """Octets of the header."""
        return 4 + 4 * (self.has_checksum + self.has_key + self.has_sequence)


def is_readable(data: bytes, at: int, end: int) -> bool:
    """Tell whether a header of version 0 without source routes starts at `at`.

    Version 1 is PPTP (RFC 2637), and RFC 2784, section 2.3, leaves packets with the routing bit to RFC 1701. Both have
    another layout and pass as raw octets.
    """
    return end - at < 2 or not (data[at] << 8 | data[at + 1]) & (ROUTING_PRESENT | VERSION_MASK)


def build_gre(header: GreHeader, payload: bytes, protocol: int) -> bytes:
    """Return `header` and `payload`. Raises `WireError` for a field out of range."""
    try:
        octets = _WORD.pack(header.flags, protocol)
        if header.has_checksum:
            octets += _WORD.pack(header.checksum or 0, header.offset)
        if header.has_key:
            octets += _LONG.pack(header.key)
        if header.has_sequence:
            octets += _LONG.pack(header.sequence)
    except struct_error as error:
        raise WireError(f"GRE header field out of range: {error}") from None
    data = octets + payload
    if header.has_checksum and header.checksum is None:
        # RFC 2784, section 2.4: the checksum covers the GRE header and the payload packet.
        checksum = internet_checksum(data)
        data = data[:_CHECKSUM_AT] + checksum.to_bytes(2, "big") + data[_CHECKSUM_AT + 2 :]
    return data


def read_gre(data: bytes, at: int, end: int) -> GreHeader:
    """Read the header at `at`, which `is_readable` was asked about. Raises `MalformedPacket` when it is cut off."""
    if end - at < 4:
        raise MalformedPacket(f"GRE header of {end - at} octets, 4 is the least", at)
    flags, protocol = _WORD.unpack_from(data, at)
    header = GreHeader(flags, protocol)
    if header.size > end - at:
        raise MalformedPacket(f"GRE header of {header.size} octets where {end - at} are left", at)
    words = iter(_LONG.iter_unpack(data[at + 4 : at + header.size]))
    (checksum,) = next(words) if header.has_checksum else (None,)
    (key,) = next(words) if header.has_key else (0,)
    (sequence,) = next(words) if header.has_sequence else (0,)
    if checksum is None:
        return header._replace(key=key, sequence=sequence)
    return header._replace(checksum=checksum >> 16, offset=checksum & 0xFFFF, key=key, sequence=sequence)
