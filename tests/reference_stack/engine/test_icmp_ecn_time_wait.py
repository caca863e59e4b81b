"""ICMP errors, ECN, TIME-WAIT reuse and the limits on answers."""

from errno import ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH

import pytest

from reference_stack.connection import IcmpError
from reference_stack.states import State
from tests.reference_stack.engine.scene import (
    CONSTRUCTORS,
    MASK,
    SECOND,
    Out,
    Scene,
    X,
    Y,
    established,
    make,
    syn_received_passive,
    syn_sent,
)
from wire.options import Mss, Nop, TcpOption, Timestamps
from wire.tcp import SYN, TcpSegment


def icmp(scene: Scene, *, seq: int, errno: int = EHOSTUNREACH, hard: bool = False, mtu: int | None = None) -> None:
    scene.connection.on_icmp_error(IcmpError(errno, hard, mtu, (Y + seq) & MASK), now=scene.now)


# --- ICMP errors (RFC 9293, 3.9.2.2; RFC 5927) ----


def test_a_hard_error_that_quotes_our_syn_ends_the_open() -> None:
    # RFC 9293, SHLD-26; RFC 1122, 3.2.2.1.
    scene = syn_sent()
    icmp(scene, seq=1, errno=ECONNREFUSED, hard=True)
    assert scene.state is State.SYN_SENT
    icmp(scene, seq=0, errno=ECONNREFUSED, hard=True)
    assert scene.connection.error == ECONNREFUSED
    scene.expect_nothing(during=60 * SECOND)


@pytest.mark.parametrize("name", ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1"])
def test_a_soft_error_never_ends_a_connection(name: str) -> None:
    # RFC 9293, MUST-56.
    scene = CONSTRUCTORS[name]()
    if name == "ESTABLISHED":
        scene.write(10)
    una = scene.connection.tcb.snd_una - scene.connection.tcb.iss
    icmp(scene, seq=una, errno=ENETUNREACH)
    assert not scene.connection.is_deleted
    assert scene.connection.soft_error == ENETUNREACH


def test_a_hard_error_in_a_synchronized_state_is_taken_as_soft() -> None:
    # RFC 5927, 5.2.
    scene = established()
    scene.write(10)
    icmp(scene, seq=1, errno=ECONNREFUSED, hard=True)
    assert scene.state is State.ESTABLISHED
    assert scene.connection.soft_error == ECONNREFUSED


def test_an_error_that_quotes_nothing_in_flight_is_ignored() -> None:
    # RFC 5927, 4.1.
    scene = established()
    icmp(scene, seq=1)
    scene.write(10)
    icmp(scene, seq=0)
    icmp(scene, seq=11)
    assert scene.connection.soft_error == 0


def test_packet_too_big_lowers_the_segment_size_and_sends_again_at_once() -> None:
    # RFC 1191, section 3 and 6.4; RFC 5681, 3.1: the flight keeps its number of segments.
    scene = established()
    scene.write(5 * 1460)
    assert len(scene.connection.take_segments()) == 5
    icmp(scene, seq=1, errno=EMSGSIZE, mtu=1000)
    segments = scene.connection.take_segments()
    assert segments
    assert max(len(segment.payload) for segment in segments) == 960
    assert scene.relative(segments[0].seq, Y) == 1
    assert scene.connection.congestion.cwnd_segments == 10
    for _ in range(4):
        icmp(scene, seq=1, errno=EMSGSIZE, mtu=1000)
    scene.expect()


def test_packet_too_big_without_an_mtu_takes_the_next_plateau() -> None:
    # RFC 1191, 7.1.
    scene = established()
    scene.write(1460)
    scene.connection.take_segments()
    icmp(scene, seq=1, errno=EMSGSIZE, mtu=0)
    assert scene.connection.tcb.snd_mss == 1492 - 40


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_packet_too_big_never_raises_the_segment_size(mtu: int) -> None:
    scene = established()
    scene.write(1460)
    scene.connection.take_segments()
    icmp(scene, seq=1, errno=EMSGSIZE, mtu=mtu)
    scene.expect()
    assert scene.connection.tcb.snd_mss == 1460


def test_ipv6_ignores_a_path_mtu_below_1280() -> None:
    # RFC 8201, section 4.
    scene = established(ip_version=6, options=(Mss(1440),))
    scene.write(1440)
    scene.connection.take_segments()
    icmp(scene, seq=1, errno=EMSGSIZE, mtu=1000)
    scene.expect()


def test_after_packets_of_that_size_got_through_the_message_counts_only_with_a_timeout() -> None:
    # RFC 5927, 7.2.
    scene = established()
    scene.write(1460)
    scene.arrive("A", ack=1461)
    scene.write(1460)
    scene.connection.take_segments()
    icmp(scene, seq=1461, errno=EMSGSIZE, mtu=576)
    scene.expect()
    scene.wait_for_segments(within=3 * SECOND)
    assert len(scene.connection.take_segments()[0].payload) == 536


# --- ECN (RFC 3168) ----


def test_an_ecn_setup_syn_is_answered_by_ece_alone() -> None:
    # RFC 3168, 6.1.1.
    scene = syn_received_passive(flags="SEW")
    assert scene.connection.tcb.has_ecn


def test_ecn_is_asked_for_when_set_and_not_on_a_repeated_syn() -> None:
    # RFC 3168, 6.1.1 and 6.1.1.1.
    scene = make(ecn=1)
    scene.connection.connect(now=0)
    scene.expect(Out("SEW", seq=0))
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("S", seq=0))


