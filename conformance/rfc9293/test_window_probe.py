"""Probes of a closed window, in whatever form a system sends them (RFC 9293, section 3.8.6.1)."""

import pytest

from conformance.testing import ACK, Connections, Conversation, Segment, milliseconds, seconds
from targets.base import Micros

OCTETS = b"0123456789"


def closed_window(connection: Connections) -> Conversation:
    """Return a connection with ten octets that wait for the peer's window to open."""
    talk = connection.established()
    talk.send(ACK, window=0)
    assert talk.write(OCTETS) == len(OCTETS)
    return talk


def next_probe(talk: Conversation) -> Micros:
    """Take the next probe and answer it: the window stays closed. Returns how long it took to come."""
    begun = talk.target.now()
    (probe,) = talk.expect(Segment(), within=seconds(30))
    assert probe.flags & ACK
    assert len(probe.payload) <= 1
    came = talk.target.now()
    talk.send(ACK, ack=int(talk.iss) + 1, window=0)
    return came - begun


@pytest.mark.requirement("RFC9293-MUST-36")
@pytest.mark.requirement("RFC9293-MUST-35")
@pytest.mark.slow
def test_a_closed_window_is_probed_and_the_data_flows_when_it_opens(connection: Connections) -> None:
    talk = closed_window(connection)
    next_probe(talk)
    talk.send(ACK, ack=int(talk.iss) + 1, window=65535)
    talk.expect(Segment(ACK, seq=int(talk.iss) + 1, payload=OCTETS), within=milliseconds(500))


@pytest.mark.requirement("RFC9293-SHLD-30")
@pytest.mark.slow
def test_the_distance_of_probes_grows(connection: Connections) -> None:
    talk = closed_window(connection)
    first, second, third = (next_probe(talk) for _ in range(3))
    assert second > 1.5 * first
    assert third > 1.5 * second
