"""Traces and reports for the tests of this room: a handshake, some data, and ways to fail behind it."""

from packetdrill_compat.outcome import Difference, Failure, FailureKind, Verdict
from reports.event import Requirement, TestReport
from targets.base import Network
from targets.calls import Accept, Bind, CallResult, Listen, Read, Socket, SocketAddress, Syscall, Write
from targets.trace import CallFinished, CallStarted, Departed, Injected, Trace, TraceEvent
from wire.ip import Ipv4Header
from wire.options import Mss, Nop, SackPermitted, Timestamps, WindowScale
from wire.packet import Packet, build_packet
from wire.tcp import ACK, FIN, PSH, SYN, TcpSegment

LOCAL, REMOTE = "192.168.0.1", "192.0.2.1"
LOCAL_PORT, REMOTE_PORT = 8080, 40000
LOCAL_ISN, REMOTE_ISN = 4_000_000_000, 0
ORIGIN = 250_000
"""Target time at which the scripts of these traces start."""

NETWORK = Network(LOCAL, REMOTE, "192.168.0.2", 16, 32)


def from_peer(flags: int, seq: int, ack: int = 0, **fields: object) -> bytes:
    """A segment of the peer; numbers are relative to the initial ones."""
    segment = _segment((REMOTE_PORT, LOCAL_PORT), seq + REMOTE_ISN, ack + LOCAL_ISN, flags, fields)
    return build_packet(Packet((Ipv4Header(REMOTE, LOCAL),), segment))


def from_stack(flags: int, seq: int, ack: int = 0, **fields: object) -> bytes:
    """A segment of the stack; numbers are relative to the initial ones."""
    segment = _segment((LOCAL_PORT, REMOTE_PORT), seq + LOCAL_ISN, ack + REMOTE_ISN, flags, fields)
    return build_packet(Packet((Ipv4Header(LOCAL, REMOTE),), segment))


def _segment(ports: tuple[int, int], seq: int, ack: int, flags: int, fields: dict[str, object]) -> TcpSegment:
    values: dict[str, object] = {"window": 65535, **fields}
    own_ack = ack % 2**32 if flags & ACK else 0
    return TcpSegment(*ports, seq % 2**32, own_ack, flags, **values)  # type: ignore[arg-type]


def call(start: int, call_id: int, syscall: Syscall, value: int, *, errno: int = 0) -> list[TraceEvent]:
    """A system call that returns at once."""
    result = CallResult(value, errno=errno)
    return [CallStarted(start, call_id, syscall), CallFinished(start, call_id, syscall, result)]


def handshake() -> list[TraceEvent]:
    """Socket, bind, listen and a passive open with a blocking accept; times are the target's."""
    start = ORIGIN
    accept = Accept(3)
    syn_ack = (Mss(1460), SackPermitted(), Timestamps(100, 1), Nop(), WindowScale(8))
    return [
        *call(start, 1, Socket(2, 1, 6), 3),
        *call(start + 40, 2, Bind(3, SocketAddress(2, "0.0.0.0", 8080)), 0),
        *call(start + 90, 3, Listen(3, 1), 0),
        CallStarted(start + 150, 4, accept),
        Injected(start + 100_000, from_peer(SYN, 0, options=(Mss(1000),)), start + 100_000),
        Departed(start + 100_060, from_stack(SYN | ACK, 0, 1, options=syn_ack)),
        Injected(start + 200_012, from_peer(ACK, 1, 1, window=257), start + 200_000),
        CallFinished(start + 200_050, 4, accept, CallResult(4)),
    ]


def failing_trace() -> Trace:
    """A write that leaves as one segment without PSH."""
    start = ORIGIN + 300_000
    events = [
        *handshake(),
        *call(start, 5, Write(4, None, 1000), 1000),
        Departed(start + 30, from_stack(ACK, 1, 1, payload=bytes(1000))),
    ]
    return Trace("reference", NETWORK, events, ORIGIN)


def passing_trace() -> Trace:
    """Data from the peer, read, and a FIN."""
    start = ORIGIN + 300_000
    events = [
        *handshake(),
        Injected(start, from_peer(PSH | ACK, 1, 1, payload=bytes(200)), start),
        Departed(start + 40_000, from_stack(ACK, 1, 201)),
        *call(start + 50_000, 6, Read(4, 1000), 200),
        Injected(start + 2_000_000, from_peer(FIN | ACK, 201, 1), start + 2_000_000),
        Departed(start + 2_040_000, from_stack(ACK, 1, 202)),
    ]
    return Trace("reference", NETWORK, events, ORIGIN)


FAILURE = Failure(
    kind=FailureKind.PACKET,
    path="write/push.pkt",
    line=9,
    column=1,
    message="error handling packet: live packet field tcp_psh: expected: 1 (0x1) vs actual: 0 (0x0)",
    want="P. 1:1001(1000) ack 1",
    got=". 1:1001(1000) ack 1 win 65535",
    differences=(Difference("tcp_psh", "1", "0"),),
    source_line="   +0 > P. 1:1001(1000) ack 1",
    event_index=7,
)

SCRIPT = """// The last segment of a write is pushed.
//: requirement RFC9293-SHLD-28
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 bind(3, ..., ...) = 0
   +0 listen(3, 1) = 0
  +.1 < S 0:0(0) win 65535 <mss 1000>
   +0 > S. 0:0(0) ack 1 <...>
  +.1 < . 1:1(0) ack 1 win 257
   +0 > P. 1:1001(1000) ack 1
"""

REQUIREMENTS = (
    Requirement("RFC9293-MUST-60", "MUST", "3.9.1.2", "The last buffered segment of a send is pushed."),
    Requirement("RFC1122-4.2.2.2-1", "SHOULD", "4.2.2.2", "Pushed data is sent <promptly> & whole."),
)


def failed_report() -> TestReport:
    """The report of the script that fails."""
    return TestReport(
        name="push.pkt@ipv4",
        verdict=Verdict.FAIL,
        title="The last segment of a write is pushed.",
        requirements=REQUIREMENTS,
        target="reference:linux",
        variant="ipv4",
        path="rfc9293/write/push.pkt",
        script=SCRIPT,
        failure=FAILURE,
        trace=failing_trace(),
    )


def passed_report() -> TestReport:
    """The report of a script that passes."""
    return TestReport(
        name="fin.pkt@ipv6",
        verdict=Verdict.PASS,
        title="A FIN is acknowledged.",
        requirements=(
            Requirement("RFC9293-3.10.7.4-SEG-ESTABLISHED-fin", "MUST", "3.10.7.4", "A FIN is acknowledged."),
        ),
        target="reference:linux",
        variant="ipv6",
        path="rfc9293/close/fin.pkt",
        script="+0 < F. 1:1(0) ack 1 win 65535\n",
        trace=passing_trace(),
    )
