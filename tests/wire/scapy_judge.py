"""Our values put together a second time with scapy's own classes, field by field, as an independent judge."""

import struct
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, TCPAOValue
from scapy.layers.inet6 import (
    ICMPv6Unknown,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.packet import Raw

from wire.addresses import address_text
from wire.icmp import IcmpMessage
from wire.ip import DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ExtensionHeader, Ipv4Header, Ipv6Header
from wire.options import (
    AccEcn,
    Ao,
    Eol,
    FastOpen,
    Md5,
    Mptcp,
    MptcpOption,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
)
from wire.packet import Body, Packet, RawPayload
from wire.tcp import TcpSegment
from wire.udp import UdpDatagram

# Kinds that scapy reads into a structure from which it cannot build the same octets again.
LOSSY_IN_SCAPY = (14, 15, 25)


def scapy_packet(packet: Packet) -> Any:
    """Build the packet of one IP header and a body out of scapy's layers."""
    (header,) = packet.headers
    assert isinstance(header, Ipv4Header | Ipv6Header)
    return _ip(header) / _body(packet.body)


def scapy_options(options: tuple[TcpOption, ...]) -> list[tuple[Any, Any]]:
    """Options in scapy's notation, without the padding, which scapy makes itself."""
    return [_option(option) for option in options if not isinstance(option, Eol)]


def read_options(options: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """What scapy read, in a form that compares: structures as octets, no end of list."""
    return [(name, bytes(value) if name == "AO" else value) for name, value in options if name != "EOL"]


def _option(option: TcpOption) -> tuple[Any, Any]:
    match option:
        case Nop():
            return "NOP", None
        case Mss():
            return "MSS", option.value
        case WindowScale():
            return "WScale", option.shift
        case SackPermitted():
            return "SAckOK", b""
        case Sack():
            return "SAck", tuple(edge for block in option.blocks for edge in block)
        case Timestamps():
            return "Timestamp", (option.val, option.ecr)
        case Md5():
            return "MD5", option.digest
        case UserTimeout():
            return "UTO", option.minutes << 15 | option.value
        case Ao():
            return "AO", bytes(TCPAOValue(keyid=option.key_id, rnextkeyid=option.rnext_key_id, mac=option.mac))
        case FastOpen() if option.experimental:
            return 254, b"\xf9\x89" + option.cookie
        case FastOpen():
            # scapy knows cookies of eight octets, as two words; others stay octets.
            return "TFO", struct.unpack("!II", option.cookie) if len(option.cookie) == 8 else option.cookie
        case Mptcp() | MptcpOption():
            return 30, option.body()
        case AccEcn():
            # RFC 9768, section 3.2.3: 24-bit counters behind kind 172 (order 0) or 174 (order 1).
            return 174 if option.order else 172, b"".join(struct.pack("!I", c)[1:] for c in option.counters)
        case UnknownOption():
            return option.kind, option.data
    raise AssertionError(f"no scapy form for {option}")


def _ip(header: Ipv4Header | Ipv6Header) -> Any:
    if isinstance(header, Ipv4Header):
        return IP(
            src=header.src,
            dst=header.dst,
            ttl=header.ttl,
            tos=header.tos,
            id=header.identification,
            flags=header.flags,
            frag=header.fragment_offset,
            proto=header.protocol,
        )
    layers = IPv6(src=header.src, dst=header.dst, hlim=header.hop_limit, tc=header.traffic_class, fl=header.flow_label)
    for extension in header.extensions:
        layers /= _extension(extension)
    layers.lastlayer().nh = header.next_header
    return layers


def _extension(extension: ExtensionHeader) -> Any:
    kind, data, reserved = extension
    if kind in (HOP_BY_HOP, DESTINATION_OPTIONS):
        layer = IPv6ExtHdrHopByHop if kind == HOP_BY_HOP else IPv6ExtHdrDestOpt
        return layer(options=[PadN(optdata=data[2:])], autopad=0)
    if kind == FRAGMENT:
        word, identification = struct.unpack("!HI", data)
        return IPv6ExtHdrFragment(res1=reserved, offset=word >> 3, res2=word >> 1 & 3, m=word & 1, id=identification)
    addresses = [address_text(data[at : at + 16]) for at in range(6, len(data), 16)]
    return IPv6ExtHdrRouting(
        type=data[0], segleft=data[1], reserved=int.from_bytes(data[2:6], "big"), addresses=addresses
    )


def _body(body: Body) -> Any:
    match body:
        case TcpSegment():
            return _tcp(body)
        case UdpDatagram():
            return UDP(sport=body.src_port, dport=body.dst_port) / Raw(body.payload)
        case IcmpMessage(version=4):
            # Type 8: the rest of the header is identifier and sequence number.
            assert body.type in (0, 8)
            return ICMP(type=body.type, code=body.code, id=body.rest >> 16, seq=body.rest & 0xFFFF) / Raw(body.payload)
        case IcmpMessage():
            return ICMPv6Unknown(type=body.type, code=body.code, msgbody=struct.pack("!I", body.rest) + body.payload)
        case RawPayload():
            return Raw(body.data)


def _tcp(segment: TcpSegment) -> Any:
    return TCP(
        sport=segment.src_port,
        dport=segment.dst_port,
        seq=segment.seq,
        ack=segment.ack,
        reserved=segment.reserved,
        flags=segment.flags,
        window=segment.window,
        urgptr=segment.urgent,
        options=scapy_options(segment.options),
    ) / Raw(segment.payload)
