"""The transmission control block: the variables of RFC 9293 (3.3.1) and those that options add, nothing else.

Sequence numbers are unbounded integers (see `reference_stack.sequence`). How the variables are used stands in rules
and policies; this module only names them.
"""

from dataclasses import dataclass

from reference_stack.states import State


@dataclass(slots=True)
class Tcb:
    """Variables of one connection. Sizes are octets, times microseconds."""

    state: State = State.CLOSED
    is_passive: bool = False
    """SYN-RECEIVED was reached by a passive OPEN (RFC 9293, MUST-11)."""

    # --- send sequence space -----------------------------------------------------------------------------------------
    iss: int = 0
    snd_una: int = 0
    snd_nxt: int = 0
    snd_max: int = 0
    """End of what was ever sent; above SND.NXT only while a window probe is taken back."""
    snd_wnd: int = 0
    """Send window in octets, scaling applied."""
    snd_wl1: int = 0
    snd_wl2: int = 0
    max_snd_wnd: int = 0
    """MAX.SND.WND: the largest send window the peer ever offered (RFC 5961, 5.2; Max(SND.WND) of RFC 9293, 3.8.6.2)."""
    snd_up: int = 0
    """SND.UP: the sequence number after the last urgent octet."""
    fin_seq: int | None = None
    """Sequence number of our FIN once the user has closed, sent or not."""

    # --- receive sequence space --------------------------------------------------------------------------------------
    irs: int = 0
    rcv_nxt: int = 0
    rcv_adv: int = 0
    """Right edge of the window: the largest acknowledgment plus window ever offered (RFC 7323, 2.4)."""
    rcv_up: int | None = None
    """RCV.UP: the sequence number after the last urgent octet, or None when no urgent pointer is known."""
    peer_fin: int | None = None
    """Sequence number of the peer's FIN once it is reached in order."""
    last_ack_sent: int = 0
    """Last.ACK.sent of RFC 7323."""
    largest_field: int = 0xFFFF
    """Most that the window field of a segment holds."""
    offered_window: int = 0
    """Window of the segment sent last, scaling applied."""

    # --- segment sizes -----------------------------------------------------------------------------------------------
    peer_mss: int = 536
    """SendMSS: the MSS option received, or the default (RFC 9293, MUST-15)."""
    snd_mss: int = 536
    """Eff.snd.MSS: octets of payload that fit, options of every segment subtracted (RFC 9293, 3.7.1)."""
    rcv_mss: int = 1460
    """The MSS that we announced."""
    option_octets: int = 0
    """Octets of the options that every segment carries."""

    # --- options -----------------------------------------------------------------------------------------------------
    has_window_scale: bool = False
    snd_wscale: int = 0
    rcv_wscale: int = 0
    has_sack: bool = False
    has_timestamps: bool = False
    ts_recent: int = 0
    """TS.Recent of RFC 7323."""
    ts_recent_at: int = 0
    """When TS.Recent was taken."""
    has_ecn: bool = False

    @property
    def rcv_wnd(self) -> int:
        """RCV.WND: octets that may come from RCV.NXT on."""
        return max(self.rcv_adv - self.rcv_nxt, 0)

    @property
    def send_limit(self) -> int:
        """SND.UNA + SND.WND, the right edge of the send window."""
        return self.snd_una + self.snd_wnd

    @property
    def is_fin_sent(self) -> bool:
        """Our FIN has left."""
        return self.fin_seq is not None and self.snd_nxt > self.fin_seq

    @property
    def is_fin_acknowledged(self) -> bool:
        """Our FIN is acknowledged."""
        return self.fin_seq is not None and self.snd_una > self.fin_seq
