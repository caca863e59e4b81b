"""SEGMENT ARRIVES in LISTEN (RFC 9293, 3.10.7.2): pure, no connection needed."""

from typing import TYPE_CHECKING

from reference_stack.rules import ListenVerdict

if TYPE_CHECKING:
    from wire.tcp import TcpSegment


def listen_decision(segment: "TcpSegment") -> ListenVerdict:
    """Tell whether LISTEN drops the segment, resets its sender or makes a connection of it."""
    raise NotImplementedError
