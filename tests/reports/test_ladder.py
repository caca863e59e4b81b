from xml.etree import ElementTree

from hypothesis import given

from packetdrill_compat.outcome import Failure, FailureKind
from reports.ladder import format_time, ladder_svg, shorten
from reports.rows import Mark, Place, Row
from targets.trace import Departed, ShellRan, Trace
from tests.reports.samples import FAILURE, NETWORK, ORIGIN, failing_trace, from_stack, passing_trace
from tests.reports.strategies import FAILURES, TEXTS, TRACES
from wire.tcp import ACK

SVG = "{http://www.w3.org/2000/svg}"


def groups(document: str, mark: str = "") -> list[ElementTree.Element]:
    root = ElementTree.fromstring(document)
    name = f"row {mark}".strip()
    return [element for element in root.iter(f"{SVG}g") if element.get("class") == name]


def words(element: ElementTree.Element) -> str:
    return " ".join(text.text or "" for text in element.iter(f"{SVG}text"))


def is_dashed(element: ElementTree.Element) -> bool:
    return any("dashed" in (line.get("class") or "") for line in element.iter(f"{SVG}line"))


def test_the_failing_packet_is_marked_and_the_wanted_one_is_dashed() -> None:
    document = ladder_svg(failing_trace(), FAILURE)
    [want], [got] = groups(document, "want"), groups(document, "got")
    assert words(want) == "line 9 want P. 1:1001(1000) ack 1"
    assert words(got) == "0.300030 got  . 1:1001(1000) ack 1 win 65535"
    assert (is_dashed(want), is_dashed(got)) == (True, False)


def test_a_passing_trace_has_no_marks() -> None:
    document = ladder_svg(passing_trace())
    assert [groups(document, mark.value) for mark in Mark if mark is not Mark.NONE] == [[], [], []]
    assert "Red:" not in document


def test_arrows_point_the_way_the_packet_went() -> None:
    rows = groups(ladder_svg(passing_trace()))
    ways = {}
    for row in rows:
        line = row.find(f"{SVG}line")
        if line is not None:
            ways[words(row).split(" ", 1)[1]] = float(line.get("x2", 0)) > float(line.get("x1", 0))
    assert ways["S 0:0(0) win 65535 <mss 1000>"] is True
    assert ways[". 1:1(0) ack 201 win 65535"] is False


def test_a_call_that_blocks_has_a_bar_on_the_stacks_line() -> None:
    root = ElementTree.fromstring(ladder_svg(passing_trace()))
    assert len([rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "f-rule"]) == 1


def test_text_is_escaped() -> None:
    evil = Trace("a<b>&\"'", NETWORK, [ShellRan(0, "</text><script>alert(1)</script>", 0)])
    failure = Failure(FailureKind.TARGET, "a.pkt", 0, 0, "<script>alert(2)</script>\x00\x1b]]>")
    document = ladder_svg(evil, failure, title="<i>&amp;")
    assert "<script" not in document
    assert words(groups(document, "got")[0]) == "got  <script>alert(2)</script>\ufffd\ufffd]]>"


def test_a_long_option_list_is_wrapped_and_not_cut() -> None:
    trace = failing_trace()
    failure = Failure(FailureKind.MISSING, "a.pkt", 1, 1, "", want="S. 0:0(0) ack 1 <" + "mss 1460,nop " * 12 + ">")
    [want] = groups(ladder_svg(trace, failure), "want")
    assert "".join(words(want).split()).count("mss1460,nop") == 12


def test_hundreds_of_packets_are_cut_in_the_middle_with_a_note() -> None:
    events = [Departed(ORIGIN + index, from_stack(ACK, 1, 1)) for index in range(2000)]
    document = ladder_svg(Trace("reference", NETWORK, list(events), ORIGIN), max_rows=100)
    rows = groups(document)
    assert len(rows) == 50 + 1 + 25
    assert words(rows[50]) == "… 1925 lines left out here, see the capture …"


def test_shortening_keeps_the_failing_line_and_its_surroundings() -> None:
    rows = [Row(Place.FROM_STACK, str(index), index) for index in range(1000)]
    rows[700] = Row(Place.FROM_STACK, "here", 700, mark=Mark.GOT)
    texts = [row.text for row in shorten(rows, 100)]
    assert {"here", "690", "710", "0", "999"} <= set(texts)
    assert sum("left out" in text for text in texts) == 2


def test_an_empty_trace_is_still_a_drawing() -> None:
    assert groups(ladder_svg(Trace())) == []


def test_times_have_six_decimals() -> None:
    assert [format_time(time) for time in (0, 1, 1_500_000, -40)] == ["0.000000", "0.000001", "1.500000", "-0.000040"]


def test_both_colour_schemes_have_every_colour() -> None:
    document = ladder_svg(passing_trace())
    light, _, dark = document.partition("prefers-color-scheme: dark")
    names = {part.split(" ")[0] for part in light.split(".f-")[1:]}
    assert names
    assert names == {part.split(" ")[0] for part in dark.split("</style>")[0].split(".f-")[1:]}


@given(TRACES, FAILURES, TEXTS)
def test_any_trace_with_any_failure_is_valid_xml_without_scripts(trace: Trace, failure: Failure, title: str) -> None:
    document = ladder_svg(trace, failure, title=title)
    root = ElementTree.fromstring(document.encode())
    assert root.tag == f"{SVG}svg"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "line", "polygon", "g"}
    assert document == ladder_svg(trace, failure, title=title)


@given(TRACES)
def test_no_text_leaves_the_drawing(trace: Trace) -> None:
    root = ElementTree.fromstring(ladder_svg(trace))
    height = float(root.get("height", 0))
    assert all(0 < float(text.get("y", 0)) < height for text in root.iter(f"{SVG}text"))
