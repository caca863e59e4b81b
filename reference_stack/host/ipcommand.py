"""ip(8) on a simulated host: addresses, the link's MTU, routes with their limits, cached metrics."""

from collections.abc import Callable, Mapping
from ipaddress import ip_interface, ip_network
from typing import TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import MTU_MINIMUM, Prefix, Routes, make_prefix

Outcome: TypeAlias = tuple[int, str]

_ABSENT = "RTNETLINK answers: No such file or directory"
_NUMBERS = {"advmss": "advmss", "initcwnd": "initcwnd", "initrwnd": "initrwnd"}


def ip_command(routes: Routes, words: list[str]) -> Outcome:
    """Run one ``ip`` command line on the routes of a host; `NotModelled` for an object or verb that is not known."""
    rest = [word for word in words[1:] if word not in ("-4", "-6", "-q")]
    version = 6 if "-6" in words else 4
    if len(rest) < 2:
        raise NotModelled(" ".join(words))
    for name, function in _OBJECTS.items():
        if name.startswith(rest[0]) and rest[0]:
            return function(routes, rest[1], rest[2:], version)
    raise NotModelled(f"ip: object {rest[0]}")


def _route(routes: Routes, verb: str, words: list[str], version: int) -> Outcome:
    if verb not in ("add", "change", "replace", "del", "delete", "flush"):
        raise NotModelled(f"ip route: {verb}")
    if verb == "flush":
        routes.remove()
        return 0, ""
    if not words:
        return 255, "Error: no destination given.\n"
    try:
        prefix = _destination(words[0], version)
    except ValueError:
        return 1, f'Error: any valid prefix is expected rather than "{words[0]}".\n'
    refusal = _refusal(routes, verb, prefix, words)
    if refusal:
        return 2, refusal
    if verb.startswith("del"):
        routes.remove(prefix)
    else:
        routes.change(prefix, **_route_attributes(words[1:]))
    return 0, ""


def _refusal(routes: Routes, verb: str, prefix: Prefix, words: list[str]) -> str:
    """Return what ip(8) says when the kernel refuses, or an empty text."""
    is_known = prefix in routes.routes
    if verb == "add" and is_known:
        return "RTNETLINK answers: File exists\n"
    if verb == "change" and not is_known:
        is_v6 = prefix.version == 6
        return f"{'Error: Can not replace route - no match found.' if is_v6 else _ABSENT}\n"
    if verb.startswith("del"):
        return "" if is_known else "RTNETLINK answers: No such process\n"
    gateway = words[words.index("via") + 1 : words.index("via") + 2] if "via" in words else []
    if gateway and not routes.is_on_link(gateway[0]):
        is_v6 = prefix.version == 6
        return "RTNETLINK answers: No route to host\n" if is_v6 else "Error: Nexthop has invalid gateway.\n"
    return ""


def _destination(word: str, version: int) -> Prefix:
    if word == "default":
        return ip_network("::/0" if version == 6 else "0.0.0.0/0")
    return ip_network(word, strict=False)


def _route_attributes(words: list[str]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        value = next(rest, None)
        if value is None:
            raise NotModelled(f"ip route: {word} without a value")
        if word == "mtu":
            attributes["is_mtu_locked"] = value == "lock"
            attributes["mtu"] = int(next(rest) if value == "lock" else value)
        elif word in _NUMBERS:
            attributes[_NUMBERS[word]] = int(value)
        elif word in ("congctl", "cc"):
            attributes["congestion_control"] = value
        elif word == "rto_min":
            attributes["rto_min_us"] = _milliseconds(next(rest) if value == "lock" else value) * 1_000
        elif word not in ("via", "dev", "src", "proto", "scope", "metric", "table"):
            raise NotModelled(f"ip route: {word}")
    return attributes


def _milliseconds(text: str) -> int:
    return int(text.removesuffix("ms")) if not text.endswith("s") or text.endswith("ms") else int(text[:-1]) * 1_000


def _address(routes: Routes, verb: str, words: list[str], _version: int) -> Outcome:
    if verb not in ("add", "replace", "del", "delete", "flush"):
        raise NotModelled(f"ip address: {verb}")
    if verb == "flush":
        routes.addresses.clear()
        return 0, ""
    try:
        interface = ip_interface(words[0])
    except (ValueError, IndexError):
        return 1, "Error: an address is expected.\n"
    address = str(interface.ip)
    if verb.startswith("del"):
        if address not in routes.addresses:
            return 2, "RTNETLINK answers: Cannot assign requested address\n"
        routes.addresses.discard(address)
        return 0, ""
    if address in routes.addresses and verb == "add":
        return 2, "RTNETLINK answers: File exists\n"
    routes.addresses.add(address)
    routes.prefixes.append(make_prefix(address, interface.network.prefixlen))
    return 0, ""


def _link(routes: Routes, verb: str, words: list[str], _version: int) -> Outcome:
    if verb != "set":
        raise NotModelled(f"ip link: {verb}")
    if "mtu" in words:
        mtu = int(words[words.index("mtu") + 1])
        least = MTU_MINIMUM[6 if any(":" in address for address in routes.addresses) else 4]
        if mtu < least:
            raise NotModelled(f"ip link: mtu {mtu} switches the protocol off (least {least})")
        routes.set_link_mtu(mtu)
    elif "up" not in words:
        raise NotModelled("ip link set: " + " ".join(words))
    return 0, ""


def _tcp_metrics(routes: Routes, verb: str, _words: list[str], _version: int) -> Outcome:
    # Of closed connections the simulated host keeps only what Fast Open needs.
    if verb not in ("flush", "del", "delete"):
        raise NotModelled(f"ip tcp_metrics: {verb}")
    routes.syn_cache.clear()
    return 0, ""


_OBJECTS: Mapping[str, Callable[[Routes, str, list[str], int], Outcome]] = {
    "route": _route,
    "address": _address,
    "link": _link,
    "tcp_metrics": _tcp_metrics,
    "tcpmetrics": _tcp_metrics,
}
"""Objects in the order in which an abbreviation picks them, as in ip(8)."""
