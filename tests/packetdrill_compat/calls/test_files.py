"""open, sendfile, splice, pipe and cap_set (section 5.2); messages measured with packetdrill 2.0."""

import os

import pytest

from packetdrill_compat.outcome import Verdict
from targets.calls import CallResult, CapSet, Open, Pipe, Read, SendFile, Splice
from tests.packetdrill_compat.calls.harness import LIVE_FD, Connection, complaint, run

ENOENT, EPERM = 2, 1


def test_open_makes_a_descriptor_that_other_calls_find() -> None:
    target = Connection({Open: [CallResult(50)], Read: [CallResult(9)]})
    assert complaint('+0 open("/dev/zero", O_RDWR) = 7\n+0 read(7, ..., 9) = 9', target) == ""
    assert target.made(Open) == [Open("/dev/zero", os.O_RDWR)]
    assert target.made(Read) == [Read(50, 9)]


def test_relative_names_begin_at_the_script() -> None:
    target = Connection({Open: [CallResult(50)]})
    run('+0 open("data", O_RDONLY) = 7', target)
    assert target.made(Open) == [Open(os.path.abspath("data"), 0)]


def test_open_may_fail_as_expected() -> None:
    failing = [CallResult(-1, ENOENT)]
    assert complaint('+0 open("/none", 0) = -1 ENOENT (some)', Connection({Open: failing})) == ""
    message = "Expected non-negative result but got -1 with errno 2 (No such file or directory)"
    assert complaint('+0 open("/none", 0) = 7', Connection({Open: [CallResult(-1, ENOENT)]})) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('+0 open("/dev/zero", 0) = 4', "duplicate fd 4 in script"),
        ("+0 open(5, 0) = 7", "Bad type; actual: integer expected: string"),
        ("+0 pipe([5, 6, 7]) = 0", "3 pipe file descriptors instead of 2"),
        ("+0 pipe(5) = 0", "Bad type; actual: integer expected: list"),
        ("+0 pipe([5, 4]) = 0", "duplicate fd 4 in script"),
        ("+0 sendfile(4, 4, NULL, 3) = 3", "Bad type; actual: integer expected: list"),
        ("+0 sendfile(4, 4, [1, 2], 3) = 3", "Expected [<element>] but got multiple elements"),
        ("+0 sendfile(4, 9, [0], 3) = 3", "unable to find fd with script fd 9"),
        ("+0 splice(4, NULL, 4, NULL, 3) = 3", "Expected 6 args but got 5"),
        ("+0 splice(4, ..., 4, NULL, 3, 0) = 3", "Bad type; actual: ellipsis expected: integer"),
        ("+0 cap_set(7, CAP_NET_RAW, CAP_CLEAR) = 0", "Error in cap_set_flag()"),
        ("+0 cap_set(CAP_EFFECTIVE, 64, CAP_CLEAR) = 0", "Error in cap_set_flag()"),
        ("+0 dup(4) = 5", "Unknown system call: 'dup'"),
    ],
)
def test_wrong_arguments(text: str, message: str) -> None:
    target = Connection({Open: [CallResult(50)], Pipe: [CallResult(0, fds=(60, 61))]})
    assert complaint(text, target) == message


def test_sendfile_takes_an_offset_of_any_size() -> None:
    target = Connection({Open: [CallResult(50)], SendFile: [CallResult(3)]})
    assert complaint('+0 open("/dev/zero", 0) = 7\n+0 sendfile(4, 7, [8589934592], 3) = 3', target) == ""
    assert target.made(SendFile) == [SendFile(LIVE_FD, 50, 1 << 33, 3)]


def test_splice_passes_offsets_as_pointers() -> None:
    target = Connection({Pipe: [CallResult(0, fds=(60, 61))], Splice: [CallResult(5), CallResult(-1, 14)]})
    text = "+0 pipe([5, 6]) = 0\n+0 splice(4, NULL, 6, 0, 9, SPLICE_F_MORE) = 5\n+0 splice(4, 3, 6, NULL, 9, 0) = -1"
    assert complaint(text, target) == ""
    first = Splice(LIVE_FD, 61, 9, 4)
    assert target.made(Splice) == [first, Splice(LIVE_FD, 61, 9, 0, bad_offset_in=True)]


def test_pipe_takes_the_numbers_that_packetdrill_takes() -> None:
    # Measured: cut to a C int, negative ones are not looked at, and one number twice names the second end.
    target = Connection({Pipe: [CallResult(0, fds=(60, 61)), CallResult(0, fds=(62, 63))], Read: [CallResult(9)]})
    text = "+0 pipe([4294967296, -7]) = 0\n+0 read(0, ..., 9) = 9\n+0 pipe([5, 5]) = 0\n+0 read(5, ..., 9) = 0"
    assert complaint(text, target) == ""
    assert target.made(Read) == [Read(60, 9), Read(63, 9)]
    target = Connection({Pipe: [CallResult(0, fds=(60, 61))]})
    assert complaint("+0 pipe([-7, 5]) = 0\n+0 read(-7, ..., 9) = 9", target).startswith("unable to find fd")


def test_a_failing_pipe_makes_no_descriptors() -> None:
    target = Connection({Pipe: [CallResult(-1, 24)]})
    assert complaint("+0 pipe([5, 6]) = -1 EMFILE (full)\n+0 read(5, ..., 1) = 1", target).startswith("unable to find")


def test_cap_set_is_passed_on() -> None:
    target = Connection({CapSet: [CallResult(0), CallResult(-1, EPERM)]})
    text = "+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_CLEAR) = 0\n+0 cap_set(CAP_PERMITTED, CAP_CHOWN, CAP_SET) = -1"
    assert complaint(text, target) == ""
    assert target.made(CapSet) == [CapSet(0, 13, is_raised=False), CapSet(1, 0, is_raised=True)]


def test_psp_is_unsupported_and_says_why() -> None:
    result = run("+0 psp_rx_assoc(4, [5]) = 0", Connection())
    assert result.verdict is Verdict.UNSUPPORTED
    assert "PSP" in result.reason
