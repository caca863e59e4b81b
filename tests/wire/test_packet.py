"""Whole packets: octets checked by hand, structure errors, and what parsing keeps."""

import pytest
from hypothesis import given

from tests.wire.strategies import packets
from wire.addresses import address_octets
from wire.errors import MalformedPacket, WireError
from wire.gre import CHECKSUM_PRESENT, KEY_PRESENT, SEQUENCE_PRESENT, GreHeader
from wire.icmp import IcmpMessage
from wire.ip import DESTINATION_OPTIONS, ROUTING, ExtensionHeader, Ipv4Header, Ipv6Header, fragment_header
from wire.mpls import MplsLabel, MplsStack
from wire.options import Eol, Mss, Nop, Remainder, SackPermitted, Timestamps, WindowScale
from wire.packet import Header, Packet, RawPayload, build_packet, checksum_errors, open_tunnel, parse_packet
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment
from wire.udp import UdpDatagram, UdpHeader

V4 = Ipv4Header("192.0.2.1", "192.0.2.2")
V6 = Ipv6Header("2001:db8::1", "2001:db8::2")
SEGMENT = TcpSegment(1, 2, 3, 4, ACK, 5)
PAD = ExtensionHeader(DESTINATION_OPTIONS, b"\x01\x04" + bytes(4))  # PadN: RFC 8200, section 4.2


def ipv4_packet(body: str, protocol: int = 6) -> bytes:
    """A packet between 192.0.2.1 and 192.0.2.2 whose checksum field is zero."""
    octets = bytes.fromhex(body)
    head = f"4500 {20 + len(octets):04x} 0000 0000 40 {protocol:02x} 0000 c0000201 c0000202"
    return bytes.fromhex(head) + octets


# ---------------------------------------------------------------- octets


def test_a_syn_over_ipv4_octet_by_octet() -> None:
    packet = Packet(
        (Ipv4Header("192.0.2.1", "192.0.2.2", ttl=255, identification=0x1234, flags=2),),
        TcpSegment(
            8080,
            0xBEEF,
            seq=0x01020304,
            ack=0,
            flags=SYN | ECE | CWR,
            window=65535,
            options=(Mss(1460), SackPermitted(), Timestamps(1, 0), Nop(), WindowScale(7)),
        ),
    )
    # RFC 791, section 3.1, and RFC 9293, section 3.1. The words of the IP header 4500 003c 1234 4000 ff06 c000 0201
    # c000 0202 sum up to 31a79, folded 1a7c, complement e583. Those of pseudo-header and segment, c000 0201 c000 0202
    # 0006 0028 1f90 beef 0102 0304 a0c2 ffff 0204 05b4 0402 080a 0001 0103 0307, sum up to 41f46: 1f4a, e0b5.
    expected = """
        45 00 003c 1234 4000 ff 06 e583 c0000201 c0000202
        1f90 beef 01020304 00000000 a0c2 ffff e0b5 0000
        020405b4 0402 080a 00000001 00000000 01 030307
    """
    assert build_packet(packet) == bytes.fromhex(expected)


def test_the_ipv4_header_that_textbooks_use() -> None:
    # The worked example of the Internet checksum in many texts: checksum b861.
    data = bytes.fromhex("4500 0073 0000 4000 40 11 b861 c0a80001 c0a800c7") + bytes.fromhex("1389 1389 005f 0000")
    data += bytes(0x73 - len(data))
    packet = parse_packet(data)
    assert packet.headers == (
        Ipv4Header("192.168.0.1", "192.168.0.199", protocol=17, ttl=64, flags=2, checksum=0xB861),
    )
    assert packet.body == UdpDatagram(5001, 5001, bytes(0x57), checksum=0)
    assert checksum_errors(data) == []
    assert build_packet(packet) == data


def test_an_ipv6_header_octet_by_octet() -> None:
    # RFC 8200, section 3: version, traffic class, flow label; payload length; next header; hop limit; addresses.
    packet = Packet(
        (V6._replace(hop_limit=1, traffic_class=0xAB, flow_label=0xCDEF1, next_header=253),), RawPayload(b"\x01\x02")
    )
    head = "6abcdef1 0002 fd 01" + "20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02"
    assert build_packet(packet) == bytes.fromhex(head + "0102")


