"""TCP segments (RFC 9293, section 3.1)."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from wire.checksum import internet_checksum, pseudo_header
from wire.errors import MalformedPacket, WireError
from wire.options import MAX_OPTION_OCTETS, TcpOption, build_options, parse_options

FIN = 0x001
SYN = 0x002
RST = 0x004
PSH = 0x008
ACK = 0x010
URG = 0x020
ECE = 0x040
CWR = 0x080
AE = 0x100  # RFC 9768, section 3.1: accurate ECN, formerly NS

PROTOCOL = 6
HEADER_OCTETS = 20
_HEADER = Struct("!HHIIHHHH")
_CHECKSUM_AT = 16


class TcpSegment(NamedTuple):
    """A TCP segment.

    `seq` and `ack` are numbers on the wire, 0..2**32-1; `window` and `urgent` are the raw 16 bits. `flags` is a mask of
    the nine flag constants of this module; `reserved` the three bits between data offset and AE. `checksum` None is
    computed when the segment is built; parsing keeps the one that was found, right or wrong, so take it out
    (``_replace(checksum=None)``) of a parsed segment that is to be changed and sent.
    """

    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int = 0
    options: tuple[TcpOption, ...] = ()
    payload: bytes = b""
    reserved: int = 0
    checksum: int | None = None

    @property
    def seg_len(self) -> int:
        """SEG.LEN: octets of sequence space, SYN and FIN included (RFC 9293, section 3.4)."""
        return len(self.payload) + (self.flags >> 1 & 1) + (self.flags & 1)


def build_tcp(segment: TcpSegment, src: bytes, dst: bytes) -> bytes:
    """Return the octets of a segment between two packed addresses; options are padded with zeros to whole words.

    Raises `WireError` for a field out of its range and for more than 40 octets of options.
    """
    src_port, dst_port, seq, ack, flags, window, urgent, options, payload, reserved, checksum = segment
    area = build_options(options, pad=True) if options else b""
    if len(area) > MAX_OPTION_OCTETS:
        raise WireError(f"TCP options take {len(area)} octets, {MAX_OPTION_OCTETS} is the most")
    if not (0 <= flags <= 0x1FF and 0 <= reserved <= 7):
        raise WireError(f"TCP flags {flags:#x} or reserved bits {reserved:#x} out of range")
    word = (HEADER_OCTETS + len(area)) << 10 | reserved << 9 | flags
    try:
        header = _HEADER.pack(src_port, dst_port, seq, ack, word, window, checksum or 0, urgent)
        if checksum is not None:
            return header + area + payload
        data = header + area + payload
        checksum = internet_checksum(pseudo_header(src, dst, PROTOCOL, len(data)) + data)
        return data[:_CHECKSUM_AT] + checksum.to_bytes(2, "big") + data[_CHECKSUM_AT + 2 :]
    except struct_error as error:
        raise WireError(f"TCP header field out of range: {error}") from None


def parse_tcp(data: bytes, at: int, end: int, tolerant: bool = False) -> TcpSegment:
    """Read the segment that fills `data` from `at` to `end`; offsets in errors count from the start of `data`.

    Raises `MalformedPacket` for a header that is cut off, a data offset below 5 or beyond the end, and (unless
    `tolerant`, see `wire.options.parse_options`) an option with a wrong length octet.
    """
    if end - at < HEADER_OCTETS:
        raise MalformedPacket(f"TCP header of {end - at} octets, {HEADER_OCTETS} is the least", at)
    src_port, dst_port, seq, ack, word, window, checksum, urgent = _HEADER.unpack_from(data, at)
    payload_at = at + (word >> 12) * 4
    if payload_at < at + HEADER_OCTETS or payload_at > end:
        raise MalformedPacket(f"TCP data offset {word >> 12} in a segment of {end - at} octets", at + 12)
    options: tuple[TcpOption, ...] = ()
    options_at = at + HEADER_OCTETS
    if payload_at > options_at:
        options = _parse_area(data, options_at, payload_at, tolerant)
    return TcpSegment(
        src_port,
        dst_port,
        seq,
        ack,
        word & 0x1FF,
        window,
        urgent,
        options,
        data[payload_at:end],
        word >> 9 & 7,
        checksum,
    )


def _parse_area(data: bytes, at: int, end: int, tolerant: bool) -> tuple[TcpOption, ...]:
    """Read the options from `at` to `end`; offsets in errors count from the start of `data`."""
    try:
        return parse_options(data[at:end], tolerant=tolerant)
    except MalformedPacket as error:
        raise MalformedPacket(error.reason, at + error.offset) from None
