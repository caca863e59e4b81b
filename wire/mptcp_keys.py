"""What Multipath TCP derives from keys: tokens, initial data sequence numbers and HMACs, with hashlib and hmac.

A key is eight octets in network order. Version 1 hashes with SHA-256 (RFC 8684, section 3.1, crypto algorithm H),
version 0 with SHA-1 (RFC 6824, section 3.1).
"""

import hashlib
import hmac
from ipaddress import ip_address

from wire.checksum import internet_checksum

_HASHES = {0: "sha1", 1: "sha256"}


def key_hash(key: bytes, version: int) -> bytes:
    """Hash a key with the algorithm of a version of the protocol."""
    return hashlib.new(_HASHES[version], key, usedforsecurity=False).digest()


def token(key: bytes, version: int) -> int:
    """Return the token: "the most significant 32 bits of the SHA-256 hash" of the key (RFC 8684, section 3.2)."""
    return int.from_bytes(key_hash(key, version)[:4], "big")


def initial_dsn(key: bytes, version: int) -> int:
    """Return the IDSN: "the least significant 64 bits of the SHA-256 hash" of the key (RFC 8684, section 3.1)."""
    return int.from_bytes(key_hash(key, version)[-8:], "big")


def join_hmac(key: bytes, peer_key: bytes, nonce: int, peer_nonce: int, version: int) -> bytes:
    """Return the whole HMAC of a joining host: keys and random numbers, its own in front (RFC 8684, section 3.2)."""
    message = nonce.to_bytes(4, "big") + peer_nonce.to_bytes(4, "big")
    return hmac.digest(key + peer_key, message, _HASHES[version])


def address_hmac(key: bytes, peer_key: bytes, address_id: int, address: str, port: int) -> int:
    """Return the truncated HMAC of ADD_ADDR: "the rightmost 64 bits" (RFC 8684, section 3.4.1); `port` 0 for none."""
    message = bytes((address_id,)) + ip_address(address).packed + port.to_bytes(2, "big")
    return int.from_bytes(hmac.digest(key + peer_key, message, "sha256")[-8:], "big")


def data_checksum(dsn: int, subflow_seq: int, length: int, data: bytes = b"") -> int:
    """Return the DSS checksum over pseudo-header and data (RFC 8684, section 3.3.1); `dsn` always has 64 bits."""
    octets = dsn.to_bytes(8, "big") + subflow_seq.to_bytes(4, "big") + length.to_bytes(2, "big") + bytes(2)
    return internet_checksum(octets + data)
