"""First checks: timestamps (RFC 7323) and sequence number (RFC 9293, 3.10.7.4, first)."""

from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.arrival.arrival import Arrival
from reference_stack.rules import Verdict
from reference_stack.states import State
from reference_stack.timers import TIME_WAIT
from wire.tcp import ACK, RST, SYN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP


def restart_time_wait(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """In TIME-WAIT a retransmission of the remote FIN restarts the 2 MSL timeout."""
    tcb = connection.tcb
    if (
        tcb.state is State.TIME_WAIT
        and arrival.has_fin
        and arrival.end == tcb.rcv_nxt
        and not arrival.flags & (SYN | RST)
    ):
        connection.timers.set(TIME_WAIT, arrival.now + connection.time_wait.duration_us(connection))
    return NEXT


def require_timestamps(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A segment without the negotiated timestamps is dropped in silence, unless it is a RST or a SYN."""
    if connection.tcb.has_timestamps and not arrival.has_timestamps and not arrival.flags & (RST | SYN):
        return STOP
    return NEXT


def protect_against_wrap(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """PAWS: a segment with a timestamp older than TS.Recent is acknowledged and dropped, unless it is a RST."""
    tcb = connection.tcb
    if not (tcb.has_timestamps and arrival.has_timestamps) or arrival.flags & RST:
        return NEXT
    if not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent):
        return NEXT
    if not connection.timestamps.is_recent_valid(connection, now=arrival.now):
        return NEXT
    reply(connection, arrival)
    return STOP


def repeat_syn_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """In SYN-RECEIVED the peer's own SYN comes again: it is answered by our SYN-ACK, or completes a crossing open."""
    tcb = connection.tcb
    if tcb.state is not State.SYN_RECEIVED or not arrival.flags & SYN or arrival.seq != tcb.irs:
        return NEXT
    if arrival.flags & RST:
        return STOP
    if arrival.flags & ACK and not tcb.is_passive:
        # RFC 9293, figure 8: the SYN-ACK of a simultaneous open lies left of the window; its ACK field counts.
        arrival.flags &= ~SYN
        arrival.seq = tcb.rcv_nxt
        return NEXT
    if not connection.ecn.on_syn_again(connection, arrival):
        # RFC 9768, 3.1.5: one handshake does not ask for two kinds of feedback.
        output.send_reset(connection, seq=tcb.snd_nxt, with_ack=True)
        connection.delete()
        return STOP
    if connection.challenge.allows_challenge(connection, now=arrival.now):
        connection.syn_ack_sent_at = None
        output.send_syn(connection, now=arrival.now)
    return STOP


def check_sequence(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An unacceptable segment is answered by an ACK, unless it is a RST, and dropped."""
    # A RST is judged by its sequence number alone, in the next check, and never answered here.
    if is_acceptable(connection, arrival) or arrival.flags & RST:
        return NEXT
    tcb = connection.tcb
    if tcb.rcv_adv <= tcb.rcv_nxt == arrival.seq:
        # "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to accept valid
        # ACKs, URGs, and RSTs."
        arrival.text, arrival.has_fin = b"", False
        connection.ack_now = True
        return NEXT
    note_duplicate(connection, arrival)
    reply(connection, arrival)
    return STOP


def is_acceptable(connection: "ConnectionCore", arrival: Arrival) -> bool:
    """The four cases of table 6 in RFC 9293, 3.4."""
    tcb = connection.tcb
    edge = tcb.rcv_adv
    seq, end = arrival.seq, arrival.end
    if edge <= tcb.rcv_nxt:
        return seq == end == tcb.rcv_nxt
    if tcb.rcv_nxt <= seq < edge:
        return True
    return seq != end and tcb.rcv_nxt < end <= edge


def reply(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> for a segment that proves nothing."""
    if connection.challenge.allows_reply(connection, arrival):
        connection.delayed_ack.on_unacceptable(connection, arrival)
        output.send_ack(connection, now=arrival.now)


def note_duplicate(connection: "ConnectionCore", arrival: Arrival) -> None:
    """Remember octets that came again, for a duplicate SACK (RFC 2883)."""
    tcb = connection.tcb
    end = min(arrival.end, tcb.rcv_nxt)
    if tcb.has_sack and connection.settings.dsack and arrival.text_seq < end:
        connection.sack.on_duplicate(arrival.text_seq, end)


def trim(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Parts of the segment that lie outside the window, SYN and FIN included, are cut off."""
    tcb = connection.tcb
    if arrival.text_seq < tcb.rcv_nxt:
        note_duplicate(connection, arrival)
        excess = tcb.rcv_nxt - arrival.text_seq
        if excess > len(arrival.text):
            arrival.has_fin = False
        arrival.text = arrival.text[excess:]
        arrival.text_seq = tcb.rcv_nxt
    room = tcb.rcv_adv - arrival.text_seq
    if len(arrival.text) + arrival.has_fin > room and arrival.end > arrival.seq:
        arrival.text = arrival.text[: max(room, 0)]
        arrival.has_fin = False
        connection.ack_now = True
    return NEXT


def update_recent_timestamp(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """TS.Recent follows a segment that covers Last.ACK.sent (RFC 7323, 4.3 (2))."""
    tcb = connection.tcb
    if not (tcb.has_timestamps and arrival.has_timestamps):
        return NEXT
    is_newer = not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent)
    # RFC 7323, 5.5: after 24 days of silence TS.Recent is void and the next segment sets it.
    is_void = not connection.timestamps.is_recent_valid(connection, now=arrival.now)
    if (is_newer and arrival.seq <= tcb.last_ack_sent) or is_void:
        tcb.ts_recent, tcb.ts_recent_at = arrival.ts_val, arrival.now
    return NEXT
