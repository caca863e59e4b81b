"""Symbol definitions. Source: language specification, section 1.2 (measured with packetdrill), 10.1 and 10.2."""

import pytest

from packetdrill_compat.ast import Command, Integer, String, Word
from packetdrill_compat.definitions import strtol
from tests.packetdrill_compat.reading.helpers import expression, read, refused, settings, tcp


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12),
        ("-5", -5),
        ("+5", 5),
        (" 12", 12),
        ("0x1F", 31),
        ("0X1f", 31),
        ("010", 8),
        ("0", 0),
        ("", 0),
        ("9223372036854775806", 2**63 - 2),
        ("9223372036854775807", None),
        ("-9223372036854775808", None),
        ("09", None),
        ("0x", None),
        ("0b1", None),
        ("12 ", None),
        ("1.5", None),
        ("abc", None),
        ("9" * 5000, None),
    ],
)
def test_values_are_read_like_strtol_with_base_0(value: str, number: int | None) -> None:
    assert strtol(value) == number


def test_a_numeric_value_becomes_an_integer() -> None:
    assert expression("X", "-DX=0x10") == Integer(16)
    assert expression("X", "-DX=010") == Integer(8)


def test_another_value_becomes_a_word_even_if_it_looks_like_something_else() -> None:
    for value in ("SOL_IP", "1.5", "ack", "192.0.2.1", "a=b"):
        assert expression("X", f"-DX={value}") == Word(value)


def test_quotes_make_strings_and_commands() -> None:
    assert expression("X", '-DX="a b"') == String(("a b",))
    assert read("0 `true` 0 X", "-DX=`echo`").events[-1].action == Command("echo")


def test_a_script_defines_with_option_lines() -> None:
    script = read('--define=X=SOL_IP\n--define="Y=5"\n--define=Z="text"\n0 f(X) = 0\n0 f(Y) = 0\n0 f(Z) = 0\n')
    values = [event.action.arguments[0] for event in script.events]  # type: ignore[union-attr]
    assert values == [Word("SOL_IP"), Integer(5), String(("text",))]


def test_the_command_line_wins_over_the_script() -> None:
    assert settings("--define=X=a\n0 `true`", "-D", "X=b").definitions == {"X": "b"}


def test_the_token_behind_the_option_section_is_never_replaced() -> None:
    # The parser looks one token ahead: it scanned that token before the definitions were complete.
    for text in ("X 0 `a`", "--mtu=5 X 0 `a`"):
        assert refused(text, "-DX=`b`").message.startswith("parse error at 'X'")
    read("0 X", "-DX=`b`")


def test_no_token_of_the_option_section_is_replaced() -> None:
    assert refused("--bind_port=X\n0 `a`", "-DX=80").message == "bad --bind_port: X"


def test_keywords_are_never_replaced() -> None:
    assert tcp("> . 1:1(0) ack 5", "-Dack=win").ack == 5


def test_words_of_notes_and_flags_are_replaced_too() -> None:
    assert tcp("> X 1:1(0)", "-DX=P").flags.mask == 8
    assert refused("0 f() = -1 EINVAL (X)", "-DX=5").message.startswith("parse error at 'X'")


def test_a_cookie_of_digits_works_only_literally() -> None:
    tcp("> S 0:0(0) <FO 12345678,nop,nop>")
    tcp("> S 0:0(0) <FO C,nop,nop>", "-DC=1234567a")
    error = refused("0 > S 0:0(0) <FO COOKIE12,nop,nop>", "-DCOOKIE12=12345678")
    assert error.message == "semantic error: TCP fast open cookie 'COOKIE12' is not a valid hex string"


@pytest.mark.parametrize(("definition", "told"), [("X", "X"), ("=5", "=5"), ("", "")])
def test_bad_definitions(definition: str, told: str) -> None:
    assert refused("0 `a`", "-D", definition).message == f"bad definition: {told}"


def test_script_definitions_of_numbers_need_quotes_upstream() -> None:
    assert refused("--define=X=5\n0 `a`").message.startswith("parse error at '5'")


# ---------------------------------------------------------------- dialects


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", Integer(12)),
        ("12zz", Integer(12)),
        ("1.5", Integer(1)),
        ("010", Integer(10)),
        ("0x12", Integer(18, hexadecimal=True)),
        ("0xzz", Integer(0, hexadecimal=True)),
        ("-5", Word("-5")),
        ("", Word("")),
        ("abc", Word("abc")),
    ],
)
def test_nplab_cuts_values_behind_leading_digits(value: str, expected: Integer | Word) -> None:
    assert expression("X", f"-DX={value}", dialect="nplab") == expected


def test_nplab_defines_numbers_without_quotes() -> None:
    assert settings("--define=X=5\n--define=Y=0x10\n0 `a`", dialect="nplab").definitions == {"X": "5", "Y": "16"}


def test_mptcp_never_makes_an_integer() -> None:
    assert expression("X", "-DX=5", dialect="mptcp") == Word("5")
