"""A segment on its way out."""

from typing import NamedTuple

from wire.tcp import TcpSegment


class Outgoing(NamedTuple):
    """A segment with the ECN codepoint for its IP header (0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE)."""

    segment: TcpSegment
    ecn: int = 0