def test_an_ecn_setup_answer_to_our_question_switches_ecn_on() -> None:
    for answer, expected in (("SEA", True), ("SA", False), ("SEWA", False)):
        scene = make(ecn=1)
        scene.connection.connect(now=0)
        scene.arrive(answer, seq=0)
        assert scene.connection.tcb.has_ecn is expected


def test_with_ecn_off_an_ecn_setup_syn_gets_a_plain_answer() -> None:
    scene = make(ecn=0)
    scene.connection.accept_syn(scene.segment("SEW", seq=0), now=0)
    scene.expect(Out("SA", seq=0))


def test_data_is_ect_0_and_pure_acks_and_retransmissions_are_not() -> None:
    # RFC 3168, 6.1.2, 6.1.4, 6.1.5.
    scene = syn_received_passive(flags="SEW")
    scene.arrive("A")
    scene.write(10)
    assert [each.ecn for each in scene.connection.take_outgoing()] == [2]
    scene.wait_for_segments(within=3 * SECOND)
    assert [each.ecn for each in scene.connection.take_outgoing()] == [0]
    scene.arrive("A", seq=0, data=b"x")
    assert [each.ecn for each in scene.connection.take_outgoing()] == [0]


def test_a_mark_is_echoed_until_cwr_comes() -> None:
    # RFC 3168, 6.1.3.
    scene = syn_received_passive(flags="SEW")
    scene.arrive("A")
    scene.arrive("A", data=bytes(1460), ecn=3)
    scene.arrive("A", seq=1461, data=bytes(1460))
    scene.expect(Out("EA", ack=2921))
    scene.arrive("A", seq=2921, data=bytes(1460))
    scene.arrive("A", seq=4381, data=bytes(1460))
    scene.expect(Out("EA", ack=5841))
    scene.arrive("WA", seq=5841, data=bytes(1460))
    scene.arrive("A", seq=7301, data=bytes(1460))
    scene.expect(Out("A", ack=8761))


