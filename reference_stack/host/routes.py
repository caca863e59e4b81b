"""Addresses and routes of a simulated host: what is local, what can be reached, and how large a packet may be there."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from reference_stack.device import Device
from reference_stack.host.syncache import SynCache
from reference_stack.host.values import Micros
from reference_stack.settings import ConnectionSettings

Prefix: TypeAlias = IPv4Network | IPv6Network

MTU_MINIMUM = {4: 68, 6: 1280}
"""Smallest link MTU (RFC 791: 68 octets; RFC 8200 section 5: 1280 octets)."""

PMTU_LIFETIME_US = 600_000_000
"""How long a learned path MTU is believed (RFC 1191, 6.3: ten minutes recommended; Linux ``route.mtu_expires``)."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a route says about the way: limits that start values of a connection come from. None: nothing said."""

    mtu: int | None = None
    is_mtu_locked: bool = False
    advmss: int | None = None
    initcwnd: int | None = None
    initrwnd: int | None = None
    congestion_control: str | None = None
    rto_min_us: int | None = None


@dataclass(slots=True)
class Routes:
    """The address table, the link and the routes of one host. `addresses` are canonical text."""

    addresses: set[str]
    prefixes: list[Prefix]
    link_mtu: int = 1500
    is_anyip: bool = False
    """Every address of the prefixes is local (AnyIP, as ``ip route add local``)."""
    routes: dict[Prefix, Route] = field(default_factory=dict)
    offloads: dict[str, bool] = field(default_factory=dict)
    """Features that ethtool(8) has switched; what is not named is on."""
    device: Device = field(default_factory=Device)
    """The interface that all packets leave by."""
    version: int = 0
    """Counts what changed the size of packets, so that a connection sees that there is something new."""
    syn_cache: SynCache = field(default_factory=SynCache)
    """What is known of servers for Fast Open."""
    _path_mtus: dict[str, tuple[int, Micros]] = field(default_factory=dict)

    def is_local(self, address: str) -> bool:
        """Whether packets to `address` are for this host."""
        if address in self.addresses:
            return True
        return self.is_anyip and any(_contains(prefix, address) for prefix in self.prefixes)

    def is_broadcast(self, address: str) -> bool:
        """Whether `address` is IPv4's limited broadcast or that of a connected network."""
        if ":" in address:
            return False
        parsed = IPv4Address(address)
        return parsed == IPv4Address("255.255.255.255") or any(
            isinstance(prefix, IPv4Network) and prefix.prefixlen < 31 and parsed == prefix.broadcast_address
            for prefix in self.prefixes
        )

    @staticmethod
    def is_multicast(address: str) -> bool:
        """Whether `address` is a multicast address; the empty wildcard is none."""
        return bool(address) and ip_address(address).is_multicast

    def is_unusable_peer(self, address: str) -> bool:
        """Whether no TCP may talk to `address`: broadcast, multicast or unspecified (RFC 9293, MUST-57, MUST-63)."""
        parsed = ip_address(address)
        return parsed.is_multicast or parsed.is_unspecified or self.is_broadcast(address)

    def is_on_link(self, address: str) -> bool:
        """Whether a connected network has `address`, so that it can be a gateway."""
        return any(_contains(prefix, address) for prefix in self.prefixes)

    def source_for(self, remote: str) -> str | None:
        """Return the local address that packets to `remote` leave with; None: no route (ENETUNREACH)."""
        version = 6 if ":" in remote else 4
        candidates = sorted(address for address in self.addresses if (":" in address) == (version == 6))
        return candidates[0] if candidates else None

    def route_to(self, remote: str) -> Route:
        """Return the most specific route to `remote`."""
        matching = [prefix for prefix in self.routes if _contains(prefix, remote)]
        return self.routes[max(matching, key=lambda prefix: prefix.prefixlen)] if matching else Route()

    def change(self, prefix: Prefix, **changes: object) -> None:
        """Replace what the route to `prefix` says; fields that are not named are forgotten, as ``ip route change``."""
        self.routes[prefix] = replace(Route(), **changes)  # type: ignore[arg-type]
        self.version += 1
        for address in [known for known in self._path_mtus if _contains(prefix, known)]:
            del self._path_mtus[address]

    def remove(self, prefix: Prefix | None = None) -> None:
        """Forget the route to `prefix`, or all routes."""
        if prefix is None:
            self.routes.clear()
        else:
            self.routes.pop(prefix, None)
        self.version += 1

    def set_link_mtu(self, mtu: int) -> None:
        """The link carries packets of another size from now on."""
        self.link_mtu = mtu
        self.version += 1

    # --- path MTU ------------------------------------------------------------------------------------------------

    def interface_mtu(self, remote: str) -> int:
        """Return the MTU towards `remote` that the link and the route give."""
        route = self.route_to(remote)
        return min(self.link_mtu, route.mtu) if route.mtu is not None else self.link_mtu

    def path_mtu(self, remote: str, *, now: Micros) -> int | None:
        """Return the path MTU learned for `remote`, or None when none is known any more."""
        known = self._path_mtus.get(remote)
        if known is None or now >= known[1]:
            return None
        return known[0]

    def learn_path_mtu(self, remote: str, mtu: int, *, minimum: int, now: Micros) -> int | None:
        """Remember the MTU that a router reported; return the one now in force, or None when the report is void.

        A value that does not lower the present one is ignored, and one below the least MTU is never believed
        (RFC 8201 section 4: a Packet Too Big below 1280 is discarded; RFC 5927 section 7; Linux raises an IPv4 value
        to ``route.min_pmtu``). A locked route MTU never changes (ip-route(8), ``mtu lock``).
        """
        present = min(self.interface_mtu(remote), self.path_mtu(remote, now=now) or self.link_mtu)
        if self.route_to(remote).is_mtu_locked or mtu >= present:
            return None
        if ":" in remote and mtu < MTU_MINIMUM[6]:
            return None
        accepted = mtu if ":" in remote else max(mtu, min(minimum, present))
        self._path_mtus[remote] = (accepted, now + PMTU_LIFETIME_US)
        return accepted

    def prepare(self, settings: ConnectionSettings, remote: str, *, now: Micros) -> None:
        """Put what link, route and path MTU cache say into the settings of a new connection to `remote`."""
        route = self.route_to(remote)
        settings.device = self.device
        settings.mtu = self.interface_mtu(remote)
        settings.path_mtu = self.path_mtu(remote, now=now)
        settings.advmss = route.advmss
        settings.initial_window = route.initcwnd
        settings.initial_receive_window = route.initrwnd
        if not self.offloads.get("tso", True):
            # Whether super-segments are made is another switch, "gso"; without "tso" the link sees segments (measured).
            settings.max_tso_segments = 1
        if route.rto_min_us is not None:
            settings.rto_min_us = route.rto_min_us
        if route.congestion_control is not None:
            settings.congestion_control = route.congestion_control


def make_prefix(address: str, length: int) -> Prefix:
    """Return the network that `address` is in."""
    return ip_network(f"{address}/{length}", strict=False)


def canonical(address: str) -> str:
    """Return the canonical text of an address; `ValueError` when it is none."""
    return str(ip_address(address.partition("%")[0]))


def unmapped(address: str) -> str:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one, else the address itself."""
    if ":" not in address:
        return address
    inside = IPv6Address(address).ipv4_mapped
    return address if inside is None else str(inside)


def _contains(prefix: Prefix, address: str) -> bool:
    parsed = ip_address(address)
    return parsed.version == prefix.version and parsed in prefix
