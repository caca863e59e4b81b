"""Targets that break the rules of the seam: an error with the target's name and the operation, never a traceback."""

import socket
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from packetdrill_compat import config
from packetdrill_compat.outcome import FailureKind, RunResult, Verdict
from packetdrill_compat.play import waiting
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play as play_script
from packetdrill_compat.variants import variant_config
from targets import registry
from targets.base import IPV4, SHELL, TCP_INFO, VIRTUAL_TIME, Departure, Happening, Micros
from targets.calls import Accept, CallResult, Listen, SocketAddress
from tests.bad_input.conftest import Play, Tcprove, Write
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN, assert_clear
from tests.packetdrill_compat.play.fake import REMOTE, FakeTarget, answering_syn


class Explosion(Exception):
    pass


class BrokenTarget(FakeTarget):
    """Breaks in one operation."""

    broken_in = ""

    def __init__(self, broken_in: str = "") -> None:
        accepted = CallResult(105, address=SocketAddress(socket.AF_INET, REMOTE, 32768))
        super().__init__(
            on_inject=answering_syn,
            results={Accept: [accepted]},
            name="brittle",
            capabilities=frozenset({VIRTUAL_TIME, IPV4, SHELL, TCP_INFO}),
        )
        self.broken_in = broken_in

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "broken_in"):

            def explode(*_: object, **__: object) -> None:
                raise Explosion(f"no {name} today")

            return explode
        return super().__getattribute__(name)


def create(argument: str = "") -> object:
    """The factory of the plug-in in these tests."""
    if argument == "create":
        raise Explosion("no create today")
    return object() if argument == "nothing" else BrokenTarget(argument)


@pytest.fixture
def _plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (
        EntryPoint("brittle", "tests.bad_input.test_broken_targets:create", registry.GROUP),
        EntryPoint("absent", "tests.bad_input.no_such_module:create", registry.GROUP),
    )
    monkeypatch.setattr(registry, "installed", lambda: entries)


def run(text: str, target: FakeTarget) -> RunResult:
    script, settings = load("it.pkt", text=text, config=variant_config(config.IPV4))
    result = play_script(script, settings, target, time_limit=1_000_000)
    if result.failure is not None:
        assert_clear(result.failure.render())
    return result


# ---------------------------------------------------------------- plug-ins

OPERATIONS = [
    ("open", "it.pkt: target 'brittle' broke in open: Explosion: no open today"),
    ("poll", "it.pkt:1: target 'brittle' broke in poll: Explosion: no poll today"),
    ("call", "it.pkt:1: target 'brittle' broke in call socket: Explosion: no call today"),
    ("inject", "it.pkt:4: target 'brittle' broke in inject: Explosion: no inject today"),
    ("close", "it.pkt: target 'brittle' broke in close: Explosion: no close today"),
]


@pytest.mark.usefixtures("_plug_in")
@pytest.mark.parametrize(("operation", "message"), OPERATIONS)
def test_a_plug_in_that_breaks_is_an_error_with_its_name(
    play: Play, tcprove: Tcprove, operation: str, message: str
) -> None:
    result = play(ESTABLISHED, f"--tcprove-target=brittle:{operation}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message, "*next step: mend the target, or report this to who made it; *"])
    said = tcprove("run", "it.pkt", f"--tcprove-target=brittle:{operation}")
    assert said.status == 1
    assert said.err.startswith(message)


@pytest.mark.usefixtures("_plug_in")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brittle:create", "target 'brittle:create' broke in create: Explosion: no create today"),
        ("brittle:nothing", "target 'brittle:nothing': *:create gave 'object', which is no target"),
        ("absent", "target 'absent' cannot be loaded from *: ModuleNotFoundError: No module named *"),
    ],
)
def test_a_plug_in_that_gives_no_target_is_an_error_with_its_name(play: Play, name: str, message: str) -> None:
    result = play(LISTEN, f"--tcprove-target={name}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message, "*next step: *"])


@pytest.mark.usefixtures("_plug_in")
def test_a_plug_in_that_breaks_in_a_command_is_an_error_with_the_line_of_the_command(play: Play) -> None:
    result = play(f"`true`\n{LISTEN}", "--tcprove-target=brittle:shell")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt:1: target 'brittle' broke in shell: Explosion: no shell today"])


@pytest.mark.usefixtures("_plug_in")
def test_a_python_test_on_a_plug_in_that_breaks_is_an_error(pytester: pytest.Pytester, run_pytest: Play) -> None:
    pytester.makepyfile("def test_it(target):\n    pass\n")
    result = run_pytest("--tcprove-target=brittle:open")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["target 'brittle' broke in open: Explosion: no open today"])


