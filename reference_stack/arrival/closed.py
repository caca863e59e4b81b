"""SEGMENT ARRIVES in CLOSED (RFC 9293, 3.10.7.1): pure, no connection needed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wire.tcp import TcpSegment


def closed_reset(segment: "TcpSegment") -> "TcpSegment | None":
    """Return the reset that answers a segment without a connection, or None (RFC 9293, 3.10.7.1)."""
    raise NotImplementedError
