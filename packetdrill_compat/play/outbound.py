"""Collect, merge and judge what an outbound event expects (section 4.7)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from packetdrill_compat.ast import Direction, PacketEvent, TcpSpec
from packetdrill_compat.notation import describe_packet
from packetdrill_compat.outcome import Difference, FailureKind
from packetdrill_compat.play.compare import Comparison, Finding, compare_options, field_finding
from packetdrill_compat.play.dialects import Dialect
from packetdrill_compat.play.errors import PlayError, packet_error
from packetdrill_compat.play.malformed import words_for
from packetdrill_compat.play.mapping import outbound_to_script
from packetdrill_compat.play.records import SocketRecord, SocketState
from packetdrill_compat.play.signing import verified
from packetdrill_compat.play.template import Checks, build_body, checks_of, wrap
from packetdrill_compat.play.timing import seconds
from targets.base import Departure, Micros
from wire.errors import MalformedPacket
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import Sack, Timestamps, build_options, walk_options
from wire.packet import Packet, RawPayload, checksum_errors, open_tunnel, parse_packet
from wire.tcp import ACK, CWR, SYN, TcpSegment
from wire.udp import HEADER_OCTETS as UDP_HEADER
from wire.udp import UdpDatagram

IPV4_HEADER, IPV6_HEADER = 20, 40
SACK_BLOCK = 8
FRAGMENT_CHECKS = Checks(options=True, window=True, ecn=None, tos=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """A captured packet of the socket under test: as it came, in script numbers, and when (script time)."""

    data: bytes
    live: Packet
    packet: Packet
    time: Micros


def payload_length(packet: Packet) -> int:
    """Octets behind the transport header."""
    body = packet.body
    return len(body.data) if isinstance(body, RawPayload) else len(body.payload)


def read_frame(departure: Departure, *, opens_udp: bool = False) -> Packet | None:
    """Parse a captured packet; None for protocols that are silently skipped, `PlayError` for malformed ones.

    With `opens_udp` every UDP datagram is taken for a tunnel around TCP.
    """
    try:
        packet = parse_packet(_without_trailer(departure.packet))
        if opens_udp:
            packet = open_tunnel(packet)
    except MalformedPacket as error:
        octets = departure.packet.hex(" ") or "no octets"
        message = words_for(error, len(departure.packet))
        raise PlayError(message, kind=FailureKind.PACKET, got=octets) from None
    header = packet.ip
    if isinstance(header, Ipv4Header) and header.is_fragment:
        what = "More fragments remaining" if header.flags & 1 else "Non-zero fragment offset"
        raise PlayError(
            f"{what}: packet of {len(departure.packet)} bytes", kind=FailureKind.PACKET, got=departure.packet.hex(" ")
        )
    return None if isinstance(packet.body, RawPayload) else packet


def _without_trailer(data: bytes) -> bytes:
    """Cut off what follows the IP packet, at which the C tool does not look either."""
    if (len(data) < IPV6_HEADER and data[:1] and data[0] >> 4 == 6) or len(data) < IPV4_HEADER:
        return data
    header = IPV6_HEADER if data[0] >> 4 == 6 else 0
    length = int.from_bytes(data[4:6] if header else data[2:4], "big")
    # A length of 0 is that of a packet which is too big for the field.
    return data[: header + length] if IPV4_HEADER <= header + length < len(data) and length else data


class Expectation:
    """One outbound event while its frames are collected.

    Feed `add` with the socket's frames until it returns True, then ask `findings`.
    """

    def __init__(self, event: PacketEvent, record: SocketRecord, dialect: Dialect) -> None:
        self._record = record
        self._dialect = dialect
        config = self._config = dialect.config
        self._event = event
        self.checks = checks_of(event)
        self._is_absolute = isinstance(event.body, TcpSpec) and event.body.sequence.absolute
        self._is_syn_ack = isinstance(event.body, TcpSpec) and event.body.flags.mask & (SYN | ACK) == SYN | ACK
        if self._is_syn_ack and record.state is SocketState.PASSIVE_PACKET_RECEIVED:
            assert isinstance(event.body, TcpSpec)
            if self.checks.sequence:
                record.script_local_isn = event.body.sequence.start
        assert event.direction is Direction.OUTBOUND
        ends = (record.local_ip or config.local_ip, record.remote_ip or config.remote_ip)
        self.want = wrap(event, build_body(event, record, config), ends)
        self.frames: list[Frame] = []

    @property
    def want_text(self) -> str:
        """The expected packet in packetdrill's dump notation."""
        return describe_packet(
            self.want, local_isn=None, remote_isn=None, outbound=True, show_window=self.checks.window
        ).replace("<>", "")

    def describe(self, packet: Packet) -> str:
        """A captured packet, already in script numbers, in dump notation."""
        return describe_packet(packet, local_isn=None, remote_isn=None, outbound=True)

    def add(self, packet: Packet, departure: Departure, time: Micros) -> bool:
        """Take the next frame of the socket; True when the event has all it wants. Raises `PlayError`."""
        record = self._record
        body = packet.body
        if isinstance(body, TcpSegment):
            if self._is_syn_ack and record.state is SocketState.PASSIVE_PACKET_RECEIVED:
                record.state = SocketState.PASSIVE_SYNACK_SENT
                record.live_local_isn = body.seq
            record.last_captured = body
            walk_strictly(body, self._dialect.walkable_kinds)
            shown = verified(packet, self._event, self._config).body
            assert isinstance(shown, TcpSegment)
            packet = packet._replace(body=outbound_to_script(shown, record, is_absolute=self._is_absolute))
        frame = Frame(departure.packet, Packet(packet.headers, body), packet, time)
        if self.frames and _ends(frame.live) != _ends(self.frames[-1].live):
            # The first SYN seen was an older socket's repetition; the one that came now is the socket's own.
            self.frames.clear()
        if self.frames:
            self._check_continuation(frame)
        self.frames.append(frame)
        total, wanted = self._total(), payload_length(self.want)
        return total >= wanted or self._config.strict_segments

    def _total(self) -> int:
        return sum(payload_length(frame.packet) for frame in self.frames)

    def _check_continuation(self, frame: Frame) -> None:
        previous = self.frames[-1]
        comparison = Comparison(want=previous.packet, got=frame.packet, checks=FRAGMENT_CHECKS, strict=False)
        findings = list(comparison.headers())
        length, before = payload_length(frame.packet), payload_length(previous.packet)
        collected, wanted = self._total(), payload_length(self.want)
        if findings:
            raise self._mismatch(findings[0].message, findings, [*self.frames, frame])
        if length < wanted - collected and length != before:
            message = (
                f"fragment payload: expected {before} bytes vs actual {length} bytes; "
                f"total payload: expected {wanted} bytes vs actual {collected + length} bytes"
            )
            raise self._mismatch(message, [], [*self.frames, frame])

    def _mismatch(self, message: str, findings: list[Finding], frames: list[Frame]) -> PlayError:
        texts = [self.describe(frame.packet) for frame in frames]
        if len(texts) > 1:
            pairs = enumerate(zip(frames, texts, strict=True))
            texts = [f"#{number} at {seconds(frame.time)}  {text}" for number, (frame, text) in pairs]
        got = "\n".join(texts)
        differences = tuple(finding.difference for finding in findings)
        return PlayError(message, kind=FailureKind.PACKET, want=self.want_text, got=got, differences=differences)

    def judge(self, *, timing: Callable[[Micros], str | None], timestamp_tolerance: Micros) -> None:
        """Compare everything collected; `timing` judges the moment. Raises `PlayError` on a difference."""
        total, wanted = self._total(), payload_length(self.want)
        if total != wanted:
            message = f"live packet payload: expected {wanted} bytes vs actual {total} bytes"
            findings = list(Comparison(self.want, _merge(self.frames), self.checks).headers())
            raise self._mismatch(message, findings, self.frames)
        merged = _merge(self.frames)
        if "ipv4" in checksum_errors(self.frames[-1].data):
            raise self._mismatch("bad outbound IP checksum", [], self.frames)
        merged = self._comparable(self._map_timestamps(merged))
        findings = [*self._findings(merged, timestamp_tolerance)]
        late = timing(self.frames[-1].time)
        if findings or late:
            message = findings[0].message if findings else late or ""
            error = self._mismatch(message, findings, self.frames[-1:])
            raise PlayError(
                message,
                kind=FailureKind.PACKET if findings else FailureKind.TIMING,
                want=self.want_text,
                got=self.describe(merged),
                differences=error.differences,
                can_warn=True,
            )

    def _findings(self, merged: Packet, timestamp_tolerance: Micros) -> Iterator[Finding]:
        comparison = Comparison(self.want, merged, self.checks)
        yield from self._length_of_last_datagram()
        yield from comparison.headers()
        yield from self._flow_label(merged)
        want, got = self.want.body, merged.body
        if isinstance(want, TcpSegment) and isinstance(got, TcpSegment) and self.checks.options:
            yield from compare_options(
                want.options, got.options, tick=self._config.tcp_ts_tick_usecs, tolerance=timestamp_tolerance
            )
        yield from comparison.payload()

    def _length_of_last_datagram(self) -> Iterator[Finding]:
        """Datagrams are collected like segments, but the length in the header is still that of the last one."""
        last = self.frames[-1].packet.body
        if len(self.frames) > 1 and isinstance(last, UdpDatagram):
            yield from field_finding("udp_len", UDP_HEADER + payload_length(self.want), UDP_HEADER + len(last.payload))

    def _map_timestamps(self, merged: Packet) -> Packet:
        want, got = self.want.body, merged.body
        if not (isinstance(want, TcpSegment) and isinstance(got, TcpSegment)):
            return merged
        written, live = _last_timestamps(want), _last_timestamps(got)
        if written is None or live is None:
            return merged
        timestamps = self._record.timestamps
        if self.checks.timestamps:
            timestamps.learn(written.val, live.val)
            rewritten = Timestamps(timestamps.to_script(live.val), live.ecr)
        else:
            rewritten = Timestamps(written.val, live.ecr)
        options = tuple(rewritten if isinstance(option, Timestamps) else option for option in got.options)
        return merged._replace(body=got._replace(options=options))

    def _comparable(self, merged: Packet) -> Packet:
        """Let the dialect complete the script's options, and translate those that came."""
        want, got = self.want.body, merged.body
        if not (isinstance(want, TcpSegment) and isinstance(got, TcpSegment)):
            return merged
        want, got = self._dialect.compare(want, got, self._record)
        self.want = self.want._replace(body=want)
        return merged._replace(body=got)

    def _flow_label(self, merged: Packet) -> Iterator[Finding]:
        want, got, record = self.want.ip, merged.ip, self._record
        if not (isinstance(want, Ipv6Header) and isinstance(got, Ipv6Header) and want.flow_label):
            return
        known = record.flow_label
        message = ""
        if not got.flow_label:
            message = "flowlabel unmarked in the live packet"
        elif known is not None and want.flow_label == known[0] and got.flow_label != known[1]:
            message = (
                f"inconsistent flowlabels for this packet: expected: 0x{known[1]:x} vs actual: 0x{got.flow_label:x}"
            )
        elif known is not None and want.flow_label != known[0] and got.flow_label == known[1]:
            message = "expected a different flowlabel but got the same"
        elif known is None or want.flow_label != known[0]:
            record.flow_label = (want.flow_label, got.flow_label)
        if message:
            yield Finding(message, Difference("flow label", hex(want.flow_label), hex(got.flow_label)))


