"""The ladder diagram of a trace: the peer on the left, the stack under test on the right, time going down."""

import textwrap
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from packetdrill_compat.outcome import Failure
from reports.rows import Mark, Place, Row, rows_of
from reports.svg import CHARACTER_WIDTH, add, arrow, clean, drawing, serialise, text
from targets.base import Micros
from targets.trace import Trace

MAX_ROWS = 240
"""Rows a diagram shows at most. Beyond that its middle is left out, never the failing line."""

_LINE = 16
_TOP = 70
_TIME_END = 96
_PEER = 132
_MAX_LINES = 5
_GAP_CHARACTERS = (44, 96)
_CALL_CHARACTERS = (24, 60)
_CONTEXT = 20


def ladder_svg(trace: Trace, failure: Failure | None = None, *, title: str = "", max_rows: int = MAX_ROWS) -> str:
    """Return the ladder diagram of `trace` as an SVG document.

    The line that `failure` is about is red and says ``got``; what the script wanted instead stands before it, dashed.
    Equal arguments give equal documents.
    """
    rows = shorten(rows_of(trace, failure), max_rows)
    plan = _plan(rows)
    heading = title or "Ladder diagram"
    root = drawing(plan.width, plan.height, title=heading, description=failure.first_line if failure else "")
    _draw_highlights(root, plan)
    _draw_frame(root, plan, heading, trace.target)
    _draw_busy_calls(root, plan)
    for line in plan.lines:
        _draw_row(root, plan, line)
    _draw_legend(root, plan, has_failure=failure is not None)
    return serialise(root)


