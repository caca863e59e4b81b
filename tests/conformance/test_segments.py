import pytest

from conformance.segments import Segment, pattern_of
from wire.options import Mss
from wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment

GOT = TcpSegment(8080, 50_000, seq=100, ack=200, flags=ACK | PSH, window=65535, payload=b"abc", options=(Mss(1460),))


@pytest.mark.parametrize(
    "pattern",
    [
        Segment(),
        Segment(ACK),
        Segment(ACK, seq=100, ack=200, window=65535, payload=b"abc"),
        Segment(length=3, options=(Mss(1460),), urgent=0),
        Segment(ACK | PSH, exact=True),
    ],
    ids=["nothing said", "flags without PSH", "numbers", "length and options", "exact flags"],
)
def test_fields_that_are_not_said_do_not_matter(pattern: Segment) -> None:
    assert pattern.differences(GOT) == []


@pytest.mark.parametrize(
    ("pattern", "difference"),
    [
        (Segment(FIN | ACK), "flags: want F., got P."),
        (Segment(ACK, exact=True), "flags: want ., got P."),
        (Segment(seq=101), "seq: want 101, got 100"),
        (Segment(payload=b"abd"), "payload: want b'abd', got b'abc'"),
        (Segment(length=2), "length: want 2, got 3"),
        (Segment(options=()), "options: want (), got (Mss(value=1460),)"),
    ],
)
def test_a_difference_names_the_field_and_both_sides(pattern: Segment, difference: str) -> None:
    assert pattern.differences(GOT) == [difference]


def test_a_template_is_changed_and_not_overwritten() -> None:
    template = Segment(ACK, window=100)
    assert template.but(seq=7) == Segment(ACK, seq=7, window=100)
    assert template.seq is None


def test_bare_flags_are_a_pattern() -> None:
    assert pattern_of(SYN | ACK) == Segment(SYN | ACK)


def test_a_pattern_reads_like_a_segment() -> None:
    assert str(Segment(RST, seq=7)) == "R seq 7"
    assert str(Segment(length=3)) == "any flags length 3"
