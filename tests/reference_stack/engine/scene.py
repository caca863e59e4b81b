"""A connection with a scripted peer: bring it into a state, send one stimulus, say exactly what comes, then silence.

All numbers are relative: `seq` of what the peer sends and `ack` of what the stack sends count from X, the peer's ISN;
`ack` of what the peer sends and `seq` of what the stack sends count from Y, the stack's ISN. So ``seq=1`` is the first
octet in either direction.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference_stack.connection import Connection, FourTuple
from reference_stack.personality import Personality, personality
from reference_stack.states import State
from wire.options import Mss, TcpOption
from wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, TcpSegment

X = 0xFFFF_FFF0
"""The peer's ISN: sequence numbers wrap early in every test."""
Y = 0xFFFF_FF00
"""The stack's ISN."""
MASK = 0xFFFF_FFFF
MS = 1_000
SECOND = 1_000_000

_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK, "U": URG, "E": ECE, "W": CWR}


def flags_of(letters: str) -> int:
    """Return the mask for letters such as "FA"."""
    mask = 0
    for letter in letters:
        mask |= _LETTERS[letter]
    return mask


def letters_of(mask: int) -> str:
    """Return the letters of a mask, PSH left out."""
    return "".join(letter for letter, bit in _LETTERS.items() if mask & bit and letter != "P")


@dataclass(frozen=True)
class Out:
    """What the stack is expected to send. None does not care; PSH counts only where the letters have a P."""

    flags: str
    seq: int | None = None
    ack: int | None = None
    length: int = 0
    window: int | None = None
    options: tuple[TcpOption, ...] | None = None
    urgent: int | None = None

    def difference(self, got: TcpSegment, scene: "Scene") -> str:
        """Return what differs, or an empty string."""
        checks: list[tuple[str, Any, Any]] = [
            ("flags", "".join(sorted(self.flags.replace("P", ""))), "".join(sorted(letters_of(got.flags)))),
            ("length", self.length, len(got.payload)),
        ]
        if "P" in self.flags:
            checks.append(("psh", True, bool(got.flags & PSH)))
        if self.seq is not None:
            checks.append(("seq", self.seq, scene.relative(got.seq, Y)))
        if self.ack is not None:
            checks.append(("ack", self.ack, scene.relative(got.ack, X)))
        if self.window is not None:
            checks.append(("window", self.window, got.window))
        if self.options is not None:
            checks.append(("options", self.options, got.options))
        if self.urgent is not None:
            checks.append(("urgent", self.urgent, got.urgent))
        return ", ".join(f"{name} {want} but got {have}" for name, want, have in checks if want != have)


