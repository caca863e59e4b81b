"""Script numbers to live numbers and back, and which socket a packet belongs to (sections 4.2 to 4.6).

With L the stack's live ISN, l its ISN in the script and R the peer's ISN: inbound sequence numbers get + R, inbound
acknowledgments + L, outbound sequence numbers - L, outbound acknowledgments - R. Packets with SYN carry absolute
sequence numbers: there only the difference L - l is applied to what concerns the stack's side.
"""

from collections.abc import Iterator

from packetdrill_compat.ast import Direction, IcmpSpec, PacketEvent, TcpSpec, UdpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError, script_error
from packetdrill_compat.play.records import SocketRecord, SocketState, SocketTable
from wire import abi
from wire.icmp import IcmpMessage
from wire.options import Sack, TcpOption, Timestamps
from wire.packet import Packet
from wire.tcp import ACK, SYN, TcpSegment
from wire.udp import UdpDatagram

MASK = 0xFFFFFFFF
ICMP_PROTOCOLS = (abi.IPPROTO_ICMP, abi.IPPROTO_ICMPV6)


# ---------------------------------------------------------------- whose packet


def socket_of_script_packet(
    packet: PacketEvent, sockets: SocketTable, config: Config, ephemeral_ports: Iterator[int]
) -> SocketRecord:
    """Find, or for a first inbound packet create, the socket that a script packet belongs to."""
    under_test = sockets.under_test
    if isinstance(packet.body, TcpSpec):
        if makes_child(packet, under_test):
            return sockets.add(new_child(packet.body, config, next(ephemeral_ports)))
        if under_test is not None and is_first_syn(packet, under_test):
            under_test.state = SocketState.ACTIVE_SYN_SENT
            under_test.script_local_isn = packet.body.sequence.start
            return under_test
    if under_test is not None and (_protocol_fits(packet, under_test, config) or _names_a_port(packet)):
        return under_test
    raise script_error(
        "no matching socket for script packet",
        next_step="make the socket first: socket(), and bind() with listen(), or connect()",
    )


def makes_child(packet: PacketEvent, under_test: SocketRecord | None) -> bool:
    """Tell whether a TCP packet begins a passive connection."""
    listening = under_test is None or under_test.state is SocketState.PASSIVE_LISTENING
    return packet.direction is Direction.INBOUND and listening


def new_child(body: TcpSpec, config: Config, ephemeral_port: int) -> SocketRecord:
    """The record of a passive connection, made by its first inbound packet."""
    return SocketRecord(
        family=abi.AF_INET6 if config.is_wire_ipv6 else abi.AF_INET,
        type=abi.SOCK_STREAM,
        protocol=abi.IPPROTO_TCP,
        state=SocketState.PASSIVE_PACKET_RECEIVED,
        local_ip=config.local_ip,
        local_port=config.bind_port,
        remote_ip=config.remote_ip,
        remote_port=ephemeral_port,
        remote_isn=body.sequence.start,
    )


def is_first_syn(packet: PacketEvent, under_test: SocketRecord) -> bool:
    """Tell whether a TCP packet is the SYN that a connecting socket sends."""
    assert isinstance(packet.body, TcpSpec)
    is_syn = packet.body.flags.mask & (SYN | ACK) == SYN
    return packet.direction is Direction.OUTBOUND and is_syn and under_test.state is SocketState.ACTIVE_CONNECTING


def _protocol_fits(packet: PacketEvent, under_test: SocketRecord, config: Config) -> bool:
    match packet.body:
        case TcpSpec():
            return under_test.is_tcp
        case UdpSpec():
            return under_test.protocol == abi.IPPROTO_UDP
        case IcmpSpec():
            own = abi.IPPROTO_ICMPV6 if config.is_wire_ipv6 else abi.IPPROTO_ICMP
            return under_test.is_tcp or under_test.protocol in (abi.IPPROTO_UDP, own)


def _names_a_port(packet: PacketEvent) -> bool:
    ports = None if isinstance(packet.body, IcmpSpec) else packet.body.ports
    return ports is not None and any(ports)


def is_of_socket(packet: Packet, record: SocketRecord) -> bool:
    """Tell whether a captured packet carries the socket's own four-tuple."""
    header, body = packet.ip, packet.body
    if (header.src, header.dst) != (record.local_ip, record.remote_ip):
        return False
    if isinstance(body, IcmpMessage):
        return record.protocol in ICMP_PROTOCOLS
    if isinstance(body, (TcpSegment, UdpDatagram)):
        fits = record.is_tcp if isinstance(body, TcpSegment) else record.protocol == abi.IPPROTO_UDP
        return fits and (body.src_port, body.dst_port) == (record.local_port, record.remote_port)
    return False


