"""The C tool's words for a captured packet that is broken, found by those of the parser (specification, 4.3)."""

import re
from collections.abc import Callable

from wire.errors import MalformedPacket

_Words = str | Callable[[int, int], str]


def _udp_length(written: int, there: int) -> str:
    if written < 8:
        return "UDP datagram length too small for UDP header"
    return f"UDP datagram length too {'small' if written < there else 'big'}"


def _ip_header_length(written: int, _there: int) -> str:
    return "IP header too short" if written < 5 else "Full IP header overflows packet"


def _data_offset(written: int, _there: int) -> str:
    return f"TCP data offset too {'small' if written < 5 else 'big'}"


_TABLE: tuple[tuple[str, _Words], ...] = (
    (r"IPv4 header of \d+ octets", "IP header overflows packet"),
    (r"IPv4 header length (\d+) in (\d+)", _ip_header_length),
    (r"IPv4 total length \d+ is less", "IP header bigger than datagram"),
    (r"IPv4 packet of \d+ octets in", "IP payload overflows packet"),
    (r"IPv6 packet of \d+ octets in", "IPv6 payload overflows packet"),
    (r"IP version \d+", "Unsupported IP version"),
    (r"TCP header of \d+ octets", "Truncated TCP header"),
    (r"TCP data offset (\d+) in a segment of (\d+)", _data_offset),
    (r"UDP header of \d+ octets", "Truncated UDP header"),
    (r"UDP length (\d+) in (\d+)", _udp_length),
)


def words_for(error: MalformedPacket, octets: int) -> str:
    """Return the first line for a broken packet of so many octets; the parser's own words where the C tool has none."""
    for pattern, words in _TABLE:
        found = re.match(pattern, error.reason)
        if found is not None:
            numbers = tuple(int(number) for number in found.groups())
            text = words if isinstance(words, str) else words(*numbers)
            return f"{text}: packet of {octets} bytes: {error}"
    return f"malformed outbound packet: {error}"
