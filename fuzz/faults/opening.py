"""Faults in CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED."""

import errno
from typing import Any

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack import output
from reference_stack.arrival.arrival import Arrival
from reference_stack.arrival.control import take_reset
from reference_stack.core import ConnectionCore
from reference_stack.host.incoming import Incoming
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.rules import ArrivalRule, ClosedRule, ListenRule, ListenVerdict, Verdict
from reference_stack.sequence import MASK
from reference_stack.states import State
from wire.tcp import ACK, RST, SYN, TcpSegment

NEXT, STOP = Verdict.NEXT, Verdict.STOP
CLOSED_PORT = Area("reset")
LISTEN = Area("listen")
OPENING = Area("handshake")

# --- no connection ---------------------------------------------------------------------------------------------------


@CLOSED_PORT.rule("closed/reset-without-ack", "closed-rst-ack-short", "RFC 9293 3.10.7.1", "RFC 9293 3.5.2")
def acknowledge_too_little(original: ClosedRule, segment: TcpSegment) -> TcpSegment | bool:
    """The reset from a closed port counts one number, whatever the segment carried."""
    reset = original(segment)
    return reset._replace(ack=(segment.seq + 1) & MASK) if isinstance(reset, TcpSegment) else reset


@CLOSED_PORT.rule("closed/reset-with-ack", "closed-rst-seq-wrong", "RFC 9293 3.10.7.1")
def number_reset_like_segment(original: ClosedRule, segment: TcpSegment) -> TcpSegment | bool:
    """The reset for an ACK is numbered by the sequence field of the segment."""
    reset = original(segment)
    return reset._replace(seq=segment.seq) if isinstance(reset, TcpSegment) else reset


@CLOSED_PORT.rule("closed/ignore-reset", "rst-answers-rst", "RFC 9293 3.5.2")
def answer_reset(_original: ClosedRule, _segment: TcpSegment) -> TcpSegment | bool:
    """A reset is answered by a reset."""
    return False


@CLOSED_PORT.rule("closed/reset-without-ack", "closed-port-silent", "RFC 9293 3.10.7.1")
def drop_without_reset(original: ClosedRule, segment: TcpSegment) -> TcpSegment | bool:
    """A SYN for a closed port is dropped in silence."""
    return True if segment.flags & SYN else original(segment)


@LISTEN.host("tcp._on_listener", "listen-rst-answered", "RFC 9293 3.10.7.2")
def stop_listening_on_reset(
    original: Replacement, tcp: TcpLayer, listener: TcpSocket, arrived: Incoming, **keywords: int
) -> None:
    """A reset ends the listener."""
    if arrived.segment.flags & RST:
        tcp.stop_listening(listener, now=keywords["now"])
    else:
        original(listener, arrived, **keywords)


@LISTEN.rule("listen/ignore-reset", "synrst-accepted", "RFC 9293 3.10.7.2")
def overlook_reset(_original: ListenRule, _segment: TcpSegment) -> ListenVerdict:
    """A SYN that carries RST too opens a connection."""
    return ListenVerdict.NEXT


@LISTEN.rule("listen/reset-ack", "listen-ack-no-rst", "RFC 9293 3.10.7.2", "RFC 9293 3.5.2")
def drop_ack(_original: ListenRule, segment: TcpSegment) -> ListenVerdict:
    """A stray acknowledgment at a listener is dropped in silence."""
    return ListenVerdict.DROP if segment.flags & ACK else ListenVerdict.NEXT


@LISTEN.host("tcp.release", "listener-close-still-answers", "RFC 9293 3.10.7.1")
def keep_listening(original: Replacement, _tcp: TcpLayer, socket: TcpSocket, *, now: int) -> None:
    """A closed listener goes on accepting."""
    if not socket.is_listening:
        original(socket, now=now)


# --- SYN-SENT --------------------------------------------------------------------------------------------------------


