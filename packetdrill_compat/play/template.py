"""A script packet as a packet value, with the numbers of the script (sections 3 and 4.8).

The same value serves both directions: inbound it is translated and injected, outbound the captured packet is translated
and compared with it.
"""

from dataclasses import dataclass

from packetdrill_compat import icmp
from packetdrill_compat.ast import (
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Encap,
    GreEncap,
    IcmpSpec,
    IpEncap,
    IpInfo,
    Md5Valid,
    MplsEncap,
    PacketBody,
    PacketEvent,
    PlainOption,
    RawOption,
    ScriptOption,
    TcpSpec,
    TimestampPattern,
    UdpSpec,
)
from packetdrill_compat.config import Config
from packetdrill_compat.mptcp_notation import Scripted
from packetdrill_compat.play.records import SocketRecord
from packetdrill_compat.play.signing import UNSIGNED
from wire import abi
from wire.gre import GreHeader
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.mpls import MplsLabel as WireLabel
from wire.mpls import MplsStack
from wire.options import TcpOption, Timestamps, parse_options
from wire.packet import Header, Packet, build_packet
from wire.tcp import TcpSegment
from wire.udp import UdpDatagram, UdpHeader

ECN_BITS = {EcnMark.NOECN: 0, EcnMark.ECT1: 1, EcnMark.ECT0: 2, EcnMark.ECT01: 2, EcnMark.CE: 3, None: 0}
UNCHECKED_TTL = 255


@dataclass(frozen=True, slots=True)
class Checks:
    """What of an outbound packet the script wants compared."""

    options: bool = True
    timestamps: bool = True
    sequence: bool = True
    window: bool = False
    ace: bool = False
    ecn: EcnMark | None = None
    tos: bool = False


def checks_of(event: PacketEvent) -> Checks:
    """Collect what an outbound event compares; the annotation of the packet itself decides for every IP layer."""
    body = event.body
    info = event.info or IpInfo()
    if not isinstance(body, TcpSpec):
        return Checks(ecn=info.ecn, tos=info.tos is not None)
    return Checks(
        options=body.options is not None,
        timestamps=not any(isinstance(item, TimestampPattern) and item.val is None for item in body.options or ()),
        sequence=not body.sequence.ignored,
        window=body.window is not None,
        ace=bool(body.flags.ace),
        ecn=info.ecn,
        tos=info.tos is not None,
    )


def build_body(event: PacketEvent, record: SocketRecord, config: Config) -> TcpSegment | UdpDatagram | IcmpMessage:
    """Make the transport part with script numbers; ports are 0 unless written."""
    body: PacketBody = event.body
    match body:
        case TcpSpec():
            return _segment(body)
        case UdpSpec():
            source, destination = body.ports or (0, 0)
            return UdpDatagram(source, destination, bytes(body.length))
        case IcmpSpec():
            return _icmp(body, record, 6 if config.is_wire_ipv6 else 4)


def _segment(body: TcpSpec) -> TcpSegment:
    source, destination = body.ports or (0, 0)
    return TcpSegment(
        src_port=source,
        dst_port=destination,
        seq=body.sequence.start,
        ack=body.ack or 0,
        flags=body.flags.mask,
        window=body.window or 0,
        urgent=body.urgent or 0,
        options=tuple(option for item in body.options or () for option in wire_options(item)),
        payload=bytes(body.sequence.length),
    )


def wire_options(item: ScriptOption) -> tuple[TcpOption, ...]:
    """The wire options of one written option.

    Options of the mptcp dialect stay as they are written: what they mean depends on the connection. A signature that is
    to be valid (dialect nplab) stands for itself with zeros, see `play.signing`.
    """
    if isinstance(item, PlainOption):
        return (item.option,)
    if isinstance(item, RawOption):
        return parse_options(item.data)
    if isinstance(item, TimestampPattern):
        return (Timestamps(item.val or 0, item.ecr),)
    if isinstance(item, Md5Valid):
        return (UNSIGNED,)
    return (Scripted(item),)


def wrap(event: PacketEvent, body: TcpSegment | UdpDatagram | IcmpMessage, ends: tuple[str, str]) -> Packet:
    """Put the IP header (from `ends[0]` to `ends[1]`) and the encapsulations of the script around a body."""
    protocol = _protocol_of(body)
    headers: list[Header] = [_ip_header(event.info or IpInfo(), ends, protocol)]
    headers = [*(_encap_header(encap) for encap in event.encaps), *headers]
    ports = event.body.udp_ports if isinstance(event.body, TcpSpec) else None
    if ports and any(ports):
        headers.append(UdpHeader(*ports))
    return Packet(tuple(headers), body)


