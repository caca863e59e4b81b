"""Captures, judged by tshark, which shares no code with us."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from packetdrill_compat.outcome import Failure, FailureKind
from reports.capture import capture_bytes
from targets.trace import Injected, Trace
from tests.reports.samples import FAILURE, NETWORK, failing_trace, from_peer, passing_trace
from tests.reports.strategies import FAILURES, TRACES
from tests.reports.tools import require
from wire.tcp import SYN


def fields(folder: Path, capture: bytes, *names: str) -> list[list[str]]:
    require("tshark", "tshark")
    file = folder / "trace.pcapng"
    file.write_bytes(capture)
    arguments = [part for name in names for part in ("-e", name)]
    command = ["tshark", "-n", "-o", "tcp.relative_sequence_numbers:TRUE", "-r", str(file), "-T", "fields"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, timeout=60)
    assert "malformed" not in done.stderr.lower()
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_tshark_reads_times_directions_and_sequence_numbers(tmp_path: Path) -> None:
    rows = fields(
        tmp_path,
        capture_bytes(passing_trace()),
        "frame.time_epoch",
        "frame.packet_flags_direction",
        "tcp.flags.str",
        "tcp.seq",
        "tcp.len",
        "tcp.checksum.status",
    )
    assert [row[0] for row in rows][:3] == ["0.100000000", "0.100060000", "0.200012000"]
    # epb_flags of the pcapng draft: 1 inbound, 2 outbound.
    assert [int(row[1], 0) for row in rows] == [1, 2, 1, 1, 2, 1, 2]
    assert [(row[3], row[4]) for row in rows][3:] == [("1", "200"), ("1", "0"), ("201", "0"), ("1", "0")]


@pytest.mark.slow
def test_tshark_shows_the_failure_at_the_failing_packet(tmp_path: Path) -> None:
    rows = fields(tmp_path, capture_bytes(failing_trace(), FAILURE), "frame.number", "frame.comment")
    commented = [row for row in rows if len(row) > 1 and row[1]]
    assert [row[0] for row in commented] == ["4"]
    assert "want  P. 1:1001(1000) ack 1" in commented[0][1]


@pytest.mark.slow
def test_a_missing_packet_is_noted_at_the_last_one(tmp_path: Path) -> None:
    failure = Failure(FailureKind.MISSING, "a.pkt", 9, 1, "Timed out waiting for packet", want="R. 1:1(0) ack 1")
    rows = fields(tmp_path, capture_bytes(passing_trace(), failure), "frame.number", "frame.comment")
    assert rows[-1][1].startswith("behind this packet: a.pkt:9: Timed out")


def test_the_first_line_of_the_failure_is_the_comment_of_the_file() -> None:
    assert FAILURE.first_line.encode() in capture_bytes(failing_trace(), FAILURE)


def test_packets_from_before_the_script_do_not_go_back_in_time() -> None:
    trace = Trace("reference", NETWORK, [Injected(5, from_peer(SYN, 0))], origin=1000)
    assert capture_bytes(trace)


@given(TRACES, FAILURES)
def test_every_trace_has_a_capture(trace: Trace, failure: Failure) -> None:
    capture = capture_bytes(trace, failure)
    # The block types of the pcapng draft: section header first.
    assert capture[:4] == b"\x0a\x0d\x0d\x0a"
    assert len(capture) % 4 == 0