def test_a_target_is_closed_whatever_breaks() -> None:
    for operation in ("poll", "call", "inject"):
        target = BrokenTarget(operation)
        assert run(ESTABLISHED, target).verdict is Verdict.ERROR
        assert not target.is_open


# ---------------------------------------------------------------- answers that cannot be


class Answering(FakeTarget):
    """Gives from `poll` what a function makes."""

    def __init__(self, answer: Callable[[Micros, Micros], Any]) -> None:
        super().__init__(name="odd")
        self._answer = answer

    def poll(self, deadline: Micros) -> Happening | None:
        answer: Happening | None = self._answer(self.clock, deadline)
        if isinstance(answer, Departure):
            self.clock = max(self.clock, answer.time)
        return answer


def failure_of(answer: Callable[[Micros, Micros], Any]) -> str:
    result = run(LISTEN, Answering(answer))
    assert result.verdict is Verdict.ERROR
    assert result.failure is not None
    assert result.failure.next_step
    return result.failure.first_line


def test_something_else_than_a_happening_is_an_error() -> None:
    assert failure_of(lambda _now, _deadline: "packet") == "it.pkt:1: target 'odd' gave 'packet' from poll"


def test_a_target_that_never_reaches_a_deadline_is_an_error() -> None:
    text = failure_of(lambda now, _deadline: Departure(now + 10, b""))
    assert text == "it.pkt:1: target 'odd' gave a happening at 10 us, behind the deadline 0 us"


@pytest.mark.slow
def test_a_target_that_floods_one_moment_is_an_error() -> None:
    text = failure_of(lambda now, _deadline: Departure(now, b""))
    assert text == "it.pkt:1: the target sent 100000 packets at one moment of its clock (0 us)"


def test_a_target_that_goes_on_for_virtual_years_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_HAPPENINGS", 100)
    target = FakeTarget()
    for time in range(1000):
        target.sends_raw(time, b"")
    result = run(LISTEN + "+99999999 close(3) = 0\n", target)
    assert result.failure is not None
    assert result.failure.first_line == "it.pkt:4: the target did more than 100 things in one script (now 97 us)"


def test_a_call_that_never_returns_is_an_error_at_its_line() -> None:
    target = FakeTarget(results={Listen: [(CallResult(0), 10**12)]})
    result = run(LISTEN, target)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.line) == (FailureKind.LIMIT, 3)
    assert "while waiting for a system call to return" in result.failure.first_line


# ---------------------------------------------------------------- packets that are none

MALFORMED = {
    "nothing": b"",
    "one octet": b"\x45",
    "half a header": b"\x45\0\0\x14\0\0\0\0\x40\x06",
    "no IP version": b"\xf0" + bytes(39),
    "a total length beyond the packet": bytes.fromhex("45000100000040004006000 0c0a80001c0000201".replace(" ", "")),
    "a header length beyond the packet": b"\x4f" + bytes(19),
    "half a TCP header": bytes.fromhex("4500001800004000400600 00c0a80001c0000201".replace(" ", "")) + bytes(4),
    "options beyond the segment": bytes.fromhex("4500002800004000400600 00c0a80001c0000201".replace(" ", ""))
    + bytes.fromhex("1f907fff0000000000000000f0120000000000 00".replace(" ", "")),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_packet_of_the_stack_fails_at_the_line_that_waits(name: str) -> None:
    target = FakeTarget()
    target.sends_raw(100_000, MALFORMED[name])
    result = run(ESTABLISHED, target)
    assert result.verdict is Verdict.FAIL
    assert result.failure is not None
    assert result.failure.line == LISTEN.count("\n") + 2
    line = result.failure.first_line
    assert line.startswith("it.pkt:5: error handling packet: ")
    assert ": packet of " in line or "malformed outbound packet: " in line
    assert "\n" not in result.failure.first_line


def test_malformed_packets_that_nobody_waits_for_do_no_harm() -> None:
    target = FakeTarget(on_inject=answering_syn)
    target.results[Accept] = [CallResult(105, address=SocketAddress(socket.AF_INET, REMOTE, 32768))]
    target.sends_raw(150_000, b"\x45")
    assert run(ESTABLISHED, target).verdict is Verdict.PASS


# ---------------------------------------------------------------- our own mistakes


def test_a_mistake_of_the_interpreter_is_an_error_with_the_line_that_was_played(
    write: Write, tcprove: Tcprove, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("packetdrill_compat.play.player.make_inbound", mistake)
    write(ESTABLISHED)
    said = tcprove("run", "it.pkt")
    assert said.status == 1
    assert said.err.startswith("it.pkt:4: the interpreter of tcprove broke: ZeroDivisionError: a bug of ours\n")
    assert "next step: report this script; it happened at " in said.err
    assert LINES == 7
