"""Semantic checks while parsing, with packetdrill's messages.

Source: language specification, section 1.4; exact texts and limits measured with packetdrill's ``--dry_run``.
"""

import pytest

from tests.packetdrill_compat.reading.helpers import packet, read, refused, tcp

IPV6 = "--ip_version=ipv6"


def message(text: str, *flags: str) -> str:
    told = refused(f"0 `true`\n0 {text}", *flags).message
    assert told.startswith("semantic error: ")
    return told.removeprefix("semantic error: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-1:0(1)", "TCP start sequence number out of range"),
        ("4294967296:4294967296(0)", "TCP start sequence number out of range"),
        ("4294967295:4294967296(1)", "TCP end sequence number out of range"),
        ("0:0(-1)", "TCP payload size out of range"),
        ("0:65536(65536)", "TCP payload size out of range"),
        ("1:1(1)", "inconsistent TCP sequence numbers and payload size"),
        ("4294967295:0(1)", "inconsistent TCP sequence numbers and payload size"),
        ("1:1(0) ack 4294967296", "TCP ack sequence number out of range"),
        ("1:1(0) win 65536", "TCP window value out of range"),
        ("1:1(0) urg 65536", "urg_ptr value out of range"),
        ("1:1(0) <mss 65536>", "mss value out of range"),
        ("1:1(0) <wscale 256,nop>", "window scale shift count out of range"),
        ("1:1(0) <sack 1:4294967296,nop,nop>", "TCP SACK right sequence number out of range"),
        ("1:1(0) <sack -1:5,nop,nop>", "TCP SACK left sequence number out of range"),
        ("1:1(0) <TS val -1 ecr 0,nop,nop>", "ts val out of range"),
        ("1:1(0) <TS val 0 ecr 4294967296,nop,nop>", "ecr val out of range"),
        ("1:1(0) <ECN e0b 16777216 ceb 2>", "TCP AccECN field value out of range"),
    ],
)
def test_ranges_of_segments(text: str, told: str) -> None:
    assert message(f"> - {text}") == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("> 65536 > 1 . 1:1(0)", "src port out of range"),
        ("> 1 > 65536 . 1:1(0)", "dst port out of range"),
        ("> [tos 0x100] . 1:1(0)", "tos out of range for 8 bits"),
        ("> [flowlabel 0x100000] . 1:1(0)", "flowlabel out of range for 20 bits"),
        ("> udp (65536)", "UDP payload size out of range"),
        ("> udp (-1)", "UDP payload size out of range"),
        ("> mpls (label 1048576, tc 0, ttl 0): udp (1)", "MPLS label out of range for 20 bits"),
        ("> mpls (label 0, tc 8, ttl 0): udp (1)", "MPLS traffic_class out of range for 3 bits"),
        ("> mpls (label 0, tc 0, ttl 256): udp (1)", "MPLS ttl out of range for 8 bits"),
        ("> mpls (label 0, tc 0, [T], ttl 0): udp (1)", "expected [S] for MPLS label stack bottom"),
        (f"> mpls {'(label 0, tc 0, ttl 0)' * 7}: udp (1)", "too many MPLS labels"),
        ("> ipv4 192.0.2.256 > 192.0.2.1: udp (1)", "bad IPv4 src address: '192.0.2.256'"),
        ("> ipv4 192.0.2.1 > 192.0.02.1: udp (1)", "bad IPv4 dst address: '192.0.02.1'"),
        ("> ipv6 ::ffff:999.0.2.1 > ::: udp (1)", "bad IPv6 src address: '::ffff:999.0.2.1'"),
    ],
)
def test_ranges_of_other_parts(text: str, told: str) -> None:
    assert message(text) == told


def test_all_limits_are_inclusive() -> None:
    tcp("> 65535 > 0 - 4294967295:4294967295(0) ack 4294967295 win 65535 urg 65535 <mss 65535,wscale 255,nop>")
    tcp("> [tos 0xff, flowlabel 0xfffff] - 0:0(0) <TS val 4294967295 ecr 0,sack 0:4294967295>")
    tcp("> mpls (label 1048575, tc 7, ttl 255): - 0:0(0) <ECN e0b 16777215 ceb 0>")


# ---------------------------------------------------------------- flags

INVALID = [("Sx", "x"), ("S8", "8"), (".9", "9"), ("c", "c"), ("-1.5", "-"), ("1abc", "a")]
CONFLICTING = [("SE1", "1"), ("S1E", "E"), ("A1", "1"), ("W.0", "0"), ("S12", "2"), (".57", "7"), ("0.5", "5")]


