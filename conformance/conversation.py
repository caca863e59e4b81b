"""One TCP connection between a test, which plays the peer, and the stack under test.

The numbers are those of RFC 9293 section 3.3.1 as the stack under test has them: `snd_una`, `snd_nxt`, `rcv_nxt`,
`rcv_wnd`, `iss`, `irs`. A test reads: a state, a stimulus, exactly what comes, silence.
"""

import errno
from collections.abc import Sequence

from conformance.segments import Segment, pattern_of
from packetdrill_compat.notation import describe_packet
from targets import calls
from targets.base import VIRTUAL_TIME, CallHandle, Completion, Departure, Micros, Network, Target
from targets.calls import CallResult, Syscall, call_name
from wire.errors import MalformedPacket
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import TcpOption, WindowScale
from wire.packet import Packet, build_packet, parse_packet
from wire.seq import Seq
from wire.tcp import ACK, RST, SYN, TcpSegment

SECOND: Micros = 1_000_000
# How long a stack in real time may take for what it does at once.
_SETTLE: Micros = 20_000
_SHUT_WR = 1


def seconds(number: float) -> Micros:
    """Return a number of seconds in microseconds."""
    return round(number * SECOND)


def milliseconds(number: float) -> Micros:
    """Return a number of milliseconds in microseconds."""
    return round(number * 1000)


