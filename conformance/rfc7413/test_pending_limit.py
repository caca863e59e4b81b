"""The limit of Fast Open requests whose handshake is not finished (RFC 7413, sections 4.2 and 5.1)."""

import pytest

from conformance.testing import ACK, PSH, RST, SYN, Connections, Conversation, Segment, milliseconds
from targets import calls
from wire.abi import SOL_TCP, TCP_FASTOPEN
from wire.options import FastOpen, Mss

pytestmark = [pytest.mark.targets("fast-open", "linux-settings")]

TEXT = b"0123456789"


def _listener(connection: Connections, *, limit: int) -> Conversation:
    talk = connection.listen()
    talk.target.shell("sysctl -q net.ipv4.tcp_fastopen=2", directory="/", environment={}, timeout=1_000_000)
    value = limit.to_bytes(4, "little")
    talk.succeed(calls.SetSockOpt(talk.listener, SOL_TCP, TCP_FASTOPEN, value, len(value)))
    return talk


def _cookie(talk: Conversation) -> FastOpen:
    """Ask for the cookie of the peer's address, and give the connection up."""
    talk.send(SYN, options=(Mss(1460), FastOpen()))
    (answer,) = talk.expect(SYN | ACK)
    talk.send(RST, seq=int(talk.rcv_nxt))
    return next(option for option in answer.options if isinstance(option, FastOpen))


@pytest.mark.requirement("RFC7413-4.2-2")
def test_a_request_above_the_limit_gets_an_ordinary_handshake(connection: Connections) -> None:
    cookie = _cookie(_listener(connection, limit=2))
    for _ in range(2):
        pending = connection.listen()
        pending.send(SYN, options=(Mss(1460), cookie), payload=TEXT)
        pending.expect(Segment(SYN | ACK, ack=int(pending.irs) + 1 + len(TEXT)))
    third = connection.listen()
    third.send(SYN, options=(Mss(1460), cookie), payload=TEXT)
    third.expect(Segment(SYN | ACK, ack=int(third.irs) + 1))
    # The text is sent again with the ACK, as by any client.
    third.rcv_nxt = third.irs + 1
    third.send(PSH | ACK, payload=TEXT)
    third.expect(Segment(ACK, ack=int(third.irs) + 1 + len(TEXT)))


@pytest.mark.requirement("RFC7413-4.2-2")
def test_a_finished_handshake_makes_room_for_another_request(connection: Connections) -> None:
    cookie = _cookie(_listener(connection, limit=1))
    for _ in range(3):
        talk = connection.listen()
        talk.send(SYN, options=(Mss(1460), cookie), payload=TEXT)
        talk.expect(Segment(SYN | ACK, ack=int(talk.irs) + 1 + len(TEXT)))
        talk.send(ACK)
        talk.expect_nothing(during=milliseconds(50))
