"""What scripts cannot compare: the echo of the peer's timestamp, octet for octet (RFC 7323, section 3)."""

import itertools

import pytest

from conformance.testing import ACK, PSH, SYN, Connections, Segment, seconds
from wire.options import Mss, Timestamps
from wire.tcp import TcpSegment

TSVAL = 0x01020304


def stamp_of(segment: TcpSegment) -> Timestamps:
    """Return the timestamps of a segment."""
    found = next((option for option in segment.options if isinstance(option, Timestamps)), None)
    assert found is not None, "no timestamps"
    return found


@pytest.mark.requirement("RFC7323-3.2-6")
def test_the_syn_ack_echoes_the_timestamp_of_the_syn(connection: Connections) -> None:
    talk = connection.listen()
    talk.send(SYN, options=(Mss(1460), Timestamps(TSVAL, 0)))
    (answer,) = talk.expect(SYN | ACK)
    assert stamp_of(answer).ecr == TSVAL


@pytest.mark.requirement("RFC7323-3.2-2")
@pytest.mark.requirement("RFC7323-3.2-6")
@pytest.mark.requirement("RFC7323-4.1-1")
@pytest.mark.slow
def test_the_echo_follows_the_peer_and_our_own_clock_runs_forward(connection: Connections) -> None:
    talk = connection.listen()
    talk.send(SYN, options=(Mss(1460), Timestamps(TSVAL, 0)))
    (answer,) = talk.expect(SYN | ACK)
    stamps = [stamp_of(answer)]
    talk.send(ACK, options=(Timestamps(TSVAL + 1, stamps[-1].val),))
    for step in (2, 3):
        talk.expect_nothing(during=seconds(1))
        talk.send(PSH | ACK, payload=b"0123456789", options=(Timestamps(TSVAL + step, stamps[-1].val),))
        (answer,) = talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))
        stamps.append(stamp_of(answer))
        assert stamps[-1].ecr == TSVAL + step
    # RFC 7323, section 5.4: a tick lasts between 1 ms and 1 s.
    ticks = [(later.val - earlier.val) % 2**32 for earlier, later in itertools.pairwise(stamps)]
    assert all(1 <= each <= 2_000 for each in ticks), ticks
