"""MPTCP options against the figures of RFC 8684, and what keys lead to against other computations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import mptcp_keys
from wire.errors import WireError
from wire.options import (
    AddAddress,
    Dss,
    MpCapable,
    MpFail,
    MpFastclose,
    MpJoinAck,
    MpJoinSyn,
    MpJoinSynAck,
    MpPrio,
    MpReset,
    Mptcp,
    RemoveAddress,
    TcpOption,
    parse_options,
)

FIGURES: list[tuple[TcpOption, str]] = [
    # RFC 8684, section 3.1: length 4 for a SYN, 12 for a SYN-ACK, 20 for the ACK, 22 and 24 with data
    (MpCapable(1, 0x01), "1e 04 01 01"),
    (MpCapable(1, 0x81, (0x0102030405060708,)), "1e 0c 01 81 0102030405060708"),
    (MpCapable(1, 0x01, (1, 2)), "1e 14 01 01 0000000000000001 0000000000000002"),
    (MpCapable(1, 0x01, (1, 2), 100), "1e 16 01 01 0000000000000001 0000000000000002 0064"),
    (MpCapable(1, 0x81, (1, 2), 100, 0xABCD), "1e 18 01 81 0000000000000001 0000000000000002 0064 abcd"),
    # Section 3.2: the backup flag is the lowest bit beside the subtype
    (MpJoinSyn(2, 0x11223344, 0x55667788, backup=True), "1e 0c 11 02 11223344 55667788"),
    (MpJoinSynAck(0, 0x1122334455667788, 42), "1e 10 10 00 1122334455667788 0000002a"),
    (MpJoinAck(bytes(range(20))), "1e 18 10 00 000102030405060708090a0b0c0d0e0f10111213"),
    # Section 3.3: F is 0x10, m 0x08, M 0x04, a 0x02, A 0x01
    (Dss(ack=5, ack_octets=4), "1e 08 20 01 00000005"),
    (Dss(ack=5, ack_octets=8), "1e 0c 20 03 0000000000000005"),
    (Dss(1, 4, 2, 4, 3, 4, 5), "1e 14 20 05 00000001 00000002 00000003 0004 0005"),
    (Dss(1, 4, 2, 8, 3, 4), "1e 16 20 0d 00000001 0000000000000002 00000003 0004"),
    (Dss(1, 8, 2, 8, 3, 4, 5, fin=True), "1e 1c 20 1f 0000000000000001 0000000000000002 00000003 0004 0005"),
    (Dss(dsn=2, dsn_octets=4, subflow_seq=3, length=4), "1e 0e 20 04 00000002 00000003 0004"),
    # Section 3.4.1: E is the lowest bit beside the subtype
    (AddAddress(1, "192.0.2.7", echo=True), "1e 08 31 01 c0000207"),
    (AddAddress(1, "192.0.2.7", 80, echo=True), "1e 0a 31 01 c0000207 0050"),
    (AddAddress(1, "192.0.2.7", hmac=9), "1e 10 30 01 c0000207 0000000000000009"),
    (AddAddress(1, "192.0.2.7", 80, 9), "1e 12 30 01 c0000207 0050 0000000000000009"),
    (AddAddress(3, "2001:db8::1", hmac=9), "1e 1c 30 03 20010db8000000000000000000000001 0000000000000009"),
    (AddAddress(3, "2001:db8::1", 80), "1e 16 30 03 20010db8000000000000000000000001 0050"),
    (RemoveAddress((1, 2)), "1e 05 40 01 02"),  # section 3.4.2
    (MpPrio(True), "1e 03 51"),  # section 3.3.8
    (MpPrio(False, 7), "1e 04 50 07"),  # RFC 6824, section 3.3.8
    (MpFail(0x0102030405060708), "1e 0c 60 00 0102030405060708"),  # section 3.7
    (MpFastclose(0x0102030405060708), "1e 0c 70 00 0102030405060708"),  # section 3.5
    (MpReset(5, flags=1), "1e 04 81 05"),  # section 3.6: T is the lowest of the four flags
]


@pytest.mark.parametrize(("option", "figure"), FIGURES, ids=lambda value: str(value).replace(" ", ""))
def test_an_option_has_the_octets_of_its_figure(option: TcpOption, figure: str) -> None:
    octets = bytes.fromhex(figure)
    assert option.kind == 30
    assert option.build() == octets
    assert parse_options(octets) == (option,)


ODD = {
    "reserved bits of MP_FAIL": "1e 0c 61 00 0102030405060708",
    "a DSS that is longer than its flags say": "1e 09 20 01 00000005 00",
    "a DSS that is shorter than its flags say": "1e 06 20 03 0000",
    "MP_CAPABLE with half a key": "1e 08 01 01 00000000",
    "MP_JOIN of a length that none has": "1e 0b 10 00 11223344 556677",
    "an address of three octets": "1e 07 30 01 c00002",
    "a subtype of the future": "1e 04 e0 00",
    "the private subtype": "1e 06 f0 00 0001",
    "a DSS of one octet": "1e 03 20",
}


@pytest.mark.parametrize("octets", ODD.values(), ids=ODD.keys())
def test_an_odd_option_keeps_every_octet(octets: str) -> None:
    data = bytes.fromhex(octets)
    (option,) = parse_options(data)
    assert isinstance(option, Mptcp)
    assert option.build() == data


@given(st.binary(min_size=1, max_size=38))
def test_any_octets_of_kind_30_come_back_unchanged(body: bytes) -> None:
    data = bytes((30, len(body) + 2)) + body
    (option,) = parse_options(data)
    assert option.build() == data


@pytest.mark.parametrize("option", [MpCapable(16, 0), MpJoinAck(b"short"), Dss(1 << 32, 4), MpPrio(True, 256)])
def test_a_field_that_does_not_fit_is_an_error(option: TcpOption) -> None:
    with pytest.raises(WireError):
        option.build()


# ---------------------------------------------------------------- keys
#
# Computed with openssl(1), which shares no code with this project but the definition of the hashes:
#   printf '\x00\x01\x02\x03\x04\x05\x06\x07' | openssl dgst -sha256        (and -sha1)
#   printf MESSAGE | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY-A KEY-B

KEY_A = bytes.fromhex("0001020304050607")
KEY_B = bytes.fromhex("f0e0d0c0b0a09080")


def test_token_and_initial_number_are_the_ends_of_the_hash() -> None:
    # SHA-256: 8a851ff8…e3db22c6785a0d45, SHA-1: 67423ebf…dc731a3ddd6b
    assert mptcp_keys.token(KEY_A, 1) == 0x8A851FF8
    assert mptcp_keys.initial_dsn(KEY_A, 1) == 0xE3DB22C6785A0D45
    assert mptcp_keys.token(KEY_A, 0) == 0x67423EBF
    assert mptcp_keys.initial_dsn(KEY_A, 0) == 0xD6C0DC731A3DDD6B


def test_the_hmac_of_a_join_has_the_own_key_and_number_in_front() -> None:
    whole = "f2be7c11062b9d63866811d6bfdf8898a713169ba326413faaf052078c2e6daa"
    assert mptcp_keys.join_hmac(KEY_A, KEY_B, 0x11223344, 0x55667788, 1).hex() == whole
    assert mptcp_keys.join_hmac(KEY_B, KEY_A, 0x11223344, 0x55667788, 1).hex() != whole
    assert mptcp_keys.join_hmac(KEY_A, KEY_B, 0x11223344, 0x55667788, 0).hex() == (
        "d67ea008d07e6704a5b0a823ee588d57dd6a1c2a"
    )


@pytest.mark.parametrize(
    ("address_id", "address", "port", "hmac"),
    [
        (1, "192.0.2.7", 0, 0x25AEC29179DD8B2F),
        (1, "192.0.2.7", 80, 0x87E4F59CD882D65A),
        (3, "2001:db8::1", 0, 0x36B529882E7EA1C8),
    ],
)
def test_the_hmac_of_an_address_is_the_right_end(address_id: int, address: str, port: int, hmac: int) -> None:
    assert mptcp_keys.address_hmac(KEY_A, KEY_B, address_id, address, port) == hmac


def test_the_data_checksum_is_that_of_pseudo_header_and_data() -> None:
    # RFC 8684, section 3.3.1, by hand: 0001 + 0203 + 0405 + 0607 + 0000 0001 + 0004 + 0000 = 0c15, whose complement is
    # f3ea; the data ffff + 0001 make it 10c15, with the carry 0c16, complement f3e9.
    assert mptcp_keys.data_checksum(0x0001020304050607, 1, 4, bytes(4)) == 0xF3EA
    assert mptcp_keys.data_checksum(0x0001020304050607, 1, 4, b"\xff\xff\x00\x01") == 0xF3E9
