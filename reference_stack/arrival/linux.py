"""Checks of SEGMENT ARRIVES that Linux makes in another way than RFC 9293 writes them; measured on Linux 6.18."""

from typing import TYPE_CHECKING

from reference_stack import output, transmit
from reference_stack.arrival import acknowledgment, content, control, order, syn_sent
from reference_stack.arrival.arrival import Arrival
from reference_stack.arrival.control import take_reset
from reference_stack.rules import ListenVerdict, Verdict
from reference_stack.states import State
from reference_stack.timers import RETRANSMISSION
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NEXT, STOP = Verdict.NEXT, Verdict.STOP
LEAST_TIMEOUT_US = 2_000
"""Two ticks, here of a millisecond."""


def drop_syn_with_fin(segment: TcpSegment) -> ListenVerdict:
    """A SYN with FIN makes no connection."""
    if segment.flags & SYN:
        return ListenVerdict.DROP if segment.flags & FIN else ListenVerdict.ACCEPT
    return ListenVerdict.NEXT


def check_syn_sent_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK that is not for our SYN is refused; a first SYN leaves again at once then, whatever drew that answer."""
    verdict = syn_sent.check_ack(connection, arrival)
    if verdict is NEXT and arrival.flags & ACK and not arrival.flags & RST and _is_echo_foreign(connection, arrival):
        connection.resets.send_refusal(connection, arrival.ack)
        return STOP
    if verdict is STOP and not connection.retransmits and connection.scoreboard.segments:
        connection.rto_deadline = arrival.now + LEAST_TIMEOUT_US
        connection.timers.set(RETRANSMISSION, connection.rto_deadline)
    return verdict


def _is_echo_foreign(connection: "ConnectionCore", arrival: Arrival) -> bool:
    """Whether a SYN-ACK echoes a timestamp that none of our SYNs had (Linux, PAWSActive)."""
    if not (arrival.has_timestamps and arrival.ts_ecr and connection.settings.timestamps):
        return False
    before, clock = connection.sequence.timestamp_before, connection.timestamps
    first = clock.value(connection, now=connection.progress_at)
    return before(arrival.ts_ecr, first) or before(clock.value(connection, now=arrival.now), arrival.ts_ecr)


def take_syn_ack_text(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Text on a SYN-ACK is taken where Fast Open was asked for and all of our own text got through."""
    is_open = connection.syn_answer is not None and not connection.scoreboard.segments
    return content.take_text(connection, arrival) if is_open else NEXT


