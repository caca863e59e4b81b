"""The fuzz machine is silent on the sound stack, finds planted faults, and its findings fail by themselves."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fuzz.__main__ import main
from fuzz.campaign import Campaign, find_planted, finding_config, write_finding
from packetdrill_compat.outcome import Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from reference_stack.personality import Personality, personality
from targets.base import Target
from targets.reference import create
from targets.registry import create_target

pytestmark = pytest.mark.slow
CONFIG = variant_config("ipv4")


@pytest.mark.parametrize("ip_version", ["ipv4", "ipv6"])
def test_machine_finds_nothing_in_the_sound_stack(ip_version: str) -> None:
    campaign = Campaign(lambda: create_target("reference:rfc"), examples=60, seed=0, config=variant_config(ip_version))
    assert campaign.run() is None


def acknowledges_one_octet_too_many() -> Personality:
    def faulty(sound: Any, connection: Any, arrival: Any) -> Any:
        before = connection.tcb.rcv_nxt
        verdict = sound(connection, arrival)
        if connection.tcb.rcv_nxt != before:
            connection.tcb.rcv_nxt = (connection.tcb.rcv_nxt + 1) % 2**32
        return verdict

    return _with_rule("text/take", faulty)


def believes_a_window_of_four_times_the_size() -> Personality:
    def faulty(sound: Any, connection: Any, arrival: Any) -> Any:
        verdict = sound(connection, arrival)
        connection.tcb.snd_wnd *= 4
        return verdict

    return _with_rule("ack/window", faulty)


def takes_every_segment_for_acceptable() -> Personality:
    from reference_stack.rules import Verdict as Go  # noqa: PLC0415

    return _with_rule("sequence/acceptable", lambda _sound, _connection, _arrival: Go.NEXT)


def _with_rule(name: str, faulty: Any) -> Personality:
    sound = personality("rfc")
    return replace(sound.with_rule(name, partial(faulty, sound.rules[name].function)), name="rfc+planted")


@pytest.mark.parametrize(
    ("fault", "oracle"),
    [
        (acknowledges_one_octet_too_many, "ack-of-unreceived"),
        (believes_a_window_of_four_times_the_size, "send-beyond-window"),
    ],
)
def test_planted_fault_becomes_a_script_that_fails_by_itself(fault: Any, oracle: str, tmp_path: Path) -> None:
    def faulty_target() -> Target:
        return create(fault())

    finding = find_planted(faulty_target, lambda: create("rfc"), examples=400)
    assert finding is not None
    assert finding.violation.oracle == oracle

    path = write_finding(finding, tmp_path)
    script, config = load(str(path), config=CONFIG)
    assert config == finding_config(CONFIG)
    on_the_faulty_stack = play(script, config, faulty_target())
    assert on_the_faulty_stack.verdict is Verdict.FAIL
    assert on_the_faulty_stack.failure is not None
    assert on_the_faulty_stack.failure.event_index == len(script.events) - 1
    on_the_sound_stack = play(script, config, create("rfc"))
    assert on_the_sound_stack.verdict is Verdict.PASS, on_the_sound_stack.failure
    assert len(script.events) <= 14, path.read_text()


def test_campaign_command_says_when_it_found_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--examples", "3", "--repeatable"]) == 0
    assert "nothing found in 3 conversations" in capsys.readouterr().out


def test_campaign_command_names_an_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "nowhere", "--examples", "3"]) == 2
    assert "nowhere" in capsys.readouterr().err
