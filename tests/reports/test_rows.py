from dataclasses import replace

import pytest
from hypothesis import given

from packetdrill_compat.outcome import Difference, Failure, FailureKind
from reports.rows import Mark, Place, Row, rows_of
from targets.trace import CallFinished, Departed, ShellRan, Trace
from tests.reports.samples import FAILURE, NETWORK, ORIGIN, failing_trace, from_peer, from_stack, passing_trace
from tests.reports.strategies import FAILURES, TRACES
from wire.tcp import ACK, RST, SYN


def marked(rows: list[Row]) -> list[tuple[Mark, Place, str]]:
    return [(row.mark, row.place, row.text) for row in rows if row.mark is not Mark.NONE]


def missing(want: str) -> Failure:
    return Failure(FailureKind.MISSING, "a.pkt", 4, 1, "Timed out waiting for packet", want=want)


def test_times_count_from_the_start_of_the_script() -> None:
    assert [row.time for row in rows_of(passing_trace())][:2] == [0, 40]


def test_packets_have_relative_numbers_although_the_wire_has_others() -> None:
    texts = [row.text for row in rows_of(passing_trace()) if row.place in (Place.TO_STACK, Place.FROM_STACK)]
    assert texts[0] == "S 0:0(0) win 65535 <mss 1000>"
    assert texts[2:] == [
        ". 1:1(0) ack 1 win 257",
        "P. 1:201(200) ack 1 win 65535",
        ". 1:1(0) ack 201 win 65535",
        "F. 201:201(0) ack 1 win 65535",
        ". 1:1(0) ack 202 win 65535",
    ]


def test_frames_are_numbered_as_in_a_capture() -> None:
    assert [row.frame for row in rows_of(passing_trace()) if row.frame is not None] == [1, 2, 3, 4, 5, 6, 7]


def test_a_call_that_returns_at_once_is_one_row() -> None:
    rows = rows_of(passing_trace())
    assert rows[0].text == "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3"
    assert (rows[0].opens, rows[0].closes) == (True, True)


def test_a_blocking_call_is_two_rows_around_what_happened_meanwhile() -> None:
    rows = [row for row in rows_of(passing_trace()) if row.call_id == 4]
    assert [(row.text, row.opens, row.closes) for row in rows] == [
        ("accept(3)", True, False),
        ("accept(3) = 4", False, True),
    ]


def test_a_command_shows_how_it_failed() -> None:
    trace = Trace(
        "reference", NETWORK, [ShellRan(0, "true", 0), ShellRan(1, "false", 1), ShellRan(2, "\nx\n y", None, 9)]
    )
    assert [row.text for row in rows_of(trace)] == ["$ true", "$ false  → status 1", "$ x ⏎ y  → signal 9"]


def test_the_wrong_packet_is_marked_with_what_was_wanted_before_it_and_the_differing_fields_behind() -> None:
    assert marked(rows_of(failing_trace(), FAILURE)) == [
        (Mark.WANT, Place.FROM_STACK, "P. 1:1001(1000) ack 1"),
        (Mark.GOT, Place.FROM_STACK, ". 1:1001(1000) ack 1 win 65535"),
        (Mark.DIFFERS, Place.NOTE, "tcp_psh: want 1, got 0"),
    ]


def test_the_packet_that_the_failure_quotes_is_marked_when_others_follow() -> None:
    trace = failing_trace()
    trace.events.append(Departed(ORIGIN + 400_000, from_stack(ACK, 1001, 1, payload=bytes(10))))
    got = [row.text for row in rows_of(trace, FAILURE) if row.mark is Mark.GOT]
    assert got == [". 1:1001(1000) ack 1 win 65535"]


def test_packets_that_were_taken_together_are_all_marked() -> None:
    # The interpreter lists the frames that it put together to one packet (language specification, 4.7 step 1).
    trace = passing_trace()
    time = ORIGIN + 3_000_000
    trace.events += [Departed(time, from_stack(ACK, 1, 202, payload=bytes(10)))] * 2
    got = "#0 at 3.000000 . 1:11(10) ack 202 win 65535\n#1 at 3.000000 . 1:11(10) ack 202 win 65535"
    failure = Failure(FailureKind.PACKET, "a.pkt", 4, 1, "tcp_seq", want=". 1:21(20) ack 202", got=got)
    assert [mark for mark, _, _ in marked(rows_of(trace, failure))] == [Mark.WANT, Mark.GOT, Mark.GOT]


