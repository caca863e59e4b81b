"""Rules and policies by name: what can be replaced, and that a replacement is the only difference."""

from dataclasses import fields

import pytest

from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.personality import Policies, personality
from reference_stack.policies.acking import DelayedAck
from reference_stack.rules import ArrivalRule, Rule, RuleSet, Verdict
from tests.reference_stack.engine import scene as scenes
from tests.reference_stack.engine.scene import Out

NAMES = ("rfc", "linux")


def let_all_resets_pass(connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A planted fault: resets are not looked at."""
    return Verdict.NEXT


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_unique_name_a_section_and_a_sentence(name: str) -> None:
    rules = personality(name).rules
    assert len(rules.names()) == len(set(rules.names())) == len(list(rules))
    for rule in rules:
        assert rule.section, rule.name
        assert rule.title.endswith((".", ":")) or len(rule.title) > 20, rule.name


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_checks_is_that_of_rfc_9293(name: str) -> None:
    # RFC 9293, 3.10.7.4: sequence number, RST, SYN, ACK, URG, text, FIN.
    order = [rule.name for rule in personality(name).rules.synchronized]
    steps = [
        "sequence/acceptable",
        "reset/validate",
        "syn/challenge",
        "ack/missing",
        "urgent/pointer",
        "text/take",
        "fin/take",
    ]
    if name == "linux":
        # Measured: what has none of ACK, RST and SYN is dropped before anything else is looked at.
        steps.remove("ack/missing")
    assert [step for step in order if step in steps] == steps
    # RFC 9293, 3.10.7.3: ACK, RST, (security), SYN; what has no SYN is dropped before its numbers are read.
    first = [rule.name for rule in personality(name).rules.syn_sent][:4]
    assert first == ["syn-sent/ack", "syn-sent/reset", "syn-sent/other", "syn-sent/syn"]


def test_a_replaced_rule_is_the_only_one_that_differs() -> None:
    sound = personality("rfc")
    faulty = sound.with_rule("reset/validate", let_all_resets_pass)
    differing = [rule.name for rule in sound.rules if rule != faulty.rules[rule.name]]
    assert differing == ["reset/validate"]
    assert sound.rules["reset/validate"].function is not let_all_resets_pass
    assert faulty.rules.table_of("reset/validate") == "synchronized"


def test_a_replaced_rule_acts() -> None:
    faulty = personality("rfc").with_rule("reset/validate", let_all_resets_pass)
    scene = scenes.established(name=faulty)
    scene.arrive("R")
    assert not scene.connection.is_deleted
    sound = scenes.established()
    sound.arrive("R")
    assert sound.connection.is_deleted


def test_a_replaced_policy_acts_and_leaves_the_original_alone() -> None:
    class Never(DelayedAck):
        """A planted fault: acknowledgments are never delayed."""

        def on_data(self, connection: ConnectionCore, arrival: Arrival) -> None:
            connection.ack_now = True

    faulty = personality("rfc").with_policy("delayed_ack", Never)
    scene = scenes.established(name=faulty)
    scene.arrive("A", data=b"x")
    scene.expect(Out("A", ack=2))
    sound = scenes.established()
    sound.arrive("A", data=b"x")
    sound.expect()


def test_a_rule_can_be_left_out() -> None:
    rules = personality("rfc").rules.without("timestamps/missing")
    assert "timestamps/missing" not in rules.names()
    assert "timestamps/paws" in rules.names()


def test_unknown_names_are_refused() -> None:
    sound = personality("rfc")
    with pytest.raises(KeyError):
        sound.with_rule("no/such-rule", let_all_resets_pass)
    with pytest.raises(KeyError):
        sound.with_policy("no_such_policy", DelayedAck)
    with pytest.raises(ValueError, match="no personality 'windows'; known are dragonfly, freebsd, linux, rfc"):
        personality("windows")


def test_two_rules_of_one_name_are_refused() -> None:
    rule: Rule[ArrivalRule] = Rule("same", "here", let_all_resets_pass)
    with pytest.raises(ValueError, match="two rules are named 'same'"):
        RuleSet(syn_sent=(rule,), synchronized=(rule,))


def test_every_policy_is_described_by_its_field() -> None:
    assert {"sequence", "reassembly", "window", "delayed_ack", "limits"} <= {field.name for field in fields(Policies)}


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_copies_and_can_be_changed_for_a_personality(name: str) -> None:
    one = personality(name)
    settings = one.new_settings()
    settings.nodelay = True
    assert not one.new_settings().nodelay
    assert one.with_settings(nodelay=True).new_settings().nodelay