def test_each_flag_has_its_bit() -> None:
    # RFC 9293, section 3.1, bits 7 to 15 of the fourth word; AE is bit 7 (RFC 9768, section 3.1).
    for bit, flag in enumerate((FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE)):
        octets = build_packet(Packet((V4,), SEGMENT._replace(flags=flag)))
        assert int.from_bytes(octets[32:34], "big") == 0x5000 | 1 << bit


def test_reserved_bits_stand_between_data_offset_and_ae() -> None:
    octets = build_packet(Packet((V4,), SEGMENT._replace(flags=0, reserved=7)))
    assert octets[32:34] == b"\x5e\x00"
    assert parse_packet(octets).body == SEGMENT._replace(
        flags=0, reserved=7, checksum=int.from_bytes(octets[36:38], "big")
    )


def test_seg_len_counts_syn_and_fin() -> None:
    # RFC 9293, section 3.4: SEG.LEN counts SYN and FIN.
    assert SEGMENT.seg_len == 0
    assert SEGMENT._replace(flags=SYN | FIN, payload=b"abc").seg_len == 5
    assert SEGMENT._replace(flags=RST | PSH | ACK | URG, payload=b"abc").seg_len == 3


def test_a_udp_checksum_of_zero_goes_out_as_all_ones() -> None:
    # RFC 768. c000 0201 c000 0202 0011 0008 0008 sum up to 8425 folded, so with 7bda as a port the sum is ffff.
    octets = build_packet(Packet((V4,), UdpDatagram(0, 0x7BDA)))
    assert octets[26:28] == b"\xff\xff"
    assert checksum_errors(octets) == []


def test_the_protocol_field_follows_from_the_body() -> None:
    assert build_packet(Packet((V4,), UdpDatagram(1, 2)))[9] == 17
    assert build_packet(Packet((V4,), IcmpMessage(4, 8, 0)))[9] == 1
    assert build_packet(Packet((V6,), IcmpMessage(6, 128, 0)))[6] == 58
    assert build_packet(Packet((V4._replace(protocol=99),), RawPayload()))[9] == 99


# ---------------------------------------------------------------- encapsulation

GRE_ALL = CHECKSUM_PRESENT | KEY_PRESENT | SEQUENCE_PRESENT


def test_gre_words_stand_in_the_order_of_rfc_2890() -> None:
    gre = GreHeader(GRE_ALL, checksum=0x1111, offset=0x2222, key=0x33333333, sequence=0x44444444)
    octets = build_packet(Packet((V4, gre, V6), RawPayload()))
    assert octets[9] == 47
    assert octets[20:36].hex(" ", 4) == "b00086dd 11112222 33333333 44444444"


@pytest.mark.parametrize("flags", [0, KEY_PRESENT, SEQUENCE_PRESENT, CHECKSUM_PRESENT, GRE_ALL])
def test_the_words_of_a_gre_header_are_those_its_flags_name(flags: int) -> None:
    octets = build_packet(Packet((V4, GreHeader(flags, key=7, sequence=8), V4), SEGMENT))
    gre = parse_packet(octets).headers[1]
    assert isinstance(gre, GreHeader)
    assert gre.key == (7 if flags & KEY_PRESENT else 0)
    assert gre.sequence == (8 if flags & SEQUENCE_PRESENT else 0)
    assert (gre.checksum is None) == (not flags & CHECKSUM_PRESENT)
    assert checksum_errors(octets) == []


def test_a_wrong_gre_checksum_is_named() -> None:
    octets = build_packet(Packet((V4, GreHeader(CHECKSUM_PRESENT, checksum=1), V4), SEGMENT))
    assert checksum_errors(octets) == ["gre"]


@pytest.mark.parametrize("word", [0x0001, 0x4000])
def test_gre_of_another_version_or_with_source_routes_stays_octets(word: int) -> None:
    data = ipv4_packet(f"{word:04x} 0800 0000", protocol=47)
    assert parse_packet(data).body == RawPayload(data[20:])


