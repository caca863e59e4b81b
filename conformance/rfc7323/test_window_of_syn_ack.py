"""The window in the stack's own SYN,ACK counts octets, scaled connections included (RFC 7323, section 2.2)."""

import pytest

from conformance.testing import SYN, Connections
from wire.options import Mss, Nop, TcpOption, WindowScale
from wire.tcp import ACK


@pytest.mark.requirement("RFC7323-2.2-4")
def test_an_offer_to_scale_does_not_make_the_window_of_the_syn_ack_smaller(connection: Connections) -> None:
    windows = []
    offers: tuple[tuple[TcpOption, ...], ...] = ((Mss(1460),), (Mss(1460), Nop(), WindowScale(7)))
    for options in offers:
        talk = connection.listen()
        talk.send(SYN, options=options)
        (answer,) = talk.expect(SYN | ACK)
        windows.append(answer.window)
    assert windows[1] >= windows[0]
