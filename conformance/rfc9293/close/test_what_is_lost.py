"""Closing with octets on either side that have not arrived: nothing is lost in silence (RFC 9293, 3.6.1 and 3.10)."""

import struct

import pytest

from conformance.testing import ACK, FIN, PSH, RST, Connections, Conversation, Segment, milliseconds, seconds
from targets import calls
from wire.abi import SO_LINGER, SOL_SOCKET

OCTETS = b"0123456789"


def expect_reset(talk: Conversation) -> None:
    """Take a reset; whether it acknowledges something is left to the system."""
    (segment,) = talk.expect(Segment(), within=milliseconds(500))
    assert segment.flags & RST, segment


@pytest.mark.requirement("RFC9293-SHLD-3")
def test_closing_with_unread_octets_resets(connection: Connections) -> None:
    talk = connection.established()
    talk.send(PSH | ACK, payload=OCTETS)
    talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))
    talk.close()
    expect_reset(talk)


@pytest.mark.requirement("RFC9293-SHLD-3")
def test_text_after_the_close_draws_a_reset(connection: Connections) -> None:
    talk = connection.established()
    talk.close()
    talk.expect(FIN | ACK)
    talk.send(ACK)
    talk.send(PSH | ACK, payload=OCTETS)
    expect_reset(talk)


@pytest.mark.requirement("RFC9293-3.10.5-ABORT-ESTABLISHED-rst")
def test_a_linger_time_of_zero_makes_close_an_abort(connection: Connections) -> None:
    talk = connection.established()
    talk.succeed(calls.SetSockOpt(talk.fd, SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0), 8))
    talk.close()
    expect_reset(talk)


@pytest.mark.requirement("RFC9293-3.10.4-CLOSE-ESTABLISHED-queued")
def test_what_was_written_before_the_close_arrives_before_the_fin(connection: Connections) -> None:
    talk = connection.syn_received()
    talk.send(ACK, window=500)
    talk.fd = talk.succeed(calls.Accept(talk.listener)).value
    assert talk.write(bytes(1000)) == 1000
    talk.close()
    arrived = 0
    for _ in range(10):
        (segment,) = talk.expect(Segment(), within=seconds(2))
        arrived += len(segment.payload)
        talk.send(ACK, ack=segment.seq + segment.seg_len, window=500)
        if segment.flags & FIN:
            break
    assert segment.flags & FIN
    assert arrived == 1000
