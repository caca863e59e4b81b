"""Octets that nobody meant as a packet: a value or `MalformedPacket`, and nothing else."""

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.strategies import ipv4_headers, packets, tcp_segments
from wire.errors import MalformedPacket
from wire.icmp import IcmpMessage, parse_quoted
from wire.packet import Packet, build_packet, checksum_errors, parse_packet

pytestmark = pytest.mark.slow  # many examples


def read(data: bytes, *, tolerant: bool) -> Packet | MalformedPacket:
    try:
        return parse_packet(data, tolerant=tolerant)
    except MalformedPacket as error:
        return error


def check_octets(data: bytes) -> None:
    """Parse in both ways; what is well-formed builds again to the same octets."""
    for tolerant in (False, True):
        result = read(data, tolerant=tolerant)
        if isinstance(result, MalformedPacket):
            assert result.reason
            assert 0 <= result.offset <= len(data)
            continue
        built = build_packet(result)
        assert built == (data[: len(built)] if tolerant else data)
        assert isinstance(checksum_errors(data), list)
        if isinstance(result.body, IcmpMessage):
            result.body.quoted()


@settings(max_examples=500)
@given(st.binary(max_size=120))
def test_arbitrary_octets_are_a_packet_or_malformed(data: bytes) -> None:
    check_octets(data)


@settings(max_examples=300)
@given(st.sampled_from((6, 17, 1, 58, 4, 41, 47, 137, 44, 0, 60, 43, 253)), st.binary(max_size=80))
def test_arbitrary_octets_behind_an_ip_header_are_a_packet_or_malformed(protocol: int, body: bytes) -> None:
    addresses = bytes.fromhex("c0000201c0000202")
    check_octets(bytes.fromhex(f"4500{20 + len(body):04x}0000000040{protocol:02x}0000") + addresses + body)
    check_octets(bytes.fromhex(f"60000000{len(body):04x}{protocol:02x}40") + bytes(32) + body)


@st.composite
def mutated_packets(draw: st.DrawFn) -> bytes:
    """A packet with a few octets changed, cut off, put in or taken out."""
    data = bytearray(build_packet(draw(packets)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(("change", "cut", "insert", "delete")))
        if change == "change" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif change == "cut":
            del data[at:]
        elif change == "insert":
            data[at:at] = draw(st.binary(max_size=5))
        else:
            del data[at : at + 3]
    return bytes(data)


@st.composite
def tcp_in_ipv4_packets(draw: st.DrawFn) -> bytes:
    """TCP in IPv4 without options, with one octet of the headers changed."""
    header = draw(ipv4_headers)._replace(options=b"")
    data = bytearray(build_packet(Packet((header,), draw(tcp_segments))))
    data[draw(st.integers(0, 45)) % len(data)] ^= draw(st.integers(0, 255))
    return bytes(data)


@settings(max_examples=300)
@given(mutated_packets())
def test_mutated_packets_are_packets_or_malformed(data: bytes) -> None:
    check_octets(data)


@settings(max_examples=300)
@given(st.one_of(mutated_packets(), tcp_in_ipv4_packets()), st.booleans())
def test_the_short_way_reads_as_the_general_way_does(data: bytes, tolerant: bool) -> None:
    short = read(data, tolerant=tolerant)
    with mock.patch("wire.packet._PLAIN_OCTETS", 1 << 32):
        general = read(data, tolerant=tolerant)
    assert str(short) == str(general)
    assert isinstance(short, MalformedPacket) or short == general


@given(packets, st.integers(0, 200))
def test_a_packet_that_is_cut_off_is_malformed_or_no_packet(packet: Packet, size: int) -> None:
    data = build_packet(packet)
    cut = data[: min(size, len(data) - 1)]
    with pytest.raises(MalformedPacket):
        parse_packet(cut)


@given(st.one_of(st.binary(max_size=80), mutated_packets()))
def test_any_octets_can_be_asked_for_the_packet_they_quote(data: bytes) -> None:
    quoted = parse_quoted(data)
    assert quoted is None or data.endswith(quoted.payload)