@pytest.mark.parametrize(("flags", "letter"), INVALID)
def test_unknown_flags(flags: str, letter: str) -> None:
    assert message(f"> {flags} 1:1(0)") == f"Invalid TCP flag: '{letter}'"


@pytest.mark.parametrize(("flags", "letter"), CONFLICTING)
def test_a_digit_excludes_the_ecn_letters_and_a_second_digit(flags: str, letter: str) -> None:
    assert message(f"> {flags} 1:1(0)") == f"Conflicting TCP flag: '{letter}'"


# ---------------------------------------------------------------- options


def test_options_must_be_padded() -> None:
    told = "TCP options are not padded correctly to ensure TCP header is a multiple of 4 bytes: {} excess bytes"
    assert message("> . 1:1(0) <nop>") == told.format(1)
    assert message("> . 1:1(0) <TS val 1 ecr 2>") == told.format(2)
    assert message("> . 1:1(0) <wscale 1>") == told.format(3)


def test_options_take_at_most_forty_octets() -> None:
    tcp(f"> . 1:1(0) <{','.join(['nop'] * 40)}>")
    assert message(f"> . 1:1(0) <{','.join(['nop'] * 41)}>") == "TCP option list too long"
    assert message("> . 1:1(0) <nop,nop,sack 1:2 3:4 5:6 7:8 9:10>") == "TCP option list too long"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("FO abc", "TCP fast open cookie has an odd number of digits"),
        ("FO xyzw", "TCP fast open cookie 'xyzw' is not a valid hex string"),
        ("FO -123", "TCP fast open cookie '-123' is not a valid hex string"),
        (f"FO {'ab' * 39}", "TCP fast open cookie of 39 bytes exceeds maximum cookie length of 38 bytes"),
        (f"FOEXP {'ab' * 37}", "TCP fast open cookie of 37 bytes exceeds maximum cookie length of 36 bytes"),
        ("md5 abc", "TCP MD5 digest is not a valid hex string"),
        (f"md5 {'ab' * 17}", "TCP MD5 digest longer than 16 bytes"),
    ],
)
def test_cookies_and_digests(option: str, told: str) -> None:
    assert message(f"> . 1:1(0) <{option}>") == told


def test_the_longest_cookies() -> None:
    tcp(f"> . 1:1(0) <FO {'ab' * 38}>")
    tcp(f"> . 1:1(0) <FOEXP {'ab' * 36}>")


# ---------------------------------------------------------------- directions


def test_an_inbound_segment_needs_a_window() -> None:
    assert message("< . 1:1(0) ack 1") == "window must be specified for inbound packets"
    tcp("< . 1:1(0) ack 1 win 0")


def test_options_can_be_ignored_only_outbound() -> None:
    told = "<...> for TCP options can only be used with outbound packets"
    assert message("< . 1:1(0) ack 1 win 5 <...>") == told


def test_ect01_can_only_be_expected() -> None:
    told = "[ect01] can only be used with outbound packets"
    assert message("< [ect01] . 1:1(0) win 5") == told
    assert message("< [ect01] icmp echo_reply") == told
    packet("> [ect01] icmp echo_reply")


@pytest.mark.parametrize("word", ["noecn", "ect0", "ect1", "ce", "ce, flowlabel 0x1"])
def test_ecn_words_are_not_for_udp(word: str) -> None:
    assert message(f"> [{word}] udp (1)") == "ECN can only be used with TCP packets"
    packet("> [tos 0x1] udp (1)")
    packet("< [ce] icmp echo_reply")


def test_special_times_are_only_for_expected_packets() -> None:
    for action in ("`true`", "f() = 0", "%{}%", "< . 1:1(0) win 1"):
        assert refused(f"* {action}").message.endswith("event time <star> can only be used with outbound packets")
        for time in ("0~1", "+0~+1"):
            told = refused(f"{time} {action}").message
            assert told == "semantic error: event time range can only be used with outbound packets"


def test_times_do_not_run_backwards() -> None:
    assert refused("1~0.5 > . 1:1(0)").message == "semantic error: time range is backwards"
    assert refused("+1~+0.5 > . 1:1(0)").message == "semantic error: time range is backwards"
    for text in ("-1 `true`", "+-1 `true`", "0...-1 f() = 0", "0~-.5 > . 1:1(0)"):
        assert refused(text).message == "semantic error: negative time"


