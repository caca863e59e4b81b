"""Make the packet that an inbound event injects (section 4.8)."""

from packetdrill_compat.ast import PacketEvent, TcpSpec, TimestampPattern
from packetdrill_compat.config import Config
from packetdrill_compat.play.dialects import Dialect
from packetdrill_compat.play.mapping import inbound_to_live
from packetdrill_compat.play.records import SocketRecord, SocketState
from packetdrill_compat.play.signing import signed
from packetdrill_compat.play.template import build_body, wrap
from wire.packet import Packet
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment
from wire.udp import UdpDatagram


def make_inbound(event: PacketEvent, record: SocketRecord, dialect: Dialect) -> Packet:
    """Advance the socket's state for this event and return the live packet.

    Raises `PlayError` when the script's timestamp echo has no live counterpart.
    """
    config = dialect.config
    if config.is_anyip and not isinstance(event.body, TcpSpec):
        _take_configured_ends(record, config)
    body = build_body(event, record, config)
    if isinstance(body, TcpSegment):
        _advance(body, record)
        assert isinstance(event.body, TcpSpec)
        body = inbound_to_live(
            body,
            record,
            scaled_ecr=config.tcp_ts_ecr_scaled,
            is_absolute=event.body.sequence.absolute,
            keeps_ecr=any(
                isinstance(each, TimestampPattern) and each.ecr_absolute for each in event.body.options or ()
            ),
        )
        body = dialect.inject(body, record)
        record.last_injected = body
    elif isinstance(body, UdpDatagram):
        body = body._replace(
            src_port=body.src_port or record.remote_port,
            dst_port=body.dst_port or record.local_port,
        )
    # Of a socket that has neither connected nor been seen on the wire the C tool knows no addresses (measured).
    unknown = "::" if config.is_wire_ipv6 else "0.0.0.0"
    return signed(wrap(event, body, (record.remote_ip or unknown, record.local_ip or unknown)), event, config)


def _take_configured_ends(record: SocketRecord, config: Config) -> None:
    """With --is_anyip a socket may receive before it has sent: its ends are the configured ones (section 4.10)."""
    record.remote_ip, record.local_ip = config.remote_ip, config.local_ip
    record.remote_port = record.remote_port or config.connect_port
    record.local_port = record.local_port or config.bind_port


def _advance(segment: TcpSegment, record: SocketRecord) -> None:
    if record.state is SocketState.PASSIVE_SYNACK_SENT and segment.flags & ACK:
        record.state = SocketState.PASSIVE_SYNACK_ACKED
    elif record.state is SocketState.ACTIVE_SYN_SENT and segment.flags & (SYN | ACK) == SYN | ACK:
        record.state = SocketState.ACTIVE_SYN_ACKED
        record.remote_isn = segment.seq


def make_reset(record: SocketRecord) -> TcpSegment | None:
    """The RST with which a finished test frees a connection (section 4.9); None without a known four-tuple."""
    if not (record.local_port and record.remote_port and record.local_ip):
        return None
    injected, captured = record.last_injected, record.last_captured
    window = 0
    if injected is not None and injected.flags & ACK:
        octets = bool(injected.flags & SYN) + bool(injected.flags & FIN) + len(injected.payload)
        seq, ack, window = (injected.seq + octets) & 0xFFFFFFFF, injected.ack, injected.window
    elif captured is not None and captured.flags & ACK:
        seq, ack = captured.ack, captured.seq
    else:
        seq, ack = 0, ((captured.seq if captured else 0) + 1) & 0xFFFFFFFF
    return TcpSegment(record.remote_port, record.local_port, seq, ack, RST | ACK, window)
