"""Which SACK blocks an acknowledgment carries (RFC 2018, section 4; RFC 2883)."""

from collections.abc import Callable
from typing import TypeAlias

from reference_stack.reassembly import ReassemblyQueue

Flush: TypeAlias = Callable[[], None]


class SackGenerator:
    """Remembers in which order islands were heard of, and one duplicate to report.

    The first block is the island of the newest segment, the others follow by how recently they were reported
    (RFC 2018, section 4). A duplicate goes before all of them, once (RFC 2883, section 4).
    """

    __slots__ = ("_duplicate", "_recent", "reports_duplicates")

    MAX_RECENT = 32

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._duplicate: tuple[int, int] | None = None
        self.reports_duplicates = True
        """RFC 2883 is switched on."""

    def note_stored(
        self,
        start: int,
        end: int,  # noqa: ARG002
        duplicate: tuple[int, int] | None,
        *,
        packet: int,  # noqa: ARG002
        flush: Flush,  # noqa: ARG002
    ) -> None:
        """A segment from `start` to `end` was stored ahead of RCV.NXT, of which `duplicate` was there before.

        It came in a packet of so many octets. `flush` lets an acknowledgment leave that is held back, with the blocks
        as they were.
        """
        self.on_arrival(start)
        if duplicate is not None and self.reports_duplicates:
            self.on_duplicate(*duplicate)

    def note_filled(self, start: int, end: int, duplicate: tuple[int, int] | None) -> None:  # noqa: ARG002
        """A segment at RCV.NXT came while others waited; `duplicate` was there before."""
        if duplicate is not None and self.reports_duplicates:
            self.on_duplicate(*duplicate)

    def on_end(self) -> None:
        """The peer's FIN was reached."""

    def count(self, islands: ReassemblyQueue) -> int:
        """Return how many blocks there are to send."""
        return len(islands) + self.has_duplicate

    def on_arrival(self, start: int) -> None:
        """Note that a segment starting at `start` was stored out of order."""
        self._recent.insert(0, start)
        del self._recent[self.MAX_RECENT :]

    def on_duplicate(self, start: int, end: int) -> None:
        """Note that the octets `start` up to `end` arrived again; the next acknowledgment tells the peer."""
        self._duplicate = (start, end)

    def forget_duplicate(self) -> None:
        """What was not yet reported is not reported any more."""
        self._duplicate = None

    @property
    def has_duplicate(self) -> bool:
        """A duplicate waits to be reported."""
        return self._duplicate is not None

    def blocks(self, islands: ReassemblyQueue, limit: int) -> tuple[tuple[int, int], ...]:
        """Return at most `limit` blocks for an acknowledgment that leaves now; the duplicate counts as reported."""
        found: list[tuple[int, int]] = []
        if self._duplicate is not None and limit:
            found.append(self._duplicate)
            self._duplicate = None
        first_island = len(found)
        kept: list[int] = []
        for seq in self._recent:
            island = islands.island_at(seq)
            if island is None or island in found[first_island:]:
                continue
            kept.append(seq)
            if len(found) < limit:
                found.append(island)
        self._recent = kept
        return tuple(found)

    def clear(self) -> None:
        """Forget everything."""
        self._recent.clear()
        self._duplicate = None
