"""Keys that a user configures for peers: for the MD5 signature option, and master key tuples for TCP-AO."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TypeVar

from reference_stack.authentication.algorithms import AO_ALGORITHMS, MAC_OCTETS, AoAlgorithm

MAX_KEY_OCTETS = 80
"""RFC 2385, 4.5: keys of up to 80 octets; Linux has the same limit for both options."""


@dataclass(frozen=True, slots=True)
class PeerKey:
    """A secret for the peers in `network` (``192.0.2.0/24``, ``2001:db8::1/128``)."""

    network: str
    secret: bytes

    def holds_for(self, peer: str) -> bool:
        """Tell whether `peer`, an address as text, is one of the peers."""
        address, network = ip_address(peer), ip_network(self.network)
        return address.version == network.version and address in network

    @property
    def prefix_length(self) -> int:
        """Bits of the address that count: a longer prefix is more specific."""
        return ip_network(self.network).prefixlen


@dataclass(frozen=True, slots=True)
class Md5Key(PeerKey):
    """A key of RFC 2385."""


@dataclass(frozen=True, slots=True)
class AoKey(PeerKey):
    """A master key tuple of RFC 5925, 3.1. The identifiers are octets, each from 0 to 255."""

    send_id: int = 0
    recv_id: int = 0
    algorithm: str = "hmac(sha1)"
    mac_octets: int = MAC_OCTETS
    covers_options: bool = True

    @property
    def functions(self) -> AoAlgorithm:
        """Key derivation and MAC."""
        return AO_ALGORITHMS[self.algorithm]

    @property
    def option_octets(self) -> int:
        """Octets of the option, padded to whole words."""
        return -(-(4 + self.mac_octets) // 4) * 4

    def clashes_with(self, other: "AoKey") -> bool:
        """Tell whether a segment could match both (RFC 5925, 3.1: identifiers are unique where addresses overlap)."""
        if ip_network(self.network).version != ip_network(other.network).version:
            return False
        is_shared = ip_network(self.network).overlaps(ip_network(other.network))
        return is_shared and (self.send_id == other.send_id or self.recv_id == other.recv_id)


_Key = TypeVar("_Key", bound=PeerKey)


def keys_for(keys: Iterable[PeerKey], peer: str, kind: type[_Key]) -> tuple[_Key, ...]:
    """Return the keys of one kind that hold for a peer, the most specific first, else in the order given."""
    found = [key for key in keys if isinstance(key, kind) and key.holds_for(peer)]
    return tuple(sorted(found, key=lambda key: -key.prefix_length))
