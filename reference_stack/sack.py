"""Which SACK blocks an acknowledgment carries (RFC 2018, section 4; RFC 2883)."""

from reference_stack.reassembly import ReassemblyQueue


class SackGenerator:
    """Remembers in which order islands were heard of, and one duplicate to report.

    The first block is the island of the newest segment, the others follow by how recently they were reported
    (RFC 2018, section 4). A duplicate goes before all of them, once (RFC 2883, section 4).
    """

    __slots__ = ("_duplicate", "_recent")

    MAX_RECENT = 32

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._duplicate: tuple[int, int] | None = None

    def on_arrival(self, start: int) -> None:
        """Note that a segment starting at `start` was stored out of order."""
        self._recent.insert(0, start)
        del self._recent[self.MAX_RECENT :]

    def on_duplicate(self, start: int, end: int) -> None:
        """Note that the octets `start` up to `end` arrived again; the next acknowledgment tells the peer."""
        self._duplicate = (start, end)

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
