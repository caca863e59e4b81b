"""Code blocks: what a file of all of them in one process would do (section 6, measured with packetdrill 2.0)."""

import pytest

from packetdrill_compat.outcome import FailureKind, RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.calls import CallResult, GetSockOpt, Read
from tests.packetdrill_compat.play.fake import FakeTarget
from wire.abi import TcpInfo

OPENING = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"


def run(text: str, target: FakeTarget | None = None) -> RunResult:
    script, config = load("t.pkt", text=text, config=variant_config("ipv4"))
    return play(script, config, target or asked(text.count("%{")))


def asked(times: int) -> FakeTarget:
    info = TcpInfo(state=7).pack()
    answers = [CallResult(0, optval=info, optlen=len(info)), CallResult(0), CallResult(0)]
    return FakeTarget(results={GetSockOpt: [*answers * times]})


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise SystemExit", "sys.exit(256)", "import os; os._exit(0)"])
def test_a_block_that_ends_the_program_well_ends_all_blocks(end: str) -> None:
    assert run(f"{OPENING}+0 %{{ {end} }}%\n+0 %{{ assert False }}%\n").verdict is Verdict.PASS


@pytest.mark.parametrize(("end", "status"), [("sys.exit(3)", 3), ("sys.exit('enough')", 1), ("sys.exit(-1)", 255)])
def test_the_status_of_a_program_that_ends_itself_is_told(end: str, status: int) -> None:
    result = run(f"{OPENING}+0 %{{ {end} }}%\n")
    assert result.failure is not None
    assert (result.failure.kind, result.failure.line) == (FailureKind.CODE, 2)
    assert result.failure.message == f"error executing code: 'python3' returned non-zero status {status}"


def test_sys_and_traceback_are_there_without_import() -> None:
    assert run(f"{OPENING}+0 %{{ sys.stdout, traceback.print_exc, excepthook }}%\n").verdict is Verdict.PASS


def test_code_runs_before_the_last_second_of_a_call_in_blocking_form() -> None:
    target = asked(1)
    target.results[Read] = [(CallResult(0), 10**9)]
    result = run(f"{OPENING}+0...1 read(3, ..., 10) = 0\n+0 %{{ assert False }}%\n", target)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.line) == (FailureKind.CODE, 3)
