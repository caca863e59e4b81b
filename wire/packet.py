"""Whole packets: a stack of headers and a body, as octets and as values."""

from struct import Struct
from struct import error as struct_error
from typing import NamedTuple, TypeAlias

from wire import gre, icmp, mpls, tcp, udp
from wire.addresses import address_octets, address_text
from wire.checksum import internet_checksum, pseudo_header
from wire.errors import MalformedPacket, WireError
from wire.gre import GreHeader
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header, build_ipv4, build_ipv6, checksum_addresses, read_ipv4, read_ipv6
from wire.mpls import MplsStack
from wire.options import MAX_OPTION_OCTETS, build_options, parse_options
from wire.tcp import TcpSegment
from wire.udp import UdpDatagram, UdpHeader

_PROTOCOL_IPV4 = 4  # RFC 2003
_PROTOCOL_IPV6 = 41  # RFC 4213
_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD
_ETHERTYPE_MPLS = 0x8847  # RFC 4023, section 4
_PROTOCOL_OF_VERSION = {4: _PROTOCOL_IPV4, 6: _PROTOCOL_IPV6}
_PROTOCOL_OF_ETHERTYPE = {
    _ETHERTYPE_IPV4: _PROTOCOL_IPV4,
    _ETHERTYPE_IPV6: _PROTOCOL_IPV6,
    _ETHERTYPE_MPLS: mpls.PROTOCOL,
}
_PLAIN_OCTETS = 40  # an IPv4 header without options and a TCP header
_read_plain = Struct("!BBHHHBBH4s4sHHIIHHHH").unpack_from
_pack_ipv4 = Struct("!BBHHHBBH4s4s").pack
_pack_tcp = Struct("!HHIIHHHH").pack
_MOST_FLAGS, _MOST_RESERVED = 0x1FF, 7
_LENGTH_AT = {4: 2, 6: 4}  # where the length field of each version stands
_PSEUDO_HEADER_BODIES: dict[type, tuple[str, int]] = {
    TcpSegment: ("tcp", tcp.PROTOCOL),
    UdpDatagram: ("udp", udp.PROTOCOL),
    IcmpMessage: ("icmpv6", icmp.PROTOCOL_V6),
}


class RawPayload(NamedTuple):
    """Octets that no other body describes: an unknown protocol, a fragment."""

    data: bytes = b""


Header: TypeAlias = Ipv4Header | Ipv6Header | GreHeader | MplsStack | UdpHeader
Body: TypeAlias = TcpSegment | UdpDatagram | IcmpMessage | RawPayload


class Packet(NamedTuple):
    """Headers, outermost first and at least one of them IP, and the body of the innermost."""

    headers: tuple[Header, ...]
    body: Body

    @property
    def ip(self) -> Ipv4Header | Ipv6Header:
        """The innermost IP header. Raises `WireError` when there is none."""
        for header in reversed(self.headers):
            if isinstance(header, Ipv4Header | Ipv6Header):
                return header
        raise WireError("a packet has at least one IP header")


# ---------------------------------------------------------------- values to octets


def build_packet(packet: Packet) -> bytes:
    """Return the octets of a packet.

    Lengths are always computed, checksums where they are None, and protocol fields unless the next thing is a
    `RawPayload`. Raises `WireError` for what has no form on the wire.
    """
    plain = _build_plain(packet)
    if plain is not None:
        return plain
    packet = _close_tunnel(packet)
    data, protocol = _build_body(packet)
    below: Header | None = None
    for header in reversed(packet.headers):
        data = _wrap(header, data, _announce(header, below) if below is not None else protocol)
        below = header
    return data