def test_an_echo_halves_the_window_once_and_cwr_goes_with_new_data() -> None:
    # RFC 3168, 6.1.2.
    scene = syn_received_passive(flags="SEW", options=(Mss(1000),))
    scene.arrive("A")
    scene.write(10_000)
    scene.connection.take_segments()
    scene.arrive("EA", ack=1001)
    assert scene.connection.congestion.cwnd <= 5000
    cwnd = scene.connection.congestion.cwnd
    for acked in range(2001, 10_002, 1000):
        scene.arrive("EA", ack=acked)
    assert scene.connection.congestion.cwnd <= cwnd
    scene.connection.take_segments()
    scene.write(100)
    scene.expect(Out("WA", length=100))
    scene.arrive("A", ack=10_101)
    scene.write(100)
    scene.expect(Out("A", length=100))


# --- limits on answers (RFC 5961, section 7; RFC 1337) ----


def test_challenge_acks_are_limited_and_come_back_later() -> None:
    scene = established()
    count = 0
    for _ in range(1000):
        scene.arrive("R", seq=2)
        count += len(scene.connection.take_segments())
    assert count == 10
    scene.pass_time(6 * SECOND)
    scene.arrive("R", seq=2)
    scene.expect(Out("A", seq=1, ack=1))


def test_acknowledgments_of_what_was_never_sent_are_answered_a_limited_number_of_times() -> None:
    # RFC 1337, hazard H2.
    scene = established()
    count = 0
    for _ in range(1000):
        scene.arrive("A", ack=100)
        count += len(scene.connection.take_segments())
    assert count == 10


# --- TIME-WAIT reuse (RFC 6191) ----


def waiting(*, timestamps: bool) -> Scene:
    """TIME-WAIT; the peer's FIN was at X+1, its last TSval 1000."""
    options: tuple[TcpOption, ...] = (Mss(1460), Timestamps(1000, 0)) if timestamps else (Mss(1460),)
    scene = syn_received_passive(options=options)
    scene.options = (Nop(), Nop(), Timestamps(1000, 0)) if timestamps else ()
    scene.arrive("A")
    scene.connection.shutdown_send(now=0)
    scene.arrive("A", ack=2)
    scene.arrive("FA", ack=2)
    scene.connection.take_segments()
    assert scene.state is State.TIME_WAIT
    return scene


def new_syn(seq: int, val: int | None) -> TcpSegment:
    options: tuple[TcpOption, ...] = () if val is None else (Timestamps(val, 0),)
    return TcpSegment(40000, 8080, (X + seq) & MASK, 0, SYN, 65535, 0, options)


@pytest.mark.parametrize(
    ("old", "seq", "val", "accepted"),
    [
        (True, -5000, 1001, True),
        (True, 12, 1000, True),
        (True, 0, 1000, False),
        (True, 100, None, True),
        (True, -100, None, False),
        (True, 100_000, 999, False),
        (False, -100, 5, True),
        (False, 100, None, True),
        (False, 1, None, False),
        (False, 2, None, True),
    ],
)
def test_a_syn_reopens_by_the_rules_of_rfc_6191(old: bool, seq: int, val: int | None, accepted: bool) -> None:
    scene = waiting(timestamps=old)
    assert scene.connection.may_reopen(new_syn(seq, val), now=scene.now) is accepted
    scene.arrive("FA", seq=1, ack=2)
    scene.expect(Out("A", seq=2, ack=2))


def test_the_successor_begins_above_all_that_was_sent() -> None:
    # RFC 9293, MAY-2.
    scene = waiting(timestamps=False)
    assert 0 < scene.relative(scene.connection.successor_isn, Y) - 2 < 1 << 31


def test_only_a_plain_syn_in_time_wait_reopens() -> None:
    scene = waiting(timestamps=False)
    assert not scene.connection.may_reopen(new_syn(100, None)._replace(flags=SYN | 0x10), now=0)
    assert not established().connection.may_reopen(new_syn(100, None), now=0)


def test_rfc_1337_keeps_a_reset_from_ending_time_wait() -> None:
    scene = CONSTRUCTORS["TIME-WAIT"](rfc1337=True)
    scene.arrive("R", seq=2)
    assert scene.state is State.TIME_WAIT