def test_an_unknown_ethertype_in_gre_stays_octets() -> None:
    data = ipv4_packet("0000 6558 aabb", protocol=47)
    packet = parse_packet(data)
    assert packet.headers[1] == GreHeader(0, protocol=0x6558)
    assert packet.body == RawPayload(b"\xaa\xbb")
    assert build_packet(packet) == data


def test_an_mpls_label_stack_entry_has_the_bits_of_rfc_3032() -> None:
    stack = MplsStack((MplsLabel(0x12345, 5, False, 0xFE), MplsLabel(3, 0, True, 64)))
    octets = build_packet(Packet((V4, stack, V4), SEGMENT))
    assert octets[9] == 137
    # label 20 bits, class 3, bottom 1, TTL 8: 0x12345 << 12 | 5 << 9 | 0 << 8 | 0xfe.
    assert octets[20:28].hex(" ", 4) == "12345afe 00003140"
    assert parse_packet(octets).headers[1] == stack


def test_the_innermost_ip_header_is_that_of_the_packet() -> None:
    packet = parse_packet(build_packet(Packet((V6, V4), SEGMENT)))
    assert isinstance(packet.ip, Ipv4Header)
    assert packet.headers[0] == V6._replace(next_header=4)


# ---------------------------------------------------------------- fragments


@pytest.mark.parametrize(
    "header",
    [
        V4._replace(flags=1),
        V4._replace(fragment_offset=1),
        V6._replace(extensions=(fragment_header(0, more=True, identification=9),)),
        V6._replace(extensions=(fragment_header(1, more=False, identification=9),)),
    ],
    ids=str,
)
def test_the_octets_of_a_fragment_are_not_read(header: Header) -> None:
    assert isinstance(header, Ipv4Header | Ipv6Header)
    # What the piece holds may look like a segment and is none.
    piece = RawPayload(build_packet(Packet((V4,), SEGMENT))[20:])
    octets = build_packet(Packet((header,), piece))
    packet = parse_packet(octets)
    assert packet.ip.is_fragment
    assert packet.body == piece
    assert build_packet(packet) == octets


def test_an_atomic_fragment_is_a_whole_packet() -> None:
    # RFC 6946: offset zero and no more fragments.
    header = V6._replace(extensions=(fragment_header(0, more=False, identification=9),))
    packet = parse_packet(build_packet(Packet((header,), SEGMENT)))
    assert not packet.ip.is_fragment
    assert isinstance(packet.body, TcpSegment)


# ---------------------------------------------------------------- what is malformed

GOOD = build_packet(Packet((V4,), TcpSegment(1, 2, 3, 4, ACK, 5, options=(Mss(1460),), payload=b"abc")))
GOOD6 = build_packet(Packet((V6,), UdpDatagram(1, 2, b"abc")))


def changed(data: bytes, at: int, octets: str) -> bytes:
    new = bytes.fromhex(octets)
    return data[:at] + new + data[at + len(new) :]


