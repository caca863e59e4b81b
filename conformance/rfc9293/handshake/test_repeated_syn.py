"""A SYN that comes again because its answer was lost (RFC 9293, section 3.10.7.4, SYN-RECEIVED)."""

import pytest

from conformance.testing import ACK, PSH, RST, SYN, Connections, Segment
from wire.options import Mss


@pytest.mark.requirement("RFC9293-3.10.7.4-SEQ-SYN-RECEIVED-passive-dupsyn")
def test_a_repeated_syn_is_answered_and_the_handshake_goes_on(connection: Connections) -> None:
    talk = connection.syn_received()
    talk.target.poll(talk.target.now() + 50_000)
    talk.send(SYN, seq=int(talk.irs), options=(Mss(1460),))
    # A SYN,ACK with the same ISN, or an ACK.
    (answer,) = talk.expect(Segment(ack=int(talk.irs) + 1))
    assert not answer.flags & RST
    assert answer.seq == int(talk.iss) if answer.flags & SYN else answer.seq == int(talk.iss) + 1
    talk.send(PSH | ACK, payload=b"0123456789")
    talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))
