"""What to do about syntax errors that many scripts run into.

Source: the language specification, section 12, "Parsing".
"""

from collections.abc import Callable
from typing import NamedTuple

from packetdrill_compat.scanner import END, Scanner, Token


class Place(NamedTuple):
    """Where an error is: the token, those in front of it (nearest first), and what was expected."""

    token: Token
    previous: tuple[Token, ...]
    expected: frozenset[str]
    scanner: Scanner

    @property
    def rest(self) -> str:
        """The text from the token on."""
        return self.scanner.text[self.token.offset :]

    @property
    def line_start(self) -> str:
        """The text of the line in front of the token."""
        text = self.scanner.text[: self.token.offset]
        return text[text.rfind("\n") + 1 :]

    def behind(self, *types: str) -> bool:
        """Tell whether these terminals stand in front of the token, the nearest first."""
        return tuple(token.type for token in self.previous[: len(types)]) == types


def hint(place: Place) -> str:
    """Return the next step for the trap that the error looks like, or nothing."""
    for trap in _TRAPS:
        if text := trap(place):
            return text
    return ""


def _characters(place: Place) -> str:
    """Characters that begin no token."""
    text, rest = place.token.text, place.rest
    if text == "/" and rest.startswith("//"):
        return "end the last line with a newline: a // comment without it is no comment"
    if text == "/" and rest.startswith("/*"):
        return "close the comment with */ ; an even number of stars in front of the slash (**/) does not close it"
    if text == "%" and rest.startswith("%{"):
        return "close the code block with }% ; }}% does not close it, write } }%"
    if len(text) == 1 and 0xDC80 <= ord(text) <= 0xDCFF:
        return "save the script as UTF-8 text; outside of strings and comments scripts are plain ASCII"
    if len(text) == 1 and not text.isascii():
        return f"remove the character U+{ord(text):04X}; outside of strings and comments scripts are plain ASCII"
    return _CHARACTER_HINTS.get(text, "")


_CHARACTER_HINTS = {
    "\r": "convert the line ends of the file from CRLF to LF, for instance with dos2unix",
    "#": "write comments with // ; # does not begin one",
    "\\": "remove the backslash: an event may run over several lines without a continuation sign",
    '"': 'close the string with "',
    "`": "close the command with `",
}


def _options(place: Place) -> str:
    """Values of option lines that need quotes, and option lines in the wrong place."""
    if place.token.type == "OPTION":
        return "put option lines in front of the init command and of all events"
    name, equals, start = place.line_start.strip(" \t").partition("=")
    if name.startswith("--") and equals and place.token.type != END:
        value = start + place.rest.split("\n", 1)[0].strip()
        return f'put the value into double quotes: {name}="{value}"'
    return ""


def _results(place: Place) -> str:
    """What stands behind the result of a system call."""
    if place.expected == {"LPAR"} and place.behind("WORD"):
        name = place.previous[0].text
        if place.behind("WORD", "INTEGER", "EQUAL"):
            return f"write a note behind the error name: {place.previous[1].text} {name} (what it means)"
        return f"write the arguments of the call: {name}(…)"
    in_note = "RPAR" in place.expected or place.behind("LPAR")
    if in_note and "WORD" in place.expected and place.expected <= {"WORD", "RPAR", "FLAGS", "IS"}:
        return "use bare words in a note: no punctuation, no numbers, no keywords"
    return ""


def _packets(place: Place) -> str:
    token = place.token
    if token.type == "OUTBOUND" and place.behind("INBOUND"):
        return "leave the angle brackets out for no options; <...> means that options are not compared"
    if place.behind("BRACKET") and {"ECT0", "SEQUENCE"} & place.expected and token.type in {"INTEGER", "UDP", "RAW"}:
        return "write the quoted packet of an ICMP message last: icmp unreachable host_unreachable [1:1001(1000)]"
    if token.type == "BRACKET" and place.behind("ICMP"):
        return "write the quoted packet of an ICMP message last: icmp unreachable host_unreachable [1:1001(1000)]"
    if token.type == "WORD" and place.behind("DOT"):
        return "write the dot behind the letters: S. and not .S"
    if place.expected == {"OUTBOUND"} and place.behind("INTEGER") and place.previous[0].text.startswith("-"):
        return "write a blank behind the - that stands for no flags"
    if token.type in {"ACK", "WIN", "URG", "INBOUND"} and place.behind("INTEGER"):
        return "keep the order: flags, sequence numbers, ack, win, urg, options"
    return ""


def _events(place: Place) -> str:
    token = place.token
    if token.type == END and "STAR" in place.expected:
        return "write at least one event: a time, and a packet, system call, command or code block"
    if token.type in {"WORD", "HEX_INTEGER"} and "FLOAT" in place.expected and token.text[0].isdigit():
        return "write times as decimal numbers; there are no exponents and no hexadecimal times"
    if token.text in _NPLAB_WORDS:
        return f"'{token.text}' belongs to the nplab dialect: choose that dialect"
    if token.text in _MPTCP_WORDS:
        return f"'{token.text}' belongs to the mptcp dialect: choose that dialect"
    if token.text in place.scanner.terminals.keywords and "WORD" in place.expected:
        return f"choose another name: '{token.text}' is a keyword"
    return ""


_NPLAB_WORDS = frozenset(
    {"!", "udplite", "hlim", "dscp", "class", "ee0b", "ee1b", "eceb", "AccECN0", "AccECN1", "htonl"}
)
_MPTCP_WORDS = frozenset(
    {
        "mpcapable",
        "mp_capable",
        "mp_capable_no_cs",
        "mp_join_syn",
        "mp_join_syn_ack",
        "mp_join_ack",
        "dss",
        "add_address",
        "remove_address",
        "mp_prio",
        "mp_fail",
        "mp_fastclose",
        "mp_reset",
        "addr",
    }
)

_TRAPS: tuple[Callable[[Place], str], ...] = (_characters, _options, _results, _packets, _events)
