"""Captures in the pcapng format (draft-ietf-opsawg-pcapng), which Wireshark and tshark open.

One section, one interface of link type 101 (raw IP, the version in the first four bits), times in microseconds. Each
packet carries its direction, as seen from the stack under test, and a comment.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, NamedTuple

from wire.errors import WireError

LINKTYPE_RAW = 101

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_ENHANCED_PACKET = 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_UNKNOWN_LENGTH = 0xFFFF_FFFF_FFFF_FFFF

# Option codes: section 3.5, 4.1, 4.2 and 4.3 of the draft.
_END_OF_OPTIONS = 0
_COMMENT = 1
_APPLICATION = 4
_INTERFACE_NAME = 2
_INTERFACE_DESCRIPTION = 3
_TIME_RESOLUTION = 9
_FLAGS = 2

_BLOCK = Struct("<II")
_LENGTH = Struct("<I")
_OPTION = Struct("<HH")
_SECTION_BODY = Struct("<IHHQ")
_INTERFACE_BODY = Struct("<HHI")
_PACKET_BODY = Struct("<IIIII")
_MICROSECONDS = b"\x06"  # if_tsresol: the negative power of 10
_LONGEST_OPTION = 0xFFFF


class Direction(enum.IntEnum):
    """Where a packet goes, from the view of the stack under test; numbers of epb_flags (section 4.3.1)."""

    UNKNOWN = 0
    INBOUND = 1
    OUTBOUND = 2


class CapturedPacket(NamedTuple):
    """One IP packet at `time`, microseconds since the clock of the test began."""

    time: int
    data: bytes
    direction: Direction = Direction.UNKNOWN
    comment: str = ""


@dataclass(frozen=True, slots=True)
class PcapngWriter:
    """Writes captures.

    `interface` and `description` name the interface. `start_us` is what Wireshark is to show as the absolute time of
    time 0, in microseconds since 1970. `comment` is the comment of the whole file.
    """

    interface: str = "tcprove"
    description: str = ""
    start_us: int = 0
    comment: str = ""

    def write(self, stream: BinaryIO, packets: Iterable[CapturedPacket]) -> None:
        """Write a whole capture of `packets`, in their order. Raises `WireError` for a time before 1970."""
        stream.write(self._section_header())
        stream.write(self._interface())
        for packet in packets:
            stream.write(self._enhanced_packet(packet))

    def _section_header(self) -> bytes:
        options = _text_option(_COMMENT, self.comment) + _text_option(_APPLICATION, "tcprove")
        return _block(_SECTION_HEADER, _SECTION_BODY.pack(_BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH), options)

    def _interface(self) -> bytes:
        options = (
            _text_option(_INTERFACE_NAME, self.interface)
            + _text_option(_INTERFACE_DESCRIPTION, self.description)
            + _option(_TIME_RESOLUTION, _MICROSECONDS)
        )
        # A snap length of 0 says that packets are never cut off.
        return _block(_INTERFACE, _INTERFACE_BODY.pack(LINKTYPE_RAW, 0, 0), options)

    def _enhanced_packet(self, packet: CapturedPacket) -> bytes:
        stamp = self.start_us + packet.time
        if not 0 <= stamp < 1 << 64:
            raise WireError(f"a capture has no time {stamp} us")
        size = len(packet.data)
        body = _PACKET_BODY.pack(0, stamp >> 32, stamp & 0xFFFF_FFFF, size, size) + _padded(packet.data)
        options = _text_option(_COMMENT, packet.comment)
        if packet.direction is not Direction.UNKNOWN:
            options += _option(_FLAGS, _LENGTH.pack(packet.direction))
        return _block(_ENHANCED_PACKET, body, options)


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    """Return a block: its length stands at both ends (section 3.1)."""
    if options:
        options += _OPTION.pack(_END_OF_OPTIONS, 0)
    length = _BLOCK.size + len(body) + len(options) + _LENGTH.size
    return _BLOCK.pack(kind, length) + body + options + _LENGTH.pack(length)


def _text_option(code: int, text: str) -> bytes:
    """Return a UTF-8 option, cut to what an option can hold; nothing for empty text."""
    data = text.encode(errors="replace")[:_LONGEST_OPTION].decode(errors="ignore").encode()
    return _option(code, data) if data else b""


def _option(code: int, data: bytes) -> bytes:
    return _OPTION.pack(code, len(data)) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
