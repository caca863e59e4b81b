"""Numbers and structures of the Linux socket interface."""

import errno
import fcntl
import os
import select
import socket
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import abi
from wire.abi import SocketName, TcpInfo
from wire.errors import MalformedPacket, WireError

CONSTANTS = {name: value for name, value in vars(abi).items() if name.isupper() and isinstance(value, int)}


def numbers_of_python(module: ModuleType) -> dict[str, int]:
    return {name: int(getattr(module, name)) for name in CONSTANTS if hasattr(module, name)}


@pytest.mark.skipif(sys.platform != "linux", reason="the standard library has the numbers of its own system")
@pytest.mark.parametrize("module", [socket, select, fcntl, os], ids=lambda module: module.__name__)
def test_numbers_are_those_of_the_standard_library_on_linux(module: ModuleType) -> None:
    theirs = numbers_of_python(module)
    if module is os:
        # glibc keeps O_ASYNC and others apart; only what os has is compared. It has O_SYNC and O_DSYNC of open(2).
        theirs.pop("O_LARGEFILE", None)
    assert theirs
    assert {name: CONSTANTS[name] for name in theirs} == theirs


@pytest.mark.parametrize(
    ("name", "number"),
    # linux/tcp.h, asm-generic/socket.h, linux/in6.h: names the standard library lacks or that are easily mistaken.
    [
        ("TCP_MD5SIG", 14),
        ("TCP_TX_DELAY", 37),
        ("TCP_FASTOPEN_KEY", 33),
        ("TCP_CM_INQ", 36),
        ("SO_MAX_PACING_RATE", 47),
        ("SO_ZEROCOPY", 60),
        ("SO_TIMESTAMPING", 37),
        ("SCM_TIMESTAMPING_OPT_STATS", 54),
        ("IP_RECVERR", 11),
        ("IPV6_RECVERR", 25),
        ("IPV6_HOPLIMIT", 52),
        ("IPV6_TCLASS", 67),
        ("MSG_ZEROCOPY", 0x4000000),
        ("MSG_FASTOPEN", 0x20000000),
        ("SIOCINQ", 21531),
        ("EPOLLET", 0x80000000),
        ("TCP_NLA_SRTT", 22),
        ("TCP_INFINITE_SSTHRESH", 0x7FFFFFFF),
    ],
)
def test_a_number_is_that_of_the_linux_headers(name: str, number: int) -> None:
    assert CONSTANTS[name] == number


# ---------------------------------------------------------------- small structures


def test_an_int_is_four_octets_little_endian() -> None:
    assert abi.pack_int(1) == b"\x01\0\0\0"
    assert abi.pack_int(-1) == abi.pack_int(0xFFFFFFFF) == b"\xff" * 4
    assert abi.unpack_int(b"\xfe\xff\xff\xff") == -2


def test_linger_is_two_ints() -> None:
    assert abi.pack_linger(1, 2).hex() == "0100000002000000"
    assert abi.unpack_linger(abi.pack_linger(1, 2)) == (1, 2)


def test_a_timeval_is_seconds_and_microseconds() -> None:
    assert abi.pack_timeval(1_500_000) == (1).to_bytes(8, "little") + (500_000).to_bytes(8, "little")
    assert abi.unpack_timeval(abi.pack_timeval(1_500_000)) == 1_500_000


def test_an_extended_error_has_sixteen_octets() -> None:
    # linux/errqueue.h: ee_errno u32; ee_origin, ee_type, ee_code, ee_pad u8; ee_info, ee_data u32.
    error = abi.ExtendedError(errno.ECONNREFUSED, abi.SO_EE_ORIGIN_ICMP, 3, 1, 0, 9)
    assert error.pack().hex(" ", 4) == "6f000000 02030100 00000000 09000000"
    assert abi.ExtendedError.unpack(error.pack() + bytes(16)) == error


# ---------------------------------------------------------------- socket addresses


def test_a_sockaddr_in_has_port_and_address_in_network_order() -> None:
    data = abi.pack_sockaddr(SocketName(abi.AF_INET, "192.0.2.1", 8080))
    assert data.hex(" ", 4) == "02001f90 c0000201 00000000 00000000"
    assert abi.unpack_sockaddr(data) == SocketName(abi.AF_INET, "192.0.2.1", 8080)


def test_a_sockaddr_in6_has_28_octets() -> None:
    name = SocketName(abi.AF_INET6, "::ffff:192.0.2.1", 1, flow_info=0x00012345, scope_id=3)
    data = abi.pack_sockaddr(name)
    assert data.hex(" ", 4) == "0a000001 00012345 00000000 00000000 0000ffff c0000201 03000000"
    assert abi.unpack_sockaddr(data) == name


def test_a_sockaddr_of_another_family_is_the_family_alone() -> None:
    data = abi.pack_sockaddr(SocketName(abi.AF_UNSPEC))
    assert data == bytes(16)
    assert abi.unpack_sockaddr(data) == SocketName(abi.AF_UNSPEC)


@pytest.mark.skipif(sys.platform != "linux" or sys.byteorder != "little", reason="Linux, little endian")
def test_the_kernel_reads_our_control_messages_as_python_does() -> None:
    assert abi.cmsg_len(4) == socket.CMSG_LEN(4)
    assert [abi.cmsg_space(size) for size in range(20)] == [socket.CMSG_SPACE(size) for size in range(20)]