# ---------------------------------------------------------------- sizes


def test_six_headers_are_the_most() -> None:
    packet(f"> {'gre: ' * 4} udp (1)")
    assert message(f"> {'gre: ' * 5} udp (1)") == "too many headers"


def test_packets_fit_into_65535_octets() -> None:
    tcp("> . 0:65495(65495)")
    assert message("> . 0:65496(65496)") == "TCP segment too large"
    packet("> udp (65507)")
    assert message("> udp (65508)") == "UDP datagram too large"
    tcp("> . 0:65475(65475)", IPV6)
    assert message("> . 0:65476(65476)", IPV6) == "TCP segment too large"
    assert message("> . 0:65475(65475) <nop,nop,nop,nop>", IPV6) == "TCP segment too large"


# ---------------------------------------------------------------- ICMP


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("foo", "bad ICMP type foo"),
        ("packet_too_big", "bad ICMP type packet_too_big"),
        ("type_256", "bad ICMP type type_256"),
        ("type_x", "bad ICMP type type_x"),
        ("unreachable no_route", "bad ICMP code no_route"),
        ("unreachable code_256", "bad ICMP code code_256"),
        ("type_3 frag_needed", "bad ICMP code frag_needed"),
        ("echo_request foo", "bad ICMP code foo"),
        ("unreachable host_unreachable mtu 5", "ICMPv4 MTU is only valid for unreachable-frag_needed"),
        ("unreachable frag_needed mtu 65536", "ICMPv4 MTU out of 16-bit range"),
        ("echo_request id 65536", "invalid echo_id, must be between 0 and 65535"),
        ("echo_request id -1", "invalid echo_id, must be between 0 and 65535"),
        ("unreachable [raw (7)]", "icmp_bytes 7 smaller than icmp header length 8"),
        ("unreachable [1:2(0)]", "inconsistent TCP sequence numbers and payload size"),
    ],
)
def test_icmp_of_ipv4(text: str, told: str) -> None:
    assert message(f"< icmp {text}") == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("redirect", "bad ICMP type redirect"),
        ("unreachable frag_needed", "bad ICMP code frag_needed"),
        ("packet_too_big code_1 mtu 5", "ICMPv6 MTU is only valid for packet_too_big-0"),
        ("packet_too_big mtu 4294967296", "ICMPv6 MTU out of 32-bit range"),
    ],
)
def test_icmp_of_ipv6(text: str, told: str) -> None:
    assert message(f"< icmp {text}", IPV6) == told


def test_the_family_of_icmp_is_decided_by_the_option_lines_and_the_command_line() -> None:
    read("--ip_version=ipv6\n0 < icmp packet_too_big mtu 1280")
    read("--ip_version=ipv4\n0 < icmp packet_too_big mtu 1280", IPV6)
    assert "bad ICMP type" in refused("--ip_version=ipv6\n0 < icmp packet_too_big", "--ip_version=ipv4").message


def test_a_negative_mtu_counts_as_none() -> None:
    packet("< icmp unreachable host_unreachable mtu -1")


# ---------------------------------------------------------------- the rest


def test_addresses_in_expressions() -> None:
    assert message('f(inet6_addr("x")) = 0') == "cannot parse in6_addr"
    sockaddr = '{{sa_family = {}, sin_port = htons(1), sin_addr = inet_addr("{}")}}'
    assert message(f"f({sockaddr.format('AF_INET', '::1')}) = 0") == "invalid IPv4 address"
    assert message(f"f({sockaddr.format('AF_INET6', '192.0.2.1')}) = 0") == "invalid IPv6 address"
    read(f"0 f({sockaddr.format('AF_FOO', 'anything')}) = 0")


def test_gre_has_version_0() -> None:
    assert message("> gre flags 1 sum 0 off 0 key 0 seq 0: udp (1)") == "only GRE version 0 is supported"
    assert message("> gre flags 0x4000 sum 0 off 0 key 0 seq 0: udp (1)") == "GRE routing is not supported"


def test_psp_needs_its_port() -> None:
    told = "attempting to use PSP without specifying its UDP port"
    assert message("> encap psp spi 0x1 . 1:1(0)") == told
    assert tcp("> encap psp spi 0x1 . 1:1(0)", "--psp_udp_port=1000", "--wire_server").psp_spi == 1
