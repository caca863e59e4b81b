"""Sequence numbers (RFC 9293, section 3.4; serial comparison as RFC 1982, section 3.2)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wire.seq import Seq

TOP = 0xFFFF_FFFF
HALF = 0x8000_0000
numbers = st.integers(0, TOP)


def test_a_number_is_taken_modulo_two_to_the_32() -> None:
    assert Seq(1 << 32) == 0
    assert Seq(-1) == TOP


def test_addition_wraps_and_stays_a_sequence_number() -> None:
    assert Seq(TOP) + 1 == 0
    assert isinstance(Seq(TOP) + 1, Seq)
    assert isinstance(1 + Seq(TOP), Seq)
    assert 1 + Seq(TOP) == 0


def test_a_number_less_octets_is_a_sequence_number() -> None:
    assert Seq(0) - 1 == TOP
    assert isinstance(Seq(0) - 1, Seq)


def test_the_difference_of_two_numbers_is_a_signed_plain_integer() -> None:
    assert Seq(5) - Seq(TOP) == 6
    assert Seq(TOP) - Seq(5) == -6
    assert type(Seq(5) - Seq(TOP)) is int
    assert 5 - Seq(TOP) == 6


def test_order_goes_around_the_wrap() -> None:
    assert Seq(TOP) < Seq(0) <= Seq(0) < Seq(1)
    assert Seq(1) > Seq(TOP)
    assert Seq(1) >= Seq(TOP)
    assert not Seq(1) < Seq(TOP)


def test_a_plain_integer_on_the_other_side_counts_modulo_two_to_the_32() -> None:
    assert Seq(TOP) < 0
    assert Seq(TOP) < (1 << 32)
    zero = 0
    assert zero > Seq(TOP)
    assert Seq(0) >= 1 << 32


def test_numbers_half_the_space_apart_both_come_before_the_other() -> None:
    # As in the C idiom (int32_t)(a - b) < 0; RFC 1982, section 3.2, leaves it undefined.
    assert Seq(0) < Seq(HALF)
    assert Seq(HALF) < Seq(0)
    assert Seq(HALF) - Seq(0) == -HALF


def test_equality_and_hash_are_those_of_the_plain_number() -> None:
    assert Seq(7) == 7
    assert {7: "seven"}[Seq(7)] == "seven"
    assert repr(Seq(7)) == "Seq(7)"


@pytest.mark.parametrize(
    ("number", "first", "end", "inside"),
    [
        (0, TOP, 1, True),
        (TOP, TOP, 1, True),
        (1, TOP, 1, False),  # the end is outside
        (5, 5, 5, False),  # an empty interval
        (TOP - 1, TOP, 1, False),
    ],
)
def test_an_interval_may_lie_across_the_wrap(number: int, first: int, end: int, inside: bool) -> None:
    assert Seq(number).is_between(first, end) is inside


@given(numbers, st.integers(-HALF, HALF - 1))
def test_adding_the_difference_leads_to_the_other_number(start: int, octets: int) -> None:
    end = Seq(start) + octets
    assert end - Seq(start) == octets
    assert end - octets == start


@given(numbers, numbers)
def test_of_two_numbers_exactly_one_of_before_equal_and_after_holds(left: int, right: int) -> None:
    assume((left - right) & TOP != HALF)
    assert [Seq(left) < right, Seq(left) == right, Seq(left) > right].count(True) == 1
    assert (Seq(left) <= right) == (not Seq(left) > right)
    assert (Seq(left) < Seq(right)) == (Seq(right) > Seq(left))
