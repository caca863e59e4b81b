"""The first fuzz machine: one connection, segments around its numbers, calls, and time (Hypothesis, stateful).

Every step ends with the oracles reading the trace. A violation fails the test with the script that shows it; Hypothesis
shrinks the steps, so the script it ends with is short.
"""

from collections.abc import Callable

from hypothesis import event, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fuzz.finding import Finding, NotExpressible, finding_of
from fuzz.segments import (
    FLAG_MASKS,
    LENGTHS,
    OFFSETS_ANY,
    OFFSETS_NEAR,
    SYN_OPTIONS,
    WINDOWS,
    Offsets,
    sack_blocks,
)
from fuzz.session import CONNECTED, DOTS, Session, active_open, passive_open
from oracles import check_trace
from packetdrill_compat.ast import Integer, ListExpr, Word
from packetdrill_compat.config import Config
from packetdrill_compat.variants import variant_config
from targets.base import Target
from wire.options import TcpOption
from wire.tcp import ACK, FIN, PSH, RST

MODULUS = 2**32
STATES = {
    1: "ESTABLISHED",
    2: "SYN-SENT",
    3: "SYN-RECEIVED",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "CLOSED",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
}


class OracleFailure(AssertionError):
    """An oracle spoke. `finding` carries the script, or None when the language cannot say it."""

    def __init__(self, message: str, finding: Finding | None) -> None:
        self.finding = finding
        super().__init__(message + (f"\n\n{finding.text()}" if finding else ""))


class ConnectionMachine(RuleBasedStateMachine):
    """Fuzzes one connection of the target that `make_target` gives; subclasses set it."""

    make_target: Callable[[], Target]
    config: Config = variant_config("ipv4")

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(type(self).make_target(), self.config)
        self.judged = 0
        self.is_closed = False

    def teardown(self) -> None:
        """Close the target."""
        self.session.close()

    # ------------------------------------------------------------ openings

    @initialize(options=SYN_OPTIONS, window=WINDOWS, active=st.booleans())
    def open(self, options: tuple[TcpOption, ...], window: int, active: bool) -> None:
        """Establish the connection from either side."""
        (active_open if active else passive_open)(self.session, options, window)
        event(f"opened {'actively' if active else 'passively'}")

    # ------------------------------------------------------------ segments

    @rule(length=LENGTHS, window=WINDOWS)
    def valid_data(self, length: int, window: int) -> None:
        """The peer sends the next octets and acknowledges everything."""
        self._send(PSH | ACK, self.session.peer_next, self.session.seen.highest, window, length)
        self.session.peer_next = (self.session.peer_next + length) % MODULUS

    @rule(window=WINDOWS, back=st.integers(0, 3000))
    def acknowledge(self, window: int, back: int) -> None:
        """The peer acknowledges all or part of what came."""
        ack = max(1, self.session.seen.highest - back)
        self._send(ACK, self.session.peer_next, ack, window)

    @rule(offsets=OFFSETS_NEAR, mask=FLAG_MASKS, window=WINDOWS, length=st.one_of(st.just(0), LENGTHS))
    def near_segment(self, offsets: Offsets, mask: int, window: int, length: int) -> None:
        """A segment whose numbers lie next to the right ones."""
        self._relative(offsets, mask, window, length)

    @rule(offsets=OFFSETS_ANY, mask=st.integers(0, 0x1FF), window=WINDOWS, length=st.one_of(st.just(0), LENGTHS))
    def garbage_segment(self, offsets: Offsets, mask: int, window: int, length: int) -> None:
        """Any flags, any numbers."""
        self._relative(offsets, mask, window, length)

    @rule(offset=st.sampled_from((1, 2, 100, 1460, 3000)), length=LENGTHS)
    def out_of_order_data(self, offset: int, length: int) -> None:
        """Octets behind a hole; the hole is filled by later valid data."""
        seq = (self.session.peer_next + offset) % MODULUS
        self._send(PSH | ACK, seq, self.session.seen.highest, 1000, length)

    @rule(data=st.data(), window=WINDOWS)
    def selective_acknowledgment(self, data: st.DataObject, window: int) -> None:
        """An acknowledgment with SACK blocks, true or not."""
        seen = self.session.seen
        options = data.draw(sack_blocks(1, seen.highest))
        if self.session.echo is None:
            self.session.inject(ACK, self.session.peer_next, 1, window, options=options)

    @rule()
    def fin(self) -> None:
        """The peer closes in order."""
        self._send(FIN | ACK, self.session.peer_next, self.session.seen.highest, 1000)
        self.session.peer_next = (self.session.peer_next + 1) % MODULUS

    def _relative(self, offsets: Offsets, mask: int, window: int, length: int) -> None:
        seq = (self.session.peer_next + offsets.seq) % MODULUS
        ack = (self.session.seen.highest + offsets.ack) % MODULUS
        self._send(mask, seq, ack, window, length)

    def _send(self, mask: int, seq: int, ack: int, window: int, length: int = 0) -> None:
        event("segment with RST" if mask & RST else "segment")
        self.session.inject(mask, seq, ack, window, length=length)

    # ------------------------------------------------------------ calls

    @precondition(lambda self: not self.is_closed)
    @rule(count=st.sampled_from((1, 100, 1460, 5000, 20000)))
    def write(self, count: int) -> None:
        """The application writes."""
        self.session.call("write", Integer(CONNECTED), DOTS, Integer(count))

    @precondition(lambda self: not self.is_closed)
    @rule(count=st.sampled_from((1, 100, 1460, 100000)))
    def read(self, count: int) -> None:
        """The application reads."""
        self.session.call("read", Integer(CONNECTED), DOTS, Integer(count))

    @precondition(lambda self: not self.is_closed)
    @rule(how=st.sampled_from(("SHUT_RD", "SHUT_WR", "SHUT_RDWR")))
    def shutdown(self, how: str) -> None:
        """The application closes one direction or both."""
        self.session.call("shutdown", Integer(CONNECTED), Word(how))

    @precondition(lambda self: not self.is_closed)
    @rule()
    def close(self) -> None:
        """The application closes the socket."""
        self.session.call("close", Integer(CONNECTED))
        self.is_closed = True

    @precondition(lambda self: not self.is_closed)
    @rule(size=st.sampled_from((1, 2048, 10000, 100000)))
    def shrink_or_grow_receive_buffer(self, size: int) -> None:
        """The application sets SO_RCVBUF on a live connection."""
        self.session.call(
            "setsockopt",
            Integer(CONNECTED),
            Word("SOL_SOCKET"),
            Word("SO_RCVBUF"),
            ListExpr((Integer(size),)),
            Integer(4),
        )

    @rule(micros=st.sampled_from((1_000, 10_000, 50_000, 250_000, 1_000_000, 3_000_000, 61_000_000)))
    def time_passes(self, micros: int) -> None:
        """Nothing happens for a while."""
        self.session.wait(micros)

    # ------------------------------------------------------------ judgement

    @invariant()
    def oracles_are_silent(self) -> None:
        """No rule was broken so far."""
        trace = self.session.recording.trace
        if len(trace.events) == self.judged:
            return
        self.judged = len(trace.events)
        violations = check_trace(trace)
        if not violations:
            return
        note(f"{len(self.session.events)} events, {len(violations)} violations")
        try:
            finding = finding_of(self.session, violations[0])
        except NotExpressible:
            finding = None
        raise OracleFailure(str(violations[0]), finding)
