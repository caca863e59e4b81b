"""The MD5 signature of TCP segments (RFC 2385)."""

import hashlib

from wire.checksum import pseudo_header
from wire.tcp import HEADER_OCTETS, PROTOCOL, TcpSegment, build_tcp

DIGEST_OCTETS = 16


def md5_digest(segment: TcpSegment, src: bytes, dst: bytes, secret: bytes) -> bytes:
    """Return the digest of RFC 2385, 2.0: pseudo-header, header without options, data, key.

    The lengths count the options, among which the signature has to stand already; the checksum counts as zero.
    """
    octets = build_tcp(segment._replace(checksum=0), src, dst)
    payload_at = len(octets) - len(segment.payload)
    pseudo = pseudo_header(src, dst, PROTOCOL, len(octets))
    return hashlib.md5(pseudo + octets[:HEADER_OCTETS] + octets[payload_at:] + secret, usedforsecurity=False).digest()
