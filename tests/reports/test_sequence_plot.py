from xml.etree import ElementTree

from hypothesis import given

from reports.sequence_plot import Acked, Sent, sequence_plot_svg, series_of
from targets.trace import Departed, Injected, Trace
from tests.reports.samples import NETWORK, from_peer, from_stack, passing_trace
from tests.reports.strategies import TRACES
from wire.options import Nop, Sack, WindowScale
from wire.tcp import ACK, SYN

SVG = "{http://www.w3.org/2000/svg}"
LOCAL_ISN = 4_000_000_000


def transfer(shift: int | None = 7) -> Trace:
    """Four segments, of which the first is lost and sent again; the third crosses 2**32 on the wire."""
    options = (WindowScale(shift), Nop()) if shift is not None else ()
    start = 1_000
    events: list[Injected | Departed] = [
        Injected(0, from_peer(SYN, 0, options=options)),
        Departed(10, from_stack(SYN | ACK, 0, 1, options=(WindowScale(8), Nop()))),
        Injected(500, from_peer(ACK, 1, 1, window=100)),
        *(Departed(start + i, from_stack(ACK, 1 + 1000 * i, 1, payload=bytes(1000))) for i in range(4)),
    ]
    sack = (Nop(), Nop(), Sack(((LOCAL_ISN + 1001, LOCAL_ISN + 4001),)))
    events += [
        Injected(2_000, from_peer(ACK, 1, 1, window=100, options=sack)),
        Departed(3_000, from_stack(ACK, 1, 1, payload=bytes(1000))),
        Injected(4_000, from_peer(ACK, 1, 4001, window=100)),
    ]
    return Trace("reference", NETWORK, list(events))


def test_segments_are_relative_and_repeats_are_known() -> None:
    sent = series_of(transfer()).sent
    assert sent[0] == Sent(10, 0, 1)
    assert [(each.start, each.end, each.is_repeated) for each in sent[1:]] == [
        (1, 1001, False),
        (1001, 2001, False),
        (2001, 3001, False),
        (3001, 4001, False),
        (1, 1001, True),
    ]


def test_acknowledgments_have_the_scaled_edge_of_the_window_and_their_blocks() -> None:
    # RFC 7323, section 2.2: the window of 100 counts 100 << 7 octets.
    assert series_of(transfer()).acked == [
        Acked(500, 1, 12801),
        Acked(2_000, 1, 12801, ((1001, 4001),)),
        Acked(4_000, 4001, 16801),
    ]


def test_the_window_is_not_scaled_unless_both_sides_offer_it() -> None:
    assert [each.edge for each in series_of(transfer(None)).acked] == [101, 101, 4101]


def test_other_connections_are_left_out() -> None:
    trace = passing_trace()
    before = series_of(trace)
    other = bytearray(from_stack(ACK, 1, 1, payload=bytes(10)))
    other[22:24] = (40_001).to_bytes(2, "big")
    trace.events.append(Departed(9_000_000, bytes(other)))
    assert series_of(trace) == before


def test_each_kind_has_its_colour() -> None:
    root = ElementTree.fromstring(sequence_plot_svg(transfer()))
    paths = {path.get("class"): path.get("d", "") for path in root.iter(f"{SVG}path")}
    # Three strokes for a bar: foot, line, head.
    assert {name: path.count("M") // 3 for name, path in paths.items()} == {"s-soft": 1, "s-out": 5, "s-bad": 1}
    assert len(list(root.iter(f"{SVG}polyline"))) == 3


@given(TRACES)
def test_any_trace_has_a_plot_that_stays_in_its_frame(trace: Trace) -> None:
    document = sequence_plot_svg(trace)
    root = ElementTree.fromstring(document)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for line in root.iter(f"{SVG}polyline"):
        for point in line.get("points", "").split():
            x, y = (float(part) for part in point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert len(list(root.iter(f"{SVG}text"))) < 40
    assert document == sequence_plot_svg(trace)