class Conversation:
    """The peer's end of one connection, and the calls of the application at the other end.

    `local_port` and `iss` belong to the stack under test, `remote_port` and `irs` to the peer; `fd` is the stack's
    socket of the connection, `listener` the one it was accepted from. All of it may be read and written by tests.
    """

    def __init__(self, target: Target, network: Network, *, local_port: int, remote_port: int, irs: int) -> None:
        self.target = target
        self.network = network
        self.local_port = local_port
        self.remote_port = remote_port
        self.irs = Seq(irs)
        self.rcv_nxt = Seq(irs)
        self.rcv_wnd = 0
        self.iss = Seq(0)
        self.snd_una = Seq(0)
        self.snd_nxt = Seq(0)
        self.wscale = 0
        self.fd = -1
        self.listener = -1
        self._came: list[Departure] = []
        self._waiting: list[Departure] = []
        self._finished: dict[int, Completion] = {}

    # ------------------------------------------------------------ the wire

    def send(
        self,
        flags: int = ACK,
        *,
        seq: int | None = None,
        ack: int | None = None,
        window: int = 65535,
        urgent: int = 0,
        payload: bytes = b"",
        options: Sequence[TcpOption] = (),
    ) -> TcpSegment:
        """Send a segment to the stack now, and return it.

        `seq` left out is RCV.NXT, and then the stack is taken to accept the segment: RCV.NXT moves on. `ack` left out
        is SND.NXT when the segment has the ACK flag.
        """
        segment = TcpSegment(
            src_port=self.remote_port,
            dst_port=self.local_port,
            seq=int(self.rcv_nxt if seq is None else Seq(seq)),
            ack=int(Seq(ack) if ack is not None else self.snd_nxt if flags & ACK else 0),
            flags=flags,
            window=window,
            urgent=urgent,
            options=tuple(options),
            payload=payload,
        )
        if seq is None and not flags & RST:
            self.rcv_nxt += segment.seg_len
        if flags & ACK and self.snd_una < Seq(segment.ack) <= self.snd_nxt:
            self.snd_una = Seq(segment.ack)
        self.send_packet(Packet((self._header(),), segment))
        return segment

    def send_packet(self, packet: Packet) -> None:
        """Send any packet to the stack now; the numbers of this object stay as they are."""
        self.target.inject(build_packet(packet))

    def expect(self, *wanted: Segment | int, within: Micros = SECOND) -> list[TcpSegment]:
        """Take exactly these segments, in this order, each within a time, and then no other at the same moment.

        Raises `AssertionError` with the differences and with every packet that came.
        """
        patterns = [pattern_of(each) for each in wanted]
        taken = [self._take(pattern, within) for pattern in patterns]
        self._pump(self.target.now() + self._settle)
        if self._waiting:
            raise AssertionError(f"one segment too many came{self._list_of_packets()}")
        return taken

    def expect_nothing(self, *, during: Micros) -> None:
        """Watch the connection for a time in which no segment may come."""
        self._pump(self.target.now() + during)
        if self._waiting:
            raise AssertionError(f"silence expected for {during / SECOND:g} s{self._list_of_packets()}")

    def _take(self, pattern: Segment, within: Micros) -> TcpSegment:
        deadline = self.target.now() + within
        while not self._waiting:
            if not self._step(deadline):
                raise AssertionError(f"want {pattern}\n  nothing within {within / SECOND:g} s{self._list_of_packets()}")
        segment = self._segment_of(self._waiting[0])
        assert segment is not None
        if differences := pattern.differences(segment):
            lines = "".join(f"\n  {line}" for line in differences)
            raise AssertionError(f"want {pattern}{lines}{self._list_of_packets()}")
        del self._waiting[0]
        self._learn(segment)
        return segment

    def _learn(self, segment: TcpSegment) -> None:
        """Follow the stack's numbers."""
        if segment.flags & RST:
            return
        if segment.flags & SYN:
            self.iss = self.snd_una = self.snd_nxt = Seq(segment.seq)
            self.wscale = next((each.shift for each in segment.options if isinstance(each, WindowScale)), 0)
        self.snd_nxt = max(self.snd_nxt, Seq(segment.seq) + segment.seg_len)
        # RFC 7323 section 2.2: the window in a SYN is never scaled.
        self.rcv_wnd = segment.window << (0 if segment.flags & SYN else self.wscale)

    @property
    def _settle(self) -> Micros:
        return 0 if VIRTUAL_TIME in self.target.capabilities else _SETTLE

    def _header(self) -> Ipv4Header | Ipv6Header:
        source, destination = self.network.remote_ip, self.network.local_ip
        return Ipv6Header(source, destination) if self.network.ip_version == 6 else Ipv4Header(source, destination)

    def _pump(self, deadline: Micros) -> None:
        while self._step(deadline):
            pass

    def _step(self, deadline: Micros) -> bool:
        """Take the next thing that the stack does; False when the clock is at `deadline`."""
        happening = self.target.poll(deadline)
        if isinstance(happening, Completion):
            self._finished[happening.handle.id] = happening
        elif happening is not None:
            self._came.append(happening)
            if self._segment_of(happening) is not None:
                self._waiting.append(happening)
        return happening is not None

    def _segment_of(self, departure: Departure) -> TcpSegment | None:
        try:
            body = parse_packet(departure.packet).body
        except MalformedPacket as error:
            raise AssertionError(f"the stack sent a malformed packet: {error}: {departure.packet.hex()}") from error
        if isinstance(body, TcpSegment) and (body.src_port, body.dst_port) == (self.local_port, self.remote_port):
            return body
        return None

    def _list_of_packets(self) -> str:
        if not self._came:
            return "\n  no packet came"
        return "\n  packets that came:" + "".join(f"\n    {self._describe(each)}" for each in self._came)

    def _describe(self, departure: Departure) -> str:
        packet = parse_packet(departure.packet)
        text = describe_packet(packet, local_isn=int(self.iss), remote_isn=int(self.irs), outbound=True)
        return f"{departure.time / SECOND:.6f} > {text}"

    # ------------------------------------------------------------ the application

    def call(self, syscall: Syscall, *, within: Micros = SECOND) -> CallResult:
        """Make a call and return what it gave, error or not. Raises `AssertionError` when it blocks for longer."""
        return self.result(self.start(syscall), within=within)

    def start(self, syscall: Syscall) -> CallHandle:
        """Start a call that may block."""
        return self.target.call(syscall)

    def result(self, handle: CallHandle, *, within: Micros = SECOND) -> CallResult:
        """Wait for the end of a started call."""
        deadline = self.target.now() + within
        while handle.id not in self._finished:
            if not self._step(deadline):
                raise AssertionError(
                    f"{call_name(handle.syscall)} still blocks after {within / SECOND:g} s{self._list_of_packets()}"
                )
        return self._finished.pop(handle.id).result

    def succeed(self, syscall: Syscall, *, within: Micros = SECOND) -> CallResult:
        """Make a call that must not fail."""
        result = self.call(syscall, within=within)
        if result.errno:
            name = errno.errorcode.get(result.errno, str(result.errno))
            raise AssertionError(f"{call_name(syscall)} failed with {name}{self._list_of_packets()}")
        return result

    def write(self, data: bytes) -> int:
        """Write; returns the octets taken."""
        return self.succeed(calls.Write(self.fd, data, len(data))).value

    def read(self, count: int) -> bytes:
        """Read up to `count` octets; empty at the end of the stream."""
        return self.succeed(calls.Read(self.fd, count)).data

    def shutdown(self, how: int = _SHUT_WR) -> None:
        """Shut down, for sending when nothing else is said."""
        self.succeed(calls.Shutdown(self.fd, how))

    def close(self) -> None:
        """Close the socket of the connection."""
        self.succeed(calls.Close(self.fd))

    def set_option(self, level: int, name: int, value: int) -> None:
        """Set a socket option that takes an int."""
        self.succeed(calls.SetSockOpt(self.fd, level, name, value.to_bytes(4, "little", signed=True), 4))

    def get_option(self, level: int, name: int) -> int:
        """Return a socket option that is an int."""
        return int.from_bytes(self.get_option_bytes(level, name, 4), "little", signed=True)

    def get_option_bytes(self, level: int, name: int, size: int) -> bytes:
        """Return a socket option as octets, at most `size`."""
        return self.succeed(calls.GetSockOpt(self.fd, level, name, size)).optval
