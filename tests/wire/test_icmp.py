"""ICMP messages and what they quote."""

import pytest

from wire.icmp import IcmpMessage
from wire.ip import DESTINATION_OPTIONS, ExtensionHeader, Ipv4Header, Ipv6Header, fragment_header
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import ACK, TcpSegment
from wire.udp import UdpDatagram

V4 = Ipv4Header("192.0.2.1", "192.0.2.2")
V6 = Ipv6Header("2001:db8::1", "2001:db8::2")
SEGMENT = TcpSegment(1000, 2000, 0x01020304, 5, ACK, 6, payload=bytes(100))


def test_a_fragmentation_needed_message_octet_by_octet() -> None:
    # RFC 1191, section 4: the next-hop MTU stands in the lower half of the second word. 0304 + 05dc = 08e0.
    octets = build_packet(Packet((V4,), IcmpMessage(4, 3, 4, rest=1500)))
    assert octets[20:].hex(" ") == "03 04 f7 1f 00 00 05 dc"


def test_an_icmpv6_checksum_covers_the_pseudo_header() -> None:
    # RFC 4443, section 2.3: addresses 0001 and 0002, length 0008, next header 003a, and 0200 0500 sum up to 0745.
    header = V6._replace(src="::1", dst="::2")
    octets = build_packet(Packet((header,), IcmpMessage(6, 2, 0, rest=1280)))
    assert octets[40:].hex(" ") == "02 00 f8 ba 00 00 05 00"


@pytest.mark.parametrize("header", [V4, V6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("size", [8, 20, 120])
def test_a_quoted_segment_gives_ports_and_sequence_number(header: Ipv4Header | Ipv6Header, size: int) -> None:
    data = build_packet(Packet((header,), SEGMENT))[: header.size + size]
    version = 4 if isinstance(header, Ipv4Header) else 6
    quoted = IcmpMessage(version, 3, 3, payload=data).quoted()
    assert quoted is not None
    assert (quoted.header.src, quoted.header.dst) == (header.src, header.dst)
    assert (quoted.src_port, quoted.dst_port, quoted.seq) == (1000, 2000, 0x01020304)
    assert quoted.payload == data[header.size :]
    assert quoted.total_length == header.size + 120


def test_a_quoted_datagram_has_ports_and_no_sequence_number() -> None:
    data = build_packet(Packet((V4,), UdpDatagram(7, 8)))
    quoted = IcmpMessage(4, 3, 3, payload=data).quoted()
    assert quoted is not None
    assert (quoted.src_port, quoted.dst_port, quoted.seq) == (7, 8, None)


def test_what_the_quotation_leaves_out_is_none() -> None:
    data = build_packet(Packet((V4,), SEGMENT))
    message = IcmpMessage(4, 11, 0)
    cut_in_seq = message._replace(payload=data[:27]).quoted()
    cut_in_ports = message._replace(payload=data[:23]).quoted()
    assert cut_in_seq is not None
    assert (cut_in_seq.src_port, cut_in_seq.seq) == (1000, None)
    assert cut_in_ports is not None
    assert (cut_in_ports.src_port, cut_in_ports.dst_port) == (None, None)
    assert message._replace(payload=data[:19]).quoted() is None


def test_the_ports_behind_extension_headers_are_found() -> None:
    header = V6._replace(extensions=(ExtensionHeader(DESTINATION_OPTIONS, b"\x01\x04" + bytes(4)),))
    quoted = IcmpMessage(6, 1, 0, payload=build_packet(Packet((header,), SEGMENT))).quoted()
    assert quoted is not None
    assert (quoted.src_port, quoted.seq) == (1000, 0x01020304)


@pytest.mark.parametrize(
    "header",
    [
        V4._replace(fragment_offset=1),
        V6._replace(extensions=(fragment_header(1, more=False, identification=1),)),
    ],
    ids=["ipv4", "ipv6"],
)
def test_a_later_fragment_has_no_ports(header: Ipv4Header | Ipv6Header) -> None:
    version = 4 if isinstance(header, Ipv4Header) else 6
    quoted = IcmpMessage(version, 3, 0, payload=build_packet(Packet((header,), SEGMENT))).quoted()
    assert quoted is not None
    assert quoted.src_port is None


@pytest.mark.parametrize(
    ("version", "kind", "quotes"),
    # RFC 792; RFC 4443, section 2.1: types below 128 are errors.
    [
        (4, 3, True),
        (4, 4, True),
        (4, 5, True),
        (4, 11, True),
        (4, 12, True),
        (4, 0, False),
        (4, 8, False),
        (6, 1, True),
        (6, 4, True),
        (6, 127, True),
        (6, 128, False),
        (6, 135, False),
    ],
)
def test_only_errors_quote(version: int, kind: int, quotes: bool) -> None:
    data = build_packet(Packet((V4,), SEGMENT))
    assert (IcmpMessage(version, kind, 0, payload=data).quoted() is not None) is quotes


def test_the_fields_of_a_message_come_back() -> None:
    message = IcmpMessage(4, 8, 0, rest=0x12345678, payload=b"ping")
    body = parse_packet(build_packet(Packet((V4,), message))).body
    assert isinstance(body, IcmpMessage)
    assert body._replace(checksum=None) == message
