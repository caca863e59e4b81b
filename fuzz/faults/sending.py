"""Faults in what leaves and when: Nagle, corking, PSH, segment sizes, window probes, keep-alive probes."""

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack import output
from reference_stack.core import ConnectionCore
from reference_stack.policies.mss import HEADER_OCTETS, SegmentSizes
from reference_stack.policies.probes import Probes
from reference_stack.policies.transmission import Sendable, Transmission
from reference_stack.timers import KEEPALIVE as KEEPALIVE_TIMER
from wire.tcp import ACK, PSH

NAGLE = Area("nagle")
PERSIST = Area("persist")
SIZES = Area("mss")
KEEPALIVE = Area("keepalive")


@NAGLE.policy("transmission.may_send_partial", "nagle-missing", "RFC 9293 3.7.4")
def never_gather(_original: Replacement, _policy: Transmission, connection: ConnectionCore, sendable: Sendable) -> bool:
    """Small writes are never gathered."""
    return not connection.is_holding_back and sendable.unsent <= sendable.usable


@NAGLE.policy("transmission.may_send_partial", "nodelay-ignored", "RFC 9293 3.7.4")
def ignore_nodelay(
    original: Replacement, _policy: Transmission, connection: ConnectionCore, sendable: Sendable
) -> bool:
    """TCP_NODELAY has no effect."""
    tcb = connection.tcb
    is_idle = tcb.snd_nxt == tcb.snd_una or tcb.fin_seq is not None
    return is_idle and bool(original(connection, sendable))


@NAGLE.policy("transmission.next_length", "nagle-full-segment-test", "RFC 9293 3.7.4")
def hold_full_segments(
    original: Replacement, _policy: Transmission, connection: ConnectionCore, sendable: Sendable, **keywords: int
) -> int:
    """While data is outstanding full segments wait like small ones."""
    tcb = connection.tcb
    if tcb.snd_nxt > tcb.snd_una and not connection.settings.nodelay and tcb.fin_seq is None:
        return 0
    length: int = original(connection, sendable, **keywords)
    return length


@NAGLE.policy("transmission.may_send_partial", "cork-splits", "Linux tcp(7)")
def see_through_cork(
    original: Replacement, _policy: Transmission, connection: ConnectionCore, sendable: Sendable
) -> bool:
    """A corked socket sends a partial segment when nothing is outstanding."""
    if connection.is_holding_back and connection.tcb.snd_nxt == connection.tcb.snd_una:
        return sendable.unsent <= sendable.usable
    return bool(original(connection, sendable))


@NAGLE.policy("transmission.may_send_partial", "sws-sender-tiny", "RFC 9293 3.8.6.2.1")
def fill_any_window(
    original: Replacement, _policy: Transmission, connection: ConnectionCore, sendable: Sendable
) -> bool:
    """A few octets of window are filled by a tiny segment."""
    return bool(original(connection, sendable)) or 0 < sendable.usable < sendable.unsent


@NAGLE.policy("transmission.is_pushed", "psh-missing", "RFC 9293 3.9.1.2")
def never_push(_original: Replacement, _policy: Transmission, _connection: object, _start: int, _end: int) -> bool:
    """PSH is never set."""
    return False


@NAGLE.rule("timer/cork", "cork-never-flushes", "RFC 9293 3.9.1.2")
def hold_for_ever(_original: Replacement, _connection: ConnectionCore, *, now: int) -> None:
    """What a cork holds back stays for ever."""


# --- segment sizes ---------------------------------------------------------------------------------------------------


@SIZES.policy("mss.default", "mss-default-1460", "RFC 9293 3.7.1")
def assume_ethernet(_original: Replacement, _policy: SegmentSizes, _connection: ConnectionCore) -> int:
    """Without an MSS option 1460 octets are assumed."""
    return 1460


@SIZES.policy("mss.default", "ipv6-jumbo-urgent-mss", "RFC 9293 3.7.1")
def assume_ipv4(_original: Replacement, _policy: SegmentSizes, _connection: ConnectionCore) -> int:
    """IPv6 has the default MSS of IPv4."""
    return 536


@SIZES.policy("mss.effective", "mss-larger-than-path", "RFC 9293 3.7.1")
def trust_mss_option(_original: Replacement, _policy: SegmentSizes, connection: ConnectionCore) -> int:
    """Segments are as large as the peer allows, whatever the link carries."""
    return connection.tcb.peer_mss - connection.tcb.option_octets


@SIZES.policy("mss.effective", "mss-options-not-subtracted", "RFC 9293 3.7.1")
def forget_option_octets(original: Replacement, _policy: SegmentSizes, connection: ConnectionCore) -> int:
    """The octets of options are not taken off the segment size."""
    size: int = original(connection)
    return size + connection.tcb.option_octets


@SIZES.policy("mss.announced", "maxseg-option-ignored", "Linux tcp(7)")
def ignore_maxseg(_original: Replacement, _policy: SegmentSizes, connection: ConnectionCore) -> int:
    """TCP_MAXSEG does not change what the SYN announces."""
    return connection.settings.mtu - HEADER_OCTETS[connection.four_tuple.ip_version]


# --- probes ----------------------------------------------------------------------------------------------------------


@PERSIST.rule("timer/persist", "persist-never-armed", "RFC 9293 3.8.6.1")
def never_probe(_original: Replacement, _connection: ConnectionCore, *, now: int) -> None:
    """A closed window is never probed."""


@PERSIST.policy("probes.next_delay", "persist-no-backoff", "RFC 9293 3.8.6.1")
def probe_steadily(_original: Replacement, _policy: Probes, connection: ConnectionCore, **_what: bool) -> int:
    """Window probes come at constant distance."""
    return connection.rtt.base_rto


@PERSIST.policy("probes.send_window_probe", "persist-probe-flags", "RFC 9293 3.8.6.1", "RFC 9293 3.10.7.4")
def probe_without_ack(original: Replacement, _policy: Probes, connection: ConnectionCore, *, now: int) -> bool:
    """A window probe lacks the ACK bit."""
    was_sent: bool = original(connection, now=now)
    last = connection.outgoing[-1]
    connection.outgoing[-1] = last._replace(segment=last.segment._replace(flags=PSH, ack=0))
    return was_sent


@KEEPALIVE.policy("probes.send_keepalive", "ka-wrong-seq", "RFC 9293 3.8.4")
def probe_at_snd_nxt(_original: Replacement, _policy: Probes, connection: ConnectionCore, *, now: int) -> None:
    """A keep-alive probe is acceptable to the peer, which need not answer then."""
    output.emit(connection, seq=connection.tcb.snd_nxt, flags=ACK, now=now)


@KEEPALIVE.connection("restart_keepalive", "ka-default-on", "RFC 9293 3.8.4")
def always_keep_alive(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """Keep-alives are sent without being asked for."""
    connection.settings.keepalive = True
    original(now=now)


@KEEPALIVE.rule("timer/keepalive", "ka-while-outstanding", "RFC 9293 3.8.4")
def probe_while_outstanding(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """Keep-alives are sent while data is outstanding."""
    if connection.settings.keepalive and connection.scoreboard.segments:
        connection.probes.send_keepalive(connection, now=now)
        connection.timers.set(KEEPALIVE_TIMER, now + connection.settings.keepintvl_us)
    else:
        original(connection, now=now)
