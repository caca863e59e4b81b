"""Fast recovery as it was before NewReno: the first acknowledgment of new data ends it (RFC 2581, 3.2 step 5)."""

from reference_stack.recovery.base import AckReport, CaState
from reference_stack.recovery.newreno import NewReno


class PlainReno(NewReno):
    """A partial acknowledgment retransmits nothing: a second loss in the window waits for its duplicates or timeout."""

    def _on_ack_in_recovery(self, report: AckReport) -> None:
        # RFC 2581, 3.2 step 5: "set cwnd to ssthresh (the value set in step 1)".
        self.congestion.cwnd = self.congestion.ssthresh
        self.recover = report.una - 2
        self.ca_state = CaState.OPEN
