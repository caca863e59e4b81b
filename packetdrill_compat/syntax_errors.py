"""Syntax errors in human words: packetdrill's message, what was expected, and what to do about well-known traps."""

from collections.abc import Iterable

from packetdrill_compat.build.base import BuilderBase
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import END, Scanner, Token
from packetdrill_compat.traps import Place, hint

_TERMINAL_WORDS = {
    "INTEGER": "a whole number",
    "FLOAT": "a decimal number",
    "HEX_INTEGER": "a hexadecimal number (0x…)",
    "WORD": "a word",
    "STRING": 'a string in double quotes ("…")',
    "BACK_QUOTED": "a command in back quotes (`…`)",
    "CODE": "a code block (%{ … }%)",
    "OPTION": "an option line (--name=value)",
    "IPV4_ADDR": "an IPv4 address",
    "IPV6_ADDR": "an IPv6 address",
    "ELLIPSIS": "'...'",
    "DSCP_NAME": "the name of a code point (cs1, af11, ef, …)",
    "GENERIC_OPTION": "an option kind (gen-N)",
    "EXPERIMENT_OPTION": "an experiment (exp-HHHH)",
    END: "the end of the script",
}

# Terminals that together begin one thing, the larger groups first; a group is named only if all of it is expected.
_GROUPS: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"ELLIPSIS", "INTEGER", "HEX_INTEGER", "WORD", "STRING", "BRACKET", "INET_ADDR", "BRACE"}),
        "a value (number, word, string, [list], {structure} or ...)",
    ),
    (frozenset({"PLUS", "INTEGER", "FLOAT", "STAR"}), "the time of an event (1.5, +0.1 or *)"),
    (frozenset({"WORD", "FLOAT", "DOT", "DASH"}), "TCP flags (S, S., P., . or -)"),
    (frozenset({"IPV4_WORD", "IPV6_WORD", "GRE", "MPLS"}), "an encapsulation (ipv4, ipv6, gre or mpls)"),
    (frozenset({"NOECN", "ECT0", "ECT1", "CE", "ECT01"}), "an ECN word (noecn, ect0, ect1, ce or ect01)"),
    (frozenset({"BRACKET", "LPAR"}), "an IP annotation ([ect0] and the like)"),
    (
        frozenset({"NOP", "EOL", "MSS", "WSCALE", "SACK_OK", "SACK", "TS"}),
        "a TCP option (nop, mss N, TS val N ecr N, …)",
    ),
    (frozenset({"INBOUND", "OUTBOUND"}), "a packet ('<' or '>')"),
)
_PART_OF_GROUP = {
    "a value (number, word, string, [list], {structure} or ...)": frozenset({"INET6_ADDR", "HTONL", "NULL"}),
    "a TCP option (nop, mss N, TS val N ecr N, …)": frozenset({"MD5", "FO", "FOEXP", "ECN"}),
}
_MOST_SHOWN = 8
_LONGEST_TOKEN = 40


def syntax_error(token: Token, accepted: Iterable[str], scanner: Scanner, builder: BuilderBase) -> ScriptError:
    """Return the error for a token that the grammar does not allow at its place.

    `accepted` are the terminals that it does allow there.
    """
    expected = set(accepted)
    place = Place(token, _previous(token, scanner), frozenset(expected), scanner)
    what = "the script ends too early, expected" if token.type == END else "expected"
    return ScriptError(
        f"parse error at '{_shortened(token.text)}': syntax error; {what} {describe(expected, scanner)}",
        path=builder.path,
        position=builder.position(token),
        source=scanner.text,
        next_step=hint(place),
    )


def describe(expected: set[str], scanner: Scanner) -> str:
    """Return terminals in words, joined with commas and "or"."""
    spelling = {name: text for text, name in reversed([*scanner.terminals.spellings.items()])}
    rest = set(expected)
    words = []
    for group, text in _GROUPS:
        if group <= rest:
            words.append(text)
            rest -= group | _PART_OF_GROUP.get(text, frozenset())
    words += sorted(_TERMINAL_WORDS.get(name) or f"'{spelling.get(name, name)}'" for name in rest)
    if len(words) > _MOST_SHOWN:
        words = [*words[: _MOST_SHOWN - 1], "something else"]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _previous(token: Token, scanner: Scanner) -> tuple[Token, ...]:
    """Return up to three tokens in front of `token`, the nearest first."""
    before: list[Token] = []
    for other in type(scanner)(scanner.text, scanner.terminals):
        if other.offset >= token.offset:
            break
        before.append(other)
    return tuple(reversed(before[-3:]))


def _shortened(text: str) -> str:
    first = text.split("\n", 1)[0]
    return text if text == first and len(text) <= _LONGEST_TOKEN else f"{first[:_LONGEST_TOKEN]}…"
