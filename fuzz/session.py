"""A conversation with a target that writes itself down as a packetdrill script while it happens.

The fuzzer says what to inject and which calls to make; whatever the stack sends becomes an outbound event of the script
at the moment it came. So every conversation can be printed as a ``.pkt`` and played again without the fuzzer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packetdrill_compat.ast import (
    Direction,
    Ellipsis_,
    Event,
    EventTime,
    Expression,
    Integer,
    OptionLine,
    PacketEvent,
    PlainOption,
    Script,
    SequenceRange,
    SyscallEvent,
    TcpFlags,
    TcpSpec,
    TimeKind,
    Word,
)
from packetdrill_compat.calls import check_result, prepare
from packetdrill_compat.calls.base import errno_name
from packetdrill_compat.config import Config
from packetdrill_compat.play.mapping import outbound_to_script
from packetdrill_compat.play.outbound import Expectation, read_frame
from packetdrill_compat.play.player import Player
from packetdrill_compat.play.records import SocketRecord, SocketState
from packetdrill_compat.runner import network_of
from targets.base import Departure, Micros, Target
from targets.calls import CallResult
from targets.recording import Recording
from targets.trace import Departed
from wire.options import Nop, TcpOption, Timestamps, build_options
from wire.packet import Packet
from wire.tcp import ACK, RST, SYN, TcpSegment

DOTS = Ellipsis_()
LISTENER, CONNECTED = 3, 4
LIMIT: Micros = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What the peer knows of the connection, in script numbers: what the stack has sent, acknowledged and offered."""

    next_seq: int = 0
    highest: int = 0
    acknowledged: int = 0
    window: int = 0


