"""Addresses as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.addresses import address_octets, address_text, canonical_address
from wire.errors import WireError


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        # RFC 5952, section 4: no leading zeros, lower case, the longest run of zeros is `::`, of equal ones the first.
        ("2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("fd3d:fa7b:d17d:0:0:0:0:1", "fd3d:fa7b:d17d::1"),
        ("0:0:0:0:0:0:0:0", "::"),
        # Section 5: the IPv4 part of a mapped address is dotted.
        ("::ffff:c0a8:1", "::ffff:192.168.0.1"),
        ("::FFFF:192.168.0.1", "::ffff:192.168.0.1"),
    ],
)
def test_an_address_has_one_canonical_spelling(spelling: str, canonical: str) -> None:
    assert canonical_address(spelling) == canonical


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.256", "1:2", "::1::", "host", "010.0.0.1"])
def test_what_is_no_address_is_an_error_with_a_name(text: str) -> None:
    with pytest.raises(WireError, match="not an IP address"):
        address_octets(text)


def test_an_address_has_4_or_16_octets() -> None:
    with pytest.raises(WireError, match="not 5"):
        address_text(bytes(5))


@given(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)))
def test_octets_come_back_from_their_text(octets: bytes) -> None:
    assert address_octets(address_text(octets)) == octets
