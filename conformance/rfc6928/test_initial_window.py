"""How much leaves before the first acknowledgment (RFC 6928, section 2)."""

import pytest

from conformance.testing import Connections, milliseconds
from targets import calls
from targets.base import Departure, Target
from wire.options import Mss
from wire.packet import parse_packet
from wire.tcp import TcpSegment

SEGMENT = 1000
MUCH = 30_000


def octets_until(target: Target, deadline: int) -> int:
    """Return the octets of text that leave up to a time; some systems hand several segments to the link as one."""
    sent = 0
    while (happening := target.poll(deadline)) is not None:
        if isinstance(happening, Departure):
            body = parse_packet(happening.packet).body
            sent += len(body.payload) if isinstance(body, TcpSegment) else 0
    return sent


@pytest.mark.requirement("RFC6928-2-2")
def test_at_most_ten_segments_leave_before_the_first_acknowledgment(connection: Connections) -> None:
    talk = connection.established(options=(Mss(SEGMENT),))
    talk.start(calls.Write(talk.fd, bytes(MUCH), MUCH))
    sent = octets_until(talk.target, talk.target.now() + milliseconds(150))
    assert 0 < sent <= 10 * SEGMENT
