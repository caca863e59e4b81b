"""The scanner's rules. Source: language specification, section 1.1 (read out of and measured with packetdrill)."""

import pytest

from packetdrill_compat.ast import CodeBlock, Command, Integer, String, Word
from packetdrill_compat.parser import dialect_parser
from packetdrill_compat.scanner import Scanner
from tests.packetdrill_compat.reading.helpers import expression, last_action, read, refused


def tokens(text: str) -> list[tuple[str, str]]:
    return [(token.type, token.text) for token in Scanner(text, dialect_parser("google").terminals)][:-1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0.25", "FLOAT"),
        (".1", "FLOAT"),
        ("-1.5", "FLOAT"),
        ("-.5", "FLOAT"),
        ("010", "INTEGER"),
        ("-7", "INTEGER"),
        ("0x1F", "HEX_INTEGER"),
        ("0x", "WORD"),
        ("0X1F", "WORD"),
        ("0x1g", "WORD"),
        ("1abc", "WORD"),
        ("1e1", "WORD"),
        ("_a", "WORD"),
        ("192.0.2.1", "IPV4_ADDR"),
        ("999.0.0.1", "IPV4_ADDR"),
        ("...", "ELLIPSIS"),
        ("--mtu", "OPTION"),
        ("--1", "OPTION"),
        ('"a\nb"', "STRING"),
        ("`a\nb`", "BACK_QUOTED"),
        ("%{ a\n}%", "CODE"),
        ("::", "IPV6_ADDR"),
        ("::1", "IPV6_ADDR"),
        ("a::", "IPV6_ADDR"),
        ("1:2:3:4:5:6:7:8", "IPV6_ADDR"),
        ("1:2:3:4:5:6:7::", "IPV6_ADDR"),
        ("1::2:3:4:5:6:7", "IPV6_ADDR"),
        ("::ffff:192.0.2.1", "IPV6_ADDR"),
        ("::ffff:0:192.0.2.1", "IPV6_ADDR"),
        ("64:ff9b::192.0.2.1", "IPV6_ADDR"),
    ],
)
def test_one_token_is_one_token(text: str, kind: str) -> None:
    assert tokens(text) == [(kind, text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("1:1001", ["1", ":", "1001"]),
        ("1:2:3:4:5:6:7", ["1", ":", "2", ":", "3", ":", "4", ":", "5", ":", "6", ":", "7"]),
        ("1::2:3:4:5:6:7:8", ["1::2:3:4:5:6:7", ":", "8"]),
        ("fe80::zz", ["fe80::", "zz"]),
        ("12345::1", ["12345", "::1"]),
        ("::192.0.2.1", ["::192", ".0", ".2", ".1"]),
        ("1.2.3", ["1.2", ".3"]),
        ("-1.2.3.4", ["-1.2", ".3", ".4"]),
        ("1.2.3.4.5", ["1.2.3.4", ".5"]),
        ("1.", ["1", "."]),
        ("-1abc", ["-1", "abc"]),
        ("-0x10", ["-0", "x10"]),
        ("....5", ["...", ".5"]),
        ("0...0.3", ["0", "...", "0.3"]),
        ("S.5", ["S", ".5"]),
        ("sequence#x", ["sequence#", "x"]),
        ("asequence#", ["asequence", "#"]),
        ("fe80::1%eth0", ["fe80::1", "%", "eth0"]),
    ],
)
def test_the_longest_match_wins(text: str, pieces: list[str]) -> None:
    assert [piece for _, piece in tokens(text)] == pieces


def test_keywords_beat_words_only_as_whole_words() -> None:
    assert [kind for kind, _ in tokens("ack acks ACK GREv0 gre")] == ["ACK", "WORD", "WORD", "GRE", "GRE"]


@pytest.mark.parametrize("text", ["\r", "\f", "\v", "\\", "#", "@", "é", "\ufeff"])
def test_other_characters_are_stray_tokens(text: str) -> None:
    assert tokens(f"1 {text} 2")[1] == (text, text)
    assert refused(f"0 `true`{text}\n").message.startswith(f"parse error at '{text}': syntax error")


# ---------------------------------------------------------------- comments


def test_newlines_do_not_end_statements() -> None:
    assert len(read("0\n`a`\n+1 `b` +1\n\n`c`").events) == 3


def test_a_line_comment_needs_its_newline() -> None:
    read("0 `true` // comment\n")
    assert refused("0 `true`\n// comment").message.startswith("parse error at '/': syntax error")


@pytest.mark.parametrize("comment", ["/* a */", "/**/", "/* a\n * b\n */", "/* a ***/", "/* * / */", "/* // */"])
def test_block_comments(comment: str) -> None:
    assert len(read(f"0 `a` {comment} 0 `b`").events) == 2


def test_an_even_run_of_stars_does_not_close_a_comment() -> None:
    assert len(read("0 `a` /* x **/ 0 `b` /* y */ 0 `c`").events) == 2
    assert refused("0 `a` /* x **/").message.startswith("parse error at '/'")
    assert refused("0 `a` /***/").message.startswith("parse error at '/'")


def test_block_comments_do_not_nest() -> None:
    # The star that is left over reads as a time.
    assert refused("0 `a` /* /* */ */").message.startswith("parse error at '/'")


def test_comment_signs_in_quoted_text_are_text() -> None:
    assert expression('"// /*"') == String(("// /*",))
    assert last_action("0 `echo // /*`") == Command("echo // /*")


# ---------------------------------------------------------------- quoted text


def test_a_code_block_is_closed_by_brace_and_percent() -> None:
    assert last_action("0 %{ assert a == 1 }%") == CodeBlock("assert a == 1")
    assert last_action("0 %{}%") == CodeBlock("")


def test_two_braces_do_not_close_a_code_block() -> None:
    assert last_action("0 %{ {} } }%") == CodeBlock("{} }")
    assert refused("0 %{ {{}}%").message.startswith("parse error at '%'")
    assert last_action("0 %{ {}}% }%") == CodeBlock("{}}%")


def test_only_blanks_and_tabs_are_stripped_from_code() -> None:
    assert last_action("0 %{ \t\nx\n \t}%") == CodeBlock("\nx\n")


def test_backslashes_of_commands_are_kept() -> None:
    assert last_action("0 `a \\` b \\n`") == Command("a \\` b \\n")


def test_an_escaped_quote_belongs_to_the_string() -> None:
    assert expression(r'"a\"b"') == String((r"a\"b",))


def test_a_final_backslash_ends_a_string_only_if_no_quote_follows_in_the_file() -> None:
    assert expression('"a\\"') == String(("a\\",))
    # The second string's opening quote closes the first string.
    error = refused('0 f("a\\", "b") = 0')
    assert error.message.startswith("parse error at 'b'")


def test_an_even_number_of_backslashes_does_not_help() -> None:
    assert refused('0 f("a\\\\", "b") = 0').message.startswith("parse error at 'b'")


def test_unterminated_quotes_are_stray_characters() -> None:
    for text in ('0 f("a', "0 `a", "0 %{ a"):
        assert "syntax error" in refused(text).message


# ---------------------------------------------------------------- numbers


def test_numbers_are_decimal_and_saturate_at_64_bits() -> None:
    assert expression("010") == Integer(10)
    assert expression("9" * 30) == Integer(2**63 - 1)
    assert expression("-" + "9" * 30) == Integer(-(2**63))
    assert expression("0x" + "f" * 30) == Integer(2**64 - 1, hexadecimal=True)
    assert expression("9" * 5000) == Integer(2**63 - 1)


def test_a_number_with_letters_is_a_word() -> None:
    assert expression("1abc") == Word("1abc")
