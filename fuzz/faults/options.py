"""Faults in the reading and writing of options other than timestamps and SACK."""

from typing import Any

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.host.host import Host
from reference_stack.host.incoming import Incoming
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.policies.ecn import Ecn
from reference_stack.policies.options import NOP, SegmentOptions
from reference_stack.policies.window import ReceiveWindow
from reference_stack.rules import ArrivalRule, Verdict
from wire.errors import WireError
from wire.options import (
    Eol,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    WindowScale,
    build_options,
    parse_options,
)
from wire.packet import build_packet, parse_packet
from wire.tcp import CWR, SYN, TcpSegment

PARSING = Area("options")
SCALE = Area("wscale")
SIZES = Area("mss")
ECN = Area("ecn")


_KNOWN = (Eol, Nop, Mss, WindowScale, SackPermitted, Sack, Timestamps)


# --- parsing ---------------------------------------------------------------------------------------------------------


@PARSING.host("tcp.deliver", "opt-after-eol-parsed", "RFC 9293 3.1")
def read_behind_end(original: Replacement, _tcp: TcpLayer, arrived: Incoming, **keywords: int) -> None:
    """Options behind the end of the list are obeyed."""
    segment = arrived.segment
    octets = build_options(segment.options)
    options = parse_options(octets.replace(b"\0", b"\1", 1)) if Eol() in segment.options else segment.options
    original(arrived._replace(segment=segment._replace(options=options)), **keywords)


@PARSING.host("tcp.deliver", "opt-unknown-stops-parse", "RFC 9293 3.1")
def stop_at_unknown(original: Replacement, _tcp: TcpLayer, arrived: Incoming, **keywords: int) -> None:
    """The first unknown option ends the parsing."""
    known: list[TcpOption] = []
    for option in arrived.segment.options:
        if not isinstance(option, _KNOWN):
            break
        known.append(option)
    original(arrived._replace(segment=arrived.segment._replace(options=tuple(known))), **keywords)


@PARSING.host("tcp.deliver", "opt-doff-ignored-nonsyn", "RFC 9293 3.1")
def take_options_for_text(original: Replacement, _tcp: TcpLayer, arrived: Incoming, **keywords: int) -> None:
    """Options of a segment with text end up in the stream."""
    segment = arrived.segment
    if segment.options and segment.payload and not segment.flags & SYN:
        octets = build_options(segment.options, pad=True)
        segment = segment._replace(options=(), payload=octets + segment.payload)
    original(arrived._replace(segment=segment), **keywords)


@PARSING.host("tcp.deliver", "rsvd-bits-drop", "RFC 9293 3.1")
def refuse_reserved_bits(original: Replacement, _tcp: TcpLayer, arrived: Incoming, **keywords: int) -> None:
    """Segments with reserved bits set are dropped."""
    if not arrived.segment.reserved:
        original(arrived, **keywords)


# --- checksum --------------------------------------------------------------------------------------------------------

CHECKSUM = Area("checksum")


@CHECKSUM.host("inject", "csum-not-verified", "RFC 9293 3.1")
def believe_any_checksum(original: Replacement, _host: Host, packet: bytes, **keywords: int) -> None:
    """The TCP checksum is not verified."""
    try:
        parsed = parse_packet(packet, tolerant=True)
    except WireError:
        return
    if isinstance(parsed.body, TcpSegment):
        packet = build_packet(parsed._replace(body=parsed.body._replace(checksum=None)))
    original(packet, **keywords)


# --- segment size and window scale -----------------------------------------------------------------------------------


@SIZES.rule("sequence/acceptable", "mss-nonsyn-obeyed", "RFC 9293 3.7.1")
def obey_late_mss(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """An MSS option outside a SYN changes the segment size."""
    for option in arrival.segment.options:
        if isinstance(option, Mss):
            connection.tcb.peer_mss = option.value
            connection.update_segment_size()
    return original(connection, arrival)


@SIZES.policy("options.syn", "mss-reflects-peer", "RFC 9293 3.7.1")
def reflect_mss(
    original: Replacement, _policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """The SYN-ACK announces the peer's own MSS."""
    options: tuple[TcpOption, ...] = original(connection, now=now)
    if not connection.has_peer_syn:
        return options
    return tuple(Mss(connection.tcb.peer_mss) if isinstance(option, Mss) else option for option in options)


@SCALE.rule("sequence/acceptable", "wscale-nonsyn-obeyed", "RFC 7323 2.2")
def obey_late_scale(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A window scale option outside a SYN changes the scale."""
    for option in arrival.segment.options:
        if isinstance(option, WindowScale):
            connection.tcb.snd_wscale = option.shift
            arrival.window = arrival.segment.window << option.shift
    return original(connection, arrival)


@SCALE.connection("accept_syn", "wscale-above-14", "RFC 7323 2.3")
def take_any_shift(
    original: Replacement, connection: ConnectionCore, segment: TcpSegment, **circumstances: Any
) -> None:
    """A shift above 14 is used modulo 16 bits instead of as 14."""
    original(segment, **circumstances)
    for option in segment.options:
        if isinstance(option, WindowScale) and option.shift > 14:
            connection.tcb.snd_wscale = option.shift % 16


@SCALE.rule("syn-sent/syn", "wscale-syn-window-scaled", "RFC 7323 2.2")
def scale_window_of_syn(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The window of the peer's SYN-ACK is scaled."""
    verdict = original(connection, arrival)
    tcb = connection.tcb
    tcb.snd_wnd = tcb.max_snd_wnd = tcb.snd_wnd << tcb.snd_wscale
    return verdict


@SCALE.policy("window.of_syn", "wscale-syn-sent-scaled", "RFC 7323 2.2")
def scale_our_syn(original: Replacement, _policy: ReceiveWindow, connection: ConnectionCore) -> int:
    """The window of our own SYN-ACK is shifted already."""
    return int(original(connection)) >> connection.tcb.rcv_wscale


@SCALE.connection("accept_syn", "wscale-unilateral", "RFC 7323 2.2")
def scale_without_agreement(
    original: Replacement, connection: ConnectionCore, segment: TcpSegment, **circumstances: Any
) -> None:
    """Windows are scaled although the peer did not offer it."""
    original(segment, **circumstances)
    if not connection.tcb.has_window_scale:
        connection.tcb.snd_wscale = 7


@SCALE.policy("options.other", "wscale-in-every-segment", "RFC 7323 2.2")
def repeat_scale(
    original: Replacement, _policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """The window scale option is sent on every segment."""
    options: tuple[TcpOption, ...] = original(connection, now=now)
    return (*options, NOP, WindowScale(connection.tcb.rcv_wscale)) if connection.tcb.has_window_scale else options


# --- ECN -------------------------------------------------------------------------------------------------------------


@ECN.policy("ecn.flags", "ecn-ece-once", "RFC 3168 6.1.3")
def echo_once(original: Replacement, ecn: Ecn, connection: ConnectionCore, *, is_new_data: bool) -> int:
    """A congestion mark is echoed on one segment only."""
    flags: int = original(connection, is_new_data=is_new_data)
    ecn._echo = False
    return flags


@ECN.policy("ecn.on_segment", "ecn-ece-stuck", "RFC 3168 6.1.3")
def ignore_cwr(original: Replacement, _ecn: Ecn, connection: ConnectionCore, arrival: Arrival) -> None:
    """CWR does not end the echo of a congestion mark."""
    arrival.flags &= ~CWR
    original(connection, arrival)
