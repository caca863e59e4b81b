"""Whatever arrives in whatever state, nothing is raised and the variables stay in order."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_stack.states import State
from tests.reference_stack.engine.scene import CONSTRUCTORS, MASK, Scene, X, Y, make
from wire.options import AccEcn, Ao, Md5, Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, UserTimeout, WindowScale
from wire.tcp import ACK, CWR, RST, SYN, TcpSegment

NUMBERS = st.integers(0, MASK)


def near(isn: int) -> st.SearchStrategy[int]:
    """Numbers near a connection's own, and anywhere."""
    return st.one_of(st.integers(-3, 3000), st.sampled_from([65535, 65536, -65536, 1 << 31]), NUMBERS).map(
        lambda offset: (isn + offset) & MASK
    )


OPTIONS: st.SearchStrategy[TcpOption] = st.one_of(
    st.builds(Mss, st.integers(0, 65535)),
    st.builds(WindowScale, st.integers(0, 255)),
    st.just(SackPermitted()),
    st.just(Nop()),
    st.builds(Timestamps, NUMBERS, NUMBERS),
    st.builds(Sack, st.lists(st.tuples(near(Y), near(Y)), min_size=1, max_size=4).map(tuple)),
    st.builds(AccEcn, st.integers(0, 1), st.lists(st.integers(0, 0xFFFFFF), max_size=3).map(tuple)),
    st.builds(UserTimeout, st.booleans(), st.integers(0, 0x7FFF)),
    st.builds(Md5, st.binary(max_size=18)),
    st.builds(Ao, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=16)),
)

SEGMENTS = st.builds(
    TcpSegment,
    st.just(40000),
    st.just(8080),
    near(X),
    near(Y),
    st.one_of(st.integers(0, 0x1FF), st.sampled_from([ACK, ACK | 1, ACK | 8, RST, SYN, SYN | ACK])),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.lists(OPTIONS, max_size=3).map(tuple),
    st.binary(max_size=40),
)

STEPS = st.one_of(
    SEGMENTS.map(lambda segment: ("segment", segment)),
    st.integers(0, 100_000_000).map(lambda wait: ("wait", wait)),
    st.integers(1, 5000).map(lambda count: ("send", count)),
    st.integers(1, 5000).map(lambda count: ("read", count)),
    st.sampled_from([("shutdown", 0), ("close", 0), ("abort", 0), ("settings", 0)]),
)


def perform(scene: Scene, step: tuple[str, Any]) -> None:
    """Do one step of a random life."""
    kind, value = step
    connection = scene.connection
    if kind == "segment":
        connection.on_segment(value, now=scene.now, ecn=value.window & 3)
    elif kind == "wait":
        scene.pass_time(value)
    elif kind == "send":
        connection.send(bytes(value), now=scene.now, urgent=value % 7 == 0, more=value % 5 == 0)
    elif kind == "read":
        connection.receive(value, now=scene.now)
    elif kind == "shutdown":
        connection.shutdown_send(now=scene.now)
    elif kind == "close":
        connection.close(now=scene.now)
    elif kind == "abort":
        connection.abort(now=scene.now)
    else:
        connection.settings.nodelay = not connection.settings.nodelay
        connection.settings_changed(now=scene.now)


def check(scene: Scene) -> None:
    """Things that hold in every state."""
    connection = scene.connection
    tcb, board = connection.tcb, connection.scoreboard
    for segment in connection.take_segments():
        assert 0 <= segment.seq <= MASK
        assert 0 <= segment.ack <= MASK
        assert 0 <= segment.window <= 0xFFFF
        assert 0 <= segment.urgent <= 0xFFFF
        assert len(segment.payload) <= (1460 if connection.settings.max_tso_segments == 1 else 65_215)
    connection.info(now=scene.now)
    if connection.is_deleted:
        assert connection.next_timer() is None
        assert connection.state is State.CLOSED
        return
    assert tcb.snd_una <= tcb.snd_nxt <= tcb.snd_max
    assert board.out.octets == sum(sent.length for sent in board) == tcb.snd_nxt - tcb.snd_una
    assert board.sacked.segments == sum(sent.is_sacked for sent in board)
    assert board.lost.segments == sum(sent.is_lost for sent in board)
    assert board.retransmitted.segments == sum(sent.is_retransmitted for sent in board)
    assert 0 <= board.pipe <= board.out.octets * 2
    assert connection.congestion.cwnd >= 1
    # Memory: in-order octets and those ahead fit what was ever offered.
    assert connection.receive_queue.octets <= connection.settings.rcvbuf + (1 << tcb.rcv_wscale)
    assert connection.reassembly.octets <= max(tcb.rcv_wnd, 0) + (1 << tcb.rcv_wscale)
    if board.segments and tcb.state is not State.TIME_WAIT:
        assert connection.next_timer() is not None, "something is outstanding and no timer runs"


@pytest.mark.parametrize("personality", ["rfc", "linux"])
@pytest.mark.parametrize("name", CONSTRUCTORS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=12))
def test_no_life_raises_or_breaks_the_variables(name: str, personality: str, steps: list[tuple[str, Any]]) -> None:
    scene = CONSTRUCTORS[name](name=personality, rcvbuf=8000)
    for step in steps:
        perform(scene, step)
        check(scene)


@pytest.mark.parametrize("personality", ["rfc", "linux"])
@settings(max_examples=60, deadline=None)
@given(options=st.lists(OPTIONS, max_size=5).map(tuple), steps=st.lists(STEPS, max_size=8))
def test_no_set_of_options_on_the_syn_raises_or_breaks_the_variables(
    personality: str, options: tuple[TcpOption, ...], steps: list[tuple[str, Any]]
) -> None:
    scene = CONSTRUCTORS["SYN-SENT"](name=personality)
    scene.arrive("SA", seq=0, options=options)
    for step in steps:
        perform(scene, step)
        check(scene)


CHOICES: tuple[dict[str, Any], ...] = (
    {"ecn": 3, "announces_user_timeout": True},
    {"loss_recovery": "rack", "congestion_control": "cubic"},
    {"loss_recovery": "rack", "congestion_control": "newcwv", "ecn": 3},
    {"congestion_control": "cubic"},
)


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: " ".join(map(str, chosen.values())))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(options=st.lists(OPTIONS, max_size=3).map(tuple), steps=st.lists(STEPS, max_size=12))
def test_no_choice_of_mechanisms_raises_or_breaks_the_variables(
    chosen: dict[str, Any], options: tuple[TcpOption, ...], steps: list[tuple[str, Any]]
) -> None:
    scene = make(rcvbuf=8000, **chosen)
    scene.connection.connect(now=0)
    scene.connection.take_segments()
    offer = (Mss(1000), SackPermitted(), *options)
    segment = scene.segment("SA", seq=0, options=offer)
    scene.connection.on_segment(segment._replace(flags=segment.flags | CWR * (chosen.get("ecn") == 3)), now=scene.now)
    for step in steps:
        perform(scene, step)
        check(scene)