class Session:
    """Drives one connection on an open target and keeps the script of it in `events`."""

    def __init__(self, target: Target, config: Config) -> None:
        config = self.config = replace(config, strict_segments=True, tcp_ts_ecr_scaled=True)
        self.recording = Recording(target)
        self.recording.open(network_of(config))
        self.player = Player("", config, self.recording, limit=LIMIT)
        self.events: list[Event] = []
        self.of_departure: dict[int, int] = {}
        self.seen = Seen()
        self.peer_next = 0
        self.echo: int | None = None
        self.is_reset = False
        self._noted = 0

    def close(self) -> None:
        """Close the target."""
        self.recording.close()

    # ------------------------------------------------------------ stimuli

    def inject(
        self,
        mask: int,
        seq: int,
        ack: int,
        window: int,
        *,
        length: int = 0,
        options: Iterable[TcpOption] = (),
    ) -> None:
        """Inject a segment; numbers are the script's (relative to the ISNs unless the segment has SYN)."""
        end = seq + length
        if end > 0xFFFFFFFF:
            seq, end = seq - length, seq
        options = (*options, *self._timestamps(mask))
        body = TcpSpec(
            TcpFlags(mask),
            SequenceRange(seq, end, length),
            ack=ack if mask & ACK else None,
            window=window,
            options=tuple(PlainOption(option) for option in options),
        )
        self._play(Event(self._now(), PacketEvent(Direction.INBOUND, body)))

    def _timestamps(self, mask: int) -> tuple[TcpOption, ...]:
        """Once agreed on, timestamps stand in every segment (RFC 7323, section 3.2); one tick is a millisecond."""
        if self.echo is None or mask & SYN:
            return ()
        return Nop(), Nop(), Timestamps(self.player.waiter.now() // 1000 + 1, self.echo)

    def call(self, name: str, *arguments: Expression, makes: int | None = None) -> CallResult:
        """Make a call; `makes` is the script's number for a descriptor that it returns."""
        event = SyscallEvent(name, arguments, Integer(0 if makes is None else makes))
        prepared = prepare(event, self.player.context)
        time = self._now()
        result = self.player.call_now(prepared.syscall)
        event = _with_result(event, result, makes)
        check_result(event, prepared, result)
        self._keep(Event(time, event))
        self.observe()
        return result

    def wait(self, micros: Micros) -> None:
        """Let time pass; what the stack sends meanwhile is noted."""
        self.player.waiter.until(self.player.waiter.now() + micros)
        self.observe()

    def _play(self, event: Event) -> None:
        self.player.step(event)
        self._keep(event)
        self.observe()

    def _keep(self, event: Event) -> None:
        self.events.append(event)

    def _now(self) -> EventTime:
        now = self.player.waiter.now()
        return EventTime(TimeKind.ABSOLUTE, now if self.events else 0)

    # ------------------------------------------------------------ what comes

    def observe(self) -> None:
        """Turn everything the stack has sent so far into outbound events."""
        waiter = self.player.waiter
        waiter.until(waiter.now())
        while waiter.departures:
            departure = waiter.departures.popleft()
            index = self._index_of_departure()
            packet = read_frame(departure)
            record = self.player.sockets.under_test
            if packet is None or record is None or not isinstance(packet.body, TcpSegment):
                continue
            event = self._outbound_event(packet, packet.body, record, departure)
            if event is not None:
                self.of_departure[index] = len(self.events)
                self._keep(event)

    def _index_of_departure(self) -> int:
        """Place in the trace of the next departure that was not noted yet."""
        events = self.recording.trace.events
        while not isinstance(events[self._noted], Departed):
            self._noted += 1
        self._noted += 1
        return self._noted - 1

    def _outbound_event(
        self, packet: Packet, body: TcpSegment, record: SocketRecord, departure: Departure
    ) -> Event | None:
        flags = TcpFlags(body.flags)
        if body.flags & (SYN | ACK) == SYN:
            opening = PacketEvent(Direction.OUTBOUND, TcpSpec(flags, SequenceRange(0, 0, 0), options=None))
            self.player.socket_of(opening)
        if not self.player.dialect.claims(packet, record):
            return None
        time = departure.time - self.player.waiter.start
        spec = self._spec(body, record)
        event = Event(EventTime(TimeKind.ABSOLUTE, time), PacketEvent(Direction.OUTBOUND, spec))
        assert isinstance(event.action, PacketEvent)
        expectation = Expectation(event.action, record, self.player.dialect)
        expectation.add(packet, departure, time)
        expectation.judge(timing=lambda _time: None, timestamp_tolerance=LIMIT)
        self._learn(spec, body)
        return event

    def _spec(self, body: TcpSegment, record: SocketRecord) -> TcpSpec:
        script = outbound_to_script(body, record)
        if body.flags & (SYN | ACK) == SYN | ACK and record.state is SocketState.PASSIVE_PACKET_RECEIVED:
            script = script._replace(seq=0)
        return spec_of(script)

    def _learn(self, spec: TcpSpec, body: TcpSegment) -> None:
        end = (0 if body.flags & SYN else spec.sequence.start) + body.seg_len
        self.is_reset |= bool(body.flags & RST)
        if not body.flags & RST:
            acknowledged = spec.ack or 0
            if body.flags & SYN and acknowledged:
                acknowledged = 1
            own = next((option for option in body.options if isinstance(option, Timestamps)), None)
            self.echo = own.val if own is not None else self.echo
            self.seen = Seen(end, max(end, self.seen.highest), acknowledged, body.window)

    # ------------------------------------------------------------ the script

    def script(self, events: Iterable[Event]) -> Script:
        """A script of these events that judges each packet for itself."""
        options = (OptionLine("strict_segments"), OptionLine("tcp_ts_ecr_scaled"))
        return Script(options, None, tuple(events))

    def script_segment(self, live: TcpSegment) -> TcpSpec | None:
        """A segment with numbers of the wire as the script would write it; None without a socket."""
        record = self.player.sockets.under_test
        return None if record is None else spec_of(outbound_to_script(live, record))


def spec_of(segment: TcpSegment) -> TcpSpec:
    """A segment in script numbers as a script writes it, window included."""
    length = len(segment.payload)
    return TcpSpec(
        TcpFlags(segment.flags),
        SequenceRange(segment.seq, segment.seq + length, length),
        ack=segment.ack if segment.flags & ACK else None,
        window=segment.window,
        urgent=segment.urgent or None,
        options=tuple(PlainOption(option) for option in segment.options),
    )


def _with_result(event: SyscallEvent, result: CallResult, makes: int | None) -> SyscallEvent:
    if result.value < 0:
        return replace(event, result=Integer(-1), errno=errno_name(result.errno), note="(as observed)")
    return event if makes is not None else replace(event, result=Integer(result.value))


# ---------------------------------------------------------------- the usual beginnings


def open_socket(session: Session, fd: int) -> None:
    """socket() and non-blocking mode."""
    session.call("socket", DOTS, Word("SOCK_STREAM"), Word("IPPROTO_TCP"), makes=fd)
    session.call("fcntl", Integer(fd), Word("F_SETFL"), Word("O_NONBLOCK"))


def passive_open(session: Session, options: tuple[TcpOption, ...], window: int) -> None:
    """A listener, the peer's SYN, the SYN-ACK, the peer's ACK, accept(). Leaves the connection established."""
    open_socket(session, LISTENER)
    session.call("bind", Integer(LISTENER), DOTS, DOTS)
    session.call("listen", Integer(LISTENER), Integer(1))
    session.inject(SYN, 0, 0, window, options=options)
    session.inject(ACK, 1, 1, window)
    session.peer_next = 1
    session.call("accept", Integer(LISTENER), DOTS, DOTS, makes=CONNECTED)
    # accept(2): on Linux the new socket does not inherit O_NONBLOCK.
    session.call("fcntl", Integer(CONNECTED), Word("F_SETFL"), Word("O_NONBLOCK"))


def replace_echo(option: TcpOption, echo: int) -> TcpOption:
    """The same option, a timestamp with `echo` as its echo reply."""
    return Timestamps(option.val, echo) if isinstance(option, Timestamps) else option


def pad(options: list[TcpOption]) -> tuple[TcpOption, ...]:
    """Fill up to a multiple of four octets, as a script has to."""
    return (*options, *[Nop()] * (-len(build_options(options)) % 4))


def active_open(session: Session, options: tuple[TcpOption, ...], window: int) -> None:
    """connect(), the stack's SYN, the peer's SYN-ACK."""
    open_socket(session, CONNECTED)
    session.call("connect", Integer(CONNECTED), DOTS, DOTS)
    echo = session.echo
    answered = (replace_echo(option, echo or 0) for option in options)
    # RFC 7323, section 3.2: a SYN-ACK carries timestamps only when the SYN did.
    kept = [option for option in answered if echo is not None or not isinstance(option, Timestamps)]
    session.inject(SYN | ACK, 0, 1, window, options=pad(kept))
    session.peer_next = 1
