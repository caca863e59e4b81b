"""Timers of RFC 9293, 3.8 and 3.10.8: retransmission, user timeout, window probes, keep-alive, delayed ACK."""

from errno import EHOSTUNREACH, ETIMEDOUT

import pytest

from reference_stack.connection import IcmpError
from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import (
    CONSTRUCTORS,
    MS,
    SECOND,
    Out,
    Scene,
    close_wait,
    established,
    fin_wait_2,
    syn_received_passive,
    time_wait,
)
from wire.options import Mss

OUTSTANDING = ("SYN-SENT", "SYN-RECEIVED-active", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "CLOSING", "LAST-ACK")


def with_something_outstanding(name: str, **settings: object) -> Scene:
    """A scene in which something waits for an acknowledgment."""
    scene = CONSTRUCTORS[name](**settings)
    if name in ("ESTABLISHED", "CLOSE-WAIT"):
        scene.write(100)
        scene.connection.take_segments()
    return scene


@pytest.mark.parametrize("name", [*OUTSTANDING, "SYN-RECEIVED-passive"])
@covers("RFC9293-3.10.8-RETX-TIMEOUT-*-expire")
def test_what_is_outstanding_is_sent_again_at_doubling_intervals(name: str) -> None:
    scene = with_something_outstanding(name)
    una = scene.connection.tcb.snd_una - scene.connection.tcb.iss
    waits = []
    for _ in range(4):
        waits.append(scene.wait_for_segments(within=20 * SECOND))
        (segment,) = scene.connection.take_segments()
        assert scene.relative(segment.seq, 0xFFFF_FF00) == una
    # RFC 6298 (5.5).
    assert waits == [waits[0], 2 * waits[0], 4 * waits[0], 8 * waits[0]]


@pytest.mark.parametrize("name", ["FIN-WAIT-2", "TIME-WAIT", "ESTABLISHED"])
@covers("RFC9293-3.10.8-RETX-TIMEOUT-*-quiet")
def test_with_nothing_outstanding_nothing_is_sent(name: str) -> None:
    CONSTRUCTORS[name]().expect_nothing(during=30 * SECOND)


@pytest.mark.parametrize("name", OUTSTANDING)
@covers("RFC9293-3.10.8-USER-TIMEOUT-*-expire")
def test_the_user_timeout_ends_the_connection_with_an_error(name: str) -> None:
    scene = with_something_outstanding(name, user_timeout_us=5 * SECOND)
    scene.pass_time(4 * SECOND)
    assert not scene.connection.is_deleted
    scene.pass_time(2 * SECOND)
    assert scene.connection.is_deleted
    assert scene.connection.error == ETIMEDOUT
    scene.expect_nothing(during=60 * SECOND)


def test_a_half_open_passive_connection_times_out_in_silence() -> None:
    scene = syn_received_passive(user_timeout_us=5 * SECOND)
    scene.pass_time(6 * SECOND)
    assert scene.connection.is_deleted
    assert scene.connection.error == 0


@covers("RFC9293-3.10.8-USER-TIMEOUT-FIN-WAIT-2-idle", "RFC9293-3.10.8-USER-TIMEOUT-TIME-WAIT-none")
def test_with_nothing_outstanding_the_user_timeout_does_nothing() -> None:
    scene = fin_wait_2(user_timeout_us=5 * SECOND)
    scene.expect_nothing(during=600 * SECOND)
    scene.arrive("FA")
    scene.expect(Out("A", seq=2, ack=2))
    scene = time_wait(user_timeout_us=5 * SECOND)
    scene.expect_nothing(during=10 * SECOND)
    scene.arrive("FA", seq=1)
    scene.expect(Out("A", seq=2, ack=2))


def test_by_default_data_is_given_up_after_at_least_100_seconds() -> None:
    # RFC 9293, SHLD-11.
    scene = with_something_outstanding("ESTABLISHED")
    scene.pass_time(100 * SECOND)
    assert not scene.connection.is_deleted
    assert scene.connection.is_delivery_in_trouble
    scene.pass_time(500 * SECOND)
    assert scene.connection.error == ETIMEDOUT


def test_a_soft_icmp_error_explains_the_timeout() -> None:
    # RFC 1122, 4.2.3.5; RFC 9293, MUST-56.
    scene = with_something_outstanding("ESTABLISHED", user_timeout_us=5 * SECOND)
    quoted = scene.connection.tcb.snd_una & 0xFFFF_FFFF
    scene.connection.on_icmp_error(IcmpError(EHOSTUNREACH, False, None, quoted), now=scene.now)
    assert scene.connection.error == 0
    assert scene.connection.soft_error == EHOSTUNREACH
    scene.pass_time(6 * SECOND)
    assert scene.connection.error == EHOSTUNREACH


