"""Event times: offsets, chains and tolerance (language specification, section 2)."""

import pytest

from packetdrill_compat.ast import (
    Direction,
    Event,
    EventTime,
    Integer,
    PacketEvent,
    SequenceRange,
    SyscallEvent,
    TcpFlags,
    TcpSpec,
    TimeKind,
)
from packetdrill_compat.play.timing import Due, Tolerance, check, excess, goes_backward, receive_timeout, resolve
from wire.tcp import ACK

MS = 1_000
TOLERANCE = Tolerance(4 * MS, 12.5)


def packet(direction: Direction, kind: TimeKind, start: int = 0, end: int | None = None) -> Event:
    body = TcpSpec(TcpFlags(ACK), SequenceRange(1, 1, 0))
    return Event(EventTime(kind, start, end), PacketEvent(direction, body))


def call(kind: TimeKind, start: int, end: int | None = None) -> Event:
    return Event(EventTime(kind, start), SyscallEvent("read", (), Integer(0), end=end))


def test_relative_time_counts_from_the_moment_the_event_is_reached() -> None:
    event = packet(Direction.OUTBOUND, TimeKind.RELATIVE, 10 * MS)
    previous = call(TimeKind.ABSOLUTE, 5 * MS)
    due = resolve(event, previous=previous, previous_due=Due(TimeKind.ABSOLUTE, 5 * MS, 0), now=7 * MS)
    assert due.time == 17 * MS


def test_a_delay_counts_from_the_end_of_the_event_before_as_long_as_it_is_not_over() -> None:
    event = call(TimeKind.RELATIVE, 10 * MS)
    due = resolve(event, previous=event, previous_due=None, now=2 * MS, finished=1 * MS)
    assert due.time == 11 * MS
    # What is over already cannot be kept; then the delay counts from now, as without that knowledge.
    late = resolve(call(TimeKind.RELATIVE, 0), previous=event, previous_due=None, now=2 * MS, finished=1 * MS)
    assert late.time == 2 * MS


@pytest.mark.parametrize(("actual", "beyond"), [(5, -1), (6, 0), (14, 0), (16, 2)])
def test_excess_is_what_the_tolerance_does_not_cover(actual: int, beyond: int) -> None:
    due = Due(TimeKind.RELATIVE, 10 * MS, 0)
    assert excess(due, actual * MS, reference=None, tolerance=TOLERANCE) == beyond * MS


def test_chain_of_inbound_packets_counts_from_the_scheduled_time_of_the_packet_before() -> None:
    event = packet(Direction.INBOUND, TimeKind.RELATIVE, 10 * MS)
    previous = packet(Direction.INBOUND, TimeKind.ABSOLUTE, 5 * MS)
    due = resolve(event, previous=previous, previous_due=Due(TimeKind.ABSOLUTE, 5 * MS, 0), now=7 * MS)
    assert due.time == 15 * MS


def test_absolute_time_has_no_offset() -> None:
    due = resolve(packet(Direction.INBOUND, TimeKind.ABSOLUTE, 5), previous=None, previous_due=None, now=3)
    assert (due.time, due.offset) == (5, 0)


def test_any_time_becomes_the_moment_waiting_began() -> None:
    due = resolve(packet(Direction.OUTBOUND, TimeKind.ANY), previous=None, previous_due=None, now=42)
    assert due.time == 42
    assert check(due, 10**9, reference=0, tolerance=TOLERANCE, what="outbound packet") is None


def test_end_of_a_relative_blocking_call_has_the_same_anchor_as_its_start() -> None:
    due = resolve(call(TimeKind.RELATIVE, 100 * MS, end=300 * MS), previous=None, previous_due=None, now=1000 * MS)
    assert (due.time, due.call_end) == (1100 * MS, 1300 * MS)


def test_end_of_an_absolute_blocking_call_is_absolute() -> None:
    due = resolve(call(TimeKind.ABSOLUTE, 100 * MS, end=300 * MS), previous=None, previous_due=None, now=50 * MS)
    assert due.call_end == 300 * MS


@pytest.mark.parametrize(("actual", "in_time"), [(96, True), (104, True), (95.999, False), (104.001, False)])
def test_fixed_tolerance_is_two_sided_and_inclusive(actual: float, in_time: bool) -> None:
    due = Due(TimeKind.ABSOLUTE, 100 * MS, 0)
    message = check(due, int(actual * MS), reference=90 * MS, tolerance=TOLERANCE, what="outbound packet")
    assert (message is None) is in_time


def test_tolerance_grows_with_the_distance_to_the_previous_event() -> None:
    due = Due(TimeKind.ABSOLUTE, 1000 * MS, 0)
    assert check(due, 1125 * MS, reference=0, tolerance=TOLERANCE, what="outbound packet") is None
    assert check(due, 1125 * MS + 1, reference=0, tolerance=TOLERANCE, what="outbound packet") == (
        "timing error: expected outbound packet at 1.000000 sec but happened at 1.125001 sec; tolerance 0.125000 sec"
    )


def test_relative_range_reports_values_relative_to_its_offset() -> None:
    due = Due(TimeKind.RELATIVE_RANGE, 110 * MS, 120 * MS, offset=100 * MS)
    assert check(due, 130 * MS, reference=100 * MS, tolerance=TOLERANCE, what="outbound packet") == (
        "timing error: expected outbound packet in relative time range +0.010000~+0.020000 sec "
        "but happened at +0.030000 sec"
    )


def test_going_backward_is_noticed_between_absolute_neighbours_only() -> None:
    early, late = packet(Direction.INBOUND, TimeKind.ABSOLUTE, 1), packet(Direction.INBOUND, TimeKind.ABSOLUTE, 2)
    relative = packet(Direction.INBOUND, TimeKind.RELATIVE, 0)
    assert goes_backward(early, late)
    assert not goes_backward(late, early)
    assert not goes_backward(early, relative)
    assert not goes_backward(relative, late)


def test_receive_timeout_is_whole_seconds_two_beyond_the_expected_time() -> None:
    assert receive_timeout(Due(TimeKind.ABSOLUTE, 1_900_000, 0), 1_000_000) == 2_000_000
    assert receive_timeout(Due(TimeKind.RANGE, 1_000_000, 4_200_000), 1_000_000) == 5_000_000
    assert receive_timeout(Due(TimeKind.ANY, 0, 0), 0) is None
