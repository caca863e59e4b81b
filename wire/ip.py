"""IP headers: version 4 (RFC 791) and version 6 with its extension headers (RFC 8200)."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from wire.addresses import address_octets, address_text
from wire.checksum import internet_checksum
from wire.errors import MalformedPacket, WireError

HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT = 44
DESTINATION_OPTIONS = 60
EXTENSION_KINDS = frozenset((HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS))

MORE_FRAGMENTS = 1
DONT_FRAGMENT = 2

_V4 = Struct("!BBHHHBBH4s4s")
_V4_OCTETS = 20
_V4_CHECKSUM_AT = 10
_V6 = Struct("!IHBB16s16s")
_V6_OCTETS = 40
_FRAGMENT = Struct("!HI")
# Routing header types whose address list starts behind 8 octets: 0 (RFC 5095), 2 (RFC 6275), 4 (RFC 8754).
_ADDRESS_LIST_AT = 6
_SEGMENT_ROUTING = 4
_ROUTING_TYPES = (0, 2, _SEGMENT_ROUTING)


class Ipv4Header(NamedTuple):
    """An IPv4 header (RFC 791, section 3.1).

    Addresses are text. `protocol` is filled in when the packet is built, unless raw octets follow. `flags` has three
    bits (DONT_FRAGMENT 2, MORE_FRAGMENTS 1), `fragment_offset` counts units of 8 octets. `options` are raw and padded
    with zeros to whole words when built. `checksum` None is computed; parsing keeps the one that was found.
    """

    src: str
    dst: str
    protocol: int = 6
    ttl: int = 64
    tos: int = 0
    identification: int = 0
    flags: int = 0
    fragment_offset: int = 0
    options: bytes = b""
    checksum: int | None = None

    @property
    def size(self) -> int:
        """Octets of the header, options and padding included."""
        return _V4_OCTETS + (len(self.options) + 3) // 4 * 4

    @property
    def is_fragment(self) -> bool:
        """Whether this is a piece of a fragmented packet."""
        return bool(self.fragment_offset or self.flags & MORE_FRAGMENTS)


class ExtensionHeader(NamedTuple):
    """An IPv6 extension header of `kind` 0, 43, 44 or 60 (RFC 8200, section 4).

    `data` is what stands behind next header and length, so ``len(data) + 2`` is a multiple of eight. `reserved` is the
    octet that a fragment header has in place of the length.
    """

    kind: int
    data: bytes
    reserved: int = 0

    @property
    def size(self) -> int:
        """Octets of the header."""
        return len(self.data) + 2

    @property
    def is_fragment(self) -> bool:
        """Whether this is the fragment header of a piece. An atomic fragment (RFC 6946) is none."""
        # Offset and M flag; the two bits between them are reserved.
        return self.kind == FRAGMENT and bool((self.data[0] << 8 | self.data[1]) & 0xFFF9)


def fragment_header(offset: int, *, more: bool, identification: int) -> ExtensionHeader:
    """Make a fragment header; `offset` counts units of 8 octets (RFC 8200, section 4.5)."""
    try:
        return ExtensionHeader(FRAGMENT, _FRAGMENT.pack(offset << 3 | more, identification))
    except struct_error as error:
        raise WireError(f"fragment header field out of range: {error}") from None


class Ipv6Header(NamedTuple):
    """An IPv6 header with its extension headers (RFC 8200, sections 3 and 4).

    Addresses are text. `next_header` is the protocol behind the last extension header and is filled in when the packet
    is built, unless raw octets follow; the next-header fields in between follow from the kinds of `extensions`.
    """

    src: str
    dst: str
    next_header: int = 6
    hop_limit: int = 64
    traffic_class: int = 0
    flow_label: int = 0
    extensions: tuple[ExtensionHeader, ...] = ()

    @property
    def size(self) -> int:
        """Octets of the header, extension headers included."""
        return _V6_OCTETS + sum(extension.size for extension in self.extensions)

    @property
    def is_fragment(self) -> bool:
        """Whether this is a piece of a fragmented packet."""
        return any(extension.is_fragment for extension in self.extensions)


def checksum_addresses(header: Ipv4Header | Ipv6Header) -> tuple[bytes, bytes]:
    """Return source and destination as they stand in the pseudo-header of the transport checksum.

    RFC 8200, section 8.1: with a routing header the destination is the final one, which is the last element of the
    address list (of segment routing the first, RFC 8754, section 2) until no segments are left.
    """
    dst = address_octets(header.dst)
    if isinstance(header, Ipv6Header):
        for extension in header.extensions:
            if extension.kind == ROUTING:
                dst = _final_destination(extension.data) or dst
    return address_octets(header.src), dst


def _final_destination(data: bytes) -> bytes | None:
    if len(data) < _ADDRESS_LIST_AT + 16 or data[0] not in _ROUTING_TYPES or not data[1]:
        return None
    if data[0] == _SEGMENT_ROUTING:
        return data[_ADDRESS_LIST_AT : _ADDRESS_LIST_AT + 16]
    return data[-16:]


# ---------------------------------------------------------------- version 4


def build_ipv4(header: Ipv4Header, payload: bytes, protocol: int) -> bytes:
    """Return a packet of `header` and `payload`. Raises `WireError` for a field out of range."""
    src, dst, _, ttl, tos, identification, flags, fragment_offset, options, checksum = header
    if not (0 <= flags <= 7 and 0 <= fragment_offset <= 0x1FFF):
        raise WireError(f"IPv4 flags {flags:#x} or fragment offset {fragment_offset} out of range")
    options += bytes(-len(options) % 4)
    size = _V4_OCTETS + len(options)
    if size > 60:
        raise WireError(f"IPv4 options take {len(options)} octets, 40 is the most")
    fragment_word = flags << 13 | fragment_offset
    src_octets, dst_octets = address_octets(src), address_octets(dst)
    if len(src_octets) + len(dst_octets) != 8:
        raise WireError(f"IPv4 header from {src} to {dst}")
    try:
        octets = _V4.pack(
            0x40 | size >> 2,
            tos,
            size + len(payload),
            identification,
            fragment_word,
            ttl,
            protocol,
            checksum or 0,
            src_octets,
            dst_octets,
        )
    except struct_error as error:
        raise WireError(f"IPv4 header field out of range: {error}") from None
    octets += options
    if checksum is None:
        checksum = internet_checksum(octets)
        octets = octets[:_V4_CHECKSUM_AT] + checksum.to_bytes(2, "big") + octets[_V4_CHECKSUM_AT + 2 :]
    return octets + payload


def read_ipv4(data: bytes, at: int, end: int) -> tuple[Ipv4Header, int, int, int | None]:
    """Read the header at `at`. Return it, where its payload starts, where its packet ends, and the payload's protocol.

    The end follows from the total length and is not compared with `end`, so that the cut-off packets in ICMP messages
    can be read. The protocol is None for a fragment, whose payload is no packet of that protocol. Raises
    `MalformedPacket` for a header that is cut off or whose lengths contradict each other.
    """
    if end - at < _V4_OCTETS:
        raise MalformedPacket(f"IPv4 header of {end - at} octets, {_V4_OCTETS} is the least", at)
    first, tos, length, identification, fragment, ttl, protocol, checksum, src, dst = _V4.unpack_from(data, at)
    size = (first & 15) * 4
    if first >> 4 != 4:
        raise MalformedPacket(f"IP version {first >> 4} where an IPv4 header should be", at)
    if size < _V4_OCTETS or at + size > end:
        raise MalformedPacket(f"IPv4 header length {first & 15} in {end - at} octets", at)
    if length < size:
        raise MalformedPacket(f"IPv4 total length {length} is less than that of the header", at + 2)
    header = Ipv4Header(
        address_text(src),
        address_text(dst),
        protocol,
        ttl,
        tos,
        identification,
        fragment >> 13,
        fragment & 0x1FFF,
        data[at + _V4_OCTETS : at + size],
        checksum,
    )
    # More fragments, or an offset.
    return header, at + size, at + length, None if fragment & 0x3FFF else protocol


# ---------------------------------------------------------------- version 6


def build_ipv6(header: Ipv6Header, payload: bytes, protocol: int) -> bytes:
    """Return a packet of `header` and `payload`. Raises `WireError` for a field out of range."""
    src, dst, _, hop_limit, traffic_class, flow_label, extensions = header
    if not (0 <= traffic_class <= 0xFF and 0 <= flow_label <= 0xFFFFF):
        raise WireError(f"IPv6 traffic class {traffic_class} or flow label {flow_label:#x} out of range")
    for extension in reversed(extensions):
        payload = _build_extension(extension, protocol) + payload
        protocol = extension.kind
    first = 6 << 28 | traffic_class << 20 | flow_label
    src_octets, dst_octets = address_octets(src), address_octets(dst)
    if len(src_octets) + len(dst_octets) != 32:
        raise WireError(f"IPv6 header from {src} to {dst}")
    try:
        octets = _V6.pack(first, len(payload), protocol, hop_limit, src_octets, dst_octets)
    except struct_error as error:
        raise WireError(f"IPv6 header field out of range: {error}") from None
    return octets + payload


def _build_extension(extension: ExtensionHeader, next_header: int) -> bytes:
    kind, data, reserved = extension
    size = len(data) + 2
    if kind not in EXTENSION_KINDS or size % 8 or size > 2048 or (kind == FRAGMENT and size != 8):
        raise WireError(f"IPv6 extension header of kind {kind} with {size} octets")
    try:
        return bytes((next_header, reserved if kind == FRAGMENT else size // 8 - 1)) + data
    except ValueError as error:
        raise WireError(f"IPv6 extension header field out of range: {error}") from None


def read_ipv6(data: bytes, at: int, end: int) -> tuple[Ipv6Header, int, int, int | None]:
    """Read the headers at `at`. Return them and what `read_ipv4` returns.

    The chain of extension headers ends at the fragment header of a piece, because what follows belongs to the whole
    packet. Raises `MalformedPacket` as `read_ipv4` does.
    """
    if end - at < _V6_OCTETS:
        raise MalformedPacket(f"IPv6 header of {end - at} octets instead of {_V6_OCTETS}", at)
    first, length, next_header, hop_limit, src, dst = _V6.unpack_from(data, at)
    if first >> 28 != 6:
        raise MalformedPacket(f"IP version {first >> 28} where an IPv6 header should be", at)
    body_at = at + _V6_OCTETS
    packet_end = body_at + length
    extensions: tuple[ExtensionHeader, ...] = ()
    if next_header in EXTENSION_KINDS:
        extensions, next_header, body_at = _read_extensions(data, body_at, min(end, packet_end), next_header)
    header = Ipv6Header(
        address_text(src),
        address_text(dst),
        next_header,
        hop_limit,
        first >> 20 & 0xFF,
        first & 0xFFFFF,
        extensions,
    )
    is_fragment = extensions and header.is_fragment
    return header, body_at, packet_end, None if is_fragment else next_header


def _read_extensions(data: bytes, at: int, end: int, next_header: int) -> tuple[tuple[ExtensionHeader, ...], int, int]:
    extensions: list[ExtensionHeader] = []
    while next_header in EXTENSION_KINDS:
        if end - at < 8:
            raise MalformedPacket(f"IPv6 extension header of kind {next_header} with {end - at} octets", at)
        is_fragment = next_header == FRAGMENT
        size = 8 if is_fragment else data[at + 1] * 8 + 8
        if at + size > end:
            raise MalformedPacket(
                f"IPv6 extension header of kind {next_header} with {size} octets where {end - at} are left", at + 1
            )
        extension = ExtensionHeader(next_header, data[at + 2 : at + size], data[at + 1] if is_fragment else 0)
        extensions.append(extension)
        next_header = data[at]
        at += size
        if extension.is_fragment:
            break
    return tuple(extensions), next_header, at
