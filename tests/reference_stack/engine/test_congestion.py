"""Windows with literal numbers, without a connection (RFC 5681, RFC 6928, RFC 3390)."""

import pytest

from reference_stack.congestion.base import INFINITE, registry
from reference_stack.congestion.reno import Reno, initial_window_rfc3390, initial_window_rfc6928


@pytest.mark.parametrize(("smss", "octets"), [(536, 2144), (1095, 4380), (1096, 3288), (1460, 4380), (4000, 8000)])
def test_the_initial_window_of_rfc_3390(smss: int, octets: int) -> None:
    assert initial_window_rfc3390(smss) == octets


@pytest.mark.parametrize(("smss", "octets"), [(536, 5360), (1460, 14600), (4000, 14600), (9000, 18000)])
def test_the_initial_window_of_rfc_6928(smss: int, octets: int) -> None:
    # min (10*MSS, max (2*MSS, 14600))
    assert initial_window_rfc6928(smss) == octets


def reno(cwnd: int = 10_000) -> Reno:
    return Reno(quantum=1000, initial_window=cwnd)


def test_the_threshold_begins_arbitrarily_high() -> None:
    assert reno().ssthresh == INFINITE


def test_slow_start_adds_what_was_acknowledged_but_no_more_than_a_segment() -> None:
    # RFC 5681, 3.1, equation (2).
    control = reno()
    control.on_ack(1000, flight=10_000, now=0)
    assert control.cwnd == 11_000
    control.on_ack(100, flight=11_000, now=0)
    assert control.cwnd == 11_100
    control.on_ack(5000, flight=11_000, now=0)
    assert control.cwnd == 12_100


def test_congestion_avoidance_adds_a_segment_for_each_window() -> None:
    control = reno()
    control.ssthresh = 10_000
    for _ in range(9):
        control.on_ack(1000, flight=10_000, now=0)
    assert control.cwnd == 10_000
    control.on_ack(1000, flight=10_000, now=0)
    assert control.cwnd == 11_000


def test_ack_division_gains_nothing() -> None:
    control = reno()
    control.ssthresh = 10_000
    for _ in range(100):
        control.on_ack(100, flight=10_000, now=0)
    assert control.cwnd == 11_000


def test_a_window_that_is_not_used_does_not_grow() -> None:
    control = reno()
    control.on_ack(1000, flight=2000, now=0)
    assert control.cwnd == 10_000


def test_a_loss_halves_the_flight_but_leaves_two_segments() -> None:
    # Equation (4).
    control = reno()
    control.on_congestion(flight=20_000, now=0)
    assert control.ssthresh == 10_000
    control.on_congestion(flight=3000, now=0)
    assert control.ssthresh == 2000


def test_a_timeout_leaves_one_segment_and_lowers_the_threshold_once() -> None:
    control = reno(20_000)
    control.on_timeout(flight=20_000, is_first=True, now=0)
    assert (control.cwnd, control.ssthresh) == (1000, 10_000)
    control.on_timeout(flight=1000, is_first=False, now=0)
    assert (control.cwnd, control.ssthresh) == (1000, 10_000)


def test_after_idleness_the_window_is_no_larger_than_the_initial_one() -> None:
    # RFC 5681, 4.1.
    control = reno()
    control.cwnd = 40_000
    control.on_idle(idle=2, rto=1, now=0)
    assert control.cwnd == 10_000
    control.cwnd = 3000
    control.on_idle(idle=2, rto=1, now=0)
    assert control.cwnd == 3000


def test_after_a_loss_in_the_initial_window_the_restart_window_is_that_of_rfc_3390() -> None:
    # RFC 6928, section 2.
    control = reno()
    control.on_congestion(flight=10_000, now=0)
    control.cwnd = 40_000
    control.on_idle(idle=2, rto=1, now=0)
    assert control.cwnd == 4000


def test_a_smaller_segment_size_keeps_the_number_of_segments() -> None:
    # RFC 5681, 3.1.
    control = reno()
    control.on_quantum_change(500)
    assert (control.cwnd, control.cwnd_segments) == (5000, 10)


def test_an_unknown_control_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no congestion control 'vegas'; known are .*reno"):
        registry.create("vegas", quantum=1000, initial_window=1000)
