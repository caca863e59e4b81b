"""What was sent and is not acknowledged: the scoreboard of RFC 6675 and the retransmission queue of RFC 9293 in one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import TypeAlias

Micros: TypeAlias = int

_START = attrgetter("start")
_END = attrgetter("end")


class SentSegment:
    """One segment's worth of sequence space that left: `start` up to, not including, `end`.

    `flags` are the header bits to repeat (SYN, FIN, PSH). `sent_at` is the newest transmission, `first_sent_at` the
    oldest. `is_retransmitted` says that a retransmission is thought to be on its way. Segments with the same `frame`
    left together as one super-segment; `ends_record` keeps later octets out of it (MSG_EOR).
    """

    __slots__ = (
        "end",
        "ends_record",
        "first_sent_at",
        "flags",
        "frame",
        "is_lost",
        "is_retransmitted",
        "is_sacked",
        "sent_at",
        "start",
        "transmissions",
    )

    def __init__(self, start: int, end: int, flags: int, *, now: Micros, frame: int = 0) -> None:
        self.start = start
        self.end = end
        self.flags = flags
        self.frame = frame
        self.ends_record = False
        self.sent_at = now
        self.first_sent_at = now
        self.transmissions = 1
        self.is_sacked = False
        self.is_lost = False
        self.is_retransmitted = False

    @property
    def length(self) -> int:
        """Sequence numbers covered."""
        return self.end - self.start

    def __repr__(self) -> str:
        marks = "S" * self.is_sacked + "L" * self.is_lost + "R" * self.is_retransmitted
        return f"<{self.start}:{self.end} x{self.transmissions} {marks}>"


class Tally:
    """A count of segments and of the octets in them."""

    __slots__ = ("octets", "segments")

    def __init__(self) -> None:
        self.segments = 0
        self.octets = 0

    def add(self, segment: SentSegment) -> None:
        """Count a segment in."""
        self.segments += 1
        self.octets += segment.end - segment.start

    def remove(self, segment: SentSegment) -> None:
        """Count a segment out."""
        self.segments -= 1
        self.octets -= segment.end - segment.start


class Scoreboard:
    """Sent segments in sequence order with running totals, so that `pipe` costs nothing to ask."""

    __slots__ = ("_next_lost_from", "highest_sacked", "lost", "out", "retransmitted", "sacked", "segments")

    def __init__(self) -> None:
        self.segments: list[SentSegment] = []
        self.out = Tally()
        """Everything outstanding (FlightSize of RFC 5681)."""
        self.sacked = Tally()
        self.lost = Tally()
        self.retransmitted = Tally()
        self.highest_sacked: int | None = None
        """End of the rightmost SACK block heard of, or None."""
        self._next_lost_from = 0

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[SentSegment]:
        return iter(self.segments)

    @property
    def front(self) -> SentSegment | None:
        """The earliest segment that is not acknowledged."""
        return self.segments[0] if self.segments else None

    @property
    def pipe(self) -> int:
        """Octets thought to be in the network (RFC 6675, section 4, SetPipe)."""
        return self.out.octets - self.sacked.octets - self.lost.octets + self.retransmitted.octets

    @property
    def pipe_segments(self) -> int:
        """Segments thought to be in the network."""
        return self.out.segments - self.sacked.segments - self.lost.segments + self.retransmitted.segments

    def on_sent(self, start: int, end: int, flags: int, *, now: Micros, frame: int = 0) -> SentSegment:
        """Enter new sequence space; it must follow what was sent before."""
        segment = SentSegment(start, end, flags, now=now, frame=frame)
        self.segments.append(segment)
        self.out.add(segment)
        return segment

    def on_retransmitted(self, segment: SentSegment, *, now: Micros) -> None:
        """Note that the segment left again."""
        segment.sent_at = now
        segment.transmissions += 1
        if not segment.is_retransmitted and not segment.is_sacked:
            segment.is_retransmitted = True
            self.retransmitted.add(segment)

    def on_probed(self, segment: SentSegment, *, now: Micros) -> None:
        """Note that the segment left again as a probe, which `pipe` does not count."""
        segment.sent_at = now
        segment.transmissions += 1

    def acknowledge(self, una: int) -> list[SentSegment]:
        """Take out what lies before `una` and return the segments that are now whole; a part is cut from the next."""
        count = bisect_right(self.segments, una, key=_END)
        done = self.segments[:count]
        del self.segments[:count]
        for segment in done:
            self._forget(segment)
        if self.segments and self.segments[0].start < una:
            self._trim_front(una)
        if self.highest_sacked is not None and self.highest_sacked <= una:
            self.highest_sacked = None
        return done

    def _forget(self, segment: SentSegment) -> None:
        self.out.remove(segment)
        if segment.is_sacked:
            self.sacked.remove(segment)
        if segment.is_lost:
            self.lost.remove(segment)
        if segment.is_retransmitted:
            self.retransmitted.remove(segment)

    def _enter(self, segment: SentSegment) -> None:
        self.out.add(segment)
        if segment.is_sacked:
            self.sacked.add(segment)
        if segment.is_lost:
            self.lost.add(segment)
        if segment.is_retransmitted:
            self.retransmitted.add(segment)

    def _trim_front(self, una: int) -> None:
        front = self.segments[0]
        self._forget(front)
        front.start = una
        self._enter(front)

    def split(self, segment: SentSegment, at: int, *, first_flags: int) -> SentSegment:
        """Cut a segment in two at sequence number `at` and return the second half; the first gets `first_flags`."""
        self._forget(segment)
        second = SentSegment(at, segment.end, segment.flags, now=segment.sent_at, frame=segment.frame)
        second.first_sent_at = segment.first_sent_at
        second.transmissions = segment.transmissions
        second.is_sacked = segment.is_sacked
        second.is_lost = segment.is_lost
        second.is_retransmitted = segment.is_retransmitted
        second.ends_record, segment.ends_record = segment.ends_record, False
        segment.end = at
        segment.flags = first_flags
        self.segments.insert(bisect_left(self.segments, at, key=_START), second)
        self._enter(segment)
        self._enter(second)
        return second

    def join(self, run: list[SentSegment]) -> SentSegment:
        """Make one segment of several that follow each other; it has the marks of the first."""
        first, last = run[0], run[-1]
        index = bisect_left(self.segments, first.start, key=_START)
        for segment in run:
            self._forget(segment)
            first.flags |= segment.flags
            first.transmissions = max(first.transmissions, segment.transmissions)
        first.end = last.end
        first.ends_record = last.ends_record
        del self.segments[index + 1 : index + len(run)]
        self._enter(first)
        return first

    def unsend_last(self) -> SentSegment:
        """Take the newest segment out again, as if it had never been sent."""
        segment = self.segments.pop()
        self._forget(segment)
        return segment

    def covering(self, left: int, right: int) -> Iterator[SentSegment]:
        """Yield the segments that lie wholly inside the sequence numbers `left` up to `right`."""
        index = bisect_left(self.segments, left, key=_START)
        while index < len(self.segments) and self.segments[index].end <= right:
            yield self.segments[index]
            index += 1

    def sack(self, left: int, right: int) -> list[SentSegment]:
        """Mark what a SACK block covers and return the segments that were not marked before.

        A segment covered in part stays unmarked, which RFC 2018 allows and which keeps a hostile peer from cutting
        the queue into crumbs.
        """
        fresh = [segment for segment in self.covering(left, right) if not segment.is_sacked]
        for segment in fresh:
            self._forget(segment)
            segment.is_sacked = True
            segment.is_lost = False
            segment.is_retransmitted = False
            self._enter(segment)
            if self.highest_sacked is None or segment.end > self.highest_sacked:
                self.highest_sacked = segment.end
        return fresh

    def mark_lost(self, segment: SentSegment) -> None:
        """Count a segment, and a retransmission of it, as lost."""
        if segment.is_sacked:
            return
        if segment.is_retransmitted:
            segment.is_retransmitted = False
            self.retransmitted.remove(segment)
        if not segment.is_lost:
            segment.is_lost = True
            self.lost.add(segment)
        self._next_lost_from = min(self._next_lost_from, segment.start)

    def unmark_lost(self, segment: SentSegment) -> None:
        """Take back that a segment was lost."""
        if segment.is_lost:
            segment.is_lost = False
            self.lost.remove(segment)

    def mark_all_lost(self, *, keep_sacks: bool, on_its_way: SentSegment | None = None) -> None:
        """Count everything as lost (after a timeout); RFC 2018, section 5: SACK marks are cleared then.

        `on_its_way` is what the timeout sent again: that is not lost too.
        """
        for segment in self.segments:
            if segment is on_its_way:
                continue
            if segment.is_sacked and not keep_sacks:
                segment.is_sacked = False
                self.sacked.remove(segment)
            self.mark_lost(segment)
        if not keep_sacks:
            self.highest_sacked = None

    def next_lost(self) -> SentSegment | None:
        """Return the earliest lost segment of which no retransmission is on its way."""
        if self.lost.segments == 0:
            return None
        for index in range(bisect_left(self.segments, self._next_lost_from, key=_START), len(self.segments)):
            segment = self.segments[index]
            if segment.is_lost and not segment.is_retransmitted:
                self._next_lost_from = segment.start
                return segment
        self._next_lost_from = self.segments[-1].end if self.segments else 0
        return None

    def clear(self) -> None:
        """Forget everything."""
        for segment in self.segments:
            self._forget(segment)
        self.segments.clear()
        self.highest_sacked = None