@pytest.mark.parametrize(
    "name",
    [
        SocketName(abi.AF_INET, "::1", 1),
        SocketName(abi.AF_INET6, "192.0.2.1", 1),
        SocketName(abi.AF_INET, "192.0.2.1", 65536),
        SocketName(abi.AF_INET, "", 1),
        SocketName(-1),
        SocketName(abi.AF_INET6, "::1", 1, 0, -1),
    ],
    ids=str,
)
def test_a_name_that_no_sockaddr_can_hold_is_an_error(name: SocketName) -> None:
    with pytest.raises(WireError):
        abi.pack_sockaddr(name)


# ---------------------------------------------------------------- control messages


def test_control_messages_are_aligned_to_eight_octets() -> None:
    buffer = abi.pack_cmsg(0, abi.IP_TTL, abi.pack_int(64)) + abi.pack_cmsg(1, 2, b"12345678")
    # cmsg(3): the length counts header and data; what follows is aligned.
    assert buffer[:24].hex(" ", 4) == "14000000 00000000 00000000 02000000 40000000 00000000"
    assert abi.unpack_cmsgs(buffer) == [(0, abi.IP_TTL, abi.pack_int(64)), (1, 2, b"12345678")]


def test_the_last_control_message_needs_no_padding() -> None:
    assert abi.unpack_cmsgs(abi.pack_cmsg(0, 2, b"1234")[:20]) == [(0, 2, b"1234")]
    assert abi.unpack_cmsgs(bytes(15)) == []


@pytest.mark.parametrize("length", [0, 15, 25, 1 << 60])
def test_a_control_message_of_impossible_length_is_malformed(length: int) -> None:
    with pytest.raises(MalformedPacket, match=f"control message of {length} octets"):
        abi.unpack_cmsgs(length.to_bytes(8, "little") + bytes(16))


@pytest.mark.parametrize(
    "unpack",
    [abi.unpack_int, abi.unpack_linger, abi.unpack_timeval, abi.unpack_sockaddr, abi.ExtendedError.unpack],
    ids=lambda unpack: unpack.__qualname__,
)
def test_a_structure_that_is_cut_off_is_malformed(unpack: object) -> None:
    assert callable(unpack)
    with pytest.raises(MalformedPacket):
        unpack(b"\x02")


# ---------------------------------------------------------------- tcp_info

# Offsets of the C declaration (linux/tcp.h of Linux 6.18).
OFFSETS = {
    "state": (0, 1),
    "options": (5, 1),
    "rto": (8, 4),
    "rtt": (68, 4),
    "snd_cwnd": (80, 4),
    "total_retrans": (100, 4),
    "pacing_rate": (104, 8),
    "bytes_received": (128, 8),
    "segs_out": (136, 4),
    "data_segs_out": (156, 4),
    "delivery_rate": (160, 8),
    "sndbuf_limited": (184, 8),
    "delivered_ce": (196, 4),
    "bytes_sent": (200, 8),
    "reord_seen": (220, 4),
    "snd_wnd": (228, 4),
    "rehash": (236, 4),
    "total_rto": (240, 2),
    "total_rto_recoveries": (242, 2),
    "total_rto_time": (244, 4),
    "received_ce": (248, 4),
    "received_ce_bytes": (272, 4),
}


@pytest.mark.parametrize("name", OFFSETS)
def test_a_member_stands_at_its_offset(name: str) -> None:
    offset, size = OFFSETS[name]
    value = int.from_bytes(bytes(range(1, size + 1)), "little")
    data = TcpInfo(**{name: value}).pack()
    assert len(data) == 280
    assert data == bytes(offset) + bytes(range(1, size + 1)) + bytes(280 - offset - size)
    assert TcpInfo.unpack(data).members()[name] == value


def test_bit_fields_share_octets_lowest_bits_first() -> None:
    info = TcpInfo(snd_wscale=7, rcv_wscale=10, delivery_rate_app_limited=1, fastopen_client_fail=2)
    assert info.pack()[6:8].hex() == "a705"
    info = TcpInfo(ecn_mode=1, accecn_opt_seen=2, accecn_fail_mode=3, options2=4)
    assert int.from_bytes(info.pack()[276:], "little") == 4 << 8 | 3 << 4 | 2 << 2 | 1


@pytest.mark.parametrize("size", [0, 104, 192, 232, 279])
def test_members_that_a_kernel_did_not_return_are_zero(size: int) -> None:
    info = TcpInfo(**dict.fromkeys(TcpInfo().members(), 1))
    assert TcpInfo.unpack(info.pack()[:size]).pack() == info.pack()[:size].ljust(280, b"\0")


def test_members_of_a_later_kernel_are_left_alone() -> None:
    info = TcpInfo(rto=1)
    assert TcpInfo.unpack(info.pack() + b"later") == info


@given(st.binary(min_size=280, max_size=280))
def test_what_was_unpacked_packs_to_the_same_octets(data: bytes) -> None:
    # Octet 7 has five bits without a name.
    named = data[:7] + bytes((data[7] & 7,)) + data[8:]
    assert TcpInfo.unpack(data).pack() == named


@pytest.mark.parametrize("members", [{"rto": 1 << 32}, {"state": -1}, {"snd_wscale": 16}, {"ecn_mode": -1}], ids=str)
def test_a_member_out_of_range_is_an_error(members: dict[str, int]) -> None:
    with pytest.raises(WireError, match="tcp_info member"):
        TcpInfo(**members).pack()
