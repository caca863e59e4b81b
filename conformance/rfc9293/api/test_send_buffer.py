"""A send buffer holds what its size says (POSIX, send; RFC 9293, section 3.10.2: "insufficient resources")."""

import errno

import pytest

from conformance.testing import ACK, Connections
from targets import calls
from wire.abi import F_SETFL, O_NONBLOCK, O_RDWR, SO_SNDBUF, SOL_SOCKET

MUCH = 1_000_000


@pytest.mark.requirement("RFC9293-3.10.2-SEND-ESTABLISHED-nospace")
def test_a_full_send_buffer_refuses_octets(connection: Connections) -> None:
    talk = connection.established()
    talk.set_option(SOL_SOCKET, SO_SNDBUF, 10_000)
    talk.succeed(calls.Fcntl(talk.fd, F_SETFL, O_RDWR | O_NONBLOCK))
    talk.send(ACK, window=0)
    taken = talk.call(calls.Write(talk.fd, bytes(MUCH), MUCH)).value
    assert 0 < taken < MUCH // 2
    assert talk.call(calls.Write(talk.fd, bytes(MUCH), MUCH)).errno == errno.EAGAIN
