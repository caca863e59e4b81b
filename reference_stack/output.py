"""Building segments and queueing them: data, acknowledgments, SYN, RST.

Everything that leaves passes `emit` or `send_syn` or `send_reset`, which fill in what all have: acknowledgment,
window, options, urgent pointer, ECN bits. What data may leave when is decided in `reference_stack.transmit`.
"""

from typing import TYPE_CHECKING

from reference_stack.arrival.closed import closed_reset
from reference_stack.outgoing import Outgoing
from reference_stack.policies.window import MAX_FIELD
from reference_stack.sequence import MASK
from wire.options import TcpOption
from wire.tcp import ACK, FIN, PSH, RST, SYN, URG, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

Micros = int


def emit(
    connection: "ConnectionCore", *, seq: int, flags: int, now: Micros, payload: bytes = b"", is_new_data: bool = False
) -> bool:
    """Queue one segment with the current acknowledgment and window; tell whether it counts as sent.

    It does not where the personality notices that the device refused it.
    """
    tcb = connection.tcb
    options = _options(connection, now=now, is_repeated=bool(payload) and not is_new_data, is_bare=not payload)
    window = connection.window.select(connection)
    tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + window)
    tcb.offered_window = window
    urgent = 0
    if tcb.snd_up > seq:
        # RFC 9293, MUST-62: the pointer names the octet after the urgent data; it is a positive 16-bit offset.
        urgent = min(tcb.snd_up - seq - connection.settings.urgent_points_to_last, 0xFFFF)
        flags |= URG
    flags |= connection.ecn.flags(connection, is_new_data=is_new_data)
    _queue(
        connection,
        TcpSegment(
            connection.four_tuple.local_port,
            connection.four_tuple.remote_port,
            seq & MASK,
            tcb.rcv_nxt & MASK,
            flags,
            min(window >> tcb.rcv_wscale, tcb.largest_field),
            urgent,
            options,
            payload,
        ),
        ecn=connection.ecn.codepoint(connection, is_new_data=is_new_data),
    )
    tcb.last_ack_sent = tcb.rcv_nxt
    connection.ack_now = False
    connection.delayed_ack.on_ack_sent(connection, now=now)
    return connection.transmission.is_taken(connection, now=now)


def _options(connection: "ConnectionCore", *, now: Micros, is_repeated: bool, is_bare: bool) -> tuple[TcpOption, ...]:
    """Return the usual options, and those that have news: data that is repeated has no room to grow."""
    rules = connection.options
    options = rules.other(connection, now=now)
    if is_bare:
        options += rules.announcement(connection, options)
    if not is_repeated and connection.ecn.is_option_due(connection):
        options += rules.feedback(connection, options)
    return options


def payload_limit(connection: "ConnectionCore", *, is_new_data: bool) -> int:
    """Return how many octets one segment has room for now, beside its options (RFC 9293, MUST-16)."""
    options = connection.options
    extra = options.octets_now(connection) if is_new_data else options.sack_octets(connection)
    return max(connection.tcb.snd_mss - extra, 1)


def emit_frame(
    connection: "ConnectionCore", *, seq: int, flags: int, now: Micros, payload: bytes, is_new_data: bool = False
) -> bool:
    """Queue data as one segment, or where super-segments are off as segments, FIN and PSH on the last; see `emit`."""
    # A signature is for one segment.
    if connection.settings.max_tso_segments == 1 or connection.settings.keys:
        mss = payload_limit(connection, is_new_data=is_new_data)
        while len(payload) > mss:
            part, payload = payload[:mss], payload[mss:]
            emit(connection, seq=seq, flags=flags & ~(FIN | PSH), payload=part, now=now, is_new_data=is_new_data)
            seq += mss
    return emit(connection, seq=seq, flags=flags, payload=payload, now=now, is_new_data=is_new_data)


def _queue(connection: "ConnectionCore", segment: TcpSegment, *, ecn: int = 0) -> None:
    connection.outgoing.append(Outgoing(connection.authentication.sign(connection, segment), ecn))
    counters = connection.counters
    counters.segments_out += 1
    if segment.payload:
        counters.data_segments_out += 1
        counters.bytes_sent += len(segment.payload)


def send_ack(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, or what the personality sends in its place."""
    seq, flags = connection.transmission.acknowledgment(connection)
    emit(connection, seq=seq, flags=flags, now=now)


def refuse(connection: "ConnectionCore", segment: TcpSegment) -> None:
    """Answer a segment as CLOSED would (RFC 9293, 3.10.7.1)."""
    reset = closed_reset(segment, rules=connection.personality.rules)
    if reset is not None:
        _queue(connection, reset)


def challenge(connection: "ConnectionCore", *, now: Micros) -> None:
    """Send a challenge ACK, unless there were too many lately (RFC 5961, sections 3.2, 4.2 and 7)."""
    if connection.challenge.allows_challenge(connection, now=now):
        connection.counters.challenge_acks += 1
        emit(connection, seq=connection.tcb.snd_nxt, flags=ACK, now=now)


def send_syn(connection: "ConnectionCore", *, now: Micros, text: bytes = b"") -> None:
    """Send our SYN, as SYN-ACK once the peer's SYN is known (RFC 9293, 3.10.1 and 3.10.7.2), with text or without."""
    tcb = connection.tcb
    is_answer = connection.has_peer_syn
    flags = (
        SYN | ACK | connection.ecn.synack_flags(connection) if is_answer else SYN | connection.ecn.syn_flags(connection)
    )
    window = connection.window.of_syn(connection)
    if not connection.is_early:  # else a scaled window was offered since
        tcb.offered_window = connection.window.behind_syn(connection, window)
        tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + tcb.offered_window) if is_answer else tcb.offered_window
    options: tuple[TcpOption, ...] = connection.options.syn(connection, now=now)
    # RFC 7413, 4.2.2: a repeated SYN or SYN-ACK has no Fast Open option.
    connection.first_syn_option = None
    ports = connection.four_tuple
    ack = tcb.rcv_nxt & MASK if is_answer else 0
    _queue(
        connection,
        TcpSegment(ports.local_port, ports.remote_port, tcb.iss & MASK, ack, flags, window, 0, options, text),
    )
    tcb.last_ack_sent = tcb.rcv_nxt
    connection.ack_now = False
    connection.last_sent_at = now


def send_reset(
    connection: "ConnectionCore",
    *,
    seq: int,
    with_ack: bool = False,
    options: tuple[TcpOption, ...] = (),
    window: int = 0,
    ecn_flags: int = 0,
) -> None:
    """Send <SEQ=seq><CTL=RST>, with RCV.NXT acknowledged on request (RFC 9293, 3.5.2 and 3.10.5).

    `window` is in octets; `ecn_flags` are what the congestion marks add.
    """
    ports = connection.four_tuple
    ack = connection.tcb.rcv_nxt & MASK if with_ack else 0
    flags = ecn_flags | (RST | ACK if with_ack else RST)
    field = min(window >> connection.tcb.rcv_wscale, MAX_FIELD)
    _queue(connection, TcpSegment(ports.local_port, ports.remote_port, seq & MASK, ack, flags, field, 0, options))
