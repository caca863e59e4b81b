"""Faults in the first check (sequence number) and the fifth (ACK field), and in the send window they set."""

from fuzz.faults.registry import Area
from reference_stack.arrival import order
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.rules import ArrivalRule, Verdict
from wire.tcp import ACK, RST

NEXT, STOP = Verdict.NEXT, Verdict.STOP
ACKNOWLEDGMENT = Area("ack")
WINDOW = Area("window")
SEQUENCE = Area("sequence")


@ACKNOWLEDGMENT.rule("ack/missing", "noack-data-accepted", "RFC 9293 3.10.7.4")
def do_without_ack(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A segment without ACK bit is taken like one that acknowledges nothing new."""
    if not arrival.flags & ACK:
        arrival.ack = connection.tcb.snd_una
    return NEXT


@ACKNOWLEDGMENT.rule("ack/future", "ack-unsent-accepted", "RFC 9293 3.10.7.4", "RFC 5961 5.2")
def believe_future_ack(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The text of a segment that acknowledges octets never sent is taken."""
    arrival.ack = min(arrival.ack, connection.tcb.snd_max)
    return NEXT


@ACKNOWLEDGMENT.rule("ack/ancient", "ack-too-old-accepted", "RFC 5961 5.2")
def believe_ancient_ack(_original: ArrivalRule, _connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    """Text with an ACK from long ago is taken."""
    return NEXT


@ACKNOWLEDGMENT.rule("ack/future", "blind-fin-spoof", "RFC 5961 5.2", "RFC 9293 3.10.7.4")
def take_fin_of_bad_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN counts although the ACK field is wrong."""
    if arrival.has_fin and arrival.ack > connection.tcb.snd_max:
        arrival.ack = connection.tcb.snd_una
        return NEXT
    return original(connection, arrival)


@SEQUENCE.rule("sequence/acceptable", "dup-data-silent", "RFC 9293 3.10.7.4")
def drop_duplicate(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text that was received before is dropped without an ACK."""
    return STOP if arrival.text and arrival.end <= connection.tcb.rcv_nxt else original(connection, arrival)


@SEQUENCE.rule("sequence/acceptable", "keepalive-probe-unanswered", "RFC 9293 3.10.7.4", "RFC 9293 3.8.4")
def ignore_probe(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An empty segment just below the window is dropped without an ACK."""
    is_probe = arrival.seq == arrival.end == connection.tcb.rcv_nxt - 1
    return STOP if is_probe and not arrival.flags & RST else original(connection, arrival)


@SEQUENCE.rule("sequence/acceptable", "keepalive-octet-delivered", "RFC 9293 3.8.4", "RFC 9293 3.10.7.4")
def deliver_probe_octet(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The garbage octet of a keep-alive probe enters the stream."""
    if len(arrival.text) == 1 and arrival.end == connection.tcb.rcv_nxt:
        connection.receive_queue.append(arrival.text)
    return original(connection, arrival)


@SEQUENCE.rule("sequence/acceptable", "data-beyond-window-accepted", "RFC 9293 3.10.7.4")
def widen_window(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text beyond the offered window is kept."""
    if arrival.text and not order.is_acceptable(connection, arrival):
        connection.tcb.rcv_adv = max(connection.tcb.rcv_adv, arrival.end)
    return original(connection, arrival)


@SEQUENCE.policy("sequence.unwrap", "seqcmp-not-modular", "RFC 9293 3.4")
def forget_wrap(_original: object, _space: object, _reference: int, wire: int) -> int:
    """Sequence numbers are compared as plain numbers."""
    return wire


@WINDOW.rule("ack/window", "wnd-update-same-ack-ignored", "RFC 9293 3.10.7.4")
def want_new_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A window update that acknowledges nothing new is ignored."""
    is_same = arrival.seq == connection.tcb.snd_wl1 and arrival.ack == connection.tcb.snd_wl2
    return NEXT if is_same else original(connection, arrival)


@WINDOW.rule("ack/window", "wnd-update-from-old-segment", "RFC 9293 3.10.7.4")
def take_any_window(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An old segment overwrites the send window."""
    connection.tcb.snd_wnd = arrival.window
    return NEXT


@WINDOW.rule("ack/window", "handshake-window-stale", "RFC 9293 3.10.7.4")
def keep_window_of_syn(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The window on the ACK that completes the handshake is forgotten, that of the SYN stays."""
    tcb = connection.tcb
    if arrival.advanced_una and arrival.ack == tcb.iss + 1:
        tcb.snd_wnd = max(tcb.snd_wnd, 0xFFFF)
        return NEXT
    return original(connection, arrival)


@WINDOW.rule("ack/window", "window-signed", "RFC 9293 3.1")
def read_window_as_signed(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A window with the high bit set counts as negative, that is as none."""
    if arrival.segment.window & 0x8000:
        arrival.window = 0
    return original(connection, arrival)


@WINDOW.rule("ack/window", "wnd-shrink-sends-new", "RFC 9293 3.8.6")
def never_shrink(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The send window grows only: data goes beyond a right edge that was drawn back."""
    edge = connection.tcb.send_limit
    verdict = original(connection, arrival)
    connection.tcb.snd_wnd = max(connection.tcb.snd_wnd, edge - connection.tcb.snd_una)
    return verdict
