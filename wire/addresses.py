"""IP addresses as canonical text and as octets.

Canonical text is dotted decimal for IPv4 and RFC 5952 for IPv6: lower case, the longest run of zeros as ``::``, and
IPv4-mapped addresses with the IPv4 part dotted (section 5), the same on every platform and Python version.
"""

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from wire.errors import WireError

_MAPPED = bytes(10) + b"\xff\xff"


@lru_cache(maxsize=4096)
def address_text(packed: bytes) -> str:
    """Return the canonical text of 4 or 16 octets. Raises `WireError` for any other number of octets."""
    if len(packed) == 4:
        return str(IPv4Address(packed))
    if len(packed) != 16:
        raise WireError(f"an IP address has 4 or 16 octets, not {len(packed)}")
    if packed.startswith(_MAPPED):
        return f"::ffff:{IPv4Address(packed[12:])}"
    return str(IPv6Address(packed))


@lru_cache(maxsize=4096)
def address_octets(text: str) -> bytes:
    """Return the octets of an address in any spelling. Raises `WireError` for text that is no address."""
    try:
        if ":" in text:
            return IPv6Address(text).packed
        return IPv4Address(text).packed
    except AddressValueError as error:
        raise WireError(f"not an IP address: {error}") from None


def canonical_address(text: str) -> str:
    """Return the canonical spelling of an address. Raises `WireError` for text that is no address."""
    return address_text(address_octets(text))
