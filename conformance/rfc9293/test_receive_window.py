"""The receive window while its buffer fills and empties (RFC 9293, sections 3.8.6 and 3.8.6.2.2)."""

import errno

import pytest

from conformance.testing import ACK, PSH, RST, SYN, Connections, Conversation, Segment, milliseconds
from targets import calls
from wire.abi import F_SETFL, O_NONBLOCK, O_RDWR, SO_RCVBUF, SOL_SOCKET
from wire.options import Mss
from wire.seq import Seq
from wire.tcp import TcpSegment

SEGMENT = 1000
MOST_SEGMENTS = 400


def small_buffer(connection: Connections) -> Conversation:
    """Return an established connection with a receive buffer of a few segments, set before the handshake."""
    talk = connection.listen()
    talk.fd = talk.listener
    talk.set_option(SOL_SOCKET, SO_RCVBUF, 8000)
    talk.send(SYN, options=(Mss(SEGMENT),))
    talk.expect(Segment(SYN | ACK, ack=int(talk.rcv_nxt)))
    talk.send(ACK)
    talk.fd = talk.succeed(calls.Accept(talk.listener)).value
    return talk


def edge(talk: Conversation, segment: TcpSegment) -> int:
    """Return the right edge that a segment offers, counted from the peer's first octet."""
    acknowledged: int = (segment.ack - int(talk.irs) - 1) % 2**32
    return acknowledged + (segment.window << talk.wscale)


def fill(talk: Conversation) -> list[int]:
    """Send full segments until the window is closed; return the right edges that were offered."""
    edges: list[int] = []
    for _ in range(MOST_SEGMENTS):
        if talk.rcv_wnd == 0:
            return edges
        talk.send(PSH | ACK, payload=bytes(min(SEGMENT, talk.rcv_wnd)))
        (answer,) = talk.expect(ACK)
        # A system that counts more than the octets may have no room for what it offered.
        talk.rcv_nxt = Seq(answer.ack)
        edges.append(edge(talk, answer))
    raise AssertionError(f"the window is not closed after {MOST_SEGMENTS} segments that nobody read")


@pytest.mark.requirement("RFC9293-SHLD-14")
def test_the_right_edge_never_moves_left(connection: Connections) -> None:
    edges = fill(small_buffer(connection))
    assert edges == sorted(edges)


@pytest.mark.requirement("RFC9293-3.10.7.4-RST-ESTABLISHED-exact")
def test_a_reset_counts_while_the_window_is_closed(connection: Connections) -> None:
    talk = small_buffer(connection)
    fill(talk)
    talk.send(RST)
    talk.succeed(calls.Fcntl(talk.fd, F_SETFL, O_RDWR | O_NONBLOCK))
    while (result := talk.call(calls.Read(talk.fd, 100_000))).value > 0:
        pass
    # What was received may still be read first; whether a reader is told of the reset then is left to the system.
    assert result.errno != errno.EAGAIN


@pytest.mark.requirement("RFC9293-MUST-39")
def test_reading_everything_opens_the_window_by_a_segment_of_its_own(connection: Connections) -> None:
    talk = small_buffer(connection)
    sent = fill(talk)[-1]
    while sent:
        sent -= len(talk.read(100_000))
    # The last update is the one that counts; systems send one or several.
    for _ in range(3):
        (update,) = talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)), within=milliseconds(500))
        if update.window << talk.wscale >= SEGMENT:
            return
    raise AssertionError("the window stays smaller than one segment")


@pytest.mark.requirement("RFC9293-MUST-39")
def test_reading_one_octet_does_not_open_a_silly_window(connection: Connections) -> None:
    talk = small_buffer(connection)
    fill(talk)
    talk.read(1)
    talk.expect_nothing(during=milliseconds(300))