MALFORMED = {
    "nothing": (b"", "no octets", 0),
    "version 5": (changed(GOOD, 0, "55"), "IP version 5", 0),
    "19 octets": (GOOD[:19], "IPv4 header of 19 octets", 0),
    "header length 4 words": (changed(GOOD, 0, "44"), "IPv4 header length 4", 0),
    "header longer than the packet": (changed(GOOD[:24], 0, "4f"), "IPv4 header length 15", 0),
    "total length below the header": (changed(GOOD, 2, "0013"), "total length 19 is less", 2),
    "total length too large": (changed(GOOD, 2, "0030"), "IPv4 packet of 48 octets in 47", 2),
    "total length too small": (changed(GOOD, 2, "002e"), "IPv4 packet of 46 octets in 47", 2),
    "half a TCP header": (ipv4_packet("0001 0002 00000003 0000"), "TCP header of 10 octets", 20),
    "data offset 4": (changed(GOOD, 32, "40"), "TCP data offset 4", 32),
    "data offset beyond the end": (changed(GOOD, 32, "f0"), "TCP data offset 15", 32),
    "MSS of length 5 in 4 octets": (changed(GOOD, 41, "05"), "kind 2 with length 5 where 4", 41),
    "39 octets of IPv6": (GOOD6[:39], "IPv6 header of 39 octets", 0),
    "IPv6 payload length too large": (changed(GOOD6, 4, "000c"), "IPv6 packet of 52 octets in 51", 4),
    "UDP length too small": (changed(GOOD6, 44, "0007"), "UDP length 7 in 11 octets", 44),
    "UDP length too large": (changed(GOOD6, 44, "000c"), "UDP length 12 in 11 octets", 44),
    "half a UDP header": (ipv4_packet("0001 0002", protocol=17), "UDP header of 4 octets", 20),
    "half an ICMP header": (ipv4_packet("0800 0000 00", protocol=1), "ICMP header of 5 octets", 20),
    "an extension header cut off": (changed(GOOD6, 6, "3c") + b"", "extension header of kind 60 with 16 octets", 41),
    "half a GRE header": (ipv4_packet("0000 08", protocol=47), "GRE header of 3 octets", 20),
    "GRE words cut off": (ipv4_packet("b000 0800 0000", protocol=47), "GRE header of 16 octets where 6", 20),
    "MPLS without bottom": (ipv4_packet("00001040", protocol=137), "label stack without bottom", 24),
    "IPv6 where IPv4 is announced": (ipv4_packet("60" + "00" * 39, protocol=4), "IP version 6 where an IPv4", 20),
    "inner packet shorter than its room": (
        ipv4_packet("4500 0014 0000 0000 40 fd 0000 c0000201 c0000202 ff", protocol=4),
        "encapsulated IP packet of 20 octets in 21",
        22,
    ),
}


@pytest.mark.parametrize(("data", "reason", "offset"), MALFORMED.values(), ids=MALFORMED)
def test_a_structural_error_has_a_reason_and_an_offset(data: bytes, reason: str, offset: int) -> None:
    with pytest.raises(MalformedPacket, match=reason) as caught:
        parse_packet(data)
    assert caught.value.offset == offset


def test_a_tolerant_parse_drops_padding_of_the_link() -> None:
    assert parse_packet(GOOD + bytes(6), tolerant=True) == parse_packet(GOOD)
    assert checksum_errors(GOOD + b"\x01\x02") == []
    with pytest.raises(MalformedPacket):
        parse_packet(GOOD[:-1], tolerant=True)


def test_a_tolerant_parse_keeps_options_that_cannot_be_read() -> None:
    data = changed(GOOD, 41, "05")
    body = parse_packet(data, tolerant=True).body
    assert isinstance(body, TcpSegment)
    assert body.options == (Remainder(b"\x02\x05\x05\xb4"),)
    assert build_packet(parse_packet(data, tolerant=True)) == data


# ---------------------------------------------------------------- what has no form on the wire


