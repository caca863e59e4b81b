"""Names with numbers, and string escapes. Sources: language specification, sections 1.1, 3.5 and 5.6; RFC 792, 4443."""

import errno
import socket
import sys

import pytest

from packetdrill_compat import icmp
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.strings import unescape
from packetdrill_compat.symbols import ERRNO, ERRNO_NAMES, SYMBOLS

# ---------------------------------------------------------------- symbols


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NULL", 0),
        ("SO_ZEROCOPY", 60),
        ("SCM_TIMESTAMPING_OPT_STATS", 54),
        ("SOF_TIMESTAMPING_OPT_ID_TCP", 65536),
        ("TCP_NLA_SRTT", 22),
        ("TCP_INFINITE_SSTHRESH", 0x7FFFFFFF),
        ("TCP_FASTOPEN_NO_COOKIE", 34),
        ("TCP_CM_INQ", 36),
        ("IPV6_TCLASS", 67),
        ("IP_PMTUDISC_PROBE", 3),
        ("MSG_ZEROCOPY", 0x4000000),
        ("MSG_RST", 0x1000),
        ("SIOCINQ", 21531),
        ("CAP_NET_ADMIN", 12),
        ("CAP_BLOCK_SUSPEND", 36),
        ("CAP_CLEAR", 0),
        ("EPOLLET", 0x80000000),
        ("POLLRDHUP", 8192),
        ("SO_SECURITY_ENCRYPTION_NETWORK", 24),
        ("F_SHLCK", 8),
        ("EWOULDBLOCK", 11),
        ("ERFKILL", 132),
        ("PF_INET6", 10),
    ],
)
def test_symbols_that_are_easily_mistaken(name: str, value: int) -> None:
    assert SYMBOLS[name] == value


def test_all_groups_of_names_are_there() -> None:
    groups = "AF PF SOCK IPPROTO SOL SO IP IPV6 TCP MSG F O SHUT SEEK LOCK SPLICE CAP SOF SCM"
    assert {name.split("_")[0] for name in SYMBOLS} >= set(groups.split())
    assert len(SYMBOLS) >= 423


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
def test_numbers_agree_with_the_standard_library() -> None:
    for module in (errno, socket):
        for name in SYMBOLS.keys() & vars(module).keys():
            assert SYMBOLS[name] == int(getattr(module, name)), name


def test_errno_names_go_both_ways() -> None:
    assert ERRNO_NAMES[104] == "ECONNRESET"
    assert all(ERRNO[name] == number for number, name in ERRNO_NAMES.items())
    assert ERRNO_NAMES[11] == "EAGAIN"


# ---------------------------------------------------------------- ICMP


@pytest.mark.parametrize(
    ("version", "words", "numbers"),
    [
        (4, ("unreachable", None), (3, 0)),
        (4, ("unreachable", "frag_needed"), (3, 4)),
        (4, ("unreachable", "precedence_cutoff"), (3, 15)),
        (4, ("echo_request", "code_7"), (8, 7)),
        (4, ("type_255", "code_255"), (255, 255)),
        (4, ("type_03x", None), (3, 0)),
        (4, ("time_exceeded", "frag_reass_exceeded"), (11, 1)),
        (4, ("address_mask_reply", None), (18, 0)),
        (6, ("unreachable", "no_route"), (1, 0)),
        (6, ("unreachable", "port_unreachable"), (1, 4)),
        (6, ("packet_too_big", None), (2, 0)),
        (6, ("parameter_problem", "unknown_option"), (4, 2)),
        (6, ("echo_reply", None), (129, 0)),
        (6, ("router_advertisement", None), (134, 0)),
    ],
)
def test_icmp_words(version: int, words: tuple[str, str | None], numbers: tuple[int, int]) -> None:
    assert icmp.resolve(version, *words) == numbers


def test_names_of_other_dialects_can_be_left_out() -> None:
    for version, words in ((4, ("time_exceeded", "ttl_exceeded_in_transit")), (6, ("router_advertisement", None))):
        icmp.resolve(version, *words, dialect="nplab")
        with pytest.raises(ScriptError):
            icmp.resolve(version, *words, dialect="google")


def test_an_unknown_word_lists_the_known_ones() -> None:
    with pytest.raises(ScriptError, match="bad ICMP code nonsense") as caught:
        icmp.resolve(6, "time_exceeded", "nonsense")
    assert "exceeded_hop_limit" in caught.value.next_step


def test_numbers_become_words_again() -> None:
    assert (icmp.type_name(4, 3), icmp.code_name(4, 3, 4)) == ("unreachable", "frag_needed")
    assert (icmp.type_name(6, 200), icmp.code_name(6, 200, 1)) == ("type_200", "code_1")
    assert icmp.code_name(4, 8, 0) == "code_0"


# ---------------------------------------------------------------- strings


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("plain", b"plain"),
        (r"\n\r\t\v\f", b"\n\r\t\x0b\x0c"),
        (r"\x00\xfFz", b"\x00\xffz"),
        # Measured: packetdrill yields a form feed for both.
        (r"\\", b"\x0c"),
        (r"a\"b", b"a\x0cb"),
        ("é", "é".encode()),
        ("\udce9", b"\xe9"),
    ],
)
def test_escapes(text: str, octets: bytes) -> None:
    assert unescape(text) == octets


@pytest.mark.parametrize("text", [r"\a", r"\0", "\\", r"\x", r"\x1", r"\xg0", r"\x+1", r"\x 1"])
def test_unknown_escapes(text: str) -> None:
    with pytest.raises(ScriptError):
        unescape(text)
