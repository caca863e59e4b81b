"""Small help for writing SVG: elements, text that XML allows, and the colours of all our drawings."""

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

CHARACTER_WIDTH = 7.3
"""Width of a character of the drawings' 12 px monospace font, in px, with a little to spare."""

_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"

# Every rule is written out for both schemes (no CSS variables), so that viewers other than browsers show the first.
_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#5f6873",
    "rule": "#a9b1ba",
    "in": "#0b5cad",
    "out": "#1a7f37",
    "bad": "#c8102e",
    "badpaper": "#fde7ea",
}
_DARK = {
    "paper": "#16191d",
    "ink": "#e6e9ed",
    "soft": "#9aa4af",
    "rule": "#59626d",
    "in": "#6cb6ff",
    "out": "#57c773",
    "bad": "#ff7b86",
    "badpaper": "#46181e",
}


def drawing(width: float, height: float, *, title: str, description: str = "") -> Element:
    """Return an empty drawing of the given size in px with our style sheet and an opaque background."""
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": number(width),
            "height": number(height),
            "viewBox": f"0 0 {number(width)} {number(height)}",
            "role": "img",
        },
    )
    add(root, "title").text = clean(title)
    if description:
        add(root, "desc").text = clean(description)
    add(root, "style").text = _style_sheet()
    add(root, "rect", width="100%", height="100%", class_="f-paper")
    return root


def add(parent: Element, tag: str, **attributes: str | float) -> Element:
    """Add an element; a trailing underscore is dropped from attribute names and inner ones become hyphens."""
    texts = {
        name.rstrip("_").replace("_", "-"): value if isinstance(value, str) else number(value)
        for name, value in attributes.items()
    }
    return SubElement(parent, tag, texts)


def text(parent: Element, x: float, y: float, content: str, **attributes: str | float) -> Element:
    """Add a line of text with its baseline at `y`; runs of blanks are kept."""
    element = add(parent, "text", x=x, y=y, **attributes)
    element.text = clean(content)
    return element


def arrow(parent: Element, start: float, end: float, y: float, colour: str, *, dashed: bool = False) -> None:
    """Add a horizontal arrow from `start` to `end`."""
    back = -9 if end > start else 9
    add(parent, "line", x1=start, y1=y, x2=end + back, y2=y, class_=f"s-{colour}" + (" dashed" if dashed else ""))
    points = f"{number(end)},{number(y)} {number(end + back)},{number(y - 4)} {number(end + back)},{number(y + 4)}"
    add(parent, "polygon", points=points, class_=f"f-{colour}")


def serialise(root: Element) -> str:
    """Return the drawing as an XML document."""
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def clean(content: str) -> str:
    """Replace what XML 1.0 does not allow in a document (section 2.2, Char) with U+FFFD."""
    return "".join(character if _is_allowed(character) else "\ufffd" for character in content)


def _is_allowed(character: str) -> bool:
    code = ord(character)
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def number(value: float) -> str:
    """Return a coordinate with at most one decimal, so that equal drawings are equal bytes."""
    return f"{value:.1f}".removesuffix(".0")


def _style_sheet() -> str:
    base = [
        f"text {{ font: 12px {_FONT}; white-space: pre; }}",
        ".small { font-size: 11px; } .strong { font-weight: bold; }",
        ".end { text-anchor: end; } .middle { text-anchor: middle; }",
        "line, polyline, path { fill: none; stroke-width: 1.4; } .dashed { stroke-dasharray: 6 4; }",
    ]
    dark = "\n".join(_colour_rules(_DARK))
    return "\n".join([*base, *_colour_rules(_LIGHT), f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}"])


def _colour_rules(colours: dict[str, str]) -> Iterable[str]:
    return (f".f-{name} {{ fill: {value}; }} .s-{name} {{ stroke: {value}; }}" for name, value in colours.items())
