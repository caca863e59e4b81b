"""What is computed over a segment: the digest of RFC 2385, the key derivation and the MACs of RFC 5926."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from reference_stack.authentication.aes import BLOCK_OCTETS, cmac
from wire import signature
from wire.checksum import pseudo_header
from wire.options import Ao, TcpOption
from wire.tcp import HEADER_OCTETS, PROTOCOL, TcpSegment, build_tcp

MAC_OCTETS = 12
"""Both MACs of RFC 5926 are cut to 96 bits (3.2)."""


class Path(NamedTuple):
    """Where a segment goes: the addresses of its sender and its receiver, as canonical text."""

    source: str
    destination: str

    @property
    def packed(self) -> tuple[bytes, bytes]:
        """Both addresses as octets."""
        return ip_address(self.source).packed, ip_address(self.destination).packed


def md5_digest(segment: TcpSegment, path: Path, key: bytes) -> bytes:
    """Return the digest of RFC 2385 for a segment that has the signature among its options already."""
    return signature.md5_digest(segment, *path.packed, key)


class Isns(NamedTuple):
    """Initial sequence numbers of a segment's sender and receiver; 0 for the receiver's where it is not known yet."""

    source: int
    destination: int


def context_of(segment: TcpSegment, path: Path, isns: Isns) -> bytes:
    """Return the context of the key derivation: addresses, ports, initial sequence numbers (RFC 5926, 3.1.1)."""
    ports = segment.src_port.to_bytes(2, "big") + segment.dst_port.to_bytes(2, "big")
    numbers = isns.source.to_bytes(4, "big") + isns.destination.to_bytes(4, "big")
    return b"".join(path.packed) + ports + numbers


def ao_message(segment: TcpSegment, path: Path, *, sne: int, covers_options: bool) -> bytes:
    """Return what the MAC covers (RFC 5925, 5.1): SNE, pseudo-header, header with MAC and checksum zero, data.

    `sne` is the sequence number extension. Without `covers_options` only the option itself is left of the options.
    """
    source, destination = path.packed
    octets = build_tcp(segment._replace(options=_blanked(segment), checksum=0), source, destination)
    pseudo = pseudo_header(source, destination, PROTOCOL, len(octets))
    if not covers_options:
        own = next(option for option in segment.options if isinstance(option, Ao))
        area = Ao(own.key_id, own.rnext_key_id, bytes(len(own.mac))).build()
        octets = octets[:HEADER_OCTETS] + area + octets[len(octets) - len(segment.payload) :]
    return sne.to_bytes(4, "big") + pseudo + octets


def _blanked(segment: TcpSegment) -> tuple[TcpOption, ...]:
    return tuple(
        Ao(option.key_id, option.rnext_key_id, bytes(len(option.mac))) if isinstance(option, Ao) else option
        for option in segment.options
    )


def _kdf_input(context: bytes, bits: int) -> bytes:
    # RFC 5926, 3.1.1: counter 1, the label, the context, the length of the output in bits.
    return b"\x01TCP-AO" + context + bits.to_bytes(2, "big")


def kdf_hmac_sha1(master: bytes, context: bytes) -> bytes:
    """KDF_HMAC_SHA1 (RFC 5926, 3.1.1.1): 20 octets."""
    return hmac.digest(master, _kdf_input(context, 160), "sha1")


def kdf_aes_128_cmac(master: bytes, context: bytes) -> bytes:
    """KDF_AES_128_CMAC (RFC 5926, 3.1.1.2): 16 octets; a master key of another length is condensed first."""
    key = master if len(master) == BLOCK_OCTETS else cmac(bytes(BLOCK_OCTETS), master)
    return cmac(key, _kdf_input(context, 128))


def mac_hmac_sha1(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-1 before it is cut (RFC 5926, 3.2.1)."""
    return hmac.digest(key, message, "sha1")


@dataclass(frozen=True, slots=True)
class AoAlgorithm:
    """A key derivation with the MAC that it belongs to (RFC 5926, 3): they cannot be paired otherwise."""

    name: str
    kdf: Callable[[bytes, bytes], bytes]
    mac: Callable[[bytes, bytes], bytes]


AO_ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        AoAlgorithm("hmac(sha1)", kdf_hmac_sha1, mac_hmac_sha1),
        AoAlgorithm("cmac(aes128)", kdf_aes_128_cmac, cmac),
    )
}
"""The two that RFC 5926, 2.2, demands, by the names that Linux' ``TCP_AO_ADD_KEY`` uses."""
