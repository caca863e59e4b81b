"""Compare a captured packet, in script numbers, with the script's (section 4.7, steps 3 to 8).

The C tool stops at the first difference; the comparison here goes on to the end, so that a failure can show every field
that differs. The first one gives the message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from packetdrill_compat.ast import EcnMark
from packetdrill_compat.notation import describe_option
from packetdrill_compat.outcome import Difference
from packetdrill_compat.play.template import UNCHECKED_TTL, Checks
from wire import mptcp
from wire.gre import GreHeader
from wire.icmp import IcmpMessage
from wire.ip import Ipv4Header, Ipv6Header
from wire.mpls import MplsStack
from wire.options import TcpOption, Timestamps, build_options
from wire.packet import Header, Packet, RawPayload
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment
from wire.udp import UdpDatagram, UdpHeader


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference and the C tool's words for it."""

    message: str
    difference: Difference


def field_finding(name: str, want: int, got: int) -> Iterator[Finding]:
    """Yield a finding when a numeric field differs."""
    if want != got:
        message = f"live packet field {name}: expected: {want} (0x{want:x}) vs actual: {got} (0x{got:x})"
        yield Finding(message, Difference(name, str(want), str(got)))


def _words_finding(message: str, name: str, want: object, got: object) -> Iterator[Finding]:
    if want != got:
        yield Finding(message, Difference(name, str(want), str(got)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two packets with what is to be compared. `strict` False compares two captured frames of one flight."""

    want: Packet
    got: Packet
    checks: Checks
    strict: bool = True

    def headers(self) -> Iterator[Finding]:
        """Compare layer by layer, outermost first; stops after a difference of kind."""
        want, got = _layers(self.want), _layers(self.got)
        if len(want) != len(got):
            origin = "live" if self.strict else "aggregate candidate"
            yield from _words_finding(
                f"{origin} packet header layers: expected: {len(want)} headers vs actual: {len(got)} headers",
                "header layers",
                len(want),
                len(got),
            )
            return
        for layer, (wanted, actual) in enumerate(zip(want, got, strict=True)):
            if type(wanted) is not type(actual):
                names = _layer_name(wanted), _layer_name(actual)
                yield from _words_finding(
                    f"live packet header layer {layer}: expected: {names[0]} header vs actual: {names[1]} header",
                    f"header layer {layer}",
                    *names,
                )
                return
            yield from self._layer(layer, wanted, actual)

    def _layer(self, layer: int, want: object, got: object) -> Iterator[Finding]:
        match want, got:
            case Ipv4Header(), Ipv4Header():
                yield from self._ipv4(layer, want, got)
            case Ipv6Header(), Ipv6Header():
                yield from self._ipv6(layer, want, got)
            case TcpSegment(), TcpSegment():
                yield from self._tcp(want, got)
            case UdpDatagram(), UdpDatagram():
                if self.strict:
                    yield from field_finding("udp_len", 8 + len(want.payload), 8 + len(got.payload))
            case IcmpMessage(), IcmpMessage():
                yield from field_finding("icmp_type", want.type, got.type)
                yield from field_finding("icmp_code", want.code, got.code)
            case GreHeader(), GreHeader():
                yield from _gre(want, got)
            case MplsStack(), MplsStack():
                yield from _mpls(want, got)
            case UdpHeader(), UdpHeader():
                yield from field_finding("udp_src_port", want.src_port, got.src_port)
                yield from field_finding("udp_dst_port", want.dst_port, got.dst_port)

    def _ipv4(self, layer: int, want: Ipv4Header, got: Ipv4Header) -> Iterator[Finding]:
        if not self._is_filled_in(layer):
            yield from field_finding("ipv4_protocol", want.protocol, got.protocol)
        yield from field_finding("ipv4_header_length", 5, 5 + len(got.options) // 4)
        if self.strict:
            expected = _size(self.want, layer) + self._options_allowance()
            yield from field_finding("ipv4_total_length", expected, _size(self.got, layer))
        yield from self._tos(want.tos, got.tos)
        yield from _ttl(want.ttl, got.ttl)

    def _ipv6(self, layer: int, want: Ipv6Header, got: Ipv6Header) -> Iterator[Finding]:
        if self.strict:
            expected = _size(self.want, layer) - 40 + self._options_allowance()
            yield from field_finding("ipv6_payload_len", expected, _size(self.got, layer) - 40)
        if not self._is_filled_in(layer):
            yield from field_finding("ipv6_next_header", want.next_header, got.next_header)
        yield from self._tos(want.traffic_class, got.traffic_class)
        yield from _ttl(want.hop_limit, got.hop_limit)

    def _is_filled_in(self, layer: int) -> bool:
        """Tell whether the protocol field of this header is filled in when the packet is built (outer headers)."""
        return layer + 1 < len(self.want.headers)

    def _options_allowance(self) -> int:
        body = self.got.body
        if self.checks.options or not isinstance(body, TcpSegment):
            return 0
        return len(build_options(body.options, pad=True))

    def _tos(self, want: int, got: int) -> Iterator[Finding]:
        if self.checks.ecn is EcnMark.ECT01:
            if got & 3 not in (1, 2):
                message = f"live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: 0x{got & 3:x}"
                yield Finding(message, Difference("ip_ecn", "ect0 or ect1", str(got & 3)))
        elif self.checks.ecn is not None:
            yield from field_finding("ip_ecn", want, got & 3)
        elif self.checks.tos:
            yield from field_finding("tos", want, got)

    def _tcp(self, want: TcpSegment, got: TcpSegment) -> Iterator[Finding]:
        allowance = self._options_allowance() // 4
        yield from field_finding("tcp_data_offset", _data_offset(want) + allowance, _data_offset(got))
        flags: list[tuple[str, int, bool]] = [
            ("tcp_fin", FIN, self.strict),
            ("tcp_syn", SYN, True),
            ("tcp_rst", RST, True),
            ("tcp_psh", PSH, self.strict),
            ("tcp_ack", ACK, True),
            ("tcp_urg", URG, True),
        ]
        if not self.checks.ace:
            flags += [("tcp_ece", ECE, True), ("tcp_cwr", CWR, self.strict), ("tcp_ae", AE, True)]
        for name, bit, compared in flags:
            if compared:
                yield from field_finding(name, int(bool(want.flags & bit)), int(bool(got.flags & bit)))
        if self.checks.ace:
            yield from field_finding("tcp_ace", ace_field(want.flags), ace_field(got.flags))
        yield from field_finding("tcp_reserved_bits", want.reserved, got.reserved)
        seq = want.seq if self.strict else (want.seq + len(want.payload)) & 0xFFFFFFFF
        if self.checks.sequence:
            yield from field_finding("tcp_seq", seq, got.seq)
        yield from field_finding("tcp_ack_seq", want.ack, got.ack)
        if self.checks.window:
            yield from field_finding("tcp_window", want.window, got.window)
        yield from field_finding("tcp_urg_ptr", want.urgent, got.urgent)

    def payload(self) -> Iterator[Finding]:
        """Compare payload octets of TCP and UDP, which are zeros in every script."""
        want, got = self.want.body, self.got.body
        for kind in (TcpSegment, UdpDatagram):
            if isinstance(want, kind) and isinstance(got, kind) and want.payload != got.payload:
                at = next(
                    i for i, pair in enumerate(zip(want.payload, got.payload, strict=False)) if pair[0] != pair[1]
                )
                got_text = f"0x{got.payload[at]:02x} at octet {at}"
                yield Finding("incorrect outbound data payload", Difference("payload", "zeros", got_text))


def ace_field(flags: int) -> int:
    """AE, CWR and ECE as one number (RFC 9768)."""
    return (4 if flags & AE else 0) | (2 if flags & CWR else 0) | (1 if flags & ECE else 0)


def compare_options(
    want: tuple[TcpOption, ...], got: tuple[TcpOption, ...], *, tick: int, tolerance: int
) -> Iterator[Finding]:
    """Compare options in order, padding included; a timestamp's value only when a tick is configured (section 4.6)."""
    for index in range(max(len(want), len(got))):
        wanted = want[index] if index < len(want) else None
        actual = got[index] if index < len(got) else None
        if wanted is None or actual is None or wanted.kind != actual.kind:
            yield Finding("bad outbound TCP options", _option_difference(index, wanted, actual))
        elif isinstance(wanted, Timestamps) and isinstance(actual, Timestamps):
            yield from _timestamp_finding(wanted, actual, tick, tolerance)
        elif wanted.kind == mptcp.KIND:
            yield from _mptcp_findings(index, wanted, actual)
        elif wanted != actual:
            yield _option_finding(index, wanted, actual)


def _timestamp_finding(want: Timestamps, got: Timestamps, tick: int, tolerance: int) -> Iterator[Finding]:
    distance = (got.val - want.val) & 0xFFFFFFFF
    distance = min(distance, (1 << 32) - distance)
    if tick and distance * tick > tolerance:
        message = f"bad outbound TCP timestamp value, tolerance {tolerance}"
        yield Finding(message, Difference("TS val", str(want.val), str(got.val)))


def _mptcp_findings(index: int, want: TcpOption, got: TcpOption) -> Iterator[Finding]:
    """Compare field by field; options of different subtypes as a whole."""
    message = f"MPTCP option mismatch: {mptcp.KIND}"
    if type(want) is not type(got):
        yield Finding(message, _option_difference(index, want, got))
        return
    word = describe_option(want).split(" ", 1)[0]
    assert isinstance(want, mptcp.MptcpOption | mptcp.Mptcp)
    for field in fields(want):
        wanted, actual = getattr(want, field.name), getattr(got, field.name)
        if wanted != actual:
            yield Finding(message, Difference(f"option {index + 1} {word} {field.name}", _show(wanted), _show(actual)))


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(int(value) if isinstance(value, bool) else value)


def _option_finding(index: int, want: TcpOption, got: TcpOption) -> Finding:
    same_length = len(build_options((want,))) == len(build_options((got,)))
    texts = describe_option(want), describe_option(got)
    message = (
        f"bad {'value' if same_length else 'length'} in outbound TCP option (kind={want.kind}): "
        f"expected: {texts[0]} actual: {texts[1]}"
    )
    return Finding(message, _option_difference(index, want, got))


def _option_difference(index: int, want: TcpOption | None, got: TcpOption | None) -> Difference:
    texts = (describe_option(option) if option is not None else "no option" for option in (want, got))
    return Difference(f"option {index + 1}", *texts)


def _ttl(want: int, got: int) -> Iterator[Finding]:
    if want != UNCHECKED_TTL:
        yield from field_finding("ttl", want, got)


def _gre(want: GreHeader, got: GreHeader) -> Iterator[Finding]:
    yield from _words_finding("mismatch in GRE flags", "gre flags", hex(want.flags), hex(got.flags))
    if want.has_checksum:
        yield from _words_finding("mismatch in GRE sum", "gre sum", want.checksum, got.checksum)
        yield from _words_finding("mismatch in GRE off", "gre off", want.offset, got.offset)
    if want.has_key:
        yield from _words_finding("mismatch in GRE key", "gre key", want.key, got.key)
    if want.has_sequence:
        yield from _words_finding("mismatch in GRE seq", "gre seq", want.sequence, got.sequence)


def _mpls(want: MplsStack, got: MplsStack) -> Iterator[Finding]:
    if len(want.labels) != len(got.labels):
        text = "mismatch in MPLS label stack depth"
        yield from _words_finding(text, "mpls depth", len(want.labels), len(got.labels))
        return
    for index, (wanted, actual) in enumerate(zip(want.labels, got.labels, strict=True)):
        yield from _words_finding(f"mismatch in MPLS label {index}", f"mpls label {index}", wanted, actual)


# ---------------------------------------------------------------- sizes and layers


def _layers(packet: Packet) -> list[Header | TcpSegment | UdpDatagram | IcmpMessage | RawPayload]:
    return [*packet.headers, packet.body]


def _layer_name(layer: object) -> str:
    names = {Ipv4Header: "IPV4", Ipv6Header: "IPV6", GreHeader: "GRE", MplsStack: "MPLS", TcpSegment: "TCP"}
    if isinstance(layer, IcmpMessage):
        return "ICMPV6" if layer.version == 6 else "ICMPV4"
    return names.get(type(layer), "UDP" if isinstance(layer, UdpDatagram | UdpHeader) else "RAW")


def _data_offset(segment: TcpSegment) -> int:
    return 5 + len(build_options(segment.options, pad=True)) // 4


def _size(packet: Packet, layer: int) -> int:
    """Octets from this layer's header to the end of the packet."""
    return sum(_own_size(item) for item in _layers(packet)[layer:])


def _own_size(item: object) -> int:
    match item:
        case Ipv4Header():
            return 20 + len(item.options)
        case Ipv6Header():
            return 40 + sum(len(extension.data) + 2 for extension in item.extensions)
        case TcpSegment():
            return 4 * _data_offset(item) + len(item.payload)
        case UdpDatagram() | IcmpMessage():
            return 8 + len(item.payload)
        case GreHeader() | MplsStack() | UdpHeader():
            return item.size
        case RawPayload():
            return len(item.data)
    return 0