def take_syn_ack_fin(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A FIN on a SYN-ACK is taken under the same condition."""
    is_open = connection.syn_answer is not None and not connection.scoreboard.segments
    return content.take_fin(connection, arrival) if is_open else NEXT


def repeat_syn_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """The SYN-ACK of a crossing open is a repeated SYN as well: it is acknowledged at once, as a duplicate.

    Where SYNs crossed, another SYN draws a challenge ACK. A SYN-ACK that is repeated for a SYN puts its timer off.
    """
    tcb = connection.tcb
    is_crossing = tcb.state is State.SYN_RECEIVED and not tcb.is_passive and arrival.seq == tcb.irs
    if is_crossing and arrival.flags & (SYN | ACK | RST) == SYN:
        output.challenge(connection, now=arrival.now)
        return STOP
    sent = connection.counters.segments_out
    verdict = order.repeat_syn_ack(connection, arrival)
    if connection.counters.segments_out > sent and tcb.state is State.SYN_RECEIVED:
        connection.arm_retransmission(now=arrival.now)
    if is_crossing and verdict is NEXT and arrival.flags & ACK:
        if tcb.has_sack and connection.settings.dsack:
            connection.sack.on_duplicate(tcb.irs, tcb.irs + 1)
        connection.ack_now = True
    return verdict


def protect_against_wrap(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """PAWS; an old pure acknowledgment is dropped without an answer, and a SYN is left to its own check."""
    tcb = connection.tcb
    if not (tcb.has_timestamps and arrival.has_timestamps) or arrival.flags & (RST | SYN):
        return NEXT
    if not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent):
        return NEXT
    if not connection.timestamps.is_recent_valid(connection, now=arrival.now):
        return NEXT
    if arrival.end > arrival.seq or arrival.seq != tcb.rcv_nxt:
        order.note_duplicate(connection, arrival)
        order.reply(connection, arrival)
    return STOP


def check_sequence(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Acceptable is what ends not before the last acknowledgment and not beyond the window.

    One that begins in the window and reaches beyond it is taken while nothing waits to be read.
    """
    tcb = connection.tcb
    if connection.is_request:
        return _check_request(connection, arrival)
    if arrival.flags & RST:
        return NEXT
    edge = max(tcb.rcv_adv, tcb.rcv_nxt)
    is_old = arrival.end < tcb.last_ack_sent
    is_beyond = arrival.end > edge and (arrival.seq > edge or bool(connection.receive_queue.octets))
    if not is_old and not is_beyond:
        return NEXT
    connection.counters.beyond_window += is_beyond
    order.note_duplicate(connection, arrival)
    order.reply(connection, arrival)
    return STOP


def _check_request(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """While the listener waits for the ACK of its SYN, a wrong ACK is seen before the sequence (tcp_check_req())."""
    tcb = connection.tcb
    is_reset = bool(arrival.flags & RST)
    if arrival.flags & ACK and arrival.ack != tcb.snd_max:
        if not is_reset:
            connection.resets.send_refusal(connection, arrival.ack)
        return STOP
    edge = max(tcb.rcv_adv, tcb.rcv_nxt)
    reaches_in = arrival.end > tcb.rcv_nxt and arrival.seq < edge
    if not (arrival.seq == tcb.rcv_nxt or reaches_in or arrival.seq == edge == arrival.end):
        if not is_reset:
            order.reply(connection, arrival)
        return STOP
    if is_reset:
        if arrival.seq == tcb.rcv_nxt:
            take_reset(connection)
        else:
            order.reply(connection, arrival)
        return STOP
    return NEXT if arrival.flags & (ACK | SYN) else STOP


def require_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A segment without ACK bit is dropped unread; while the listener waits, it is looked at, see `check_sequence`."""
    return NEXT if connection.is_request or arrival.flags & (ACK | RST | SYN) else STOP


def trim(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Old octets are cut off; what is old altogether, or meets a closed window, is acknowledged at once."""
    tcb = connection.tcb
    if arrival.end == arrival.seq:
        return NEXT
    if arrival.text_seq != tcb.rcv_nxt or connection.reassembly:
        # Measured: a report that waited is lost, unless what came is all that is expected (tcp_data_queue()).
        connection.sack.forget_duplicate()
    if arrival.text_seq < tcb.rcv_nxt:
        order.note_duplicate(connection, arrival)
        if arrival.end <= tcb.rcv_nxt:
            return _acknowledge_again(connection, arrival)
        arrival.text = arrival.text[tcb.rcv_nxt - arrival.text_seq :]
        arrival.text_seq = tcb.rcv_nxt
    is_bare_fin = arrival.has_fin and not arrival.text and arrival.text_seq == tcb.rcv_nxt
    if (tcb.rcv_wnd == 0 or arrival.text_seq >= tcb.rcv_adv) and not is_bare_fin:
        return _acknowledge_again(connection, arrival)
    return NEXT


def _acknowledge_again(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Take nothing of the segment but its acknowledgment, and answer."""
    connection.delayed_ack.on_old_text(connection, arrival)
    arrival.text, arrival.has_fin = b"", False
    return NEXT


def complete_handshake(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A passive connection begins with this segment: the window of the SYN is not its largest (measured).

    What a full segment of the peer holds is estimated now, too (tcp_create_openreq_child(), tcp_initialize_rcv_mss()).
    """
    if not connection.is_request:
        return acknowledgment.complete_handshake(connection, arrival)
    connection.tcb.max_snd_wnd = 0
    verdict = acknowledgment.complete_handshake(connection, arrival)
    connection.delayed_ack.segment_estimate(connection)
    return verdict


def reject_ancient_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK older than the largest window, or than the connection, draws a challenge ACK (RFC 5961, 5.2)."""
    tcb = connection.tcb
    if arrival.ack >= tcb.snd_una - min(tcb.max_snd_wnd, tcb.snd_una - tcb.iss):
        return NEXT
    output.challenge(connection, now=arrival.now)
    return STOP


def reject_future_ack(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK of something not yet sent draws a challenge ACK, the segment is dropped."""
    if arrival.ack <= connection.tcb.snd_max:
        return NEXT
    output.challenge(connection, now=arrival.now)
    return STOP


def check_syn(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A SYN draws a challenge ACK; while an early connection waits for the end of its handshake, a reset."""
    if arrival.flags & SYN and connection.is_early:
        output.refuse(connection, arrival.segment)
        return STOP
    return control.check_syn(connection, arrival)


def follow_close(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """The acknowledgment of our FIN moves the state on; a segment that ends CLOSING so is finished with, in silence."""
    was_closing = connection.tcb.state is State.CLOSING
    verdict = acknowledgment.follow_close(connection, arrival)
    if was_closing and connection.tcb.state is State.TIME_WAIT:
        connection.ack_now = False
        return STOP
    return verdict


def check_reset(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """A RST at RCV.NXT, or behind the rightmost SACK block, resets; elsewhere in the window it draws a challenge ACK.

    Once the peer's FIN is taken, RCV.NXT-1 will do as well, for peers that forget to count their FIN.
    """
    if not arrival.flags & RST:
        return NEXT
    tcb = connection.tcb
    forgets_fin = tcb.state in FIN_TAKEN and arrival.seq == tcb.rcv_nxt - 1
    is_right_of_sacks = bool(tcb.has_sack and connection.reassembly) and (
        arrival.seq == connection.reassembly.ranges()[-1][1]
    )
    if arrival.seq == tcb.rcv_nxt or forgets_fin or is_right_of_sacks:
        take_reset(connection)
    elif tcb.last_ack_sent <= arrival.seq <= max(tcb.rcv_adv, tcb.rcv_nxt):
        output.challenge(connection, now=arrival.now)
    return STOP


def take_text(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """Old text that reaches beyond the peer's FIN resets the connection (tcp_rcv_state_process(), TCPAbortOnData)."""
    if connection.tcb.state in FIN_TAKEN and arrival.text and arrival.seq < connection.tcb.rcv_nxt:
        connection.resets.send_lost_data(connection, arrival)
        take_reset(connection)
        return STOP
    return content.take_text(connection, arrival)


FIN_TAKEN = frozenset({State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING})


def update_window(connection: "ConnectionCore", arrival: Arrival) -> Verdict:
    """An ACK of new data brings a window whatever its number (tcp_may_update_window()).

    Of others that have the number of the last update only a larger or a closed window counts.
    """
    tcb = connection.tcb
    if arrival.ack < tcb.snd_una:
        return NEXT
    is_other = arrival.window > tcb.snd_wnd or not arrival.window
    if arrival.advanced_una or arrival.seq > tcb.snd_wl1 or (arrival.seq == tcb.snd_wl1 and is_other):
        acknowledgment.take_window(connection, arrival)
    if not (arrival.advanced_una or connection.scoreboard.segments):
        connection.probes.on_idle_ack(connection, now=arrival.now)
    if arrival.text and not connection.is_early and connection.tcb.state in transmit.MAY_TRANSMIT:
        # tcp_xmit_recovery() comes before the text is taken: what is sent again acknowledges nothing of it.
        transmit.repair(connection, now=arrival.now)
    return NEXT
