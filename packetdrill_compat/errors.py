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
        text = f"{where}: {self.message}"
        if self.position is not None and self.source:
            text += excerpt(self.source, self.position)
        return text + (f"\n  next step: {self.next_step}" if self.next_step else "")


class UnsupportedScript(ScriptError):
    """A script that is well formed but needs what this project does not have, such as SCTP."""


def excerpt(source: str, position: Position) -> str:
    """Show the line at `position` with a caret under the column; empty when the line does not exist."""
    lines = source.split("\n")
    if not 1 <= position.line <= len(lines):
        return ""
    line = lines[position.line - 1].replace("\r", " ")
    before = "".join("\t" if character == "\t" else " " for character in line[: position.column - 1])
    return f"\n    {line}\n    {before}^"