def _build_plain(packet: Packet) -> bytes | None:
    """Return TCP directly in an IPv4 header without options, in half of the time of the general way, else None.

    A field out of its range is left to the general way, too, which has words for it.
    """
    headers, segment = packet
    header = headers[0] if len(headers) == 1 else None
    if type(segment) is not TcpSegment or type(header) is not Ipv4Header:
        return None
    src, dst, _, ttl, tos, identification, ip_flags, fragment, ip_options, ip_checksum = header
    src_port, dst_port, seq, ack, flags, window, urgent, options, payload, reserved, checksum = segment
    if ip_options or fragment or ip_checksum is not None or checksum is not None:
        return None
    area = build_options(options, pad=True) if options else b""
    octets = _PLAIN_OCTETS + len(area) + len(payload)
    if len(area) > MAX_OPTION_OCTETS or flags > _MOST_FLAGS or reserved > _MOST_RESERVED or ip_flags > _MOST_RESERVED:
        return None
    word = (20 + len(area)) << 10 | reserved << 9 | flags
    src_octets, dst_octets = address_octets(src), address_octets(dst)
    if len(src_octets) + len(dst_octets) != 8:
        return None
    try:
        front = _pack_ipv4(
            0x45, tos, octets, identification, ip_flags << 13, ttl, tcp.PROTOCOL, 0, src_octets, dst_octets
        )
        behind = _pack_tcp(src_port, dst_port, seq, ack, word, window, 0, urgent) + area + payload
    except struct_error:
        return None
    # The pseudo-header is the addresses, the protocol and the length (RFC 9293, section 3.1).
    summed = front[12:] + behind
    sums = int.from_bytes(summed, "big") << 8 if len(summed) & 1 else int.from_bytes(summed, "big")
    checksum = 0xFFFF - ((sums + tcp.PROTOCOL + octets - 20) % 0xFFFF or 0xFFFF)
    ip_checksum = 0xFFFF - (int.from_bytes(front, "big") % 0xFFFF or 0xFFFF)
    return b"".join((
        front[:10], ip_checksum.to_bytes(2, "big"), front[12:], behind[:16], checksum.to_bytes(2, "big"), behind[18:],
    ))  # fmt: skip


def _close_tunnel(packet: Packet) -> Packet:
    """Return a packet whose TCP segment stands behind a UDP header as one with a datagram, any other as it is."""
    header, body = packet.headers[-1] if packet.headers else None, packet.body
    if not (isinstance(header, UdpHeader) and isinstance(body, TcpSegment)):
        return packet
    segment = tcp.build_tcp(body, *checksum_addresses(packet.ip))
    return Packet(packet.headers[:-1], UdpDatagram(header.src_port, header.dst_port, segment, header.checksum))


def _build_body(packet: Packet) -> tuple[bytes, int | None]:
    """Return the body's octets and its protocol number, None when the header above it is to say."""
    body = packet.body
    if isinstance(body, RawPayload):
        packet.ip  # noqa: B018  # raises
        return body.data, None
    header = packet.headers[-1] if packet.headers else None
    if not isinstance(header, Ipv4Header | Ipv6Header):
        raise WireError(f"{type(body).__name__} without an IP header directly in front of it")
    src, dst = checksum_addresses(header)
    if isinstance(body, TcpSegment):
        return tcp.build_tcp(body, src, dst), tcp.PROTOCOL
    if isinstance(body, UdpDatagram):
        return udp.build_udp(body, src, dst), udp.PROTOCOL
    return icmp.build_icmp(body, src, dst), icmp.PROTOCOL_V6 if body.version == 6 else icmp.PROTOCOL_V4


def _announce(header: Header, below: Header) -> int:
    """Return the number by which `header` announces `below`: an EtherType in GRE, else a protocol number."""
    in_gre = isinstance(header, GreHeader)
    if isinstance(below, Ipv4Header):
        return _ETHERTYPE_IPV4 if in_gre else _PROTOCOL_IPV4
    if isinstance(below, Ipv6Header):
        return _ETHERTYPE_IPV6 if in_gre else _PROTOCOL_IPV6
    if isinstance(below, MplsStack):
        return _ETHERTYPE_MPLS if in_gre else mpls.PROTOCOL
    if in_gre:
        raise WireError("GRE directly in GRE has no EtherType")
    return gre.PROTOCOL


def _wrap(header: Header, payload: bytes, protocol: int | None) -> bytes:
    if isinstance(header, Ipv4Header):
        return build_ipv4(header, payload, header.protocol if protocol is None else protocol)
    if isinstance(header, Ipv6Header):
        return build_ipv6(header, payload, header.next_header if protocol is None else protocol)
    if isinstance(header, GreHeader):
        return gre.build_gre(header, payload, header.protocol if protocol is None else protocol)
    if isinstance(header, UdpHeader):
        raise WireError("a UDP header stands between IP and TCP")
    return mpls.build_mpls(header) + payload


# ---------------------------------------------------------------- octets to values