NO_FORM = {
    "no header": Packet((), SEGMENT),
    "no header and no body": Packet((), RawPayload()),
    "no IP header": Packet((GreHeader(),), RawPayload()),
    "TCP in GRE": Packet((V4, GreHeader()), SEGMENT),
    "GRE in GRE": Packet((V4, GreHeader(), GreHeader(), V4), SEGMENT),
    "TCP port": Packet((V4,), SEGMENT._replace(src_port=65536)),
    "TCP sequence number": Packet((V4,), SEGMENT._replace(seq=-1)),
    "TCP flags": Packet((V4,), SEGMENT._replace(flags=0x200)),
    "TCP reserved bits": Packet((V4,), SEGMENT._replace(reserved=8)),
    "TCP checksum": Packet((V4,), SEGMENT._replace(checksum=-1)),
    "TCP options": Packet((V4,), SEGMENT._replace(options=(Nop(),) * 41)),
    "TCP payload over IPv4": Packet((V4,), SEGMENT._replace(payload=bytes(65536))),
    "TCP payload over IPv6": Packet((V6,), SEGMENT._replace(payload=bytes(65536))),
    "UDP payload": Packet((V4,), UdpDatagram(1, 2, bytes(65536))),
    "UDP port": Packet((V4,), UdpDatagram(-1, 2)),
    "ICMP type": Packet((V4,), IcmpMessage(4, 256, 0)),
    "IPv6 address in IPv4": Packet((V4._replace(src="2001:db8::1"),), RawPayload()),
    "name for an address": Packet((V4._replace(src="localhost"),), RawPayload()),
    "IPv4 TTL": Packet((V4._replace(ttl=256),), RawPayload()),
    "IPv4 flags": Packet((V4._replace(flags=8),), RawPayload()),
    "IPv4 checksum": Packet((V4._replace(checksum=65536),), RawPayload()),
    "IPv4 options": Packet((V4._replace(options=bytes(41)),), RawPayload()),
    "IPv4 protocol": Packet((V4._replace(protocol=256),), RawPayload()),
    "IPv4 address in IPv6": Packet((V6._replace(src="192.0.2.1"),), RawPayload()),
    "IPv6 flow label": Packet((V6._replace(flow_label=1 << 20),), RawPayload()),
    "IPv6 hop limit": Packet((V6._replace(hop_limit=-1),), SEGMENT),
    "IPv6 next header": Packet((V6._replace(next_header=-1, extensions=(PAD,)),), RawPayload()),
    "extension header of 7 octets": Packet((V6._replace(extensions=(PAD._replace(data=bytes(5)),)),), SEGMENT),
    "extension header of no such kind": Packet((V6._replace(extensions=(PAD._replace(kind=6),)),), SEGMENT),
    "fragment header of 16 octets": Packet((V6._replace(extensions=(ExtensionHeader(44, bytes(14)),)),), SEGMENT),
    "MPLS without entries": Packet((V4, MplsStack(())), RawPayload()),
    "MPLS label": Packet((V4, MplsStack((MplsLabel(1 << 20),))), RawPayload()),
    "GRE key": Packet((V4, GreHeader(KEY_PRESENT, key=-1), V4), RawPayload()),
}


@pytest.mark.parametrize("packet", NO_FORM.values(), ids=NO_FORM)
def test_what_has_no_form_on_the_wire_is_a_wire_error(packet: Packet) -> None:
    with pytest.raises(WireError):
        build_packet(packet)


# ---------------------------------------------------------------- checksums


def test_wrong_checksums_are_kept_and_named() -> None:
    data = build_packet(Packet((V4._replace(checksum=1),), SEGMENT._replace(checksum=2)))
    packet = parse_packet(data)
    assert isinstance(packet.ip, Ipv4Header)
    assert isinstance(packet.body, TcpSegment)
    assert (packet.ip.checksum, packet.body.checksum) == (1, 2)
    assert checksum_errors(data) == ["ipv4", "tcp"]
    assert build_packet(packet) == data


@pytest.mark.parametrize(
    ("packet", "names"),
    [
        (Packet((V4,), UdpDatagram(1, 2, checksum=9)), ["udp"]),
        (Packet((V4,), UdpDatagram(1, 2, checksum=0)), []),  # RFC 768: none computed
        (Packet((V6,), UdpDatagram(1, 2, checksum=0)), ["udp"]),  # RFC 8200, section 8.1
        (Packet((V4,), IcmpMessage(4, 8, 0, checksum=9)), ["icmp"]),
        (Packet((V6,), IcmpMessage(6, 128, 0, checksum=9)), ["icmpv6"]),
        (Packet((V4._replace(checksum=1), V4._replace(checksum=1)), SEGMENT), ["ipv4", "ipv4"]),
        (Packet((V6._replace(next_header=253),), RawPayload(b"abc")), []),
    ],
    ids=["udp", "no udp checksum", "no udp checksum over ipv6", "icmp", "icmpv6", "two headers", "raw"],
)
def test_checksum_errors_names_the_wrong_ones_outermost_first(packet: Packet, names: list[str]) -> None:
    assert checksum_errors(build_packet(packet)) == names