def shorten(rows: list[Row], limit: int) -> list[Row]:
    """Leave out rows until about `limit` are left: the start, the end and the surroundings of marks stay."""
    if len(rows) <= limit:
        return rows
    marks = [index for index, row in enumerate(rows) if row.mark is not Mark.NONE]
    kept = {index for mark in marks for index in range(mark - _CONTEXT, mark + _CONTEXT)}
    kept |= set(range(limit // 2)) | set(range(len(rows) - limit // 4, len(rows)))
    shortened: list[Row] = []
    skipped = 0
    for index, row in enumerate(rows):
        if index not in kept:
            skipped += 1
            continue
        if skipped:
            shortened.append(_left_out(skipped))
            skipped = 0
        shortened.append(row)
    return shortened


def _left_out(count: int) -> Row:
    return Row(Place.NOTE, f"… {count} lines left out here, see the capture …")


# ---------------------------------------------------------------- layout


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with its wrapped text, the top of its band and its height, in px."""

    row: Row
    texts: list[str]
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where everything goes, in px."""

    lines: list[_Line]
    stack: float
    width: float
    height: float


def _plan(rows: list[Row]) -> _Plan:
    gap = _columns(rows, {Place.TO_STACK, Place.FROM_STACK}, _GAP_CHARACTERS)
    calls = _columns(rows, {Place.CALL, Place.COMMAND}, _CALL_CHARACTERS)
    stack = _PEER + (gap + 4) * CHARACTER_WIDTH
    width = stack + 24 + (calls + 1) * CHARACTER_WIDTH
    lines: list[_Line] = []
    y = float(_TOP)
    last_time: Micros | None = None
    for row in rows:
        y += _pause(last_time, row.time)
        last_time = row.time if row.time is not None else last_time
        texts = _wrap(_label(row), _room(row, gap, calls))
        height = len(texts) * _LINE + (14 if row.place in (Place.TO_STACK, Place.FROM_STACK) else 6)
        lines.append(_Line(row, texts, y, height))
        y += height
    return _Plan(lines, stack, width, y + 52)


def _columns(rows: list[Row], places: set[Place], limits: tuple[int, int]) -> int:
    longest = max((len(_label(row)) for row in rows if row.place in places), default=0)
    return min(max(longest, limits[0]), limits[1])


def _room(row: Row, gap: int, calls: int) -> int:
    if row.place is Place.NOTE:
        return gap + calls
    return calls if row.place in (Place.CALL, Place.COMMAND) else gap


def _label(row: Row) -> str:
    waits = " …" if row.opens and not row.closes else ""
    return f"{row.mark.value:<4} {row.text}{waits}" if row.mark is not Mark.NONE else row.text + waits


def _wrap(content: str, width: int) -> list[str]:
    lines = textwrap.wrap(
        clean(content), width, subsequent_indent="  ", break_on_hyphens=False, replace_whitespace=True
    ) or [""]
    return [*lines[: _MAX_LINES - 1], lines[_MAX_LINES - 1] + " …"] if len(lines) > _MAX_LINES else lines


def _pause(before: Micros | None, now: Micros | None) -> float:
    """Return the space in front of a row: a longer silence shows as a wider gap, in four steps."""
    if before is None or now is None:
        return 0
    return 6.0 * sum(now - before >= step for step in (1_000, 10_000, 100_000, 1_000_000))


# ---------------------------------------------------------------- drawing


def _draw_frame(root: Element, plan: _Plan, heading: str, target: str) -> None:
    text(root, 12, 20, heading, class_="strong f-ink")
    text(root, _TIME_END, 46, "time (s)", class_="end small f-soft")
    text(root, _PEER, 46, "peer", class_="middle strong f-ink")
    stack_name = f"stack under test: {target}" if target else "stack under test"
    text(root, plan.stack, 46, stack_name, class_="middle strong f-ink")
    bottom = plan.height - 44
    for x in (_PEER, plan.stack):
        add(root, "line", x1=x, y1=54, x2=x, y2=bottom, class_="s-rule")


def _draw_highlights(root: Element, plan: _Plan) -> None:
    for line in plan.lines:
        if line.row.mark is not Mark.NONE:
            add(root, "rect", x=4, y=line.top, width=plan.width - 8, height=line.height, class_="f-badpaper")


def _draw_busy_calls(root: Element, plan: _Plan) -> None:
    """Draw a bar on the stack's line for as long as a call blocks."""
    for index, line in enumerate(plan.lines):
        if not line.row.opens or line.row.closes:
            continue
        rest = plan.lines[index + 1 :]
        end = next((other for other in rest if other.row.closes and other.row.call_id == line.row.call_id), None)
        bottom = end.top + _LINE if end else plan.height - 44
        add(root, "rect", x=plan.stack - 3, y=line.top + 4, width=6, height=bottom - line.top - 4, class_="f-rule")


def _draw_row(root: Element, plan: _Plan, line: _Line) -> None:
    row = line.row
    group = add(root, "g", class_=f"row {row.mark.value}".strip())
    add(group, "title").text = clean(_tooltip(row))
    colour = _colour(row)
    beginning = format_time(row.time) if row.time is not None else f"line {row.line}" if row.line else ""
    if beginning:
        tone = "soft" if row.time is not None else colour
        text(group, _TIME_END, line.top + 13, beginning, class_=f"end small f-{tone}")
    if row.place in (Place.TO_STACK, Place.FROM_STACK):
        _draw_packet(group, plan, line, colour)
    elif row.place is Place.NOTE:
        _draw_texts(group, line, _PEER + 12, colour)
    else:
        _draw_texts(group, line, plan.stack + 12, colour)


def _draw_packet(group: Element, plan: _Plan, line: _Line, colour: str) -> None:
    _draw_texts(group, line, _PEER + 2 * CHARACTER_WIDTH, colour)
    ends = (_PEER + 2, plan.stack - 2)
    start, end = ends if line.row.place is Place.TO_STACK else ends[::-1]
    arrow(group, start, end, line.top + line.height - 7, colour, dashed=line.row.mark is Mark.WANT)


def _draw_texts(group: Element, line: _Line, x: float, colour: str) -> None:
    strong = "strong " if line.row.mark is not Mark.NONE else ""
    for index, content in enumerate(line.texts):
        text(group, x, line.top + 13 + index * _LINE, content, class_=f"{strong}f-{colour}")


def _draw_legend(root: Element, plan: _Plan, *, has_failure: bool) -> None:
    y = plan.height - 16
    note = "Numbers are relative to the initial sequence numbers; descriptors are the target's own."
    if has_failure:
        note = "Red: where the test failed; dashed: what the script wanted. " + note
    for index, content in enumerate(textwrap.wrap(note, max(40, int((plan.width - 24) / 6.8)))):
        text(root, 12, y - 12 + index * 14, content, class_="small f-soft")


def _colour(row: Row) -> str:
    if row.mark is not Mark.NONE:
        return "bad"
    return {Place.TO_STACK: "in", Place.FROM_STACK: "out", Place.NOTE: "soft"}.get(row.place, "ink")


def _tooltip(row: Row) -> str:
    parts = [row.text]
    if row.time is not None:
        parts.append(f"at {format_time(row.time)} s")
    if row.frame is not None:
        parts.append(f"frame {row.frame} of the capture")
    if row.lateness:
        parts.append(f"injected {row.lateness} us late")
    return ", ".join(parts)


def format_time(time: Micros) -> str:
    """Return microseconds as seconds with six decimals, as packetdrill prints times."""
    sign = "-" if time < 0 else ""
    return f"{sign}{abs(time) // 1_000_000}.{abs(time) % 1_000_000:06d}"
