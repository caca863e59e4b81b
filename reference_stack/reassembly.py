"""Octets that arrived ahead of RCV.NXT, kept until the gap before them is filled (RFC 9293, SHLD-31)."""

from bisect import bisect_left
from operator import attrgetter

_END = attrgetter("end")


class Island:
    """A run of octets without a gap: sequence numbers `start` up to, not including, `end`."""

    __slots__ = ("chunks", "end", "start")

    def __init__(self, start: int, end: int, chunks: list[bytes]) -> None:
        self.start = start
        self.end = end
        self.chunks = chunks


class ReassemblyQueue:
    """Islands in sequence order. Where segments overlap, the octets that came first stay.

    Memory is bounded by `max_islands`; octets are bounded by the receive window, which the caller enforces. When
    there are too many islands, those furthest to the right are forgotten, never the one that was just stored
    (RFC 2018, section 8: the first SACK block reports the newest segment even then).
    """

    __slots__ = ("_islands", "max_islands", "octets")

    def __init__(self, max_islands: int = 1024) -> None:
        self._islands: list[Island] = []
        self.max_islands = max_islands
        self.octets = 0

    def __len__(self) -> int:
        return len(self._islands)

    def ranges(self) -> list[tuple[int, int]]:
        """Return every island as (start, end), leftmost first."""
        return [(island.start, island.end) for island in self._islands]

    def island_at(self, seq: int) -> tuple[int, int] | None:
        """Return (start, end) of the island that holds the octet `seq`, or None."""
        index = bisect_left(self._islands, seq + 1, key=_END)
        if index < len(self._islands) and self._islands[index].start <= seq:
            return self._islands[index].start, self._islands[index].end
        return None

    def insert(self, start: int, data: bytes) -> tuple[int, int] | None:
        """Store octets; return the first part of them that was already here as (start, end), or None."""
        if not data:
            return None
        end = start + len(data)
        islands = self._islands
        first = bisect_left(islands, start, key=_END)
        last = first
        while last < len(islands) and islands[last].start <= end:
            last += 1
        if first == last:
            islands.insert(first, Island(start, end, [data]))
            self.octets += len(data)
            self._shed(keep=start)
            return None
        return self._merge(first, last, start, data)

    def _merge(self, first: int, last: int, start: int, data: bytes) -> tuple[int, int] | None:
        """Unite the islands `first` up to `last` (at least one), which touch or overlap, with new octets."""
        duplicate: tuple[int, int] | None = None
        end = start + len(data)
        target = self._islands[first]
        position = start
        chunks = target.chunks if target.start <= start else []
        for island in self._islands[first:last]:
            if island.start > position:
                chunks.append(data[position - start : island.start - start])
                self.octets += island.start - position
                position = island.start
            if duplicate is None and min(end, island.end) > position:
                duplicate = (position, min(end, island.end))
            if chunks is not island.chunks:
                chunks += island.chunks
            position = max(position, island.end)
        if position < end:
            chunks.append(data[position - start :])
            self.octets += end - position
        target.start = min(target.start, start)
        target.end = max(position, end)
        target.chunks = chunks
        del self._islands[first + 1 : last]
        return duplicate

    def pop(self, rcv_nxt: int) -> list[bytes]:
        """Take out the octets that continue the stream at `rcv_nxt`, as chunks; forget what lies before it."""
        taken: list[bytes] = []
        while self._islands and self._islands[0].start <= rcv_nxt:
            island = self._islands.pop(0)
            self.octets -= island.end - island.start
            if island.end <= rcv_nxt:
                continue
            if island.start == rcv_nxt:
                taken += island.chunks
            else:
                taken.append(b"".join(island.chunks)[rcv_nxt - island.start :])
            rcv_nxt = island.end
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._islands.clear()
        self.octets = 0

    def _shed(self, *, keep: int) -> None:
        """Forget the rightmost islands until there are few enough, but not the one that starts at `keep`."""
        while len(self._islands) > self.max_islands:
            index = -2 if self._islands[-1].start == keep else -1
            island = self._islands.pop(index)
            self.octets -= island.end - island.start
