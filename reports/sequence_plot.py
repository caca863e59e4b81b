"""The time-sequence plot of a trace: what the stack under test sent, what was acknowledged, how far the window went.

The form is the one that tcptrace made common: a vertical line for each segment from its first to its last sequence
number, a step line for the acknowledgments and one for the right edge of the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree.ElementTree import Element

from reports.ladder import format_time
from reports.svg import add, drawing, number, serialise, text
from targets.base import Micros
from targets.trace import Departed, Injected, Trace
from wire.errors import WireError
from wire.options import Sack, WindowScale
from wire.packet import parse_packet
from wire.tcp import ACK, SYN, TcpSegment

WORTH_PLOTTING = 8
"""From this many segments of the stack with data, SYN or FIN on, a plot shows more than the ladder does."""

_MODULUS = 2**32
_MAX_SCALE = 14  # RFC 7323, section 2.3
_WIDTH, _HEIGHT = 960, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 20, 50, 60
_TICKS = 7


@dataclass(frozen=True, slots=True)
class Sent:
    """A segment of the stack from `start` up to `end`, relative to its initial sequence number."""

    time: Micros
    start: int
    end: int
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Acked:
    """An acknowledgment of the peer, the right edge of the window it gives, and its SACK blocks."""

    time: Micros
    ack: int
    edge: int
    blocks: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Series:
    """What is plotted, of the first connection of a trace."""

    sent: list[Sent] = field(default_factory=list)
    acked: list[Acked] = field(default_factory=list)


def sequence_plot_svg(trace: Trace, *, title: str = "") -> str:
    """Return the plot as an SVG document. Equal arguments give equal documents."""
    series = series_of(trace)
    heading = title or "Time-sequence plot"
    root = drawing(_WIDTH, _HEIGHT, title=heading)
    text(root, 12, 20, heading, class_="strong f-ink")
    scale = _scale_of(series)
    _draw_axes(root, scale)
    _draw_steps(root, scale, [(each.time, each.edge) for each in series.acked], "s-rule dashed")
    _draw_steps(root, scale, [(each.time, each.ack) for each in series.acked], "s-in")
    blocks = [(each.time, *block) for each in series.acked for block in each.blocks]
    _draw_bars(root, scale, blocks, "s-soft")
    _draw_bars(root, scale, [(s.time, s.start, s.end) for s in series.sent if not s.is_repeated], "s-out")
    _draw_bars(root, scale, [(s.time, s.start, s.end) for s in series.sent if s.is_repeated], "s-bad")
    _draw_legend(root)
    return serialise(root)


# ---------------------------------------------------------------- what the trace says


def series_of(trace: Trace) -> Series:
    """Read what the stack sent on the first connection of `trace`, and what the peer acknowledged of it."""
    series = Series()
    reader = _Reader(series)
    for event in trace.events:
        if isinstance(event, Injected | Departed):
            segment = _segment(event.packet)
            if segment is not None:
                reader.read(segment, event.time - trace.origin, outbound=isinstance(event, Departed))
    return series


def _segment(data: bytes) -> TcpSegment | None:
    try:
        body = parse_packet(data, tolerant=True).body
    except WireError:
        return None
    return body if isinstance(body, TcpSegment) else None


class _Reader:
    """Follows one connection: its ports, the stack's initial sequence number, and the peer's window scale."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._ports: tuple[int, int] | None = None
        self._isn: int | None = None
        self._shift = 0
        self._offers: dict[bool, int] = {}
        self._highest = 0

    def read(self, segment: TcpSegment, time: Micros, *, outbound: bool) -> None:
        ports = (segment.src_port, segment.dst_port) if outbound else (segment.dst_port, segment.src_port)
        if self._ports is None:
            self._ports = ports
        if ports != self._ports:
            return
        if segment.flags & SYN:
            self._see_syn(segment, outbound=outbound)
        if outbound:
            self._see_sent(segment, time)
        elif segment.flags & ACK and self._isn is not None:
            self._see_ack(segment, time, self._isn)

    def _see_syn(self, segment: TcpSegment, *, outbound: bool) -> None:
        if outbound and self._isn is None:
            self._isn = segment.seq
        shifts = [option.shift for option in segment.options if isinstance(option, WindowScale)]
        if shifts:
            self._offers[outbound] = min(shifts[0], _MAX_SCALE)
        # RFC 7323, section 2.2: the scale counts only when both SYNs carry the option.
        self._shift = self._offers[False] if len(self._offers) == 2 else 0

    def _see_sent(self, segment: TcpSegment, time: Micros) -> None:
        if self._isn is None:
            self._isn = (segment.seq - 1) % _MODULUS
        if segment.seg_len == 0:
            return
        start = (segment.seq - self._isn) % _MODULUS
        end = start + segment.seg_len
        self._series.sent.append(Sent(time, start, end, is_repeated=start < self._highest))
        self._highest = max(self._highest, end)

    def _see_ack(self, segment: TcpSegment, time: Micros, isn: int) -> None:
        ack = (segment.ack - isn) % _MODULUS
        # RFC 7323, section 2.2: the window of a segment with SYN is never scaled.
        window = segment.window if segment.flags & SYN else segment.window << self._shift
        blocks = tuple(
            ((left - isn) % _MODULUS, (right - isn) % _MODULUS)
            for option in segment.options
            if isinstance(option, Sack)
            for left, right in option.blocks
        )
        self._series.acked.append(Acked(time, ack, ack + window, blocks))