@OPENING.rule("syn-sent/ack", "synsent-badack-no-rst", "RFC 9293 3.10.7.3", "RFC 9293 3.5.1")
def drop_bad_ack(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An unacceptable ACK in SYN-SENT draws no reset."""
    tcb = connection.tcb
    return STOP if arrival.flags & ACK and not tcb.iss < arrival.ack <= tcb.snd_max else NEXT


@OPENING.rule("syn-sent/ack", "synsent-badack-aborts", "RFC 9293 3.10.7.3")
def abort_on_bad_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An unacceptable SYN-ACK ends the attempt."""
    verdict = original(connection, arrival)
    if verdict is STOP and not arrival.flags & RST:
        connection.fail(errno.ECONNREFUSED)
    return verdict


@OPENING.rule("syn-sent/ack", "synack-unincremented-ack", "RFC 9293 3.10.7.3")
def accept_ack_of_iss(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An acknowledgment of the ISS itself counts as one of the SYN."""
    return NEXT if arrival.flags & ACK and arrival.ack == connection.tcb.iss else original(connection, arrival)


@OPENING.rule("syn-sent/reset", "synsent-rst-noack-aborts", "RFC 9293 3.10.7.3")
def believe_reset_without_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset without ACK ends the attempt."""
    if arrival.flags & RST and not arrival.flags & ACK:
        take_reset(connection)
    return original(connection, arrival)


@OPENING.rule("syn-sent/syn", "simopen-unsupported", "RFC 9293 3.5", "RFC 9293 3.10.7.3")
def refuse_crossing_syn(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A SYN that crosses ours is reset."""
    if arrival.flags & ACK:
        return original(connection, arrival)
    connection.tcb.rcv_nxt = arrival.end
    output.send_reset(connection, seq=0, with_ack=True)
    return STOP


@OPENING.rule("syn-sent/syn", "simopen-ack-only", "RFC 9293 3.5")
def answer_crossing_syn_by_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A SYN that crosses ours is answered by a plain ACK."""
    verdict = original(connection, arrival)
    if not arrival.flags & ACK and connection.outgoing:
        last = connection.outgoing[-1]
        connection.outgoing[-1] = last._replace(
            segment=last.segment._replace(flags=ACK, seq=connection.tcb.snd_nxt & MASK, options=())
        )
    return verdict


@OPENING.rule("syn-sent/text", "synack-data-acked-not-delivered", "RFC 9293 3.10.7.3")
def lose_text_of_syn_ack(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text on a SYN-ACK is acknowledged and thrown away."""
    connection.tcb.rcv_nxt += len(arrival.text)
    return NEXT


@OPENING.rule("call/close", "connect-close-no-abort", "RFC 9293 3.10.4", "RFC 9293 3.5.2")
def keep_attempt(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """CLOSE in SYN-SENT leaves the attempt running."""
    if connection.tcb.state is not State.SYN_SENT:
        original(connection, now=now)


@OPENING.rule("syn-sent/other", "synsent-ack-opens", "RFC 9293 3.10.7.3")
def open_without_syn(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A good ACK without SYN establishes the connection."""
    if arrival.flags & ACK and not arrival.flags & SYN:
        arrival.seq -= 1
        return NEXT
    return original(connection, arrival)


@OPENING.connection("accept_syn", "isn-max-overflow", "RFC 9293 3.4")
def stop_at_highest_number(
    original: Replacement, connection: ConnectionCore, segment: TcpSegment, **circumstances: Any
) -> None:
    """A SYN with the highest sequence number is acknowledged with that number."""
    original(segment, **circumstances)
    if segment.seq == MASK:
        last = connection.outgoing[-1]
        connection.outgoing[-1] = last._replace(segment=last.segment._replace(ack=MASK))


# --- SYN-RECEIVED ----------------------------------------------------------------------------------------------------


@OPENING.connection("accept_syn", "syn-data-acked-not-delivered", "RFC 9293 3.10.7.2")
def lose_text_of_syn(
    original: Replacement, connection: ConnectionCore, segment: TcpSegment, **circumstances: Any
) -> None:
    """Text on a SYN is acknowledged and thrown away."""
    original(segment._replace(payload=b""), **circumstances)
    lost = len(segment.payload)
    if lost:
        connection.tcb.rcv_nxt += lost
        connection.receive_queue.read_seq += lost
        last = connection.outgoing[-1]
        connection.outgoing[-1] = last._replace(segment=last.segment._replace(ack=(last.segment.ack + lost) & MASK))


@OPENING.rule("syn-received/syn-again", "synrcvd-dup-syn-reset", "RFC 9293 3.10.7.4")
def reset_on_repeated_syn(_original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A repeated SYN kills the half-open connection."""
    tcb = connection.tcb
    if tcb.state is State.SYN_RECEIVED and arrival.flags & SYN and arrival.seq == tcb.irs:
        output.send_reset(connection, seq=tcb.snd_nxt, with_ack=True)
        connection.fail(0)
        return STOP
    return NEXT


@OPENING.rule("syn-received/ack", "synrcvd-badack-silent", "RFC 9293 3.10.7.4")
def drop_wrong_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A wrong ACK in SYN-RECEIVED draws no reset."""
    tcb = connection.tcb
    if tcb.state is State.SYN_RECEIVED and not tcb.snd_una < arrival.ack <= tcb.snd_max:
        return STOP
    return original(connection, arrival)


@OPENING.rule("syn-received/ack", "synrcvd-any-ack", "RFC 9293 3.10.7.4")
def accept_any_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Any ACK completes the handshake."""
    if connection.tcb.state is State.SYN_RECEIVED:
        arrival.ack = connection.tcb.snd_max
    return original(connection, arrival)


@OPENING.rule("reset/validate", "synrcvd-blind-rst", "RFC 9293 3.10.7.4", "RFC 9293 3.5.3")
def believe_any_reset(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """In SYN-RECEIVED a reset counts wherever it lies."""
    if arrival.flags & RST and connection.tcb.state is State.SYN_RECEIVED:
        take_reset(connection)
        return STOP
    return original(connection, arrival)


@OPENING.host("tcp._drop_embryo", "synrcvd-rst-passive-kills-listener", "RFC 9293 3.10.7.4")
def take_listener_along(original: Replacement, tcp: TcpLayer, socket: TcpSocket, *, now: int) -> None:
    """A half-open connection that is reset takes its listener along."""
    parent = socket.parent
    original(socket, now=now)
    if parent is not None and parent.is_listening:
        tcp.stop_listening(parent, now=now)


@OPENING.rule("syn-received/ack", "synrcvd-fin-ignored", "RFC 9293 3.10.7.4")
def overlook_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN on the ACK that completes the handshake is not seen."""
    if connection.tcb.state is State.SYN_RECEIVED:
        arrival.has_fin = False
    return original(connection, arrival)


@OPENING.rule("timer/retransmission", "synack-not-retransmitted", "RFC 9293 3.8.1")
def forget_syn_ack(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """A SYN-ACK is sent once only."""
    if connection.tcb.state is not State.SYN_RECEIVED:
        original(connection, now=now)
