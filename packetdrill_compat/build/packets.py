"""Builds packets: direction, encapsulation, IP annotation, TCP, UDP and ICMP."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from packetdrill_compat import icmp
from packetdrill_compat.ast import (
    Direction,
    Echoed,
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Encap,
    GreEncap,
    IcmpSpec,
    IpEncap,
    IpInfo,
    MplsEncap,
    MplsLabel,
    PacketBody,
    PacketEvent,
    SequenceRange,
    TcpFlags,
    TcpSpec,
    UdpSpec,
)
from packetdrill_compat.build.base import U16, U32, BuilderBase, Parts, hexadecimal, integer, number
from packetdrill_compat.build.lengths import ICMP_HEADER, check_icmp_size, check_tcp_size, check_udp_size
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import Token
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG

_MAX_OUTER_HEADERS = 4  # six headers in all, of which a packet has two of its own: IP and TCP, UDP or ICMP
_MAX_MPLS_LABELS = 6
_GRE_VERSION_MASK = 0x0007
_GRE_ROUTING = 0x4000  # RFC 1701; taken out by RFC 2784, section 2.3
_GRE_BITS = {"none": 0, "checksum": 0x8000, "key": 0x2000, "sequence#": 0x1000}
_FLAG_BITS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, ".": ACK, "U": URG, "E": ECE, "W": CWR, "A": AE}
_ACE_BITS = (ECE, CWR, AE)
_ACE_DIGITS = "01234567"


class PacketBuilder(BuilderBase):
    """Rules of section 3, without TCP options."""

    icmpv6_with_mtu: tuple[tuple[int, int], ...] = ((2, 0),)

    def packet(self, parts: Parts) -> PacketEvent:
        """A packet with everything around it."""
        direction, encaps, info, body = parts
        position = self.position(direction)
        event = PacketEvent(Direction(direction.text), body, encaps, info, position=position)
        if self.outer_headers(event) > _MAX_OUTER_HEADERS:
            self.fail("too many headers", direction, next_step="a packet has at most six headers, IP and TCP included")
        if event.direction is Direction.INBOUND:
            self._check_inbound(event, direction)
        self.check_markings(event)
        self._check_size(body, direction)
        return event

    def outer_headers(self, event: PacketEvent) -> int:
        """How many headers the packet has beyond IP and its transport."""
        return len(event.encaps)

    def check_markings(self, event: PacketEvent) -> None:
        """ECN words, [ect01] excepted, may not stand on UDP packets."""
        info = event.info
        if isinstance(event.body, UdpSpec) and info and info.ecn not in {None, EcnMark.ECT01}:
            self.fail_at("ECN can only be used with TCP packets", info.position, next_step="write [tos 0xNN]")

    def direction(self, parts: Parts) -> Token:
        """``<`` or ``>``."""
        token: Token = parts[0]
        return token

    def _check_inbound(self, event: PacketEvent, direction: Token) -> None:
        body = event.body
        if event.info and event.info.ecn is EcnMark.ECT01 and not isinstance(body, UdpSpec):
            self.fail_at("[ect01] can only be used with outbound packets", event.info.position)
        if isinstance(body, TcpSpec):
            if body.options is None:
                self.fail("<...> for TCP options can only be used with outbound packets", direction)
            if body.window is None:
                self.fail("window must be specified for inbound packets", direction, next_step="write win N")

    def _check_size(self, body: PacketBody, direction: Token) -> None:
        message = ""
        match body:
            case TcpSpec():
                message = check_tcp_size(body, self.ip_version)
            case UdpSpec():
                message = check_udp_size(body, self.ip_version)
            case IcmpSpec():
                message = check_icmp_size(body, self.ip_version)
        if message:
            self.fail(message, direction)

    # ------------------------------------------------------------ encapsulation

    def encaps(self, parts: Parts) -> tuple[Encap, ...]:
        """The outer headers."""
        return tuple(parts)

    def ip_encap(self, parts: Parts) -> IpEncap:
        """``ipv4 A > B:`` and ``ipv6 A > B:``."""
        word, info, src, dst = parts
        version = int(word.text[-1])
        return IpEncap(
            version,
            self._address(version, "src", src),
            self._address(version, "dst", dst),
            info,
            position=self.position(word),
        )

    def _address(self, version: int, side: str, token: Token) -> str:
        try:
            return str(IPv6Address(token.text) if version == 6 else IPv4Address(token.text))
        except AddressValueError:
            self.fail(f"bad IPv{version} {side} address: '{token.text}'", token)

    def gre_empty(self, parts: Parts) -> GreEncap:
        """``gre:``."""
        return GreEncap(position=self.position(parts[0]))

    def gre_encap(self, parts: Parts) -> GreEncap:
        """``gre …:``."""
        word, header = parts
        if header.flags & _GRE_VERSION_MASK:
            self.fail("only GRE version 0 is supported", word, next_step="leave the last three bits of flags 0")
        if header.flags & _GRE_ROUTING:
            self.fail("GRE routing is not supported", word, next_step="leave the bit 0x4000 of flags 0")
        return GreEncap(
            header.flags, header.checksum, header.offset, header.key, header.sequence, position=self.position(word)
        )

    def gre_header(self, parts: Parts) -> GreEncap:
        """Flags and the four words of a GRE header."""
        flags, checksum, offset, key, sequence = parts
        return GreEncap(
            flags & U16, number(checksum) & U16, number(offset) & U16, number(key) & U32, number(sequence) & U32
        )

    def gre_flag_word(self, parts: Parts) -> int:
        """``flags N``."""
        return number(parts[0])

    def gre_flag_list(self, parts: Parts) -> int:
        """``flags [...]``."""
        flags = 0
        for bit in parts:
            flags |= bit
        return flags

    def gre_flag(self, parts: Parts) -> int:
        """One word of a flag list."""
        return _GRE_BITS[parts[0].text]

    def mpls_encap(self, parts: Parts) -> MplsEncap:
        """``mpls (…)…:``."""
        word, *labels = parts
        return MplsEncap(self.label_stack(labels), position=self.position(word))

    def label_stack(self, labels: Parts) -> tuple[MplsLabel, ...]:
        """Labels and the tokens they start with; packetdrill has room for six."""
        if len(labels) > _MAX_MPLS_LABELS:
            self.fail("too many MPLS labels", labels[_MAX_MPLS_LABELS][1])
        return tuple(label for label, _ in labels)

    def mpls_label(self, parts: Parts) -> tuple[MplsLabel, Token]:
        """``(label N, tc N, [S], ttl N)``."""
        label, traffic_class, bottom, ttl = parts
        entry = MplsLabel(
            self.ranged(label, 0xFFFFF, "MPLS label out of range for 20 bits"),
            self.ranged(traffic_class, 7, "MPLS traffic_class out of range for 3 bits"),
            bool(bottom),
            self.ranged(ttl, 255, "MPLS ttl out of range for 8 bits"),
        )
        return entry, label

    def bottom(self, parts: Parts) -> bool:
        """``[S],``."""
        if parts[0].value != "S":
            self.fail("expected [S] for MPLS label stack bottom", parts[0])
        return True

    # ------------------------------------------------------------ IP annotation

    def ip_info(self, parts: Parts) -> IpInfo:
        """``[…]`` or ``(…)``."""
        info: IpInfo = parts[0]
        return info

    def ecn(self, parts: Parts) -> IpInfo:
        """``ect0`` and the like."""
        return IpInfo(ecn=EcnMark(parts[0].text), position=self.position(parts[0]))

    def tos(self, parts: Parts) -> IpInfo:
        """``tos 0xNN``."""
        tos = hexadecimal(parts[0])
        if tos > 0xFF:
            self.fail("tos out of range for 8 bits", parts[0])
        return IpInfo(tos=tos, position=self.position(parts[0]))

    def ttl(self, parts: Parts) -> IpInfo:
        """``ttl N``; the number is cut to one octet without a word."""
        return IpInfo(ttl=integer(parts[0]) & 0xFF, position=self.position(parts[0]))

    def flow_label(self, parts: Parts) -> IpInfo:
        """``flowlabel 0xN``."""
        label = hexadecimal(parts[0])
        if label > 0xFFFFF:
            self.fail("flowlabel out of range for 20 bits", parts[0])
        return IpInfo(flow_label=label, position=self.position(parts[0]))

    def marking_and_label(self, parts: Parts) -> IpInfo:
        """``ect0, flowlabel 0xN`` and ``tos 0xNN, flowlabel 0xN``."""
        marking, label = parts
        return IpInfo(marking.ecn, marking.tos, label.flow_label, position=marking.position)

    # ------------------------------------------------------------ TCP

    def tcp(self, parts: Parts) -> TcpSpec:
        """A TCP packet."""
        psp, ports, flags, sequence, ack, window, urgent, options = parts
        return TcpSpec(flags, sequence, ack, window, urgent, options, ports, psp)

    def psp(self, parts: Parts) -> int:
        """``encap psp spi N``."""
        if self.config.psp_udp_port is None:
            self.fail("attempting to use PSP without specifying its UDP port", parts[0])
        return number(parts[0])

    def ports(self, parts: Parts) -> tuple[int, int]:
        """``source > destination``."""
        source, destination = parts
        return (
            self.ranged(source, U16, "src port out of range"),
            self.ranged(destination, U16, "dst port out of range"),
        )

    def flags(self, parts: Parts) -> TcpFlags:
        """The flag word; its parts are a word, a dot, and a float such as ``.5``, joined as they were scanned."""
        text = "".join(token.value for token in parts)
        return TcpFlags(0) if text == "-" else self._flags(text, parts[0])

    def _flags(self, text: str, token: Token) -> TcpFlags:
        mask, ace = 0, None
        for letter in text:
            if letter in _ACE_DIGITS:
                if ace is not None or mask & (ECE | CWR | AE):
                    self.fail(f"Conflicting TCP flag: '{letter}'", token, next_step=_FLAG_HELP)
                ace = int(letter)
            elif letter not in _FLAG_BITS:
                self.fail(f"Invalid TCP flag: '{letter}'", token, next_step=_FLAG_HELP)
            elif ace is not None and letter in "EWA":
                self.fail(f"Conflicting TCP flag: '{letter}'", token, next_step=_FLAG_HELP)
            else:
                mask |= _FLAG_BITS[letter]
        for place, bit in enumerate(_ACE_BITS):
            if ace is not None and ace >> place & 1:
                mask |= bit
        return TcpFlags(mask, ace)

    def sequence(self, parts: Parts) -> SequenceRange:
        """``start:end(length)``."""
        start = self.ranged(parts[0], U32, "TCP start sequence number out of range")
        end = self.ranged(parts[1], U32, "TCP end sequence number out of range")
        length = self.ranged(parts[2], U16, "TCP payload size out of range")
        if end != start + length:
            self.fail(
                "inconsistent TCP sequence numbers and payload size",
                parts[0],
                next_step=f"write {start}:{start + length}({length})",
            )
        return SequenceRange(start, end, length)

    def ack(self, parts: Parts) -> int:
        """``ack N``."""
        return self.ranged(parts[0], U32, "TCP ack sequence number out of range")

    def window(self, parts: Parts) -> int:
        """``win N``."""
        return self.ranged(parts[0], U16, "TCP window value out of range")

    def urgent(self, parts: Parts) -> int:
        """``urg N``."""
        return self.ranged(parts[0], U16, "urg_ptr value out of range")

    # ------------------------------------------------------------ UDP and ICMP

    def udp(self, parts: Parts) -> UdpSpec:
        """``udp (N)``."""
        ports, length = parts
        return UdpSpec(self.ranged(length, U16, "UDP payload size out of range"), ports)

    def icmp(self, parts: Parts) -> IcmpSpec:
        """An ICMP packet."""
        type_word, code_word, mtu, echo_id, echoed = parts
        spec = IcmpSpec(type_word.value, code_word and code_word.value, mtu and mtu[0], echo_id, echoed)
        try:
            numbers = icmp.resolve(self.ip_version, spec.type_word, spec.code_word, dialect=self.dialect)
        except ScriptError as error:
            culprit = type_word if "type" in error.message else code_word
            self.fail(error.message, culprit, next_step=error.next_step)
        if mtu:
            self._check_mtu(numbers, mtu)
        return spec

    def _check_mtu(self, numbers: tuple[int, int], mtu: tuple[int, Token]) -> None:
        wanted: tuple[tuple[int, int], ...] = ((3, 4),)
        limit, bits, only = U16, 16, "ICMPv4 MTU is only valid for unreachable-frag_needed"
        if self.ip_version == 6:
            wanted = self.icmpv6_with_mtu
            limit, bits, only = U32, 32, "ICMPv6 MTU is only valid for packet_too_big-0"
        if numbers not in wanted:
            self.fail(only, mtu[1])
        if mtu[0] > limit:
            self.fail(f"ICMPv{self.ip_version} MTU out of {bits}-bit range", mtu[1])

    def word(self, parts: Parts) -> Token:
        """A single word."""
        token: Token = parts[0]
        return token

    def mtu(self, parts: Parts) -> tuple[int, Token] | None:
        """``mtu N``; a negative number counts as not written."""
        value = integer(parts[0])
        return (value, parts[0]) if value >= 0 else None

    def echo_id(self, parts: Parts) -> int:
        """``id N``."""
        return self.ranged(parts[0], U16, "invalid echo_id, must be between 0 and 65535")

    def echoed_tcp(self, parts: Parts) -> Echoed:
        """``[start:end(length)]``."""
        return EchoedTcp(parts[0])

    def echoed_udp(self, parts: Parts) -> Echoed:
        """``[udp (N)]``; the length is cut to 16 bits without a word."""
        return EchoedUdp(integer(parts[0]) & U16)

    def echoed_raw(self, parts: Parts) -> Echoed:
        """``[raw (N)]``; the length is cut to 16 bits without a word."""
        length = integer(parts[0]) & U16
        if length < ICMP_HEADER:
            self.fail(f"icmp_bytes {length} smaller than icmp header length {ICMP_HEADER}", parts[0])
        return EchoedRaw(length)


_FLAG_HELP = "flags are letters of FSRPUEWA and a dot for ACK; a digit 0 to 7 instead of E, W and A is the ACE field"
