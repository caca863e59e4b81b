"""Packets that are no plain segments of a connection, as the C tool makes and judges them (all measured with it)."""

import pytest

from packetdrill_compat.ast import GreEncap, PacketEvent
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.play.template import gre_header
from packetdrill_compat.reader import load, parse_text
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from tests.packetdrill_compat.play.fake import LOCAL, REMOTE, FakeTarget
from wire.gre import GreHeader
from wire.ip import Ipv4Header
from wire.options import UnknownOption
from wire.packet import Packet, RawPayload, build_packet
from wire.tcp import SYN, TcpSegment
from wire.udp import UdpDatagram

DATAGRAM_SOCKET = "0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 connect(3, ..., ...) = 0\n"


def run(text: str, *flags: str, departures: tuple[bytes, ...] = ()) -> tuple[RunResult, FakeTarget]:
    target = FakeTarget()
    for number, data in enumerate(departures):
        target.sends_raw(number, data)
    script, config = load("t.pkt", text=text, config=variant_config("ipv4"), command_line=flags)
    return play(script, config, target), target


def message(result: RunResult) -> str:
    assert result.failure is not None, "the script passed"
    return result.failure.message


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("none", GreHeader(0)),
        ("checksum present", GreHeader(0x8000, checksum=1, offset=2)),
        ("key present", GreHeader(0x2000, key=0x10002)),
        ("sequence# present", GreHeader(0x1000, sequence=0x10002)),
        ("key present, sequence# present", GreHeader(0x3000, key=0x10002, sequence=3)),
        ("checksum present, sequence# present", GreHeader(0x9000, checksum=1, offset=2, sequence=3)),
        (
            "checksum present, key present, sequence# present",
            GreHeader(0xB000, checksum=1, offset=2, key=3, sequence=4),
        ),
    ],
)
def test_the_words_of_a_gre_header_are_taken_in_their_order_and_not_by_name(flags: str, expected: GreHeader) -> None:
    text = f"0 < ipv4 1.2.3.4 > 5.6.7.8: gre flags [{flags}], sum 1, off 2, key 3, seq 4: S 0:0(0) win 9"
    packet = parse_text(text).events[0].action
    assert isinstance(packet, PacketEvent)
    gre = packet.encaps[1]
    assert isinstance(gre, GreEncap)
    assert gre_header(gre) == expected


def test_a_gre_checksum_of_zero_stays_zero() -> None:
    assert gre_header(GreEncap(flags=0x8000)).checksum == 0


def test_a_datagram_before_anything_is_known_of_the_socket_has_no_addresses() -> None:
    _, target = run("0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 < udp 5 > 6 (10)\n+0 < udp (3)")
    assert [(packet.ip.src, packet.ip.dst) for packet in target.injected] == [("0.0.0.0", "0.0.0.0")] * 2
    assert [packet.body[:2] for packet in target.injected] == [(5, 6), (0, 0)]


def test_with_any_address_such_a_datagram_has_the_configured_ones() -> None:
    _, target = run("0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 < udp (3)\n+0 < icmp echo_request", "--is_anyip")
    assert [(packet.ip.src, packet.ip.dst) for packet in target.injected] == [(REMOTE, LOCAL)] * 2
    assert target.injected[0].body[:2] == (8080, 8080)


def test_two_datagrams_are_no_long_one() -> None:
    datagram = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), UdpDatagram(40_000, 8080, bytes(7))))
    result, _ = run(DATAGRAM_SOCKET + "+0 > udp (14)", departures=(datagram, datagram))
    assert (
        message(result) == "error handling packet: live packet field udp_len: expected: 22 (0x16) vs actual: 15 (0xf)"
    )
    assert run(DATAGRAM_SOCKET + "+0 > udp (7)\n+0 > udp (7)", departures=(datagram,) * 2)[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (Ipv4Header(LOCAL, "9.9.9.9", protocol=17, flags=1), "More fragments remaining"),
        (Ipv4Header(LOCAL, "9.9.9.9", protocol=17, fragment_offset=185), "Non-zero fragment offset"),
    ],
)
def test_a_fragment_ends_the_test_even_when_it_belongs_to_nobody(header: Ipv4Header, words: str) -> None:
    fragment = build_packet(Packet((header,), RawPayload(bytes(8))))
    result, _ = run(DATAGRAM_SOCKET + "+0 > udp (7)", departures=(fragment,))
    assert message(result) == f"error handling packet: {words}: packet of 28 bytes"


