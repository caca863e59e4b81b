"""The Internet checksum."""

from hypothesis import given
from hypothesis import strategies as st

from wire.addresses import address_octets
from wire.checksum import internet_checksum, pseudo_header


def word_by_word(data: bytes) -> int:
    """RFC 1071, section 4.1, in its own words: sum up 16-bit words, fold the carries, complement."""
    padded = data + bytes(len(data) % 2)
    total = sum(padded[at] << 8 | padded[at + 1] for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_the_numerical_example_of_rfc_1071() -> None:
    # Section 3: the sum of 0001 f203 f4f5 f6f7 is ddf2.
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_zeros_have_the_complement_of_zero() -> None:
    assert internet_checksum(b"") == 0xFFFF
    assert internet_checksum(bytes(6)) == 0xFFFF


def test_a_sum_of_all_ones_has_the_complement_zero() -> None:
    assert internet_checksum(b"\xff\xff") == 0
    assert internet_checksum(b"\xff\xfe\x00\x01") == 0


def test_an_odd_octet_is_the_upper_half_of_a_word() -> None:
    assert internet_checksum(b"\x00\x01\x02") == internet_checksum(b"\x00\x01\x02\x00")


@given(st.binary(max_size=200))
def test_it_is_the_sum_word_by_word(data: bytes) -> None:
    assert internet_checksum(data) == word_by_word(data)


def test_the_pseudo_header_of_ipv4_ends_with_protocol_and_length() -> None:
    # RFC 9293, section 3.1: source, destination, zero, PTCL, TCP length.
    header = pseudo_header(address_octets("192.0.2.1"), address_octets("192.0.2.2"), 6, 20)
    assert header.hex(" ") == "c0 00 02 01 c0 00 02 02 00 06 00 14"


def test_the_pseudo_header_of_ipv6_has_32_bits_of_length() -> None:
    # RFC 8200, section 8.1.
    header = pseudo_header(address_octets("2001:db8::1"), address_octets("::2"), 58, 70000)
    assert header[:32] == address_octets("2001:db8::1") + address_octets("::2")
    assert header[32:].hex(" ") == "00 01 11 70 00 00 00 3a"
