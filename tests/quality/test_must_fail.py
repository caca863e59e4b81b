"""Scripts that must fail do, in the way that their first comment says: a suite that cannot fail proves nothing."""

from pathlib import Path

import pytest

from packetdrill_compat.outcome import FailureKind
from targets.reference import create
from tests.quality.cases import ROOT, ScriptCase, failure_of, scripts, sound

MUST_FAIL = ROOT / "tests" / "quality" / "must_fail"

# What is not met, and on which line.
KINDS = {
    "assertion-in-code": (FailureKind.CODE, "%{ assert tcpi_state == TCP_CLOSE, tcpi_state }%"),
    "no-answer-comes": (FailureKind.MISSING, "> R 0:0(0)"),
    "packet-comes-too-early": (FailureKind.TIMING, "+.5~+.6  > S. 0:0(0) ack 1 <...>"),
    "packet-that-nobody-awaited": (FailureKind.PACKET, "> R 2000:2000(0)"),
    "push-flag-is-compared": (FailureKind.PACKET, "> . 1:11(10) ack 1"),
    "wrong-ack-number": (FailureKind.PACKET, "> S. 0:0(0) ack 2 <...>"),
    "wrong-errno": (FailureKind.SYSCALL, "recv(3, ..., 10, 0) = -1 EAGAIN"),
    "wrong-option-value": (FailureKind.PACKET, "> S. 0:0(0) ack 1 <mss 1461>"),
}
CASES = {case.name: case for case in scripts(MUST_FAIL)}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_script_that_must_fail_does_for_the_reason_that_it_names(case: ScriptCase) -> None:
    kind, line = KINDS[case.name]
    failure = failure_of(case.play(create(sound(case.rules))))
    assert failure is not None, "it passed, or the harness broke"
    assert failure.kind is kind
    assert line in failure.source_line


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_such_a_script_says_so_and_why(case: ScriptCase) -> None:
    assert case.header.expect == "fail"
    assert case.header.title.startswith("Must fail: ")


def test_every_such_script_has_its_reason_in_the_table() -> None:
    assert set(KINDS) == {path.stem for path in Path(MUST_FAIL).glob("*.pkt")}