# ---------------------------------------------------------------- drawing


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps times and sequence numbers to px. The upper end of the sequence axis may cut the window's edge off."""

    times: tuple[Micros, Micros]
    top: int

    def x(self, time: Micros) -> float:
        start, end = self.times
        return _LEFT + (time - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, sequence: int) -> float:
        inside = min(max(sequence, 0), self.top)
        return _HEIGHT - _BOTTOM - inside / self.top * (_HEIGHT - _TOP - _BOTTOM)


def _scale_of(series: Series) -> _Scale:
    times = [each.time for each in series.sent] + [each.time for each in series.acked]
    start, end = (min(times), max(times)) if times else (0, 1)
    # An open window is often a hundred times what is sent; it must not press the data flat.
    highest = max((each.end for each in series.sent), default=1)
    return _Scale((start, max(end, start + 1)), max(highest + highest // 10, 1))


def _draw_axes(root: Element, scale: _Scale) -> None:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for time in _ticks(*scale.times):
        x = scale.x(time)
        add(root, "line", x1=x, y1=bottom, x2=x, y2=bottom + 5, class_="s-rule")
        text(root, x, bottom + 18, format_time(time).rstrip("0").rstrip("."), class_="middle small f-soft")
    for sequence in _ticks(0, scale.top):
        y = scale.y(sequence)
        add(root, "line", x1=_LEFT - 5, y1=y, x2=_LEFT, y2=y, class_="s-rule")
        text(root, _LEFT - 9, y + 4, str(sequence), class_="end small f-soft")
    add(root, "polyline", points=f"{_LEFT},{_TOP} {_LEFT},{bottom} {right},{bottom}", class_="s-rule")
    text(root, right, bottom + 34, "time (s)", class_="end small f-soft")
    text(root, 12, _TOP - 10, "sequence number (relative)", class_="small f-soft")


def _ticks(start: int, end: int) -> Iterator[int]:
    """Yield up to about seven round numbers from `start` to `end`."""
    step = 1
    while (end - start) // step > _TICKS:
        # 1, 2, 5, 10, 20, 50, …
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    yield from range(-(-start // step) * step, end + 1, step)


def _draw_steps(root: Element, scale: _Scale, points: list[tuple[Micros, int]], css: str) -> None:
    if not points:
        return
    corners = [f"{number(scale.x(points[0][0]))},{number(scale.y(points[0][1]))}"]
    for (_, before), (time, value) in pairwise(points):
        x = number(scale.x(time))
        corners += [f"{x},{number(scale.y(before))}", f"{x},{number(scale.y(value))}"]
    add(root, "polyline", points=" ".join(corners), class_=css)


def _draw_bars(root: Element, scale: _Scale, bars: list[tuple[Micros, int, int]], css: str) -> None:
    """Draw a vertical line for each (time, start, end), with a short foot and a short head."""
    parts = []
    for time, start, end in bars:
        x, low, high = scale.x(time), number(scale.y(start)), number(scale.y(end))
        left, right = number(x - 2.5), number(x + 2.5)
        parts.append(f"M{left} {low}H{right}M{number(x)} {low}V{high}M{left} {high}H{right}")
    if parts:
        add(root, "path", d="".join(parts), class_=css)


def _draw_legend(root: Element) -> None:
    entries = (
        ("out", "sent"),
        ("bad", "sent again"),
        ("in", "acknowledged"),
        ("rule", "right edge of the window"),
        ("soft", "SACK block"),
    )
    x = 12.0
    for colour, label in entries:
        add(root, "rect", x=x, y=_HEIGHT - 21, width=10, height=10, class_=f"f-{colour}")
        text(root, x + 16, _HEIGHT - 12, label, class_="small f-soft")
        x += 40 + 7 * len(label)