@pytest.mark.parametrize(
    ("routing_type", "segments_left", "end"),
    [
        (0, 2, "2001:db8::b"),  # RFC 8200, section 8.1: the last address of the list is the final destination
        (4, 2, "2001:db8::a"),  # RFC 8754, section 2: the segment list is encoded from the last segment on
        (0, 0, "2001:db8::2"),  # no segments left: the header's own destination
        (99, 2, "2001:db8::2"),  # an unknown type: nothing known about its data
    ],
    ids=["type 0", "segment routing", "arrived", "unknown type"],
)
def test_with_a_routing_header_the_checksum_is_over_the_final_destination(
    routing_type: int, segments_left: int, end: str
) -> None:
    addresses = b"".join(address_octets(f"2001:db8::{last}") for last in "ab")
    routing = ExtensionHeader(ROUTING, bytes((routing_type, segments_left, 0, 0, 0, 0)) + addresses)
    on_the_way = build_packet(Packet((V6._replace(extensions=(routing,)),), SEGMENT))
    at_the_end = build_packet(Packet((V6._replace(dst=end),), SEGMENT))
    assert on_the_way[-20:] == at_the_end[-20:]
    assert checksum_errors(on_the_way) == []


# ---------------------------------------------------------------- properties


@pytest.mark.slow
@given(packets)
def test_building_what_was_parsed_gives_the_same_octets(packet: Packet) -> None:
    octets = build_packet(packet)
    assert build_packet(parse_packet(octets)) == octets


@pytest.mark.slow
@given(packets)
def test_a_built_packet_has_no_checksum_errors(packet: Packet) -> None:
    assert checksum_errors(build_packet(packet)) == []


@pytest.mark.slow
@given(packets)
def test_parsing_what_was_built_gives_the_same_values(packet: Packet) -> None:
    """Apart from what building fills in: checksums and protocol fields."""
    parsed = parse_packet(build_packet(packet))
    assert tuple(_without_computed(header) for header in parsed.headers) == tuple(
        _without_computed(header) for header in packet.headers
    )
    body = parsed.body
    assert (body if isinstance(body, RawPayload) else body._replace(checksum=None)) == packet.body


def _without_computed(header: Header) -> Header:
    if isinstance(header, Ipv4Header):
        return header._replace(protocol=0, checksum=None)
    if isinstance(header, Ipv6Header):
        return header._replace(next_header=0)
    return header._replace(protocol=0, checksum=None) if isinstance(header, GreHeader) else header


def test_padding_of_options_is_kept() -> None:
    octets = build_packet(Packet((V4,), SEGMENT._replace(options=(SackPermitted(),))))
    body = parse_packet(octets).body
    assert isinstance(body, TcpSegment)
    assert body.options == (SackPermitted(), Eol(), Eol())


# ---------------------------------------------------------------- TCP over UDP


@pytest.mark.parametrize("header", [V4, V6])
def test_a_segment_behind_a_udp_header_is_a_datagram_until_it_is_opened(header: Ipv4Header | Ipv6Header) -> None:
    data = build_packet(Packet((header, UdpHeader(9811, 7)), SEGMENT))
    packet = parse_packet(data)
    assert isinstance(packet.body, UdpDatagram)
    assert (packet.body.src_port, packet.body.dst_port, len(packet.body.payload)) == (9811, 7, 20)
    assert checksum_errors(data) == []
    opened = open_tunnel(packet)
    assert isinstance(opened.body, TcpSegment)
    assert opened.body._replace(checksum=None) == SEGMENT
    assert isinstance(opened.headers[-1], UdpHeader)
    assert build_packet(opened) == data


def test_only_a_datagram_is_opened_and_only_around_a_segment() -> None:
    plain = Packet((V4,), SEGMENT)
    assert open_tunnel(plain) is plain
    with pytest.raises(MalformedPacket, match="TCP header of 5 octets"):
        open_tunnel(Packet((V4,), UdpDatagram(1, 2, bytes(5))))


@pytest.mark.parametrize("headers", [(V4, UdpHeader(1, 2), V4), (UdpHeader(1, 2),)])
def test_a_udp_header_has_its_place(headers: tuple[Header, ...]) -> None:
    with pytest.raises(WireError):
        build_packet(Packet(headers, SEGMENT))
