"""Text that comes on a SYN,ACK may be taken or left, but not acknowledged and lost (RFC 9293, section 3.10.7.3)."""

import pytest

from conformance.testing import ACK, PSH, SYN, Connections, Segment
from wire.options import Mss

OCTETS = b"0123456789"


@pytest.mark.requirement("RFC9293-3.10.7.3-SYN-SYN-SENT-synack-data")
def test_text_on_a_syn_ack_is_delivered_or_not_acknowledged(connection: Connections) -> None:
    talk = connection.syn_sent()
    talk.send(SYN | ACK, payload=OCTETS, options=(Mss(1460),))
    (answer,) = talk.expect(ACK)
    first = int(talk.irs) + 1
    if answer.ack == first:
        talk.send(PSH | ACK, seq=first, payload=OCTETS)
        talk.expect(Segment(ACK, ack=first + len(OCTETS)))
    else:
        assert answer.ack == first + len(OCTETS)
    assert talk.read(100) == OCTETS
