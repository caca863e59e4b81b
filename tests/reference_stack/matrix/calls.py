"""User calls and timers on a connection (RFC 9293, 3.10.1 to 3.10.6 and 3.10.8)."""

from errno import ETIMEDOUT

from reference_stack.states import TCP_INFO_STATE, State
from tests.reference_stack.engine.scene import CONSTRUCTORS, SECOND, Out, Scene, Y, established, make
from tests.reference_stack.matrix.cell import Cell, check


def octets_sent(scene: Scene) -> list[tuple[int, int]]:
    """Relative number and length of what left with text."""
    return [
        (Scene.relative(segment.seq, Y), len(segment.payload))
        for segment in scene.connection.take_segments()
        if segment.payload
    ]


# --- OPEN, SEND, RECEIVE ---------------------------------------------------------------------------------------------


@check("OPEN-CLOSED-active")
def active_open(cell: Cell) -> None:
    scene = make()
    scene.connection.connect(now=0)
    (syn,) = scene.expect(Out("S", seq=0))
    assert (syn.ack, scene.state.value) == (0, "SYN-SENT"), cell.name


@check("SEND-SYN-SENT-queue", "SEND-SYN-RECEIVED-queue")
def send_before_the_handshake_ends(cell: Cell) -> None:
    scene = cell.scene()
    assert scene.write(100) == 100
    scene.expect()
    scene.arrive("SA" if cell.state == "SYN-SENT" else "A", seq=0 if cell.state == "SYN-SENT" else 1)
    assert octets_sent(scene) == [(1, 100)]


@check("SEND-ESTABLISHED-data", "SEND-CLOSE-WAIT-data")
def send_data(cell: Cell) -> None:
    scene = cell.scene()
    mss = scene.connection.tcb.snd_mss
    scene.write(2 * mss)
    segments = scene.expect(Out("A", seq=1, ack=cell.rcv_nxt, length=mss), Out("A", seq=1 + mss, length=mss))
    assert segments[1].ack == segments[0].ack


@check("SEND-ESTABLISHED-nospace")
def send_without_space(cell: Cell) -> None:
    scene = established(window=0, sndbuf=1000)
    assert [scene.write(800), scene.write(800), scene.write(1)] == [800, 200, 0], cell.name
    scene.connection.take_segments()
    scene.arrive("A", window=65535)
    assert sum(length for _, length in octets_sent(scene)) == 1000


@check("SEND-ESTABLISHED-urgent")
def send_urgent_data(cell: Cell) -> None:
    scene = established(window=0)
    scene.write(4999)
    scene.write(1, urgent=True)
    scene.arrive("A", seq=0)
    (ack,) = scene.connection.take_segments()
    scene.arrive("A", window=65535)
    segments = [ack, *scene.connection.take_segments()]
    assert len(segments) > 3, cell.name
    assert {Scene.relative(segment.seq, Y) + segment.urgent for segment in segments} == {5001}


@check("SEND-*-closing")
def send_after_close(cell: Cell) -> None:
    scene = cell.scene()
    assert not scene.connection.may_send
    assert scene.write(10) == 0
    scene.expect()


@check("RECEIVE-SYN-SENT-queue", "RECEIVE-SYN-RECEIVED-queue")
def receive_before_the_handshake_ends(cell: Cell) -> None:
    scene = cell.scene()
    assert (scene.read(), scene.connection.receive_eof) == (b"", False)
    scene.expect()
    scene.arrive("SA" if cell.state == "SYN-SENT" else "A", seq=0 if cell.state == "SYN-SENT" else 1)
    scene.arrive("A", data=bytes(10))
    assert scene.read() == bytes(10)


@check("RECEIVE-ESTABLISHED-data", "RECEIVE-FIN-WAIT-*-data")
def receive_in_order(cell: Cell) -> None:
    scene = cell.scene()
    assert scene.read() == b""
    scene.arrive("A", seq=11, data=b"b" * 10)
    assert scene.read() == b""
    scene.arrive("A", seq=1, data=b"a" * 10)
    assert scene.read() == b"a" * 10 + b"b" * 10