def parse_packet(data: bytes, *, tolerant: bool = False) -> Packet:
    """Read a packet that starts with an IP header and fills `data`.

    Every structural error (lengths that contradict each other or the data, headers cut off, TCP options with a wrong
    length octet) raises `MalformedPacket`. Checksums are kept as they are, right or wrong; see `checksum_errors`.
    Fragments and unknown protocols have a `RawPayload`. Building the result gives `data` again.

    With `tolerant`, octets behind the packet's own end are dropped (RFC 894 pads frames) and the end of an option
    area that cannot be read is a `wire.options.Remainder`, as a stack that has to live with such segments needs it.
    """
    # TCP directly in an IPv4 header without options is read here in one go, in 70 % of the time that the general way
    # takes. Whatever is unusual about it (a fragment, a wrong length) is left to the general way.
    size = len(data)
    if size >= _PLAIN_OCTETS and data[0] == 0x45 and data[9] == tcp.PROTOCOL:
        (
            _, tos, length, identification, fragment, ttl, protocol, ip_checksum, src, dst,
            src_port, dst_port, seq, ack, word, window, checksum, urgent,
        ) = _read_plain(data)  # fmt: skip
        at = 20 + (word >> 10 & 0x3C)
        if length == size and not fragment & 0x3FFF and 40 <= at <= size:
            try:
                options = parse_options(data[40:at], tolerant=tolerant)
            except MalformedPacket:
                return _parse_any(data, size, tolerant)  # says where in the packet
            # The classes' own __new__ are Python functions that do only this, at twice the time.
            header = tuple.__new__(Ipv4Header, (
                address_text(src), address_text(dst), protocol, ttl, tos, identification,
                fragment >> 13, fragment & 0x1FFF, b"", ip_checksum,
            ))  # fmt: skip
            segment = tuple.__new__(TcpSegment, (
                src_port, dst_port, seq, ack, word & 0x1FF, window, urgent,
                options, data[at:], word >> 9 & 7, checksum,
            ))  # fmt: skip
            return tuple.__new__(Packet, ((header,), segment))
    return _parse_any(data, size, tolerant)


def _parse_any(data: bytes, size: int, tolerant: bool) -> Packet:
    """Read a packet, whatever is in it."""
    version = data[0] >> 4 if data else 0
    if version not in _LENGTH_AT:
        raise MalformedPacket(f"IP version {version}" if data else "no octets", 0)
    read = read_ipv4 if version == 4 else read_ipv6
    header, at, end, protocol = read(data, 0, size)
    if end != size and not (tolerant and end < size):
        raise MalformedPacket(f"IPv{version} packet of {end} octets in {size}", _LENGTH_AT[version])
    return _parse_behind(header, protocol, data, at, end, tolerant)


def _parse_behind(header: Header, protocol: int | None, data: bytes, at: int, end: int, tolerant: bool) -> Packet:
    """Read on behind the first header: encapsulated headers, and the body of the last."""
    headers = [header]
    while True:
        if protocol in (_PROTOCOL_IPV4, _PROTOCOL_IPV6):
            header, at, protocol = _read_inner(protocol, data, at, end)
        elif protocol == gre.PROTOCOL and gre.is_readable(data, at, end):
            header = gre.read_gre(data, at, end)
            at += header.size
            protocol = _PROTOCOL_OF_ETHERTYPE.get(header.protocol)
        elif protocol == mpls.PROTOCOL:
            header = mpls.read_mpls(data, at, end)
            at += header.size
            # The stack does not say what follows; routers look at the version (RFC 4928, section 2).
            protocol = _PROTOCOL_OF_VERSION.get(data[at] >> 4) if at < end else None
        else:
            return Packet(tuple(headers), _read_body(protocol, data, at, end, tolerant))
        headers.append(header)


def _read_inner(protocol: int, data: bytes, at: int, end: int) -> tuple[Header, int, int | None]:
    """Return an IP header that stands inside another packet, where its payload starts, and the payload's protocol."""
    read, version = (read_ipv4, 4) if protocol == _PROTOCOL_IPV4 else (read_ipv6, 6)
    header, body_at, packet_end, upper = read(data, at, end)
    if packet_end != end:
        raise MalformedPacket(
            f"encapsulated IP packet of {packet_end - at} octets in {end - at}", at + _LENGTH_AT[version]
        )
    return header, body_at, upper