def test_a_missing_packet_ends_the_diagram_with_what_was_wanted() -> None:
    rows = rows_of(passing_trace(), missing("R. 1:1(0) ack 1"))
    assert marked(rows) == [(Mark.WANT, Place.FROM_STACK, "R. 1:1(0) ack 1"), (Mark.GOT, Place.NOTE, "nothing")]
    assert rows[-1].mark is Mark.GOT
    assert rows[-2].line == 4


def test_a_wrong_call_result_marks_the_call_and_shows_the_line_of_the_script() -> None:
    failure = Failure(
        FailureKind.SYSCALL,
        "a.pkt",
        12,
        1,
        "runtime error in read call: Expected result 100 but got 200",
        want="= 100",
        got="= 200",
        differences=(Difference("result", "100", "200"),),
        source_line="   +0 read(4, ..., 1000) = 100",
    )
    assert marked(rows_of(passing_trace(), failure)) == [
        (Mark.WANT, Place.CALL, "+0 read(4, ..., 1000) = 100"),
        (Mark.GOT, Place.CALL, "read(4, …, 1000) = 200"),
        (Mark.DIFFERS, Place.NOTE, "result: want 100, got 200"),
    ]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("+0.2 > . 1:1(0) ack 1", Place.FROM_STACK),
        ("+0.2 < . 1:1(0) ack 1 win 5", Place.TO_STACK),
        ("+0.2 read(4, ..., 1000) = 200", Place.CALL),
        ("> . 1:1(0) ack 1", Place.FROM_STACK),
    ],
)
def test_a_wrong_time_shows_the_line_where_its_event_belongs(line: str, place: Place) -> None:
    failure = Failure(FailureKind.TIMING, "a.pkt", 3, 1, "timing error: expected at 0.2", source_line=line)
    rows = rows_of(passing_trace(), failure)
    assert marked(rows)[0] == (Mark.WANT, place, line)


def test_a_failure_without_a_place_becomes_a_note_at_the_end() -> None:
    failure = Failure(FailureKind.TARGET, "a.pkt", 0, 0, "the target died")
    assert marked(rows_of(passing_trace(), failure)) == [(Mark.GOT, Place.NOTE, "the target died")]


def test_a_syn_inside_a_connection_does_not_move_the_numbers() -> None:
    # RFC 9293, section 3.10.7.4: a SYN in a synchronized state gets a challenge ACK; the connection stays as it was.
    trace = passing_trace()
    time = ORIGIN + 3_000_000
    trace.events += [
        Departed(time, from_stack(ACK, 1, 202)),
        Departed(time, from_peer(SYN, 77_000)),
        Departed(time, from_stack(ACK, 1, 202)),
    ]
    assert rows_of(trace)[-1].text == ". 1:1(0) ack 202 win 65535"


def test_a_second_connection_shows_its_ports() -> None:
    trace = passing_trace()
    # 40001 instead of 40000 in the source port, which is the first field behind the IP header.
    other = bytearray(from_peer(RST, 5))
    other[20:22] = (40_001).to_bytes(2, "big")
    trace.events.append(Departed(ORIGIN + 3_000_000, bytes(other)))
    assert rows_of(trace)[-1].text == "40001 > 8080 R 5:5(0) win 65535"


def test_what_does_not_parse_is_described_by_its_fault() -> None:
    trace = Trace("reference", NETWORK, [Departed(0, b"\x45\x00")])
    assert rows_of(trace)[0].text.startswith("malformed packet of 2 octets: ")


@given(TRACES, FAILURES)
def test_marks_never_lose_a_row(trace: Trace, failure: Failure) -> None:
    plain = rows_of(trace)
    with_marks = rows_of(trace, failure)
    kept = [row for row in with_marks if row.mark in (Mark.NONE, Mark.GOT) and (row.time is not None)]
    assert [replace(row, mark=Mark.NONE) for row in kept] == plain


@given(TRACES)
def test_every_event_but_a_joined_end_has_a_row(trace: Trace) -> None:
    rows = rows_of(trace)
    ends = sum(isinstance(event, CallFinished) for event in trace.events)
    assert len(trace.events) - ends <= len(rows) <= len(trace.events)