# --- window probes (3.8.6.1) ----


def test_a_closed_window_is_probed_after_one_rto_and_then_at_doubling_intervals() -> None:
    # RFC 9293, MUST-36, SHLD-29, SHLD-30; MUST-37: as long as the peer answers.
    scene = established(window=0)
    scene.write(5000)
    scene.expect()
    waits = []
    for _ in range(6):
        waits.append(scene.wait_for_segments(within=100 * SECOND))
        scene.expect(Out("A", seq=1, ack=1, length=1))
        scene.arrive("A", ack=1, window=0)
    assert waits == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND, 32 * SECOND]
    for _ in range(60):
        scene.wait_for_segments(within=100 * SECOND)
        scene.expect(Out("A", seq=1, ack=1, length=1))
        scene.arrive("A", ack=1, window=0)
    assert scene.state is State.ESTABLISHED
    scene.arrive("A", ack=1, window=65535)
    scene.expect(
        Out("A", seq=1, length=1460),
        Out("A", seq=1461, length=1460),
        Out("A", seq=2921, length=1460),
    )
    scene.arrive("A", ack=4381, window=65535)
    scene.expect(Out("PA", seq=4381, length=620))


def test_a_probe_that_is_accepted_counts() -> None:
    scene = established(window=0)
    scene.write(5000)
    scene.wait_for_segments(within=2 * SECOND)
    scene.expect(Out("A", seq=1, length=1))
    scene.arrive("A", ack=2, window=0)
    scene.expect()
    scene.wait_for_segments(within=10 * SECOND)
    scene.expect(Out("A", seq=2, length=1))
    scene.arrive("A", ack=3, window=2000)
    scene.expect(Out("A", seq=3, length=1460))


def test_unanswered_probes_end_the_connection() -> None:
    scene = established(window=0, user_timeout_us=20 * SECOND)
    scene.write(10)
    scene.pass_time(60 * SECOND)
    assert scene.connection.error == ETIMEDOUT


def test_a_fin_alone_is_sent_as_the_probe_of_a_closed_window() -> None:
    scene = established(window=0)
    scene.connection.shutdown_send(now=0)
    scene.wait_for_segments(within=2 * SECOND)
    scene.expect(Out("FA", seq=1))
    scene.arrive("A", ack=2, window=0)
    assert scene.state is State.FIN_WAIT_2


def test_a_window_taken_back_below_what_is_in_flight_is_survived() -> None:
    # RFC 9293, MUST-34, SHLD-15, SHLD-16.
    scene = established(options=(Mss(1000),), window=10_000)
    scene.write(20_000)
    assert len(scene.connection.take_segments()) == 10
    scene.arrive("A", ack=1, window=1000)
    scene.expect()
    scene.wait_for_segments(within=2 * SECOND)
    scene.expect(Out("A", seq=1, length=1000))
    scene.arrive("A", ack=10_001, window=10_000)
    assert sum(len(segment.payload) for segment in scene.connection.take_segments()) >= 1000


def test_a_window_taken_back_to_zero_is_probed_without_giving_up_while_the_peer_answers() -> None:
    # RFC 9293, MUST-35, SHLD-17.
    scene = established(options=(Mss(1000),), window=3000)
    scene.write(5000)
    scene.connection.take_segments()
    scene.arrive("A", ack=1, window=0)
    for _ in range(30):
        scene.wait_for_segments(within=100 * SECOND)
        for segment in scene.connection.take_segments():
            assert scene.relative(segment.seq, 0xFFFF_FF00) == 1
        scene.arrive("A", ack=1, window=0)
    assert scene.state is State.ESTABLISHED
    scene.arrive("A", ack=1, window=65535)
    scene.wait_for_segments(within=100 * SECOND)


def test_a_window_too_small_to_bother_is_used_after_the_override_timeout() -> None:
    # RFC 9293, 3.8.6.2.1; RFC 1122, 4.2.3.4: 0.1 to 1.0 s.
    scene = established(options=(Mss(1460),), window=20_000)
    scene.write(20_000)
    scene.connection.take_segments()
    scene.write(5000)
    acked = scene.connection.tcb.snd_nxt - scene.connection.tcb.iss
    scene.arrive("A", ack=acked, window=100)
    scene.expect()
    assert 100 * MS <= scene.wait_for_segments(within=SECOND) <= SECOND
    scene.expect(Out("A", seq=acked, length=100))


