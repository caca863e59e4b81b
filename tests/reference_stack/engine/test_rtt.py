"""The retransmission timeout with literal times (RFC 6298)."""

import pytest

from reference_stack.rtt import RttEstimator
from reference_stack.sequence import SequenceSpace

MS = 1_000


def test_before_any_sample_the_timeout_is_one_second() -> None:
    # (2.1)
    assert RttEstimator().rto == 1_000 * MS


def test_the_first_sample_sets_srtt_and_half_of_it_as_variance() -> None:
    # (2.2): 800 + 4 * 400.
    rtt = RttEstimator()
    rtt.sample(800 * MS)
    assert (rtt.srtt, rtt.rttvar, rtt.rto) == (800 * MS, 400 * MS, 2_400 * MS)


def test_later_samples_update_the_variance_before_the_mean() -> None:
    # (2.3): RTTVAR = 3/4*400 + 1/4*|800-400| = 400, SRTT = 7/8*800 + 1/8*400 = 750.
    rtt = RttEstimator()
    rtt.sample(800 * MS)
    rtt.sample(400 * MS)
    assert (rtt.srtt, rtt.rttvar, rtt.rto) == (750 * MS, 400 * MS, 2_350 * MS)


def test_a_short_round_trip_does_not_bring_the_timeout_below_one_second() -> None:
    # (2.4)
    rtt = RttEstimator()
    rtt.sample(10 * MS)
    assert rtt.rto == 1_000 * MS


def test_with_no_variance_the_granularity_counts() -> None:
    # (2.3), section 4: RTO = SRTT + max (G, 4*RTTVAR).
    rtt = RttEstimator(granularity=5 * MS)
    for _ in range(200):
        rtt.sample(2_000 * MS)
    assert rtt.rttvar == 0
    assert rtt.rto == 2_005 * MS


def test_each_timeout_doubles_and_the_maximum_is_kept() -> None:
    # (5.5), (2.5)
    rtt = RttEstimator(maximum=60_000 * MS)
    seen = []
    for _ in range(8):
        seen.append(rtt.rto // MS)
        rtt.on_timeout()
    assert seen == [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]


def test_a_clean_sample_ends_the_backoff() -> None:
    # (5.7), note to (5.5)
    rtt = RttEstimator()
    rtt.on_timeout()
    rtt.on_timeout()
    assert rtt.rto == 4_000 * MS
    rtt.sample(100 * MS)
    assert rtt.rto == 1_000 * MS


def test_many_samples_in_a_round_trip_weigh_less_each() -> None:
    # RFC 7323, 4.2: alpha' = alpha / ExpectedSamples.
    one, many = RttEstimator(), RttEstimator()
    for estimator in (one, many):
        estimator.sample(100 * MS)
    one.sample(900 * MS)
    many.sample(900 * MS, expected_samples=10)
    assert one.srtt == 200 * MS
    assert many.srtt == 110 * MS


def test_the_shortest_round_trip_is_remembered() -> None:
    rtt = RttEstimator()
    for sample in (300, 100, 200):
        rtt.sample(sample * MS)
    assert rtt.min_rtt == 100 * MS


@pytest.mark.parametrize(
    ("reference", "wire", "number"),
    [
        (5, 5, 5),
        (0xFFFF_FFF0, 5, 0x1_0000_0005),
        (0x1_0000_0005, 0xFFFF_FFF0, 0xFFFF_FFF0),
        (0x5_0000_0000, 0, 0x5_0000_0000),
        (0, 0xFFFF_FFFF, -1),
        (0, 0x7FFF_FFFF, 0x7FFF_FFFF),
    ],
)
def test_a_wire_number_becomes_the_nearest_unbounded_one(reference: int, wire: int, number: int) -> None:
    space = SequenceSpace()
    assert space.unwrap(reference, wire) == number
    assert space.wire(number) == wire


def test_timestamps_are_compared_around_the_wrap() -> None:
    # RFC 7323, 5.2.
    space = SequenceSpace()
    assert space.timestamp_before(0xFFFF_FFF0, 5)
    assert not space.timestamp_before(5, 0xFFFF_FFF0)
    assert not space.timestamp_before(7, 7)
