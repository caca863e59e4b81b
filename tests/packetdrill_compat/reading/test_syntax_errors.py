"""Syntax errors: packetdrill's shape (language specification, section 8), what was expected, and hints (section 12)."""

import pytest

from packetdrill_compat.parser import dialect_parser
from tests.packetdrill_compat.reading.helpers import refused


def test_the_message_keeps_the_known_shape_and_says_what_was_expected() -> None:
    told = refused("0 > . 1:1(0) <nop nop>").message
    assert told == "parse error at 'nop': syntax error; expected ',' or '>'"


def test_the_end_of_the_script_is_named() -> None:
    assert refused("0 > udp 5").message == "parse error at '': syntax error; the script ends too early, expected '>'"


def test_terminals_are_described_in_words() -> None:
    told = refused("0 f(ack) = 0").message
    assert told.endswith("expected a value (number, word, string, [list], {structure} or ...) or ')'")
    for text in ("x", "0 >", "0 > S", "0 < [", "0 f() = 0 0", "0 < . 1:1(0) <", "0 f({"):
        told = refused(text).message
        assert not any(name in told for name in ("INTEGER", "HEX_", "BACK_QUOTED", "RSQB", "LPAR", "_WORD", "ELLIPSIS"))


def test_the_line_is_shown_with_a_caret() -> None:
    shown = str(refused("0 `true`\n\t+0 > . 1:1(0) <>\n"))
    assert shown.startswith("t.pkt:2:17: parse error at '>': syntax error; expected a TCP option")
    assert "\n    \t+0 > . 1:1(0) <>\n    \t               ^\n  next step: " in shown


def test_long_tokens_are_shortened() -> None:
    told = refused("`init`\n`first line\nsecond line`\n0 `true`").message
    assert told.startswith("parse error at '`first line…': syntax error; expected the time of an event")


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("0 `true`\r\n", "from CRLF to LF"),
        ("0 `true`\n// end", "end the last line with a newline"),
        ("0 `true` /* x **/", "close the comment with */"),
        ("0 %{ {}}%", "}}% does not close it"),
        ('0 f("x) = 0', "close the string"),
        ("0 `x", "close the command"),
        ("# comment\n0 `true`", "write comments with //"),
        ("0 `true` \\\n", "remove the backslash"),
        ("0 `true` \u00a0", "remove the character U+00A0"),
        ("\ufeff0 `true`", "remove the character U+FEFF"),
        ("0 f() = -1 EAGAIN\n+0 `true`", "-1 EAGAIN (what it means)"),
        ("0 f", "f(…)"),
        ("0 f() = -1 EINVAL (no, not that)", "use bare words in a note"),
        ("0 f() = -1 EINVAL (1)", "use bare words in a note"),
        ("0 > . 1:1(0) <>", "leave the angle brackets out"),
        ("0 < [1:1(0)] icmp unreachable", "write the quoted packet of an ICMP message last"),
        ("0 < [udp (5)] icmp unreachable", "write the quoted packet of an ICMP message last"),
        ("0 < icmp [1:1(0)] unreachable", "write the quoted packet of an ICMP message last"),
        ("--tolerance_percent=12.5\n0 `true`", '--tolerance_percent="12.5"'),
        ("--ip_version=ipv4-mapped-ipv6\n0 `true`", '--ip_version="ipv4-mapped-ipv6"'),
        ("--remote_ip=192.0.2.1/24\n0 `true`", '--remote_ip="192.0.2.1/24"'),
        ("--define=X=5\n0 `true`", '--define="X=5"'),
        ("0 `true`\n--mtu=5", "put option lines in front"),
        ("0 > .S 1:1(0)", "S. and not .S"),
        ("0 > -0:0(0)", "write a blank behind the -"),
        ("0 > . 1:1(0) win 5 ack 6", "keep the order"),
        ("0 > . 1:1(0) urg 5 <nop,nop,nop,nop> win 6", ""),
        ("", "write at least one event"),
        ("`init`", "write at least one event"),
        ("1e3 `true`", "there are no exponents"),
        ("0x1 `true`", "no hexadecimal times"),
        ("0 f(fd) = 0", "'fd' is a keyword"),
        ("0 > S 0:0(0) <mpcapable v1 flags[flag_h] nokey>", "mptcp dialect"),
        ("0 > [hlim 5] . 1:1(0)", "nplab dialect"),
    ],
)
def test_well_known_traps_have_a_hint(text: str, step: str) -> None:
    assert step in refused(text).next_step


@pytest.mark.parametrize("dialect", ["google", "nplab", "mptcp"])
def test_every_rule_of_the_grammar_has_its_builder_method(dialect: str) -> None:
    parser = dialect_parser(dialect)
    for rule in parser.tables.rules:
        is_passed_on = (rule.passes_single and rule.size == 1) or rule.name.startswith("_")
        assert is_passed_on or hasattr(parser.builder, rule.name), rule.name
