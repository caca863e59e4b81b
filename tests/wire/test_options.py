"""TCP options: octets from the RFCs, the two walks, and what is not well-formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.strategies import OPTIONS, option_areas
from wire.errors import MalformedPacket, WireError
from wire.options import (
    AccEcn,
    Ao,
    Eol,
    FastOpen,
    Md5,
    Mptcp,
    Mss,
    Nop,
    Remainder,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
    build_options,
    parse_options,
    walk_options,
)

# Octets put together by hand from the figure in the section that is named.
FIGURES: list[tuple[TcpOption, int, str]] = [
    (Eol(), 0, "00"),  # RFC 9293, section 3.2
    (Nop(), 1, "01"),  # RFC 9293, section 3.2
    (Mss(1460), 2, "02 04 05b4"),  # RFC 9293, section 3.7.1
    (WindowScale(14), 3, "03 03 0e"),  # RFC 7323, section 2.2
    (SackPermitted(), 4, "04 02"),  # RFC 2018, section 2
    (Sack(((1, 2), (0xFFFFFFFF, 0))), 5, "05 12 00000001 00000002 ffffffff 00000000"),  # RFC 2018, section 3
    (Timestamps(0x01020304, 0xA0B0C0D0), 8, "08 0a 01020304 a0b0c0d0"),  # RFC 7323, section 3.2
    (Md5(bytes(range(16))), 19, "13 12 000102030405060708090a0b0c0d0e0f"),  # RFC 2385, section 3.0
    (UserTimeout(False, 300), 28, "1c 04 012c"),  # RFC 5482, section 3: seconds
    (UserTimeout(True, 2), 28, "1c 04 8002"),  # granularity bit: minutes
    (Ao(1, 2, b"\xaa" * 12), 29, "1d 10 01 02" + "aa" * 12),  # RFC 5925, section 2.2
    (Mptcp(1, b"\x10\x07"), 30, "1e 04 10 07"),  # RFC 8684, section 3: subtype in the upper half
    (FastOpen(b""), 34, "22 02"),  # RFC 7413, section 4.1.1: cookie request
    (FastOpen(b"\x01\x02\x03\x04"), 34, "22 06 01020304"),
    (FastOpen(b"\x01\x02\x03\x04", experimental=True), 254, "fe 08 f989 01020304"),  # RFC 7413, appendix; RFC 6994
    (AccEcn(0, (1, 2, 3)), 172, "ac 0b 000001 000002 000003"),  # RFC 9768, section 3.2.3
    (AccEcn(1, (0xFFFFFF,)), 174, "ae 05 ffffff"),
    (AccEcn(1, ()), 174, "ae 02"),
    (UnknownOption(77, b"abc"), 77, "4d 05 616263"),
    (UnknownOption(254, b"\x12\x34"), 254, "fe 04 1234"),  # RFC 6994: another experiment
]


@pytest.mark.parametrize(("option", "kind", "figure"), FIGURES, ids=lambda value: str(value).replace(" ", ""))
def test_an_option_has_the_octets_of_its_figure(option: TcpOption, kind: int, figure: str) -> None:
    octets = bytes.fromhex(figure)
    assert option.kind == kind
    assert build_options((option,)) == octets
    assert parse_options(octets) == (option,)


def test_the_five_options_of_a_syn() -> None:
    octets = bytes.fromhex("020405b40402080a00000001000000020103030a")
    options = (Mss(1460), SackPermitted(), Timestamps(1, 2), Nop(), WindowScale(10))
    assert parse_options(octets) == options
    assert build_options(options) == octets


def test_options_of_different_kinds_are_never_equal() -> None:
    pairs: list[tuple[TcpOption, TcpOption]] = [(Mss(7), WindowScale(7)), (Eol(), Nop())]
    assert all(left != right for left, right in pairs)
    assert len({Mss(7), WindowScale(7), UnknownOption(2, b"\x00\x07")}) == 3


@pytest.mark.parametrize(
    ("options", "octets"), [((), ""), ((Nop(),), "01000000"), ((SackPermitted(), Nop()), "04020100")]
)
def test_padding_is_zeros_up_to_a_whole_word(options: tuple[TcpOption, ...], octets: str) -> None:
    # RFC 9293, section 3.1: "The padding is composed of zeros."
    assert build_options(options, pad=True) == bytes.fromhex(octets)


# ---------------------------------------------------------------- lengths that do not fit

WRONG_LENGTHS = {
    "MSS of 3 octets": "020305",
    "window scale of 4": "03040101",
    "SACK permitted of 3": "040300",
    "timestamps of 9": "0809" + "00" * 7,
    "SACK of 9": "0509" + "00" * 7,
    "user timeout of 3": "1c0300",
    "AO of 3": "1d0300",
    "MPTCP of 2": "1e02",
    "SACK of 6": "0506" + "00" * 4,
    "AccECN of 4": "ac040000",
    "AccECN of 14": "ac0e" + "00" * 12,
    "experiment without magic": "fe02",
}


@pytest.mark.parametrize("octets", WRONG_LENGTHS.values(), ids=WRONG_LENGTHS)
def test_a_known_kind_with_a_foreign_length_stays_kind_and_octets(octets: str) -> None:
    data = bytes.fromhex(octets)
    assert parse_options(data) == (UnknownOption(data[0], data[2:]),)
    assert build_options(parse_options(data)) == data


@pytest.mark.parametrize(
    ("octets", "reason", "offset"),
    [
        ("0101 02", "without its length octet", 3),
        ("01 0200", "with length 0", 2),
        ("01 0201", "with length 1", 2),
        ("01 020405", "with length 4 where 3 octets are left", 2),
    ],
)
def test_a_length_octet_that_cannot_be_is_malformed_at_its_offset(octets: str, reason: str, offset: int) -> None:
    data = bytes.fromhex(octets)
    with pytest.raises(MalformedPacket, match=reason) as caught:
        parse_options(data)
    assert caught.value.offset == offset
    with pytest.raises(MalformedPacket, match=reason):
        list(walk_options(data))


def test_a_tolerant_walk_keeps_what_it_cannot_read() -> None:
    # RFC 9293, section 3.1 (MUST-7): an implementation has to be prepared to handle an illegal option length.
    data = bytes.fromhex("01 020405b4 0800aabb")
    assert parse_options(data, tolerant=True) == (Nop(), Mss(1460), Remainder(b"\x08\x00\xaa\xbb"))
    assert build_options(parse_options(data, tolerant=True)) == data


# ---------------------------------------------------------------- the end of the list


def test_zeros_behind_the_end_of_the_list_are_each_kept() -> None:
    assert parse_options(bytes(3)) == (Eol(), Eol(), Eol())


def test_nothing_behind_the_end_of_the_list_is_read_as_an_option() -> None:
    data = bytes.fromhex("01 00 0303 07 00")
    assert parse_options(data) == (Nop(), Eol(), Remainder(b"\x03\x03\x07\x00"))
    assert build_options(parse_options(data)) == data


def test_the_plain_walk_goes_on_behind_the_end_of_the_list() -> None:
    data = bytes.fromhex("01 00 030307 00")
    assert list(walk_options(data)) == [
        (1, 0, b"\x01"),
        (0, 1, b"\x00"),
        (3, 2, b"\x03\x03\x07"),
        (0, 5, b"\x00"),
    ]


def test_the_plain_walk_yields_what_stands_in_front_of_a_bad_option() -> None:
    walk = walk_options(bytes.fromhex("020405b4 0300"))
    assert next(walk) == (2, 0, bytes.fromhex("020405b4"))
    with pytest.raises(MalformedPacket) as caught:
        next(walk)
    assert caught.value.offset == 5


# ---------------------------------------------------------------- values out of range


@pytest.mark.parametrize(
    "option",
    [
        Mss(0x10000),
        Mss(-1),
        WindowScale(256),
        Timestamps(1 << 32, 0),
        Sack(((0, -1),)),
        UserTimeout(False, 0x8000),
        Ao(256, 0, b""),
        AccEcn(0, (1 << 24,)),
        AccEcn(0, (-1,)),
        UnknownOption(256, b""),
        UnknownOption(77, bytes(254)),
    ],
    ids=str,
)
def test_a_field_out_of_range_is_an_error_that_names_the_option(option: TcpOption) -> None:
    with pytest.raises(WireError, match=type(option).__name__):
        option.build()


# ---------------------------------------------------------------- properties


@pytest.mark.parametrize("strategy", OPTIONS.values(), ids=OPTIONS)
@given(data=st.data())
def test_an_option_comes_back_from_its_octets(strategy: st.SearchStrategy[TcpOption], data: st.DataObject) -> None:
    option = data.draw(strategy)
    assert parse_options(option.build()) == (option,)
    assert list(walk_options(option.build())) == [(option.kind, 0, option.build())]


@given(option_areas)
def test_an_option_area_comes_back_from_its_octets(options: tuple[TcpOption, ...]) -> None:
    area = build_options(options)
    assert len(area) % 4 == 0
    assert parse_options(area) == options


@given(st.binary(max_size=60))
def test_any_octets_are_options_or_malformed(data: bytes) -> None:
    options = parse_options(data, tolerant=True)
    assert build_options(options) == data
    try:
        strict = parse_options(data)
    except MalformedPacket as error:
        offset = error.offset
        strict = (*parse_options(data[: offset - 1]), Remainder(data[offset - 1 :]))
    assert strict == options


@given(st.binary(max_size=60))
def test_the_plain_walk_covers_any_octets_without_a_gap(data: bytes) -> None:
    covered = b""
    try:
        for kind, offset, octets in walk_options(data):
            assert (kind, offset) == (octets[0], len(covered))
            covered += octets
    except MalformedPacket:
        assert data.startswith(covered)
    else:
        assert covered == data
