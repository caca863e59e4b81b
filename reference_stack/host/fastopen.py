"""Fast Open cookies and their keys (RFC 7413, section 4.1.2), in the construction of Linux: scripts fix the key.

A key is 16 octets, and there may be two: the first makes cookies, both are accepted, so that keys can be changed while
cookies are out (section 4.1.2: "the server should periodically change the key").
"""

import re
from ipaddress import ip_address
from struct import pack, unpack
from typing import TypeAlias

from reference_stack.connection import Connection
from reference_stack.host.siphash import siphash
from wire.options import FastOpen
from wire.tcp import TcpSegment

Keys: TypeAlias = tuple[bytes, ...]

FAST_OPEN_CLIENT, FAST_OPEN_SERVER = 0x1, 0x2
FAST_OPEN_CLIENT_WITHOUT_COOKIE, FAST_OPEN_SERVER_WITHOUT_COOKIE = 0x4, 0x200
"""Bits of ``net.ipv4.tcp_fastopen`` (tcp(7))."""
KEY_OCTETS = 16
_FORM = re.compile(r"\s*([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)", re.IGNORECASE)
_WORD = 2**32
_RESET_COUNTS_US = 60_000_000


class PendingOpens:
    """Connections of a listener that their SYN opened and whose handshake is not over: `limit` at most, 0 for none.

    RFC 7413, section 5.1: without a limit, stolen or replayed cookies would let anybody fill the server. A connection
    that was accepted and then reset counts for another minute (measured), else a reset would make room at once.
    """

    def __init__(self) -> None:
        self.limit = 0
        self._open: list[Connection] = []
        self._reset_until: list[int] = []

    def has_room(self, *, now: int) -> bool:
        """Whether another connection may be opened."""
        self._open = [connection for connection in self._open if connection.is_early and not connection.is_deleted]
        if len(self._open) + len(self._reset_until) < self.limit:
            return True
        if self._reset_until and self._reset_until[0] <= now:
            del self._reset_until[0]
            return bool(self.limit)
        return False

    def add(self, connection: Connection) -> None:
        """Count a connection until its handshake is over."""
        self._open.append(connection)

    def note_reset(self, *, now: int) -> None:
        """One of them, which was accepted, was reset at `now`."""
        self._reset_until.append(now + _RESET_COUNTS_US)


def split_keys(octets: bytes) -> Keys | None:
    """Return the one or two keys in the value of TCP_FASTOPEN_KEY; None for any other length."""
    if len(octets) not in (KEY_OCTETS, 2 * KEY_OCTETS):
        return None
    return tuple(octets[at : at + KEY_OCTETS] for at in range(0, len(octets), KEY_OCTETS))


def read_keys(text: str) -> Keys:
    """Read the text of ``tcp_fastopen_key``: four hexadecimal words with dashes, a second key behind a comma.

    Measured: words above 32 bits are cut, what follows the fourth word is ignored. `ValueError` for anything else.
    """
    matches = [_FORM.match(part) for part in text.split(",", 1)]
    if None in matches:
        raise ValueError(f"no key: {text!r}")
    return tuple(pack("<4I", *(int(word, 16) % _WORD for word in match.groups())) for match in matches if match)


def show_keys(keys: Keys) -> str:
    """Return keys as the setting's file shows them."""
    return ",".join("-".join(f"{word:08x}" for word in unpack("<4I", key)) for key in keys)


def key_form(text: str) -> str:
    """Return the text of ``tcp_fastopen_key`` as the file shows it after a write; `ValueError` for one that is none."""
    return show_keys(read_keys(text))


def cookie(key: bytes, client_ip: str, server_ip: str) -> bytes:
    """Return the cookie of 8 octets for a pair of addresses of one family, in the order of the SYN's IP header."""
    return pack("<Q", siphash(key, ip_address(client_ip).packed + ip_address(server_ip).packed))


def asked_cookie(syn: TcpSegment) -> FastOpen | None:
    """Return the Fast Open option of a SYN, an empty one for a request; None without one of a legal length.

    RFC 7413, section 4.1.1: a cookie has 4 to 16 octets, an even number; an option of another length is ignored.
    """
    found = [option for option in syn.options if isinstance(option, FastOpen)]
    return found[-1] if found and found[-1].is_legal else None
