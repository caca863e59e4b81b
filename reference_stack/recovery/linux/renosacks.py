"""Recovery without SACK: duplicate acknowledgments stand for segments that left the network."""

from reference_stack.recovery.linux.state import RecoveryVariables


class RenoSacks(RecoveryVariables):
    """Counts duplicates as if each were a SACK for one segment."""

    def add_reno_sacks(self, count: int) -> None:
        """Count so many duplicates."""
        if not count:
            return
        before = self.reno_sacked
        self.reno_sacked += count
        self._limit_reno_sacks(0)
        self.delivered += max(self.reno_sacked - before, 0)

    def remove_reno_sacks(self, acked: int) -> None:
        """One acknowledgment fills one hole; the others stand for duplicates that came before."""
        self.delivered += max(acked - self.reno_sacked, 1)
        self.reno_sacked = max(self.reno_sacked - (acked - 1), 0)
        self._limit_reno_sacks(acked)

    def _limit_reno_sacks(self, addend: int) -> None:
        out = self.scoreboard.out.segments
        holes = min(max(self.scoreboard.lost.segments, 1), out)
        if self.reno_sacked + holes > out:
            self.reno_sacked = out - holes
            self.dupthresh = min(out + addend, self.settings.max_reordering)
            self.reorderings += 1
