"""Packets in script notation. Expected texts: language specification, sections 3 (notation), 4.4 and 8 (dump)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetdrill_compat.notation import describe_flags, describe_option, describe_packet
from wire.gre import GreHeader
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.mpls import MplsLabel, MplsStack
from wire.options import (
    AccEcn,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
)
from wire.packet import Packet, RawPayload, build_packet
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment
from wire.udp import UdpDatagram

LOCAL = Ipv4Header("192.168.0.1", "192.0.2.1")
LOCAL_ISN = 0xFFFFFFF0
REMOTE_ISN = 5000


def tcp(flags: int, seq: int, ack: int = 0, **fields: object) -> TcpSegment:
    values: dict[str, object] = {"window": 65535, **fields}
    return TcpSegment(8080, 40000, seq % 2**32, ack % 2**32, flags, **values)  # type: ignore[arg-type]


def outbound(segment: TcpSegment, **keywords: object) -> str:
    return describe_packet(
        Packet((LOCAL,), segment),
        local_isn=LOCAL_ISN,
        remote_isn=REMOTE_ISN,
        outbound=True,
        **keywords,  # type: ignore[arg-type]
    )


def inbound(segment: TcpSegment) -> str:
    return describe_packet(Packet((LOCAL,), segment), local_isn=LOCAL_ISN, remote_isn=REMOTE_ISN, outbound=False)


def test_outbound_numbers_are_relative_to_both_initial_numbers() -> None:
    segment = tcp(PSH | ACK, LOCAL_ISN + 1, REMOTE_ISN + 101, payload=bytes(1000))
    assert outbound(segment) == "P. 1:1001(1000) ack 101 win 65535"


def test_inbound_numbers_are_relative_to_both_initial_numbers() -> None:
    segment = tcp(ACK, REMOTE_ISN + 1, LOCAL_ISN + 1001, window=257)
    assert inbound(segment) == ". 1:1(0) ack 1001 win 257"


def test_inbound_syn_keeps_its_own_number() -> None:
    assert inbound(tcp(SYN, REMOTE_ISN)) == "S 5000:5000(0) win 65535"


def test_outbound_syn_ack_has_the_stacks_number_relative_and_the_peers_absolute() -> None:
    assert outbound(tcp(SYN | ACK, LOCAL_ISN, REMOTE_ISN + 1)) == "S. 0:0(0) ack 5001 win 65535"


def test_outbound_syn_has_the_number_that_the_script_gives_it() -> None:
    assert outbound(tcp(SYN, LOCAL_ISN), local_script_isn=100) == "S 100:100(0) win 65535"


def test_inbound_syn_ack_acknowledges_the_number_that_the_script_gave() -> None:
    assert inbound(tcp(SYN | ACK, 700, LOCAL_ISN + 1)) == "S. 700:700(0) ack 1 win 65535"


def test_unknown_initial_numbers_leave_the_numbers_of_the_wire() -> None:
    packet = Packet((LOCAL,), tcp(ACK, 12, 34))
    assert describe_packet(packet, local_isn=None, remote_isn=None, outbound=True) == ". 12:12(0) ack 34 win 65535"


def test_numbers_wrap_around() -> None:
    # RFC 9293, section 3.4: all arithmetic is modulo 2**32.
    assert outbound(tcp(ACK, LOCAL_ISN + 20, REMOTE_ISN)) == ". 20:20(0) ack 0 win 65535"


def test_ack_number_without_the_flag_passes_untranslated() -> None:
    assert outbound(tcp(RST, LOCAL_ISN + 1, 77)) == "R 1:1(0) ack 77 win 65535"


def test_window_can_be_left_out() -> None:
    assert outbound(tcp(ACK, LOCAL_ISN + 1, REMOTE_ISN + 1), show_window=False) == ". 1:1(0) ack 1"


def test_ports_stand_in_front_of_the_flags() -> None:
    text = outbound(tcp(ACK, LOCAL_ISN + 1, REMOTE_ISN + 1), show_ports=True)
    assert text == "8080 > 40000 . 1:1(0) ack 1 win 65535"


def test_urgent_pointer_stands_behind_the_window() -> None:
    segment = tcp(PSH | ACK | URG, LOCAL_ISN + 1, REMOTE_ISN + 1, urgent=3, payload=b"abc")
    assert outbound(segment) == "P.U 1:4(3) ack 1 win 65535 urg 3"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (0, "-"),
        (FIN | ACK, "F."),
        (SYN | ECE | CWR, "SEW"),
        (SYN | ACK | ECE, "S.E"),
        (SYN | ECE | CWR | AE, "SEWA"),
        (FIN | SYN | RST | PSH | ACK | URG | ECE | CWR | AE, "FSRP.UEWA"),
    ],
)
def test_flags_stand_in_the_order_of_the_dump(flags: int, text: str) -> None:
    assert describe_flags(flags) == text


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (Eol(), "eol"),
        (Nop(), "nop"),
        (Mss(1460), "mss 1460"),
        (WindowScale(8), "wscale 8"),
        (SackPermitted(), "sackOK"),
        (Sack(((1, 2), (3, 4))), "sack 1:2 3:4"),
        (Timestamps(100, 200), "TS val 100 ecr 200"),
        (FastOpen(), "FO"),
        (FastOpen(bytes.fromhex("0123456789abcdef")), "FO 0123456789abcdef"),
        (FastOpen(b"\xaa\xbb", experimental=True), "FOEXP aabb"),
        (Md5(bytes(16)), "md5 " + "00" * 16),
        (AccEcn(0, (1, 2, 3)), "ECN e0b 1 ceb 2 e1b 3"),
        (AccEcn(1, (1, 2)), "ECN e1b 1 ceb 2"),
        (UnknownOption(253, b"\x01"), "gen-253 01"),
        # RFC 5482, section 3: granularity bit and fifteen bits of time.
        (UserTimeout(minutes=True, value=5), "gen-28 8005"),
    ],
)
def test_options_have_the_words_of_the_script(option: TcpOption, text: str) -> None:
    assert describe_option(option) == text


def test_options_are_separated_by_commas_and_sack_edges_are_relative() -> None:
    options = (Nop(), Nop(), Sack(((REMOTE_ISN + 1001, REMOTE_ISN + 2001),)))
    text = outbound(tcp(ACK, LOCAL_ISN + 1, REMOTE_ISN + 1, options=options))
    assert text == ". 1:1(0) ack 1 win 65535 <nop,nop,sack 1001:2001>"


@pytest.mark.parametrize(
    ("tos", "text"), [(0, ""), (1, "[ect1] "), (2, "[ect0] "), (3, "[ce] "), (0x28, "[tos 0x28] ")]
)
def test_marks_in_the_ip_header_are_annotated(tos: int, text: str) -> None:
    for header in (LOCAL._replace(tos=tos), Ipv6Header("fd00::1", "fd00::2", traffic_class=tos)):
        packet = Packet((header,), UdpDatagram(1, 2, bytes(7)))
        assert describe_packet(packet, local_isn=None, remote_isn=None, outbound=True) == f"{text}udp (7)"


def test_udp_shows_ports_when_asked() -> None:
    packet = Packet((LOCAL,), UdpDatagram(1000, 2000, bytes(7)))
    text = describe_packet(packet, local_isn=None, remote_isn=None, outbound=True, show_ports=True)
    assert text == "udp 1000 > 2000 (7)"


def icmp(message: IcmpMessage, header: Ipv4Header | Ipv6Header = LOCAL) -> str:
    return describe_packet(Packet((header,), message), local_isn=LOCAL_ISN, remote_isn=REMOTE_ISN, outbound=False)


def test_icmp_error_shows_mtu_and_the_quoted_sequence_numbers() -> None:
    # RFC 792: an error quotes the IP header and the first eight octets of the data behind it.
    quoted = build_packet(Packet((LOCAL,), tcp(ACK, LOCAL_ISN + 1, REMOTE_ISN + 1, payload=bytes(1000))))[:28]
    text = icmp(IcmpMessage(4, 3, 4, rest=1400, payload=quoted))
    assert text == "icmp unreachable frag_needed mtu 1400 [1:1001(1000)]"


def test_icmpv6_packet_too_big_shows_its_mtu() -> None:
    header = Ipv6Header("fd00::1", "fd00::2")
    quoted = build_packet(Packet((header,), tcp(ACK, LOCAL_ISN + 1, REMOTE_ISN + 1, payload=bytes(1000))))
    text = icmp(IcmpMessage(6, 2, 0, rest=1280, payload=quoted), header)
    assert text == "icmp packet_too_big mtu 1280 [1:1001(1000)]"


def test_icmp_error_about_udp_shows_the_length() -> None:
    quoted = build_packet(Packet((LOCAL,), UdpDatagram(1, 2, bytes(100))))[:28]
    assert icmp(IcmpMessage(4, 3, 3, payload=quoted)) == "icmp unreachable port_unreachable [udp (100)]"


def test_icmp_query_quotes_nothing() -> None:
    assert icmp(IcmpMessage(4, 8, 0, rest=1, payload=bytes(40))) == "icmp echo_request"


def test_encapsulation_stands_in_front() -> None:
    outer = Ipv4Header("198.51.100.1", "198.51.100.2")
    stack = MplsStack((MplsLabel(7, 1, bottom=True, ttl=64),))
    packet = Packet((outer, GreHeader(flags=0x2000, protocol=0x8847, key=9), stack, LOCAL), tcp(ACK, 1, 2))
    text = describe_packet(packet, local_isn=None, remote_isn=None, outbound=True)
    assert text == (
        "ipv4 198.51.100.1 > 198.51.100.2: gre flags 0x2000 proto 0x8847 key 0x9: "
        "mpls (label 7, tc 1, [S], ttl 64): . 1:1(0) ack 2 win 65535"
    )


def test_a_fragment_and_an_unknown_protocol_are_named() -> None:
    fragment = Packet((LOCAL._replace(flags=1, protocol=6),), RawPayload(bytes(8)))
    assert describe_packet(fragment, local_isn=None, remote_isn=None, outbound=True) == "fragment of protocol 6 (8)"
    other = Packet((LOCAL._replace(protocol=132),), RawPayload(bytes(12)))
    assert describe_packet(other, local_isn=None, remote_isn=None, outbound=True) == "protocol 132 (12)"


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 1460), st.booleans()
)
def test_translation_does_not_depend_on_the_initial_numbers(
    local: int, remote: int, offset: int, length: int, is_outbound: bool
) -> None:
    own, other = (local, remote) if is_outbound else (remote, local)
    segment = tcp(ACK, own + offset, other + 1, payload=bytes(length))
    text = describe_packet(Packet((LOCAL,), segment), local_isn=local, remote_isn=remote, outbound=is_outbound)
    end = (offset + length) % 2**32
    assert text == f". {offset}:{end}({length}) ack 1 win 65535"