def _ends(packet: Packet) -> tuple[str, str, int, int]:
    """Addresses and ports of a packet."""
    body = packet.body
    ports = (body.src_port, body.dst_port) if isinstance(body, TcpSegment | UdpDatagram) else (0, 0)
    return packet.ip.src, packet.ip.dst, *ports


def _last_timestamps(segment: TcpSegment) -> Timestamps | None:
    return next((option for option in reversed(segment.options) if isinstance(option, Timestamps)), None)


def _merge(frames: list[Frame]) -> Packet:
    """One packet out of several frames: headers of the last, sequence number and CWR of the first."""
    if len(frames) == 1:
        return frames[0].packet
    first, last = frames[0].packet.body, frames[-1].packet.body
    if isinstance(first, TcpSegment) and isinstance(last, TcpSegment):
        payload = b"".join(f.packet.body.payload for f in frames if isinstance(f.packet.body, TcpSegment))
        flags = last.flags & ~CWR | first.flags & CWR
        return frames[-1].packet._replace(body=last._replace(seq=first.seq, flags=flags, payload=payload))
    if isinstance(last, UdpDatagram):
        payload = b"".join(f.packet.body.payload for f in frames if isinstance(f.packet.body, UdpDatagram))
        return frames[-1].packet._replace(body=last._replace(payload=payload))
    return frames[-1].packet


def walk_strictly(segment: TcpSegment, kinds: Mapping[int, int | None]) -> None:
    """Walk the options as the C tool does: unknown kinds and wrong fixed lengths are fatal, EOL does not stop."""
    try:
        for kind, _offset, option in walk_options(build_options(segment.options)):
            if kind not in kinds:
                raise packet_error(f"unexpected TCP option kind: {kind}")
            length = kinds[kind]
            _check_sack(kind, len(option))
            if length is not None and len(option) != length:
                raise packet_error(f"bad TCP option length: was {len(option)} but expected {length}")
    except MalformedPacket as error:
        raise packet_error(f"TCP option length byte extends too far: {error}") from None


def _check_sack(kind: int, length: int) -> None:
    octets = length - 2
    if kind == Sack.kind and octets <= 0:
        raise packet_error("TCP SACK option too short")
    if kind == Sack.kind and octets % SACK_BLOCK:
        raise packet_error("TCP SACK option not a multiple of SACK block size")
