"""What the two SYNs agree on, and the step into ESTABLISHED."""

from typing import TYPE_CHECKING

from reference_stack.policies.options import TIMESTAMP_OCTETS
from reference_stack.policies.window import MAX_SHIFT
from reference_stack.states import State
from reference_stack.timers import RETRANSMISSION

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

SYN_LOST_RTO_US = 3_000_000
"""RFC 6298 (5.7)."""


def prepare_syn(connection: "ConnectionCore", *, now: int) -> None:
    """Fix what our SYN will say: MSS and window scale."""
    tcb = connection.tcb
    tcb.option_octets = connection.authentication.octets(connection)
    tcb.rcv_mss = connection.mss.announced(connection)
    tcb.rcv_wscale = connection.window.scale(connection)
    tcb.peer_mss = connection.mss.default(connection)
    if not tcb.is_passive:
        connection.mtu_search.begin(connection, now=now)
    tcb.snd_mss = connection.mss.effective(connection)


def take_peer_syn(connection: "ConnectionCore", arrival: "Arrival") -> None:
    """Read the peer's SYN or SYN-ACK: its numbers, its window, its options."""
    tcb, settings = connection.tcb, connection.settings
    offered = tcb.rcv_adv
    tcb.irs = arrival.seq
    tcb.rcv_nxt = arrival.seq + 1
    # Until now RCV.ADV counted from zero: the window that our SYN offered.
    tcb.rcv_adv = tcb.rcv_nxt + offered
    connection.receive_queue.read_seq = tcb.rcv_nxt
    connection.has_peer_syn = True
    tcb.peer_mss = arrival.mss if arrival.mss is not None else connection.mss.default(connection)
    tcb.has_window_scale = arrival.wscale is not None and settings.window_scaling
    # RFC 7323, 2.3: a shift above 14 is used as 14.
    tcb.snd_wscale = min(arrival.wscale or 0, MAX_SHIFT) if tcb.has_window_scale else 0
    if not tcb.has_window_scale:
        tcb.rcv_wscale = connection.window.unanswered_scale(connection, arrival)
    tcb.has_sack = arrival.sack_permitted and settings.sack
    tcb.has_timestamps = arrival.has_timestamps and connection.options.wants_timestamps(connection)
    tcb.option_octets = connection.authentication.octets(connection)
    if tcb.has_timestamps:
        tcb.option_octets += TIMESTAMP_OCTETS
        tcb.ts_recent, tcb.ts_recent_at = arrival.ts_val, arrival.now
    connection.ecn.on_syn(connection, arrival)
    connection.user_timeout.on_segment(connection, arrival)
    tcb.snd_mss = connection.mss.effective(connection)
    connection.window.on_peer_mss(connection)
    tcb.snd_wnd = tcb.max_snd_wnd = arrival.segment.window
    tcb.snd_wl1 = arrival.seq
    tcb.snd_wl2 = arrival.ack


def begin_transfer(connection: "ConnectionCore", *, now: int) -> None:
    """Congestion control starts, now that both SYNs are known."""
    connection.mss.on_larger_window(connection)
    connection.mtu_search.begin(connection, now=now)
    connection.start_congestion_control()
    connection.progress_at = connection.last_sent_at = connection.last_data_received_at = now


def end_handshake(connection: "ConnectionCore", *, now: int) -> None:
    """Our SYN is acknowledged: what was counted about it begins anew."""
    if connection.syn_retransmissions and connection.rtt.srtt is None:
        # RFC 6298 (5.7): with an RTO below three seconds, data starts with three after a SYN was lost.
        connection.rtt.restart_with(SYN_LOST_RTO_US)
    connection.retransmits = 0
    connection.first_retransmitted_at = None
    connection.progress_at = now


def become_established(connection: "ConnectionCore", *, now: int) -> None:
    """Enter ESTABLISHED: congestion control starts, text that waited is taken."""
    tcb = connection.tcb
    begin_transfer(connection, now=now)
    end_handshake(connection, now=now)
    if not connection.scoreboard.segments:
        connection.timers.stop(RETRANSMISSION)
    # A CLOSE in SYN-RECEIVED waited for this moment (RFC 9293, 3.10.4).
    connection.enter(State.ESTABLISHED if tcb.fin_seq is None else State.FIN_WAIT_1, now=now)
    connection.challenge.on_established(connection)
    for chunk in connection.reassembly.pop(tcb.rcv_nxt):
        connection.receive_queue.append(chunk)
        tcb.rcv_nxt += len(chunk)
        connection.delayed_ack.on_kept_text(connection, now=now)
    connection.restart_keepalive(now=now)