def _protocol_of(body: TcpSegment | UdpDatagram | IcmpMessage) -> int:
    match body:
        case TcpSegment():
            return abi.IPPROTO_TCP
        case UdpDatagram():
            return abi.IPPROTO_UDP
        case IcmpMessage():
            return abi.IPPROTO_ICMPV6 if body.version == 6 else abi.IPPROTO_ICMP


def tos_octet(info: IpInfo) -> int:
    """The TOS or traffic-class octet that an annotation asks for."""
    return info.tos if info.tos is not None else ECN_BITS[info.ecn]


def _ip_header(info: IpInfo, ends: tuple[str, str], protocol: int) -> Ipv4Header | Ipv6Header:
    ttl = info.ttl or UNCHECKED_TTL
    if ":" in ends[0]:
        return Ipv6Header(
            src=ends[0],
            dst=ends[1],
            next_header=protocol,
            hop_limit=ttl,
            traffic_class=tos_octet(info),
            flow_label=info.flow_label or 0,
        )
    return Ipv4Header(src=ends[0], dst=ends[1], protocol=protocol, ttl=ttl, tos=tos_octet(info))


def _encap_header(encap: Encap) -> Header:
    match encap:
        case IpEncap():
            return _ip_header(encap.info or IpInfo(), (encap.src, encap.dst), 0)
        case GreEncap():
            return gre_header(encap)
        case MplsEncap():
            return MplsStack(
                tuple(WireLabel(entry.label, entry.traffic_class, entry.bottom, entry.ttl) for entry in encap.labels)
            )


def gre_header(encap: GreEncap) -> GreHeader:
    """A GRE header of the script; its protocol field is filled in when the packet is built.

    The C tool has the three words in a row and takes as many as there are flags, so with the key flag alone the key on
    the wire is what the script calls sum and off (section 3.6); nor does it compute a checksum of 0.
    """
    header = GreHeader(flags=encap.flags)
    words = iter((encap.checksum << 16 | encap.offset, encap.key, encap.sequence))
    if header.has_checksum:
        word = next(words)
        header = header._replace(checksum=word >> 16, offset=word & 0xFFFF)
    if header.has_key:
        header = header._replace(key=next(words))
    if header.has_sequence:
        header = header._replace(sequence=next(words))
    return header


# ---------------------------------------------------------------- ICMP


def _icmp(body: IcmpSpec, record: SocketRecord, version: int) -> IcmpMessage:
    type_number, code = icmp.resolve(version, body.type_word, body.code_word)
    payload = _echoed(body, record, version)
    rest = 0
    if body.mtu is not None:
        rest = body.mtu
    elif body.echo_id is not None:
        rest = body.echo_id << 16
    return IcmpMessage(version=version, type=type_number, code=code, rest=rest, payload=payload)


def _echoed(body: IcmpSpec, record: SocketRecord, version: int) -> bytes:
    """The quoted part: the IP header and eight octets of a packet that the stack is said to have sent.

    An ICMP message without an echoed part still quotes a TCP header, at relative sequence number 0 (section 3.5).
    """
    quoted: TcpSegment | UdpDatagram
    ports: tuple[int, int] | None = None
    match body.echoed:
        case EchoedRaw():
            return bytes(max(body.echoed.length - 8, 0))
        case EchoedUdp():
            quoted = UdpDatagram(record.local_port, record.remote_port, bytes(body.echoed.length))
            protocol = abi.IPPROTO_UDP
        case EchoedTcp() | None:
            start, length = 0, 0
            if body.echoed is not None:
                start, length = body.echoed.sequence.start, body.echoed.sequence.length
                ports = body.echoed.udp_ports
            quoted = TcpSegment(
                src_port=record.local_port,
                dst_port=record.remote_port,
                seq=(start + record.live_local_isn) & 0xFFFFFFFF,
                ack=0,
                flags=0,
                window=0,
                payload=bytes(length),
            )
            protocol = abi.IPPROTO_TCP
    # A socket of which nothing has been seen on the wire has no local address yet.
    unknown = "::" if version == 6 else "0.0.0.0"
    ends = (record.local_ip or unknown, record.remote_ip or unknown)
    headers: tuple[Header, ...] = (_ip_header(IpInfo(), ends, protocol),)
    if ports and any(ports):
        headers = (*headers, UdpHeader(*ports))
    return _quote(Packet(headers, quoted))


def _quote(packet: Packet) -> bytes:
    data = build_packet(packet)
    end = sum(header.size for header in packet.headers) + 8
    if packet.ip.src.count(":"):
        return data[:end]
    # The C tool leaves the quoted header's checksum zero; stacks do not look at it.
    return data[:10] + b"\0\0" + data[12:end]
