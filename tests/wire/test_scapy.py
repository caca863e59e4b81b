"""scapy as judge: what it builds is what we build and read, and what we build it reads as we meant it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Ether
from scapy.packet import NoPayload
from scapy.utils import checksum

from tests.wire.scapy_judge import LOSSY_IN_SCAPY, read_options, scapy_options, scapy_packet
from tests.wire.strategies import (
    OPTIONS,
    icmp_messages,
    ipv4_headers,
    ipv6_headers,
    raw_payloads,
    tcp_segments,
    udp_datagrams,
)
from wire.convert import from_scapy, to_scapy
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import TcpOption, build_options
from wire.packet import Packet, RawPayload, build_packet, parse_packet
from wire.tcp import SYN, TcpSegment
from wire.udp import UdpDatagram

pytestmark = pytest.mark.slow  # scapy takes about a millisecond a packet

# Options of IPv4 are raw octets here and a structure in scapy; tests of their own have them.
headers: st.SearchStrategy[Ipv4Header | Ipv6Header] = st.one_of(
    ipv4_headers.map(lambda header: header._replace(options=b"")), ipv6_headers
)
# Longer than any header that scapy has by type; what is shorter it leaves undissected.
v4_messages = icmp_messages(4).map(lambda message: message._replace(payload=message.payload + bytes(16)))
v4_echoes = icmp_messages(4).map(lambda message: message._replace(type=8 * (message.type & 1)))


def known_to_scapy(segment: TcpSegment) -> bool:
    return not any(option.kind in LOSSY_IN_SCAPY for option in segment.options)


def announced(header: Ipv4Header | Ipv6Header, protocol: int) -> Ipv4Header | Ipv6Header:
    return (
        header._replace(protocol=protocol) if isinstance(header, Ipv4Header) else header._replace(next_header=protocol)
    )


tcp_packets = st.builds(
    lambda header, body: Packet((announced(header, 6),), body), headers, tcp_segments.filter(known_to_scapy)
)
udp_packets = st.builds(lambda header, body: Packet((announced(header, 17),), body), headers, udp_datagrams)
icmp_packets = st.one_of(
    st.builds(
        lambda header, body: Packet((announced(header, 1),), body),
        ipv4_headers.map(lambda header: header._replace(options=b"")),
        v4_echoes,
    ),
    st.builds(lambda header, body: Packet((announced(header, 58),), body), ipv6_headers, icmp_messages(6)),
)
raw_packets = st.builds(lambda header, body: Packet((header,), body), headers, raw_payloads)
all_packets = st.one_of(tcp_packets, udp_packets, icmp_packets, raw_packets)


def values(packet: Packet) -> Packet:
    """The packet without the checksums that were found."""
    found = [h._replace(checksum=None) if isinstance(h, Ipv4Header) else h for h in packet.headers]
    body = packet.body
    return Packet(tuple(found), body if isinstance(body, RawPayload) else body._replace(checksum=None))


@given(all_packets)
def test_we_build_what_scapy_builds(packet: Packet) -> None:
    assert build_packet(packet).hex() == bytes(scapy_packet(packet)).hex()


@given(all_packets)
def test_we_read_what_scapy_builds(packet: Packet) -> None:
    assert values(parse_packet(bytes(scapy_packet(packet)))) == packet
    assert values(from_scapy(scapy_packet(packet))) == packet


@pytest.mark.parametrize("strategy", OPTIONS.values(), ids=OPTIONS)
@settings(max_examples=30)
@given(data=st.data())
def test_each_option_is_the_same_to_scapy(strategy: st.SearchStrategy[TcpOption], data: st.DataObject) -> None:
    option = data.draw(strategy.filter(lambda option: option.kind not in LOSSY_IN_SCAPY))
    segment = TcpSegment(1, 2, 3, 4, SYN, 5, options=(option,))
    packet = Packet((Ipv4Header("192.0.2.1", "192.0.2.2"),), segment)
    dissected = IP(build_packet(packet))[TCP]
    assert read_options(dissected.options) == scapy_options((option,))
    built = IP(bytes(scapy_packet(packet)))
    body = parse_packet(bytes(built)).body
    assert isinstance(body, TcpSegment)
    assert body.options[0] == option
    assert build_options(body.options) == bytes(built)[40 : 20 + 4 * built[TCP].dataofs]


# ---------------------------------------------------------------- scapy reads


def read_ip(octets: bytes, header: Ipv4Header | Ipv6Header) -> Any:
    """Dissect, compare the IP header, and return the layer."""
    layer: Any
    if isinstance(header, Ipv4Header):
        layer = IP(octets)
        assert (layer.src, layer.dst, layer.ttl, layer.tos) == (header.src, header.dst, header.ttl, header.tos)
        assert (layer.id, int(layer.flags), layer.frag) == (header.identification, header.flags, 0)
        assert (layer.len, layer.ihl * 4) == (len(octets), header.size)
        assert checksum(octets[: header.size]) == 0
        return layer
    layer = IPv6(octets)
    assert (layer.src, layer.dst, layer.hlim) == (header.src, header.dst, header.hop_limit)
    assert (layer.tc, layer.fl, layer.plen) == (header.traffic_class, header.flow_label, len(octets) - 40)
    kinds = []
    extension: Any = layer
    for _ in header.extensions:
        kinds.append(extension.nh)
        extension = extension.payload
    assert kinds == [extension.kind for extension in header.extensions]
    return layer


def checksum_over_ipv6(protocol: int, under: Any, octets: bytes) -> int:
    return int(in6_chksum(protocol, under, octets))  # type: ignore[no-untyped-call]


def upper_checksum(layer: Any, upper: Any, protocol: int) -> int:
    """The checksum of the octets as they are; 0 says that theirs is right."""
    if isinstance(layer, IPv6):
        return checksum_over_ipv6(protocol, upper.underlayer, upper.original)
    pseudo = bytes(map(int, f"{layer.src}.{layer.dst}.0.{protocol}".split("."))) + len(upper.original).to_bytes(
        2, "big"
    )
    return int(checksum(pseudo + upper.original))


def payload_of(layer: Any) -> bytes:
    """Octets behind a layer, however scapy reads them."""
    return b"" if isinstance(layer.payload, NoPayload) else bytes(layer.payload.original)


@given(tcp_packets)
def test_scapy_reads_the_segments_we_build(packet: Packet) -> None:
    segment = packet.body
    assert isinstance(segment, TcpSegment)
    layer = read_ip(build_packet(packet), packet.ip)
    tcp = layer[TCP]
    assert (tcp.sport, tcp.dport, tcp.seq, tcp.ack) == (segment.src_port, segment.dst_port, segment.seq, segment.ack)
    assert (int(tcp.flags), tcp.reserved) == (segment.flags, segment.reserved)
    assert (tcp.window, tcp.urgptr) == (segment.window, segment.urgent)
    assert tcp.dataofs * 4 == 20 + len(build_options(segment.options))
    assert read_options(tcp.options) == scapy_options(segment.options)
    assert payload_of(tcp) == segment.payload
    assert upper_checksum(layer, tcp, 6) == 0


@given(udp_packets)
def test_scapy_reads_the_datagrams_we_build(packet: Packet) -> None:
    datagram = packet.body
    assert isinstance(datagram, UdpDatagram)
    layer = read_ip(build_packet(packet), packet.ip)
    udp = layer[UDP]
    assert (udp.sport, udp.dport, udp.len) == (datagram.src_port, datagram.dst_port, 8 + len(datagram.payload))
    assert payload_of(udp) == datagram.payload
    assert upper_checksum(layer, udp, 17) == 0


@given(
    st.builds(
        lambda h, b: Packet((announced(h, 1),), b),
        ipv4_headers.map(lambda h: h._replace(options=b"")),
        v4_messages,
    )
)
def test_scapy_reads_the_icmp_messages_we_build(packet: Packet) -> None:
    message = packet.body
    assert isinstance(message, IcmpMessage)
    octets = build_packet(packet)
    icmp = read_ip(octets, packet.ip)[ICMP]
    assert (icmp.type, icmp.code) == (message.type, message.code)
    assert checksum(octets[20:]) == 0


@given(st.builds(lambda h, b: Packet((announced(h, 58),), b), ipv6_headers, icmp_messages(6)))
def test_scapy_reads_the_icmpv6_messages_we_build(packet: Packet) -> None:
    message = packet.body
    assert isinstance(message, IcmpMessage)
    octets = build_packet(packet)
    layer = read_ip(octets, packet.ip)
    upper: Any = layer
    for _ in range(1 + len(packet.ip.extensions if isinstance(packet.ip, Ipv6Header) else ())):
        upper = upper.payload
    assert (octets[packet.ip.size], octets[packet.ip.size + 1]) == (message.type, message.code)
    assert checksum_over_ipv6(58, upper.underlayer, octets[packet.ip.size :]) == 0


# ---------------------------------------------------------------- conversion


def test_a_packet_becomes_a_scapy_packet_with_its_layers() -> None:
    packet = Packet((Ipv6Header("2001:db8::1", "2001:db8::2"),), TcpSegment(1, 2, 3, 4, SYN, 5, payload=b"abc"))
    converted = to_scapy(packet)
    assert converted.layers()[:2] == [IPv6, TCP]
    assert bytes(converted) == build_packet(packet)
    assert bytes(to_scapy(build_packet(packet))) == build_packet(packet)


def test_layers_in_front_of_ip_are_left_out() -> None:
    packet = Packet((Ipv4Header("192.0.2.1", "192.0.2.2", protocol=17),), UdpDatagram(1, 2))
    assert values(from_scapy(Ether() / scapy_packet(packet))).body == packet.body
