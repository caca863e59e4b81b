"""The pure rules of CLOSED and LISTEN (RFC 9293, 3.10.7.1 and 3.10.7.2)."""

import pytest

from reference_stack.arrival.closed import closed_reset
from reference_stack.arrival.listen import listen_decision
from reference_stack.personality import personality
from reference_stack.rules import ListenVerdict
from reference_stack.states import State
from tests.reference_stack.engine.cells import covers
from tests.reference_stack.engine.scene import SECOND, Out, flags_of, make, syn_received_passive
from wire.options import Mss, Timestamps
from wire.tcp import ACK, RST, TcpSegment


def segment(flags: str, *, seq: int = 1000, ack: int = 0, data: bytes = b"", urgent: int = 0) -> TcpSegment:
    return TcpSegment(40000, 80, seq, ack, flags_of(flags), 65535, urgent, (), data)


@pytest.mark.parametrize(
    ("flags", "seq", "data", "ack"),
    [
        ("S", 1000, b"", 1001),
        ("S", 0xFFFF_FFFF, b"", 0),
        ("S", 1000, b"0123456789", 1011),
        ("SF", 1000, b"", 1002),
        ("", 1000, b"01234", 1005),
        ("F", 1000, b"", 1001),
        ("", 1000, b"", 1000),
    ],
)
@covers("RFC9293-3.10.7.1-SEG-CLOSED-noack-syn", "RFC9293-3.10.7.1-SEG-CLOSED-noack-data")
def test_without_ack_the_reset_acknowledges_the_whole_segment(flags: str, seq: int, data: bytes, ack: int) -> None:
    reset = closed_reset(segment(flags, seq=seq, data=data))
    assert reset == TcpSegment(80, 40000, 0, ack, RST | ACK, 0)


@pytest.mark.parametrize("flags", ["A", "SA", "FA"])
@covers("RFC9293-3.10.7.1-SEG-CLOSED-ack", "RFC9293-3.10.7.4-FIN-CLOSED-ignored")
def test_with_ack_the_reset_has_its_number(flags: str) -> None:
    reset = closed_reset(segment(flags, ack=0x12345678, data=bytes(100)))
    assert reset == TcpSegment(80, 40000, 0x12345678, 0, RST, 0)


@pytest.mark.parametrize("flags", ["R", "RA", "SR"])
@covers("RFC9293-3.10.7.1-SEG-CLOSED-rst")
def test_a_reset_is_not_answered(flags: str) -> None:
    assert closed_reset(segment(flags, data=bytes(20))) is None


def test_the_rfc_personality_echoes_a_timestamp_on_the_reset() -> None:
    # RFC 7323, 5.2: TSval 0, TSecr is the TSval of the segment.
    asked = segment("A", ack=7)._replace(options=(Timestamps(123, 4),))
    reset = closed_reset(asked, rules=personality("rfc").rules)
    assert reset is not None
    assert reset.options == (Timestamps(0, 123),)


@pytest.mark.parametrize("flags", ["R", "RA", "SR"])
@covers("RFC9293-3.10.7.2-RST-LISTEN-any", "RFC9293-3.10.7.2-ACK-LISTEN-rst-first")
def test_listen_ignores_a_reset_before_it_looks_at_the_ack(flags: str) -> None:
    assert listen_decision(segment(flags, ack=5)) is ListenVerdict.DROP


@pytest.mark.parametrize("flags", ["A", "SA", "FA"])
@covers("RFC9293-3.10.7.2-ACK-LISTEN-any")
def test_listen_resets_any_acknowledgment(flags: str) -> None:
    assert listen_decision(segment(flags, ack=5)) is ListenVerdict.RESET


@pytest.mark.parametrize("flags", ["S", "SF", "SP", "SU", "SEW"])
@covers("RFC9293-3.10.7.2-SYN-LISTEN-plain", "RFC9293-3.10.7.2-SYN-LISTEN-urg-psh")
def test_listen_accepts_a_syn_with_whatever_else_is_set(flags: str) -> None:
    assert listen_decision(segment(flags)) is ListenVerdict.ACCEPT


@pytest.mark.parametrize("flags", ["", "F", "U", "P"])
@covers("RFC9293-3.10.7.2-OTHER-LISTEN-neither", "RFC9293-3.10.7.4-FIN-LISTEN-ignored")
def test_listen_drops_anything_else(flags: str) -> None:
    assert listen_decision(segment(flags, data=b"x")) is ListenVerdict.DROP


@covers("RFC9293-3.10.7.2-SYN-LISTEN-data")
def test_text_on_the_syn_is_delivered_once_the_handshake_is_complete() -> None:
    scene = make()
    scene.connection.accept_syn(scene.segment("S", seq=0, data=b"x" * 20, options=(Mss(1460),)), now=0)
    scene.expect(Out("SA", seq=0, ack=1))
    assert scene.connection.receive_available == 0
    scene.arrive("A", seq=1, data=b"x" * 20)
    scene.wait_for_segments(within=SECOND)
    assert scene.read() == b"x" * 20


@covers("RFC9293-3.10.7.2-SYN-LISTEN-fin")
def test_a_fin_on_the_syn_is_acted_on_once_the_handshake_is_complete() -> None:
    scene = make()
    scene.connection.accept_syn(scene.segment("SF", seq=0, options=(Mss(1460),)), now=0)
    scene.expect(Out("SA", seq=0, ack=1))
    scene.arrive("A", seq=1)
    assert scene.state is State.CLOSE_WAIT
    scene.expect(Out("A", ack=2))


def test_a_lost_syn_ack_is_sent_again() -> None:
    scene = syn_received_passive()
    assert scene.wait_for_segments(within=3 * SECOND) == SECOND
    scene.expect(Out("SA", seq=0, ack=1))
