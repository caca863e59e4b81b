"""Whose fault it is: `ScriptError` is the script's, `Mismatch` the stack's, `targets.base.TargetError` the set-up's."""

from packetdrill_compat.ast import Position


class ScriptError(Exception):
    """A script that cannot be read or played as written.

    `message` is worded as packetdrill words it; `str()` gives ``PATH:LINE:COLUMN: message``, the source line with a
    caret, and what to do next.
    """

    def __init__(
        self, message: str, *, path: str = "", position: Position | None = None, source: str = "", next_step: str = ""
    ) -> None:
        self.message = message
        self.path = path
        self.position = position
        self.source = source
        self.next_step = next_step
        super().__init__(message)

    def __str__(self) -> str:
        where = self.path or "<script>"
        if self.position is not None and self.position.line:
            where += f":{self.position.line}:{self.position.column}"
        text = f"{where}: {printable(self.message)}"
        if self.position is not None and self.source:
            text += excerpt(self.source, self.position)
        return text + (f"\n  next step: {self.next_step}" if self.next_step else "")


class UnsupportedScript(ScriptError):
    """A script that is well formed but needs what this project does not have, such as SCTP."""


_LONGEST_LINE = 160
_CONTEXT = 60


def printable(text: str) -> str:
    """Return `text` with everything that a terminal or a file in UTF-8 cannot take written as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\t\n" else _escape(each) for each in text)


def _escape(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # an octet that is no UTF-8, in Python's "surrogateescape" form
        number -= 0xDC00
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"


def marked_line(line: str, column: int) -> tuple[str, str]:
    """Return a source line as it can be shown, and the blanks in front of a caret under `column` (from 1).

    Of a very long line only the part around the column is shown.
    """
    start = max(0, column - 1 - _CONTEXT) if len(line) > _LONGEST_LINE else 0
    shown = line[start : start + _LONGEST_LINE]
    before = ("…" if start else "") + printable(line[start : column - 1])
    after = printable(shown[max(0, column - 1 - start) :]) + ("…" if start + _LONGEST_LINE < len(line) else "")
    return before + after, "".join("\t" if each == "\t" else " " for each in before)


def excerpt(source: str, position: Position) -> str:
    """Show the line at `position` with a caret under the column; empty when the line does not exist."""
    lines = source.split("\n")
    if not 1 <= position.line <= len(lines):
        return ""
    line, before = marked_line(lines[position.line - 1], position.column)
    return f"\n    {line}\n    {before}^"