def _read_body(protocol: int | None, data: bytes, at: int, end: int, tolerant: bool) -> Body:
    if protocol == tcp.PROTOCOL:
        return tcp.parse_tcp(data, at, end, tolerant)
    if protocol == udp.PROTOCOL:
        return udp.parse_udp(data, at, end)
    if protocol == icmp.PROTOCOL_V4:
        return icmp.parse_icmp(4, data, at, end)
    if protocol == icmp.PROTOCOL_V6:
        return icmp.parse_icmp(6, data, at, end)
    return RawPayload(data[at:end])


def open_tunnel(packet: Packet, *, tolerant: bool = False) -> Packet:
    """Return a packet with a UDP datagram as one whose TCP segment stands behind a UDP header; any other as it is.

    Nothing on the wire says that a datagram holds TCP: its ports do, by agreement. Raises `MalformedPacket` (offsets
    count from the start of the segment) when what is inside is no TCP segment; `tolerant` is that of `parse_packet`.
    """
    datagram = packet.body
    if not isinstance(datagram, UdpDatagram):
        return packet
    segment = tcp.parse_tcp(datagram.payload, 0, len(datagram.payload), tolerant)
    return Packet((*packet.headers, UdpHeader(datagram.src_port, datagram.dst_port, datagram.checksum)), segment)


# ---------------------------------------------------------------- checksums of a received packet


def checksum_errors(data: bytes, packet: Packet | None = None) -> list[str]:
    """Return the names of the wrong checksums in a packet, outermost first. `packet` is `data` parsed, if it is known.

    The names are ``ipv4``, ``gre``, ``tcp``, ``udp``, ``icmp`` and ``icmpv6``; nested headers of one kind can repeat a
    name. A UDP checksum of 0 is right over IPv4 (RFC 768) and wrong over IPv6 (RFC 8200, section 8.1). Raises
    `MalformedPacket` as a tolerant `parse_packet` does.
    """
    if packet is None:
        packet = parse_packet(data, tolerant=True)
    if _is_plain_and_right(data, packet):
        return []
    # The outermost length field says where the packet ends; what is behind it is padding of the link.
    end = int.from_bytes(data[2:4], "big") if data[0] >> 4 == 4 else 40 + int.from_bytes(data[4:6], "big")
    errors: list[str] = []
    at = 0
    for header in packet.headers:
        if isinstance(header, Ipv4Header):
            if internet_checksum(data[at : at + header.size]):
                errors.append("ipv4")
        elif isinstance(header, GreHeader) and header.has_checksum and internet_checksum(data[at:end]):
            errors.append("gre")
        at += header.size
    body_name = _wrong_body_checksum(packet, data[at:end])
    return [*errors, body_name] if body_name else errors


def _is_plain_and_right(data: bytes, packet: Packet) -> bool:
    """Tell whether this is TCP directly in an IPv4 header without options, whole, with right checksums."""
    octets = len(data)
    if type(packet.body) is not TcpSegment or octets < _PLAIN_OCTETS or data[0] != 0x45 or len(packet.headers) != 1:
        return False
    if int.from_bytes(data[2:4], "big") != octets or int.from_bytes(data[:20], "big") % 0xFFFF:
        return False
    # From the addresses on, with protocol and length, which complete the pseudo-header (RFC 9293, section 3.1).
    number = int.from_bytes(data[12:], "big")
    return not ((number << 8 if octets & 1 else number) + tcp.PROTOCOL + octets - 20) % 0xFFFF


def _wrong_body_checksum(packet: Packet, octets: bytes) -> str | None:
    """Return the name of the body's checksum when it is wrong over `octets`."""
    body = packet.body
    if isinstance(body, RawPayload):
        return None
    if isinstance(body, IcmpMessage) and body.version == 4:
        return "icmp" if internet_checksum(octets) else None
    if isinstance(body, UdpDatagram) and body.checksum == 0:
        return None if isinstance(packet.ip, Ipv4Header) else "udp"
    name, protocol = _PSEUDO_HEADER_BODIES[type(body)]
    pseudo = pseudo_header(*checksum_addresses(packet.ip), protocol, len(octets))
    return name if internet_checksum(pseudo + octets) else None
