"""Captures: their blocks by the format's own description, and tshark's reading where there is a tshark."""

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from wire.errors import WireError
from wire.ip import Ipv4Header, Ipv6Header
from wire.packet import Packet, build_packet
from wire.pcapng import LINKTYPE_RAW, CapturedPacket, Direction, PcapngWriter
from wire.tcp import SYN, TcpSegment

V4_SYN = build_packet(Packet((Ipv4Header("192.0.2.1", "192.0.2.2"),), TcpSegment(1000, 2000, 7, 0, SYN, 5)))
V6_SYN = build_packet(
    Packet((Ipv6Header("2001:db8::1", "2001:db8::2"),), TcpSegment(1000, 2000, 8, 0, SYN, 5, payload=b"abc"))
)
PACKETS = (
    CapturedPacket(0, V4_SYN, Direction.INBOUND, "injected, größer"),
    CapturedPacket(1_500_001, V6_SYN, Direction.OUTBOUND),
    CapturedPacket(2_000_000, V4_SYN),
)
TSHARK = shutil.which("tshark")


def capture(*packets: CapturedPacket, writer: PcapngWriter | None = None) -> bytes:
    stream = io.BytesIO()
    (writer or PcapngWriter()).write(stream, packets)
    return stream.getvalue()


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each block (draft-ietf-opsawg-pcapng, section 3.1: the length stands at both ends)."""
    found = []
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found


def options(area: bytes) -> dict[int, bytes]:
    """Options of a block (section 3.5), which end with code 0."""
    found = {}
    at = 0
    while at < len(area):
        code, length = struct.unpack_from("<HH", area, at)
        if code == 0:
            assert at + 4 == len(area)
            break
        found[code] = area[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def test_a_capture_starts_with_a_section_and_an_interface_of_raw_ip() -> None:
    (section, head), (interface, description) = blocks(capture(writer=PcapngWriter("tun7", "a device", comment="all")))
    assert section == 0x0A0D0D0A
    assert head[:16] == struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    assert options(head[16:])[1] == b"all"
    assert interface == 1
    assert struct.unpack_from("<HHI", description) == (LINKTYPE_RAW, 0, 0)
    assert options(description[8:]) == {2: b"tun7", 3: b"a device", 9: b"\x06"}


def test_a_packet_has_its_time_octets_direction_and_comment() -> None:
    _, _, (kind, body) = blocks(capture(CapturedPacket(0x1_0000_0002, V4_SYN[:-1], Direction.OUTBOUND, "hello")))
    assert kind == 6
    size = len(V4_SYN) - 1
    assert struct.unpack_from("<IIIII", body) == (0, 1, 2, size, size)
    assert body[20 : 20 + size] == V4_SYN[:-1]
    # epb_flags (section 4.3.1): bits 0 and 1 are 01 for inbound and 10 for outbound.
    assert options(body[20 + size + -size % 4 :]) == {1: b"hello", 2: b"\x02\0\0\0"}


def test_a_packet_without_direction_and_comment_has_no_options() -> None:
    _, _, (_, body) = blocks(capture(CapturedPacket(0, V4_SYN)))
    assert body[20:] == V4_SYN


def test_the_start_moves_all_times() -> None:
    _, _, (_, body) = blocks(capture(CapturedPacket(5, V4_SYN), writer=PcapngWriter(start_us=1 << 32)))
    assert struct.unpack_from("<II", body, 4) == (1, 5)


def test_a_time_before_1970_is_an_error() -> None:
    with pytest.raises(WireError, match="-1"):
        capture(CapturedPacket(-1, V4_SYN))


def test_a_long_comment_is_cut_between_characters() -> None:
    _, _, (_, body) = blocks(capture(CapturedPacket(0, b"", comment="ö" * 40_000)))
    assert options(body[20:])[1].decode() == "ö" * 32_767


@pytest.mark.slow
@pytest.mark.skipif(TSHARK is None, reason="no tshark")
def test_tshark_reads_times_directions_comments_and_packets(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(capture(*PACKETS, writer=PcapngWriter(start_us=1_000_000_000_000_000)))
    fields = ("frame.time_epoch", "frame.packet_flags_direction", "frame.comment", "tcp.seq_raw", "ip.src", "ipv6.src")
    command = [str(TSHARK), "-n", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-T", "fields"]
    for field in (*fields, "tcp.checksum.status"):
        command += ["-e", field]
    rows = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert [row.split("\t") for row in rows] == [
        ["1000000000.000000000", "0x00000001", "injected, größer", "7", "192.0.2.1", "", "1"],
        ["1000000001.500001000", "0x00000002", "", "8", "", "2001:db8::1", "1"],
        ["1000000002.000000000", "", "", "7", "192.0.2.1", "", "1"],
    ]
