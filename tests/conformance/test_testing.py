"""The tools for Python conformance tests, tried on the reference stack in virtual time."""

from collections.abc import Iterator

import pytest

from conformance.running import network_of
from conformance.testing import ACK, FIN, PSH, RST, SYN, Connections, Conversation, Segment, seconds
from targets.registry import create_target
from wire.abi import IPPROTO_TCP, TCP_INFO, TCP_NODELAY
from wire.tcp_info import TcpInfo

# include/net/tcp_states.h, which tcp(7) refers to for tcpi_state.
TCP_STATES = {
    "established": 1,
    "syn_sent": 2,
    "syn_received_active": 3,
    "fin_wait_1": 4,
    "fin_wait_2": 5,
    "close_wait": 8,
    "last_ack": 9,
    "closing": 11,
}


@pytest.fixture(params=["ipv4", "ipv6"])
def connections(request: pytest.FixtureRequest) -> Iterator[Connections]:
    target = create_target("reference")
    network = network_of(request.param)
    target.open(network)
    yield Connections(target, network)
    target.close()


@pytest.mark.parametrize("name", [name for name in TCP_STATES if name != "last_ack"])
def test_a_state_constructor_reaches_its_state(connections: Connections, name: str) -> None:
    made: Conversation = getattr(connections, name)()
    assert TcpInfo.unpack(made.get_option_bytes(IPPROTO_TCP, TCP_INFO, 280)).state == TCP_STATES[name]


def test_a_peer_in_last_ack_gets_no_answer_to_its_last_ack(connections: Connections) -> None:
    closing = connections.last_ack()
    closing.send(ACK)
    closing.expect_nothing(during=seconds(1))
    # The TCB is gone (RFC 9293 section 3.10.7.4, fifth check, LAST-ACK): now a segment is answered as in CLOSED.
    closing.send(ACK)
    closing.expect(RST)


def test_a_fin_in_time_wait_is_acknowledged_again(connections: Connections) -> None:
    # RFC 9293 section 3.10.7.4, eighth check, TIME-WAIT.
    waiting = connections.time_wait()
    waiting.send(FIN | ACK, seq=waiting.rcv_nxt - 1)
    waiting.expect(Segment(ACK, seq=int(waiting.snd_nxt), ack=int(waiting.rcv_nxt)))


def test_a_closed_port_answers_with_a_reset(connections: Connections) -> None:
    # RFC 9293 section 3.10.7.1.
    nothing = connections.closed()
    nothing.send(SYN)
    nothing.expect(Segment(RST | ACK, seq=0, ack=int(nothing.rcv_nxt)))


def test_data_goes_both_ways_and_the_numbers_follow(connections: Connections) -> None:
    made = connections.established()
    assert made.write(b"question") == 8
    (segment,) = made.expect(Segment(ACK | PSH, payload=b"question", ack=int(made.rcv_nxt)))
    assert made.snd_nxt == made.snd_una + segment.seg_len
    made.send(PSH | ACK, payload=b"answer")
    assert made.snd_una == made.snd_nxt
    assert made.read(100) == b"answer"


def test_two_connections_to_one_listener_are_kept_apart(connections: Connections) -> None:
    first, second = connections.established(), connections.established()
    assert first.listener == second.listener
    second.write(b"x")
    second.expect(Segment(ACK, length=1))
    first.expect_nothing(during=seconds(0.1))


def test_a_sequence_number_may_wrap_in_any_state(connections: Connections) -> None:
    made = connections.established(irs=2**32 - 2)
    made.send(PSH | ACK, payload=b"abcd")
    assert made.read(10) == b"abcd"
    assert made.rcv_nxt == 3


def test_options_are_set_and_read(connections: Connections) -> None:
    made = connections.established()
    made.set_option(IPPROTO_TCP, TCP_NODELAY, 1)
    assert made.get_option(IPPROTO_TCP, TCP_NODELAY) == 1


def test_another_segment_than_wanted_is_shown_with_all_that_came(connections: Connections) -> None:
    made = connections.established()
    made.write(b"data")
    with pytest.raises(AssertionError) as caught:
        made.expect(Segment(FIN | ACK, length=0))
    lines = str(caught.value).split("\n")
    assert lines[:4] == [
        "want F. length 0",
        "  flags: want F., got P.",
        "  length: want 0, got 4",
        "  packets that came:",
    ]
    assert len(lines) == 6
    assert "> P. 1:5(4) ack 1" in lines[5]


def test_a_segment_that_does_not_come_is_shown_with_the_time(connections: Connections) -> None:
    made = connections.established()
    with pytest.raises(AssertionError, match=r"want F\.\n  nothing within 0\.5 s"):
        made.expect(FIN | ACK, within=seconds(0.5))


def test_a_segment_too_many_fails_the_expectation(connections: Connections) -> None:
    made = connections.established()
    made.write(b"a" * 3000)
    with pytest.raises(AssertionError, match="one segment too many came"):
        made.expect(ACK)


def test_silence_is_broken_by_a_segment_of_the_connection(connections: Connections) -> None:
    made = connections.established()
    made.write(b"data")
    with pytest.raises(AssertionError, match=r"silence expected for 3 s"):
        made.expect_nothing(during=seconds(3))


def test_a_call_that_fails_names_its_error(connections: Connections) -> None:
    made = connections.established()
    made.shutdown()
    with pytest.raises(AssertionError, match="write failed with EPIPE"):
        made.write(b"late")


def test_a_call_that_blocks_says_so(connections: Connections) -> None:
    made = connections.established()
    with pytest.raises(AssertionError, match="read still blocks after 1 s"):
        made.read(1)
