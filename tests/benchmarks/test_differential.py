"""The comparison of what two targets did with a script."""

from pathlib import Path

import pytest

from benchmarks.differential import Step, compare, differences, joined, main

MS = 1_000

SCRIPT = """//: targets all
 0     socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0     bind(3, ..., ...) = 0
+0     listen(3, 1) = 0
+0     < S 0:0(0) win 65535 <mss 1000>
+0~+.1 > S. 0:0(0) ack 1 <...>
"""


def data(time: int, first: int, last: int, rest: str = "ack 1 win 9") -> Step:
    return Step(time, f". {first}:{last}({last - first}) {rest}", first, last, f"{rest} <>")


def test_segments_without_a_pause_are_put_together() -> None:
    steps = joined([data(0, 1, 1001), data(MS, 1001, 2001), Step(9 * MS, "R 2001:2001(0)")])
    assert [step.text for step in steps] == [". 1:2001(2000) ack 1 win 9", "R 2001:2001(0)"]


def test_a_gap_a_pause_and_another_acknowledgment_part_segments() -> None:
    for second in (data(0, 2001, 3001), data(20 * MS, 1001, 2001), data(0, 1001, 2001, "ack 5 win 9")):
        assert len(joined([data(0, 1, 1001), second])) == 2


def test_equal_stories_have_no_difference_and_a_late_packet_has_one() -> None:
    left, right = [Step(0, "S. 0:0(0)")], [Step(99 * MS, "S. 0:0(0)")]
    assert list(differences(left, right)) == []
    assert len(list(differences(left, [Step(120 * MS, "S. 0:0(0)")]))) == 1


def test_a_missing_packet_and_another_result_are_named() -> None:
    left = [Step(0, "S. 0:0(0)"), Step(0, "read = -1 errno 11")]
    assert list(differences(left, [Step(0, "read = 5 errno 0")])) == [
        "0.000 S. 0:0(0)  |  nothing",
        "0.000 read = -1 errno 11  |  0.000 read = 5 errno 0",
    ]


def test_two_personalities_differ_in_the_window_that_a_script_leaves_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "x.pkt"
    script.write_text(SCRIPT)
    assert compare(script, "ipv4", "reference:linux", "reference:linux") == ("same", [])
    how, lines = compare(script, "ipv4", "reference:linux", "reference:rfc")
    assert how == "differs"
    assert "win 64240" in lines[0]
    assert "win 65535" in lines[0]
    assert main(["--left", "reference:linux", "--right", "reference:rfc", str(script)]) == 1
    assert "0 same, 1 differs, 0 skipped" in capsys.readouterr().out


def test_a_script_about_another_system_is_skipped(tmp_path: Path) -> None:
    script = tmp_path / "x.pkt"
    script.write_text(SCRIPT.replace("targets all", "targets dragonfly"))
    assert compare(script, "ipv4", "reference:linux", "reference:dragonfly")[0] == "skipped"
