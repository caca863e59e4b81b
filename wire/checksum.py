"""The Internet checksum (RFC 1071) and the pseudo-headers of TCP, UDP and ICMPv6."""

from struct import Struct

_PSEUDO_V4 = Struct("!4s4sxBH")  # RFC 9293, section 3.1: addresses, zero, protocol, length
_PSEUDO_V6 = Struct("!16s16sI3xB")  # RFC 8200, section 8.1: addresses, length, zeros, next header


def internet_checksum(data: bytes) -> int:
    """Return the ones' complement of the ones' complement sum of the 16-bit words of `data` (RFC 1071, section 1).

    An odd last octet counts as the upper half of a word. Over data that hold their own right checksum the result is 0.
    """
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    # 2**16 is 1 modulo 0xFFFF, so the remainder of the whole number is the sum of its words with end-around carry. A
    # sum of 0xFFFF shows as remainder 0; it differs from a sum of 0, which only zeros have.
    remainder = number % 0xFFFF
    return 0xFFFF - remainder if remainder or not number else 0


def pseudo_header(src: bytes, dst: bytes, protocol: int, length: int) -> bytes:
    """Return the pseudo-header for packed addresses of either family; `length` is that of the upper-layer packet."""
    if len(src) == 4:
        return _PSEUDO_V4.pack(src, dst, protocol, length)
    return _PSEUDO_V6.pack(src, dst, length, protocol)