# --- keep-alive (3.8.4) ----


def test_keepalive_is_off_by_default() -> None:
    # RFC 9293, MUST-25.
    established().expect_nothing(during=8000 * SECOND)


def test_the_default_keepalive_time_is_two_hours() -> None:
    # RFC 9293, MUST-28, SHLD-12.
    scene = established(keepalive=True)
    assert scene.wait_for_segments(within=7300 * SECOND) == 7200 * SECOND
    scene.expect(Out("A", seq=0, ack=1))


def test_keepalive_waits_for_a_whole_idle_interval_and_for_empty_queues() -> None:
    # RFC 9293, MUST-26.
    scene = established(keepalive=True, keepidle_us=10 * SECOND)
    scene.pass_time(8 * SECOND)
    scene.arrive("A", data=b"x")
    scene.pass_time(SECOND)
    assert scene.wait_for_segments(within=20 * SECOND) >= 9 * SECOND
    scene.expect(Out("A", seq=0, ack=2))


def test_one_unanswered_probe_is_no_proof_and_an_answer_starts_anew() -> None:
    # RFC 9293, MUST-29.
    scene = established(keepalive=True, keepidle_us=5 * SECOND, keepintvl_us=SECOND, keepcnt=3)
    scene.pass_time(7 * SECOND + 500 * MS)
    scene.arrive("A")
    scene.expect_nothing(during=4 * SECOND)
    assert scene.state is State.ESTABLISHED


def test_too_many_unanswered_probes_end_the_connection() -> None:
    scene = established(keepalive=True, keepidle_us=5 * SECOND, keepintvl_us=SECOND, keepcnt=3)
    sent = scene.pass_time(20 * SECOND)
    assert [time for time, _ in sent] == [5 * SECOND, 6 * SECOND, 7 * SECOND]
    assert scene.connection.error == ETIMEDOUT


def test_keepalive_can_be_switched_on_and_off_later() -> None:
    # RFC 9293, MUST-24.
    scene = established(keepidle_us=5 * SECOND, keepintvl_us=SECOND)
    scene.connection.settings.keepalive = True
    scene.connection.settings_changed(now=scene.now)
    scene.wait_for_segments(within=6 * SECOND)
    scene.expect(Out("A", seq=0))
    scene.connection.settings.keepalive = False
    scene.connection.settings_changed(now=scene.now)
    scene.expect_nothing(during=60 * SECOND)


# --- delayed ACK (3.8.6.3) ----


def test_a_single_segment_is_acknowledged_between_1_and_500_ms_later() -> None:
    # RFC 9293, SHLD-18, MUST-40.
    scene = established()
    scene.arrive("A", data=bytes(10))
    scene.expect()
    assert MS < scene.wait_for_segments(within=SECOND) < 500 * MS
    scene.expect(Out("A", ack=11))


def test_every_second_full_segment_is_acknowledged_at_once() -> None:
    # RFC 9293, SHLD-19; RFC 5681, 4.2.
    scene = established()
    for index in range(10):
        scene.arrive("A", seq=1 + 1460 * index, data=bytes(1460))
        if index % 2:
            scene.expect(Out("A", ack=1 + 1460 * (index + 1)))
        else:
            scene.expect()


def test_the_ack_rides_on_data_that_is_sent_meanwhile() -> None:
    scene = established()
    scene.arrive("A", data=bytes(100))
    scene.write(50)
    scene.expect(Out("A", seq=1, ack=101, length=50))
    scene.arrive("A", seq=101, ack=51)
    scene.expect_nothing(during=10 * SECOND)


def test_an_orphan_in_fin_wait_2_is_given_up_when_the_settings_say_so() -> None:
    scene = established(fin_timeout_us=60 * SECOND)
    scene.connection.close(now=0)
    scene.connection.take_segments()
    scene.arrive("A", ack=2)
    assert scene.state is State.FIN_WAIT_2
    scene.expect_nothing(during=59 * SECOND)
    assert not scene.connection.is_deleted
    scene.expect_nothing(during=2 * SECOND)
    assert scene.connection.is_deleted


def test_in_close_wait_a_lost_segment_is_repaired() -> None:
    scene = close_wait()
    scene.write(10)
    scene.connection.take_segments()
    scene.wait_for_segments(within=2 * SECOND)
    scene.expect(Out("A", seq=1, ack=2, length=10))
