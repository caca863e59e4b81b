"""Resets, ACKs of unsent data and TIME-WAIT in the personality ``linux``, as measured on 6.18.44."""

from errno import ECONNRESET, EPIPE

import pytest

from reference_stack.states import State
from tests.reference_stack.engine.scene import (
    CONSTRUCTORS,
    MS,
    SECOND,
    Out,
    Scene,
    established,
    syn_received_active,
    time_wait,
)
from wire.options import Mss, Nop, SackPermitted

FIN_TAKEN = ["CLOSE-WAIT", "LAST-ACK", "CLOSING"]


def waiting() -> Scene:
    """A connection in TIME-WAIT."""
    return time_wait(name="linux")


# --- resets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", FIN_TAKEN)
def test_once_a_fin_is_taken_a_reset_may_forget_to_count_it(state: str) -> None:
    scene = CONSTRUCTORS[state](name="linux")
    scene.arrive("R", seq=scene.peer_seq - 1)
    scene.expect()
    assert scene.connection.is_deleted


@pytest.mark.parametrize("state", ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"])
def test_before_the_fin_a_reset_left_of_the_window_is_ignored(state: str) -> None:
    scene = CONSTRUCTORS[state](name="linux")
    scene.arrive("R", seq=scene.peer_seq - 1)
    scene.expect_nothing(during=100 * MS)
    assert scene.state is State(state)
    scene.assert_alive()


def test_a_reset_right_of_what_was_sacked_is_taken() -> None:
    scene = established(name="linux", options=(Mss(1460), Nop(), Nop(), SackPermitted()))
    scene.arrive("A", seq=1001, data=bytes(1000))
    scene.expect(Out("A", ack=1))
    scene.arrive("R", seq=2001)
    assert scene.connection.is_deleted
    assert scene.connection.error == ECONNRESET


def test_a_reset_elsewhere_in_the_window_draws_one_challenge_ack_in_half_a_second() -> None:
    scene = established(name="linux")
    for _ in range(3):
        scene.arrive("R", seq=100)
    scene.expect(Out("A", seq=1, ack=1))
    scene.now += 500 * MS
    scene.arrive("R", seq=100)
    scene.expect(Out("A", seq=1, ack=1))
    scene.assert_alive()


@pytest.mark.parametrize(("state", "error"), [("ESTABLISHED", ECONNRESET), ("CLOSE-WAIT", EPIPE)])
def test_octets_that_came_before_a_reset_can_be_read(state: str, error: int) -> None:
    scene = established(name="linux")
    scene.arrive("PA", data=b"before")
    scene.peer_seq += 6
    if state == "CLOSE-WAIT":
        scene.arrive("FA")
        scene.peer_seq += 1
    scene.arrive("R")
    assert scene.connection.error == error
    assert scene.read() == b"before"


def test_a_reset_after_a_simultaneous_open_is_no_refusal() -> None:
    scene = syn_received_active(name="linux")
    scene.arrive("R")
    assert scene.connection.error == ECONNRESET


def test_an_ack_of_unsent_data_draws_a_challenge_ack_and_its_text_is_dropped() -> None:
    scene = established(name="linux")
    scene.arrive("PA", ack=100, data=b"late")
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.connection.receive_available == 0
    scene.assert_alive()


# --- TIME-WAIT -------------------------------------------------------------------------------------------------------


def test_time_wait_answers_the_fin_each_time() -> None:
    # A FIN is no part of an ACK loop: no limit holds for it.
    scene = waiting()
    for _ in range(3):
        scene.now += 10 * MS
        scene.arrive("FA", seq=1)
        scene.expect(Out("A", seq=2, ack=2))


@pytest.mark.parametrize("seq", [2, 20_002])
def test_time_wait_answers_text_by_an_ack(seq: int) -> None:
    scene = waiting()
    scene.arrive("PA", seq=seq, data=bytes(100))
    scene.expect(Out("A", seq=2, ack=2))
    assert scene.state is State.TIME_WAIT


def test_time_wait_is_silent_about_a_bare_ack_and_begins_anew() -> None:
    scene = waiting()
    scene.expect_nothing(during=40 * SECOND)
    scene.arrive("A")
    scene.expect_nothing(during=59 * SECOND)
    assert scene.state is State.TIME_WAIT
    scene.expect_nothing(during=1 * SECOND)
    assert scene.connection.is_deleted


def test_time_wait_answers_old_bare_acks_once_in_half_a_second() -> None:
    scene = waiting()
    scene.arrive("A", seq=1)
    scene.expect(Out("A", seq=2, ack=2))
    scene.now += 10 * MS
    scene.arrive("A", seq=1)
    scene.expect_nothing()


@pytest.mark.parametrize("seq", [1, 3])
def test_time_wait_ignores_a_reset_that_is_not_exact(seq: int) -> None:
    scene = waiting()
    scene.arrive("R", seq=seq)
    scene.expect_nothing()
    assert scene.state is State.TIME_WAIT


def test_time_wait_is_ended_by_an_exact_reset_unless_rfc1337_is_set() -> None:
    scene = waiting()
    scene.arrive("R")
    assert scene.connection.is_deleted
    scene = time_wait(name="linux", rfc1337=True)
    scene.arrive("R")
    scene.expect_nothing()
    assert scene.state is State.TIME_WAIT


# --- timeouts and counts ---------------------------------------------------------------------------------------------


def test_the_timeout_is_a_whole_number_of_ticks() -> None:
    # Measured: tcpi_rto 212000 after a round trip of 10 ms.
    scene = established(name="linux")
    scene.write(100)
    scene.connection.take_segments()
    scene.now += 10 * MS
    scene.peer_ack = 101
    scene.arrive("A")
    assert scene.connection.info(now=scene.now).rto % 4000 == 0


def test_an_answer_to_a_probe_sets_the_count_back_but_not_the_distance() -> None:
    # Measured: tcpi_probes 1, 1, 2 and tcpi_backoff 1, 2, 3 when only the first probe is answered.
    scene = established(name="linux", window=0)
    scene.write(500)
    seen = []
    for number in range(3):
        scene.wait_for_segments(within=10 * SECOND)
        scene.expect(Out("A", seq=0, ack=1))
        info = scene.connection.info(now=scene.now)
        seen.append((info.probes, info.backoff))
        if number == 0:
            scene.arrive("A")
            scene.expect()
    assert seen == [(1, 1), (1, 2), (2, 3)]