OUTER = Ipv4Header("1.2.3.4", "5.6.7.8", tos=0x28, ttl=9)


@pytest.mark.parametrize(
    ("annotations", "verdict"),
    [
        (("", ""), Verdict.PASS),
        (("[tos 0x29] ", ""), Verdict.PASS),  # an outer annotation alone compares nothing
        (("[tos 0x28] ", "[tos 0x0] "), Verdict.PASS),
        (("", "[tos 0x0] "), Verdict.FAIL),  # that of the packet compares every layer, here with 0
        (("[ttl 8] ", ""), Verdict.FAIL),  # the TTL is each layer's own
    ],
)
def test_the_annotation_of_the_packet_decides_what_is_compared_of_every_layer(
    annotations: tuple[str, str], verdict: Verdict
) -> None:
    outer, inner = annotations
    datagram = UdpDatagram(8080, 8080, bytes(7))
    data = build_packet(Packet((OUTER, Ipv4Header(LOCAL, REMOTE)), datagram))
    text = f"{DATAGRAM_SOCKET}+0 > ipv4 {outer}1.2.3.4 > 5.6.7.8: {inner}udp (7)"
    assert run(text, departures=(data,))[0].verdict is verdict


@pytest.mark.parametrize("octets", [0, 7, 20])
def test_octets_behind_the_packet_are_not_looked_at(octets: int) -> None:
    datagram = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), UdpDatagram(8080, 8080, bytes(octets))))
    text = f"{DATAGRAM_SOCKET}+0 > udp ({octets})"
    assert run(text, departures=(datagram + b"tail",))[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("option", "words"),
    [(b"", "TCP SACK option too short"), (bytes(1), "TCP SACK option not a multiple of SACK block size")],
)
def test_a_sack_option_must_have_whole_blocks_even_when_options_are_not_compared(option: bytes, words: str) -> None:
    segment = TcpSegment(8080, 8080, 1, 0, SYN, 9, options=(UnknownOption(5, option),))
    data = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), segment))
    text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0\n+0 > S 0:0(0) <...>"
    assert message(run(text, departures=(data,))[0]) == f"error handling packet: {words}"


WHOLE = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), UdpDatagram(8080, 8080, bytes(7))))
WHOLE_TCP = build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), TcpSegment(8080, 8080, 1, 0, SYN, 9)))
BROKEN = {
    "IP header too short": b"\x44" + WHOLE[1:],
    "Full IP header overflows packet": b"\x4f" + WHOLE[1:],
    "IP payload overflows packet": WHOLE[:-1],
    "IP header bigger than datagram": WHOLE[:2] + b"\0\x13" + WHOLE[4:],
    "UDP datagram length too small for UDP header": WHOLE[:24] + b"\0\x07" + WHOLE[26:],
    "UDP datagram length too small": WHOLE[:24] + b"\0\x09" + WHOLE[26:],
    "UDP datagram length too big": WHOLE[:24] + b"\0\x63" + WHOLE[26:],
    "TCP data offset too small": WHOLE_TCP[:32] + b"\x40" + WHOLE_TCP[33:],
    "TCP data offset too big": WHOLE_TCP[:32] + b"\xf0" + WHOLE_TCP[33:],
    "Unsupported IP version": b"\x55" + WHOLE[1:],
}


@pytest.mark.parametrize(("words", "data"), BROKEN.items(), ids=BROKEN.keys())
def test_a_broken_packet_is_told_in_the_words_of_the_c_tool(words: str, data: bytes) -> None:
    result, _ = run(DATAGRAM_SOCKET + "+0 > udp (7)", departures=(data,))
    assert message(result).startswith(f"error handling packet: {words}: packet of {len(data)} bytes: ")