@check("RECEIVE-ESTABLISHED-urgent")
def receive_up_to_the_mark(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("UA", data=bytes(100), urgent=100)
    assert scene.connection.urgent_pending
    assert scene.connection.urgent_mark == 99
    assert len(scene.read()) == 99
    assert scene.connection.urgent_mark == 0


@check("RECEIVE-CLOSE-WAIT-rest", "RECEIVE-CLOSING-closing", "RECEIVE-LAST-ACK-closing", "RECEIVE-TIME-WAIT-closing")
def receive_the_rest_and_the_end(cell: Cell) -> None:
    scene = cell.scene() if cell.state != "CLOSE-WAIT" else established()
    if cell.state == "CLOSE-WAIT":
        scene.arrive("FA", data=bytes(10))
        assert [len(scene.read(4)), len(scene.read(100))] == [4, 6]
    for _ in range(2):
        assert scene.read() == b""
        assert scene.connection.receive_eof
    assert scene.state.value == cell.state


# --- CLOSE, ABORT, STATUS --------------------------------------------------------------------------------------------


@check("CLOSE-SYN-SENT-plain")
def close_in_syn_sent(cell: Cell) -> None:
    scene = cell.scene()
    scene.connection.close(now=scene.now)
    cell.assert_gone(scene, error=0)


@check("CLOSE-SYN-RECEIVED-nodata", "CLOSE-SYN-RECEIVED-data")
def close_in_syn_received(cell: Cell) -> None:
    length = 10 if cell.name.endswith("-data") else 0
    scene = cell.scene()
    if length:
        scene.write(length)
    scene.connection.shutdown_send(now=scene.now)
    scene.connection.take_segments()
    scene.arrive("A")
    last = scene.connection.take_segments()[-1]
    assert scene.state is State.FIN_WAIT_1
    assert (len(last.payload), last.flags & 1) == (length, 1)
    scene.arrive("A", ack=2 + length)
    assert scene.connection.tcb.state is State.FIN_WAIT_2


@check("CLOSE-ESTABLISHED-plain", "CLOSE-CLOSE-WAIT-plain")
def close_sends_a_fin(cell: Cell) -> None:
    scene = cell.scene()
    scene.write(100)
    scene.connection.shutdown_send(now=scene.now)
    segments = scene.connection.take_segments()
    assert Scene.relative(segments[-1].seq, Y) + len(segments[-1].payload) == 101
    assert segments[-1].flags & 1
    assert scene.state is (State.FIN_WAIT_1 if cell.state == "ESTABLISHED" else State.LAST_ACK)


@check("CLOSE-ESTABLISHED-queued")
def close_with_queued_data(cell: Cell) -> None:
    scene = established(window=0)
    scene.write(5000)
    scene.connection.close(now=scene.now)
    scene.connection.take_segments()
    scene.arrive("A", window=65535)
    segments = scene.connection.take_segments()
    assert sum(len(segment.payload) for segment in segments) == 5000, cell.name
    fin = segments[-1]
    assert Scene.relative(fin.seq, Y) + len(fin.payload) == 5001
    assert fin.flags & 1


@check("CLOSE-FIN-WAIT-1-again", "CLOSE-FIN-WAIT-2-again", "CLOSE-*-closing")
def close_again(cell: Cell) -> None:
    scene = cell.scene()
    scene.connection.shutdown_send(now=scene.now)
    scene.connection.close(now=scene.now)
    scene.expect()
    assert scene.state.value == cell.state
    fin_seqs = {Scene.relative(each.seq, Y) for _, each in scene.pass_time(10 * SECOND) if each.flags & 1}
    assert fin_seqs <= {1}


@check("ABORT-SYN-SENT-plain", "ABORT-CLOSING-ok", "ABORT-LAST-ACK-ok", "ABORT-TIME-WAIT-ok")
def abort_in_silence(cell: Cell) -> None:
    scene = cell.scene()
    scene.connection.abort(now=scene.now)
    cell.assert_gone(scene, error=0)


@check("ABORT-*-rst")
def abort_with_a_reset(cell: Cell) -> None:
    scene = cell.scene()
    if cell.state in ("ESTABLISHED", "CLOSE-WAIT"):
        scene.connection.settings.cork = True
        scene.write(10)
    scene.connection.abort(now=scene.now)
    scene.expect(Out("R", seq=cell.snd_nxt))
    cell.assert_gone(scene, error=0)


@check("STATUS-*-state")
def status(cell: Cell) -> None:
    if cell.state == "LISTEN":
        assert TCP_INFO_STATE[State.LISTEN] == 10  # linux/tcp_states.h; the listener itself is in `host`
        world = cell.world()
        assert world.call("getsockopt", fd=3, level=6, name=11, size=1, initial=b"").optval == b"\x0a"
        return
    scene = cell.scene()
    assert scene.connection.info(now=scene.now).state == TCP_INFO_STATE[State(cell.state)]


# --- timers ----------------------------------------------------------------------------------------------------------


def outstanding(cell: Cell, **settings: object) -> Scene:
    """The state, with something unacknowledged."""
    scene = CONSTRUCTORS[cell.set_up](**settings)
    if cell.state in ("ESTABLISHED", "CLOSE-WAIT"):
        scene.write(100)
        scene.connection.take_segments()
    return scene


@check("USER-TIMEOUT-*-expire")
def user_timeout(cell: Cell) -> None:
    scene = outstanding(cell, user_timeout_us=5 * SECOND)
    scene.pass_time(4_999_999)
    assert not scene.connection.is_deleted
    scene.pass_time(2 * SECOND)
    cell.assert_gone(scene, error=0 if cell.set_up == "SYN-RECEIVED-passive" else ETIMEDOUT)


@check("USER-TIMEOUT-FIN-WAIT-2-idle", "USER-TIMEOUT-TIME-WAIT-none")
def user_timeout_of_an_idle_connection(cell: Cell) -> None:
    scene = cell.scene(user_timeout_us=5 * SECOND)
    scene.expect_nothing(during=(600 if cell.state == "FIN-WAIT-2" else 10) * SECOND)
    scene.arrive("FA", seq=1)
    scene.expect(Out("A", seq=2, ack=2))


@check("RETX-TIMEOUT-*-expire")
def retransmission_timeout(cell: Cell) -> None:
    scene = outstanding(cell)
    waits = []
    for _ in range(3):
        waits.append(scene.wait_for_segments(within=10 * SECOND))
        (again,) = scene.connection.take_segments()
        assert Scene.relative(again.seq, Y) == cell.snd_una
    assert waits == [waits[0], 2 * waits[0], 4 * waits[0]]


@check("RETX-TIMEOUT-FIN-WAIT-2-quiet", "RETX-TIMEOUT-TIME-WAIT-quiet")
def nothing_to_retransmit(cell: Cell) -> None:
    cell.scene().expect_nothing(during=30 * SECOND)


@check("TW-TIMEOUT-TIME-WAIT-expire")
def time_wait_timeout(cell: Cell) -> None:
    scene = cell.scene()
    scene.expect_nothing(during=239 * SECOND)
    assert not scene.connection.is_deleted
    scene.expect_nothing(during=2 * SECOND)
    cell.assert_gone(scene, error=0)
