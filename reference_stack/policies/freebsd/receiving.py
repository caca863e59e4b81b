"""What FreeBSD reports of duplicates."""

from reference_stack.sack import SackGenerator


class FreebsdSackGenerator(SackGenerator):
    """Of several duplicates in one segment the first is reported."""

    __slots__ = ()

    def on_duplicate(self, start: int, end: int) -> None:
        """Note that the octets `start` up to `end` arrived again; the next acknowledgment tells the peer."""
        if self._duplicate is None or start < self._duplicate[0]:
            super().on_duplicate(start, end)
