"""One thing that a script seems to say and packetdrill does not do."""

from dataclasses import dataclass

from packetdrill_compat.ast import Position


@dataclass(frozen=True, slots=True)
class Finding:
    """A trap at a place of a script. `instead` says what to write; `is_note` marks what most scripts can live with."""

    position: Position
    trap: str
    instead: str
    is_note: bool = False

    def render(self, path: str) -> str:
        """Return the text for a terminal: place and trap, and below what to write instead."""
        kind = "note" if self.is_note else "trap"
        place = f"{path}:{self.position.line}:{self.position.column}" if self.position.line else path
        return f"{place}: {kind}: {self.trap}\n  instead: {self.instead}"