@dataclass
class Scene:
    """The connection under test, the virtual clock, and the template of what the peer sends."""

    connection: Connection
    now: int = 0
    window: int = 65535
    peer_seq: int = 1
    peer_ack: int = 1
    options: tuple[TcpOption, ...] = ()
    log: list[str] = field(default_factory=list)

    @staticmethod
    def relative(number: int, isn: int) -> int:
        """Return a wire number as distance from an ISN, -2**31 to 2**31-1."""
        return ((number - isn + 0x8000_0000) & MASK) - 0x8000_0000

    def segment(
        self,
        flags: str = "A",
        *,
        seq: int | None = None,
        ack: int | None = None,
        data: bytes = b"",
        window: int | None = None,
        options: tuple[TcpOption, ...] | None = None,
        urgent: int = 0,
    ) -> TcpSegment:
        """Return a segment of the peer."""
        mask = flags_of(flags)
        names = self.connection.four_tuple
        return TcpSegment(
            names.remote_port,
            names.local_port,
            (X + (self.peer_seq if seq is None else seq)) & MASK,
            (Y + (self.peer_ack if ack is None else ack)) & MASK if mask & ACK else 0,
            mask,
            self.window if window is None else window,
            urgent,
            self.options if options is None else options,
            data,
        )

    def arrive(self, flags: str = "A", *, ecn: int = 0, **fields: Any) -> None:
        """A segment of the peer arrives now."""
        self.connection.on_segment(self.segment(flags, **fields), now=self.now, ecn=ecn)

    def expect(self, *wanted: Out) -> list[TcpSegment]:
        """These segments, and no others, have been sent; return them."""
        got = self.connection.take_segments()
        problems = [
            f"#{index}: {difference}"
            for index, (want, have) in enumerate(zip(wanted, got, strict=False))
            if (difference := want.difference(have, self))
        ]
        if len(got) != len(wanted):
            problems.append(f"wanted {len(wanted)} segments, got {len(got)}")
        assert not problems, "\n".join([*problems, *map(self.show, got)])
        return got

    def show(self, segment: TcpSegment) -> str:
        """Return a segment in words."""
        return (
            f"  {letters_of(segment.flags)} seq {self.relative(segment.seq, Y)} ack {self.relative(segment.ack, X)}"
            f" len {len(segment.payload)} win {segment.window} {segment.options}"
        )

    def expect_nothing(self, *, during: int = 0) -> None:
        """Nothing is sent now nor for so many microseconds."""
        self.expect()
        end = self.now + during
        while (due := self.connection.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.connection.on_timer(now=self.now)
            got = self.connection.take_segments()
            assert not got, f"at {self.now} us:\n" + "\n".join(map(self.show, got))
        self.now = end

    def wait_for_segments(self, *, within: int) -> int:
        """Let time pass until something is sent; return the time since the call. Fails when nothing comes."""
        start, end = self.now, self.now + within
        while not self.connection.outgoing:
            due = self.connection.next_timer()
            assert due is not None, f"no timer is running, nothing comes within {within} us"
            assert due <= end, f"nothing within {within} us"
            self.now = max(self.now, due)
            self.connection.on_timer(now=self.now)
        return self.now - start

    def pass_time(self, duration: int) -> list[tuple[int, TcpSegment]]:
        """Let time pass and return what was sent with the time of each."""
        end = self.now + duration
        sent = [(self.now, segment) for segment in self.connection.take_segments()]
        while (due := self.connection.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.connection.on_timer(now=self.now)
            sent += [(self.now, segment) for segment in self.connection.take_segments()]
        self.now = end
        return sent

    def write(self, count: int, **options: Any) -> int:
        """The application sends so many octets."""
        return self.connection.send(bytes(count), now=self.now, **options)

    def read(self, count: int = 1 << 20) -> bytes:
        """The application reads."""
        return self.connection.receive(count, now=self.now)

    @property
    def state(self) -> State:
        """State of the connection."""
        return self.connection.state

    def assert_alive(self) -> None:
        """The catalogue's liveness probe: one octet at RCV.NXT is acknowledged."""
        self.connection.take_segments()
        self.arrive("PA", data=b"!")
        self.wait_for_segments(within=500 * MS)
        self.expect(Out("A", ack=self.peer_seq + 1))
        self.peer_seq += 1


def make(
    *,
    name: str | Personality = "rfc",
    ip_version: int = 4,
    ts_offset: int = 0,
    isn: int = Y,
    **settings: Any,
) -> Scene:
    """Return a scene with a CLOSED connection; `settings` change the personality's."""
    chosen = personality(name) if isinstance(name, str) else name
    own = chosen.new_settings()
    for key, value in settings.items():
        assert hasattr(own, key), key
        setattr(own, key, value)
    addresses = ("192.0.2.1", "192.0.2.2") if ip_version == 4 else ("2001:db8::1", "2001:db8::2")
    names = FourTuple(addresses[0], 8080, addresses[1], 40000)
    return Scene(Connection(names, personality=chosen, settings=own, isn=isn, ts_offset=ts_offset))


def syn_sent(**settings: Any) -> Scene:
    """connect() was called; the SYN was seen."""
    scene = make(**settings)
    scene.connection.connect(now=scene.now)
    scene.expect(Out("S", seq=0))
    return scene


def syn_received_passive(*, options: tuple[TcpOption, ...] = (Mss(1460),), flags: str = "S", **settings: Any) -> Scene:
    """A listener got <SEQ=X,SYN>; the SYN-ACK was seen."""
    scene = make(**settings)
    scene.connection.accept_syn(scene.segment(flags, seq=0, options=options), now=scene.now)
    scene.expect(Out("SEA" if flags == "SEW" else "SA", seq=0, ack=1))
    return scene


def syn_received_active(**settings: Any) -> Scene:
    """connect() met a crossing SYN; the SYN-ACK was seen."""
    scene = syn_sent(**settings)
    scene.arrive("S", seq=0, options=(Mss(1460),))
    scene.expect(Out("SA", seq=0, ack=1))
    return scene


def established(*, window: int = 65535, **settings: Any) -> Scene:
    """A passive open is complete; nothing was sent yet."""
    scene = syn_received_passive(**settings)
    scene.window = window
    scene.arrive("A")
    scene.expect()
    assert scene.state is State.ESTABLISHED
    return scene


def established_active(*, options: tuple[TcpOption, ...] = (Mss(1460),), window: int = 65535, **settings: Any) -> Scene:
    """An active open is complete; nothing was sent but the handshake."""
    scene = syn_sent(**settings)
    scene.window = window
    scene.arrive("SA", seq=0, options=options)
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.state is State.ESTABLISHED
    return scene


def fin_wait_1(**settings: Any) -> Scene:
    """The application shut down sending; the FIN at Y+1 was seen and is not acknowledged."""
    scene = established(**settings)
    scene.connection.shutdown_send(now=scene.now)
    scene.expect(Out("FA", seq=1, ack=1))
    return scene


def fin_wait_2(**settings: Any) -> Scene:
    """The FIN is acknowledged."""
    scene = fin_wait_1(**settings)
    scene.peer_ack = 2
    scene.arrive("A")
    scene.expect()
    return scene


def close_wait(**settings: Any) -> Scene:
    """The peer's FIN at X+1 was acknowledged."""
    scene = established(**settings)
    scene.arrive("FA")
    # Linux lets the acknowledgment of a FIN wait for a reply.
    scene.wait_for_segments(within=SECOND)
    scene.expect(Out("A", seq=1, ack=2))
    scene.peer_seq = 2
    return scene


def closing(**settings: Any) -> Scene:
    """Both sides closed at once; our FIN is not acknowledged."""
    scene = fin_wait_1(**settings)
    scene.arrive("FA")
    scene.expect(Out("A", seq=2, ack=2))
    scene.peer_seq = 2
    return scene


def last_ack(**settings: Any) -> Scene:
    """The peer closed first, then we; our FIN is not acknowledged."""
    scene = close_wait(**settings)
    scene.connection.shutdown_send(now=scene.now)
    scene.expect(Out("FA", seq=1, ack=2))
    return scene


def time_wait(**settings: Any) -> Scene:
    """We closed first, then the peer."""
    scene = fin_wait_2(**settings)
    scene.arrive("FA")
    scene.expect(Out("A", seq=2, ack=2))
    scene.peer_seq = 2
    return scene


CONSTRUCTORS: dict[str, Callable[..., Scene]] = {
    "SYN-SENT": syn_sent,
    "SYN-RECEIVED-passive": syn_received_passive,
    "SYN-RECEIVED-active": syn_received_active,
    "ESTABLISHED": established,
    "FIN-WAIT-1": fin_wait_1,
    "FIN-WAIT-2": fin_wait_2,
    "CLOSE-WAIT": close_wait,
    "CLOSING": closing,
    "LAST-ACK": last_ack,
    "TIME-WAIT": time_wait,
}
"""The set-ups of the requirement catalogue, by its names for them."""
