"""User calls by state (RFC 9293, 3.10.1 to 3.10.6)."""

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import (
    CONSTRUCTORS,
    SECOND,
    Out,
    close_wait,
    closing,
    established,
    fin_wait_1,
    fin_wait_2,
    make,
    syn_received_active,
    syn_sent,
    time_wait,
)
from wire.options import Mss


@covers("RFC9293-3.10.1-OPEN-CLOSED-active")
def test_an_active_open_sends_a_lone_syn() -> None:
    scene = make()
    scene.connection.connect(now=0)
    (syn,) = scene.expect(Out("S", seq=0))
    assert syn.ack == 0
    assert scene.state is State.SYN_SENT


@pytest.mark.parametrize("name", ["SYN-SENT", "SYN-RECEIVED-active", "SYN-RECEIVED-passive"])
@covers("RFC9293-3.10.2-SEND-SYN-SENT-queue", "RFC9293-3.10.2-SEND-SYN-RECEIVED-queue")
def test_data_sent_before_the_handshake_ends_waits_for_it(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    assert scene.write(100) == 100
    scene.expect()
    if name == "SYN-SENT":
        scene.arrive("SA", seq=0, options=(Mss(1460),))
    else:
        scene.arrive("A")
    scene.expect(Out("A", seq=1, ack=1, length=100))


@covers("RFC9293-3.10.2-SEND-ESTABLISHED-data", "RFC9293-3.10.2-SEND-CLOSE-WAIT-data")
def test_data_is_cut_into_segments_that_carry_the_current_ack() -> None:
    for scene, ack in ((established(), 1), (close_wait(), 2)):
        assert scene.write(3000) == 3000
        scene.expect(
            Out("A", seq=1, ack=ack, length=1460),
            Out("A", seq=1461, ack=ack, length=1460),
        )
        scene.arrive("A", ack=2921)
        scene.expect(Out("PA", seq=2921, ack=ack, length=80))


@covers("RFC9293-3.10.2-SEND-ESTABLISHED-nospace")
def test_without_buffer_space_send_takes_nothing_and_loses_nothing() -> None:
    scene = established(window=0, sndbuf=1000)
    assert scene.connection.send(b"a" * 700, now=0) == 700
    assert scene.connection.send(b"b" * 700, now=0) == 300
    assert scene.connection.send(b"c", now=0) == 0
    scene.arrive("A", window=65535)
    (segment,) = scene.expect(Out("A", seq=1, length=1000))
    assert segment.payload == b"a" * 700 + b"b" * 300


@pytest.mark.parametrize("name", ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"])
@covers("RFC9293-3.10.2-SEND-*-closing")
def test_send_after_close_is_refused(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    assert not scene.connection.may_send
    assert scene.write(10) == 0
    scene.expect()


@covers("RFC9293-3.10.2-SEND-ESTABLISHED-urgent", "RFC9293-MUST-62")
def test_the_urgent_pointer_names_the_octet_after_the_urgent_data_in_every_segment() -> None:
    scene = established(options=(Mss(1000),))
    scene.connection.send(bytes(3000), now=0, urgent=True)
    scene.expect(
        Out("UA", seq=1, length=1000, urgent=3000),
        Out("UA", seq=1001, length=1000, urgent=2000),
        Out("UA", seq=2001, length=1000, urgent=1000),
    )
    scene.arrive("A", ack=3001)
    scene.write(10)
    scene.expect(Out("A", seq=3001, length=10))


@covers("RFC9293-3.10.2-SEND-ESTABLISHED-urgent")
def test_urg_is_on_the_probe_of_a_closed_window() -> None:
    scene = established(window=0)
    scene.connection.send(bytes(5000), now=0, urgent=True)
    scene.wait_for_segments(within=3 * SECOND)
    scene.expect(Out("UA", seq=1, length=1, urgent=5000))


@pytest.mark.parametrize("name", ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"])
@covers("RFC9293-3.10.3-RECEIVE-*-data")
def test_receive_gives_octets_in_order_or_none(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    assert scene.read() == b""
    scene.arrive("A", seq=11, data=b"b" * 10)
    assert scene.read() == b""
    scene.arrive("A", seq=1, data=b"a" * 10)
    assert scene.read() == b"a" * 10 + b"b" * 10


@covers("RFC9293-3.10.3-RECEIVE-SYN-*-queue")
def test_receive_before_the_handshake_ends_gives_nothing() -> None:
    for scene in (syn_sent(), syn_received_active()):
        assert scene.read() == b""
        assert not scene.connection.receive_eof


@covers("RFC9293-3.10.3-RECEIVE-ESTABLISHED-urgent")
def test_the_mark_is_reached_by_reading_the_octets_before_it() -> None:
    scene = established(oobinline=True)
    scene.arrive("UA", data=bytes(50), urgent=50)
    assert scene.connection.urgent_pending
    assert len(scene.read(30)) == 30
    assert scene.connection.urgent_mark == 19
    assert len(scene.read(100)) == 19
    assert scene.connection.urgent_mark == 0
    assert len(scene.read(100)) == 1
    assert not scene.connection.urgent_pending


@covers("RFC9293-3.10.3-RECEIVE-CLOSE-WAIT-rest", "RFC9293-3.10.3-RECEIVE-*-closing")
def test_after_the_peers_fin_the_rest_is_read_and_then_the_end() -> None:
    scene = established()
    scene.arrive("FA", data=b"0123456789")
    assert scene.read(4) == b"0123"
    assert scene.read(100) == b"456789"
    assert scene.read(100) == b""
    assert scene.connection.receive_eof
    for name in ("CLOSING", "LAST-ACK", "TIME-WAIT"):
        assert CONSTRUCTORS[name]().connection.receive_eof


@covers("RFC9293-3.10.4-CLOSE-SYN-SENT-plain")
def test_close_in_syn_sent_deletes_in_silence() -> None:
    scene = syn_sent()
    scene.connection.shutdown_send(now=0)
    scene.expect_nothing(during=100 * SECOND)
    assert scene.connection.is_deleted


@covers("RFC9293-3.10.4-CLOSE-SYN-RECEIVED-nodata", "RFC9293-3.10.4-CLOSE-SYN-RECEIVED-data")
def test_close_in_syn_received_sends_the_fin_behind_queued_data() -> None:
    for octets in (0, 10):
        scene = syn_received_active()
        scene.write(octets)
        scene.connection.shutdown_send(now=0)
        scene.expect()
        scene.arrive("A")
        assert scene.state is State.FIN_WAIT_1
        scene.expect(Out("FA", seq=1, length=octets))


@covers("RFC9293-3.10.4-CLOSE-ESTABLISHED-plain", "RFC9293-3.10.4-CLOSE-CLOSE-WAIT-plain")
def test_close_sends_a_fin() -> None:
    scene = established()
    scene.connection.shutdown_send(now=0)
    scene.expect(Out("FA", seq=1, ack=1))
    assert scene.state is State.FIN_WAIT_1
    scene = close_wait()
    scene.write(100)
    scene.connection.shutdown_send(now=0)
    scene.expect(Out("A", seq=1, ack=2, length=100), Out("FA", seq=101, ack=2))
    assert scene.state is State.LAST_ACK


@covers("RFC9293-3.10.4-CLOSE-ESTABLISHED-queued")
def test_the_fin_follows_all_queued_octets() -> None:
    scene = established(window=0)
    scene.write(5000)
    scene.connection.shutdown_send(now=0)
    scene.expect()
    scene.arrive("A", window=65535)
    segments = scene.connection.take_segments()
    assert sum(len(segment.payload) for segment in segments) == 5000
    assert [bool(segment.flags & 1) for segment in segments] == [False, False, False, True]


@pytest.mark.parametrize("name", ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"])
@covers("RFC9293-3.10.4-CLOSE-*-again", "RFC9293-3.10.4-CLOSE-*-closing")
def test_a_second_close_sends_no_second_fin(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    scene.connection.shutdown_send(now=0)
    scene.connection.close(now=0)
    scene.expect()
    assert scene.state.value == name


@pytest.mark.parametrize("name", ["SYN-RECEIVED-active", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT"])
@covers("RFC9293-3.10.5-ABORT-*-rst")
def test_abort_sends_a_reset_and_deletes(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    snd_nxt = scene.connection.tcb.snd_nxt - scene.connection.tcb.iss
    scene.connection.abort(now=0)
    scene.expect(Out("R", seq=snd_nxt))
    scene.expect_nothing(during=600 * SECOND)
    assert scene.connection.is_deleted


@covers("RFC9293-3.10.5-ABORT-ESTABLISHED-rst")
def test_the_reset_of_an_abort_lies_at_snd_nxt_and_queued_data_is_never_sent() -> None:
    scene = established(options=(Mss(1000),), window=2000)
    scene.write(5000)
    scene.expect(Out("A", length=1000), Out("A", length=1000))
    scene.connection.abort(now=0)
    scene.expect(Out("R", seq=2001))
    scene.expect_nothing(during=60 * SECOND)


@pytest.mark.parametrize("name", ["SYN-SENT", "CLOSING", "LAST-ACK", "TIME-WAIT"])
@covers("RFC9293-3.10.5-ABORT-SYN-SENT-plain", "RFC9293-3.10.5-ABORT-*-ok")
def test_abort_where_the_peer_needs_no_reset_deletes_in_silence(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    scene.connection.abort(now=0)
    scene.expect_nothing(during=600 * SECOND)
    assert scene.connection.is_deleted


@pytest.mark.parametrize("name", CONSTRUCTORS)
@covers("RFC9293-3.10.6-STATUS-*-state")
def test_status_tells_the_state(name: str) -> None:
    scene = CONSTRUCTORS[name]()
    # Numbers of Linux' enum tcp_state, which tcp_info shows.
    numbers = {
        "ESTABLISHED": 1,
        "SYN-SENT": 2,
        "SYN-RECEIVED-passive": 3,
        "SYN-RECEIVED-active": 3,
        "FIN-WAIT-1": 4,
        "FIN-WAIT-2": 5,
        "TIME-WAIT": 6,
        "CLOSE-WAIT": 8,
        "LAST-ACK": 9,
        "CLOSING": 11,
    }
    assert scene.connection.info(now=scene.now).state == numbers[name]


def test_close_with_unread_octets_resets() -> None:
    # RFC 9293, SHLD-3.
    scene = established()
    scene.arrive("A", data=bytes(100))
    scene.pass_time(SECOND)
    scene.connection.close(now=scene.now)
    scene.expect(Out("R", seq=1))
    assert scene.connection.is_deleted


def test_octets_that_arrive_after_close_are_answered_by_a_reset() -> None:
    # RFC 9293, SHLD-3.
    scene = established()
    scene.connection.close(now=0)
    scene.expect(Out("FA", seq=1))
    scene.arrive("A", ack=2, data=b"late")
    scene.expect(Out("R", seq=2))
    assert scene.connection.is_deleted


def test_a_half_close_goes_on_reading() -> None:
    # RFC 9293, MAY-1: shutdown(WR) keeps reception.
    scene = fin_wait_2()
    scene.arrive("A", data=b"still here")
    assert scene.read() == b"still here"


def test_nothing_is_sent_by_calls_in_a_connection_that_is_over() -> None:
    scene = time_wait()
    scene.connection.abort(now=0)
    scene.connection.close(now=0)
    scene.connection.shutdown_send(now=0)
    scene.connection.settings_changed(now=0)
    assert scene.write(1) == 0
    scene.arrive("A", data=b"x")
    scene.expect_nothing(during=60 * SECOND)


def test_close_in_close_states_after_data_keeps_the_order_of_fin_and_data() -> None:
    scene = fin_wait_1()
    assert scene.connection.tcb.fin_seq == scene.connection.tcb.snd_una
    assert closing().connection.tcb.fin_seq is not None
