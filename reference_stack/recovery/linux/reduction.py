"""Proportional rate reduction (RFC 6937) and the states CWR and Recovery."""

from reference_stack.congestion.base import INFINITE
from reference_stack.recovery.base import CaState
from reference_stack.recovery.linux.undo import Undo


class Reduction(Undo):
    """Brings `cwnd` down to `ssthresh` in the course of a round trip."""

    def init_reduction(self, *, snd_nxt: int, now: int) -> None:
        """Begin: the window goes to a new `ssthresh`."""
        self.high_seq = snd_nxt
        self.probe_high_seq = None
        self.prior_cwnd = self.control.cwnd
        self.prr_delivered = 0
        self.prr_out = 0
        self.control.on_congestion(flight=self.in_flight, now=now)

    def reduce(self, *, delivered: int, lost: int, una_advanced: bool) -> None:
        """Set the window so that as much leaves as RFC 6937 allows for what was delivered."""
        if delivered <= 0 or not self.prior_cwnd:
            return
        self.prr_delivered += delivered
        control, in_flight = self.control, self.in_flight
        delta = control.ssthresh - in_flight
        if delta < 0:
            share = -(-control.ssthresh * self.prr_delivered // self.prior_cwnd)
            count = share - self.prr_out
        else:
            count = max(self.prr_delivered - self.prr_out, delivered)
            # A bit faster when the acknowledgment shows that all goes well: slow-start reduction bound.
            count += una_advanced and not lost
            count = min(delta, count)
        # The first segment leaves at once.
        control.cwnd = in_flight + max(count, 0 if self.prr_out else 1)

    def end_reduction(self) -> None:
        """The window is `ssthresh` from here on, unless the reduction was undone."""
        is_reduced = self.ca_state is CaState.CWR or self.undo_marker is not None
        if self.control.ssthresh < INFINITE and is_reduced:
            self.control.cwnd = self.control.ssthresh

    def enter_recovery(self, *, snd_nxt: int, is_marked: bool, now: int) -> None:
        """A loss was found: Recovery."""
        if not self.any_retransmission_done():
            self.retransmitted_at = None
        self.prior_ssthresh = 0
        self.init_undo()
        if not self.is_reducing:
            if not is_marked:
                self.prior_ssthresh = self.threshold_now()
            self.init_reduction(snd_nxt=snd_nxt, now=now)
        self.ca_state = CaState.RECOVERY

    def enter_cwr(self, *, snd_nxt: int, now: int) -> None:
        """The peer echoed a congestion mark: CWR."""
        self.prior_ssthresh = 0
        if self.ca_state < CaState.CWR:
            self.undo_marker = None
            self.init_reduction(snd_nxt=snd_nxt, now=now)
            self.ca_state = CaState.CWR

    def threshold_now(self) -> int:
        """`ssthresh` as it is during a reduction, else three quarters of the window at least."""
        return self.control.ssthresh if self.is_reducing else self.control.threshold_now

    def keep_open(self, *, snd_nxt: int) -> None:
        """Open, or Disorder while something is out of order."""
        is_disordered = bool(self.sacked + self.scoreboard.lost.segments) or self.any_retransmission_done()
        state = CaState.DISORDER if is_disordered else CaState.OPEN
        if self.ca_state is not state:
            self.ca_state = state
            self.high_seq = snd_nxt

    def try_to_open(self, *, snd_nxt: int, is_marked: bool, now: int) -> None:
        """Nothing is known to be lost."""
        if not self.any_retransmission_done():
            self.retransmitted_at = None
        if is_marked:
            self.enter_cwr(snd_nxt=snd_nxt, now=now)
        if self.ca_state is not CaState.CWR:
            self.keep_open(snd_nxt=snd_nxt)