def learn_from_connect(packet: Packet, record: SocketRecord) -> bool:
    """Tell whether a captured packet is the first of a connecting socket, and take its local side from it."""
    body = packet.body
    if not _opens(body, record) or packet.ip.dst != record.remote_ip:
        return False
    if isinstance(body, (TcpSegment, UdpDatagram)):
        if body.dst_port != record.remote_port:
            return False
        record.local_port = body.src_port
    record.local_ip = packet.ip.src
    if isinstance(body, TcpSegment):
        record.live_local_isn = body.seq
    return True


def _opens(body: object, record: SocketRecord) -> bool:
    connecting = record.state is SocketState.ACTIVE_CONNECTING
    match body:
        case TcpSegment():
            sent = record.state is SocketState.ACTIVE_SYN_SENT
            return sent and record.is_tcp and body.flags & (SYN | ACK) == SYN
        case UdpDatagram():
            return connecting and record.protocol == abi.IPPROTO_UDP
        case IcmpMessage():
            return connecting and record.protocol in ICMP_PROTOCOLS
    return False


# ---------------------------------------------------------------- numbers


def inbound_to_live(
    segment: TcpSegment, record: SocketRecord, *, scaled_ecr: bool, is_absolute: bool = False, keeps_ecr: bool = False
) -> TcpSegment:
    """Translate an inbound script segment, ports included (a port written in the script wins).

    An absolute sequence number is the live one; with `keeps_ecr` so is the echoed timestamp.
    """
    is_syn = bool(segment.flags & SYN)
    ack_offset = record.live_local_isn - (record.script_local_isn if is_syn else 0)
    has_ack = bool(segment.flags & ACK)
    echoes = has_ack and not keeps_ecr
    options = tuple(_option_to_live(option, record, ack_offset, echoes, scaled_ecr) for option in segment.options)
    return segment._replace(
        src_port=segment.src_port or record.remote_port,
        dst_port=segment.dst_port or record.local_port,
        seq=(segment.seq + (0 if is_syn or is_absolute else record.remote_isn)) & MASK,
        ack=(segment.ack + ack_offset) & MASK if has_ack else segment.ack,
        options=options,
    )


def _option_to_live(
    option: TcpOption, record: SocketRecord, ack_offset: int, echoes: bool, scaled_ecr: bool
) -> TcpOption:
    if isinstance(option, Sack):
        return Sack(tuple(((left + ack_offset) & MASK, (right + ack_offset) & MASK) for left, right in option.blocks))
    if isinstance(option, Timestamps) and echoes:
        return Timestamps(option.val, live_ecr(option.ecr, record, scaled=scaled_ecr))
    return option


def live_ecr(script_ecr: int, record: SocketRecord, *, scaled: bool) -> int:
    """The live value behind a script's echo reply; a `PlayError` when the script never showed the value."""
    known = record.timestamps.live_of_script.get(script_ecr)
    if known is not None:
        return known
    base = record.timestamps.base
    if scaled and base is not None:
        return (script_ecr - base[0] + base[1]) & MASK
    raise PlayError(
        f"unable to infer live TS ecr for script TS ecr {script_ecr};  no matching or preceding outbound TS val",
        kind=FailureKind.PACKET,
        next_step="expect an outbound packet with this TS val first, or pass --tcp_ts_ecr_scaled",
    )


def outbound_to_script(segment: TcpSegment, record: SocketRecord, *, is_absolute: bool = False) -> TcpSegment:
    """Translate a captured segment's sequence, acknowledgment and SACK numbers into script space.

    Where the script has an absolute sequence number, that of the segment stays as it is.
    """
    is_syn = bool(segment.flags & SYN)
    seq_offset = 0 if is_absolute else record.live_local_isn - (record.script_local_isn if is_syn else 0)
    ack_offset = 0 if is_syn else record.remote_isn
    options = tuple(
        Sack(tuple(((left - ack_offset) & MASK, (right - ack_offset) & MASK) for left, right in option.blocks))
        if isinstance(option, Sack)
        else option
        for option in segment.options
    )
    return segment._replace(
        seq=(segment.seq - seq_offset) & MASK,
        ack=(segment.ack - ack_offset) & MASK if segment.flags & ACK else segment.ack,
        options=options,
    )
