"""Sequence numbers at the edges of the window, reassembly, and the send window (RFC 9293, 3.4 and 3.10.7.4)."""

from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, X, Y, established
from tests.reference_stack.matrix.arrivals import closed_window
from tests.reference_stack.matrix.cell import Cell, check

NARROW = 1000


def narrow(*, in_flight: int = 0) -> Scene:
    """RCV.NXT is X+1 and RCV.WND is 1000."""
    scene = established(rcvbuf=NARROW)
    if in_flight:
        scene.write(in_flight)
        scene.connection.take_segments()
    return scene


def acks(scene: Scene) -> list[int]:
    """Acknowledgment numbers that leave within half a second."""
    return [Scene.relative(segment.ack, X) for _, segment in scene.pass_time(500 * MS)]


@check("SEQ-ESTABLISHED-case1-len0-wnd0-accept", "SEQ-ESTABLISHED-case3-len-wnd0")
def ack_at_a_closed_window(cell: Cell) -> None:
    scene = closed_window(in_flight=100)
    text = b"x" if cell.name.endswith("case3-len-wnd0") else b""
    scene.arrive("A", ack=101, data=text)
    scene.expect(*([Out("A", ack=2921, window=0)] if text else []))
    assert scene.connection.unacknowledged_octets == 0
    assert scene.connection.receive_available == 2920


@check("SEQ-ESTABLISHED-case1-len0-wnd0-reject")
def elsewhere_at_a_closed_window(cell: Cell) -> None:
    scene = closed_window()
    for offset in (1, -1):
        scene.arrive("A", seq=scene.peer_seq + offset)
        scene.expect(Out("A", seq=cell.snd_nxt, ack=2921, window=0))


@check("SEQ-ESTABLISHED-case2-len0-low", "SEQ-ESTABLISHED-case2-len0-high")
def empty_inside_the_window(cell: Cell) -> None:
    scene = narrow(in_flight=100)
    scene.arrive("A", seq=1 if cell.name.endswith("low") else NARROW, ack=101, window=5000)
    scene.expect_nothing(during=5 * SECOND)
    assert scene.connection.unacknowledged_octets == 0
    assert scene.connection.tcb.snd_wnd == 5000


@check("SEQ-ESTABLISHED-case2-len0-below", "SEQ-ESTABLISHED-case2-len0-above")
def empty_outside_the_window(cell: Cell) -> None:
    scene = narrow(in_flight=100)
    scene.arrive("A", seq=0 if cell.name.endswith("below") else 1 + NARROW, ack=101)
    scene.expect(Out("A", seq=101, ack=1))
    assert scene.connection.unacknowledged_octets == 100


@check("SEQ-ESTABLISHED-case4-left")
def only_the_end_is_new(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", data=b"0123456789")
    scene.arrive("A", seq=6, data=b"56789ABCDE")
    assert acks(scene)[-1] == 16
    assert scene.read() == b"0123456789ABCDE"


@check("SEQ-ESTABLISHED-case4-right", "SEQ-ESTABLISHED-trim-fin")
def past_the_right_edge(cell: Cell) -> None:
    scene = narrow()
    flags, length = ("FA", NARROW) if cell.name.endswith("fin") else ("A", NARROW + 10)
    scene.arrive(flags, data=bytes(length))
    assert acks(scene) == [1 + NARROW]
    assert not scene.connection.receive_eof
    assert len(scene.read()) == NARROW
    scene.arrive(flags, seq=1 + NARROW, data=bytes(length - NARROW))
    assert scene.connection.receive_eof is (flags == "FA")
    assert len(scene.read()) == length - NARROW


@check("SEQ-ESTABLISHED-case4-old")
def ends_below_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", data=bytes(10))
    acks(scene)
    scene.arrive("A", seq=1, data=bytes(10))
    scene.expect(Out("A", seq=1, ack=11))
    assert scene.connection.receive_available == 10


@check("SEQ-ESTABLISHED-case4-beyond", "SEQ-ESTABLISHED-case4-last")
def octet_at_the_edge(cell: Cell) -> None:
    is_inside = cell.name.endswith("last")
    scene = narrow()
    scene.arrive("A", seq=NARROW + (not is_inside), data=b"!")
    scene.expect(Out("A", seq=1, ack=1))
    scene.arrive("A", data=bytes(NARROW - 1))
    assert acks(scene)[-1] == (1 + NARROW if is_inside else NARROW)
    assert scene.read() == bytes(NARROW - 1) + b"!" * is_inside


@check("SEQ-ESTABLISHED-case4-cover")
def covers_the_whole_window(cell: Cell) -> None:
    # By the letter of table 6 an ACK, and the segment is dropped.
    scene = narrow()
    scene.arrive("A", seq=-9, data=bytes(NARROW + 20))
    scene.expect(Out("A", seq=cell.snd_nxt, ack=1))
    assert scene.connection.receive_available == 0


@check("SEQ-ESTABLISHED-wrap")
def numbers_wrap(cell: Cell) -> None:
    # X lies sixteen below 2**32.
    scene = cell.scene()
    scene.arrive("A", seq=21, data=b"second half of it")
    scene.arrive("A", data=b"first half, twenty..")
    assert acks(scene)[-1] == 38
    scene.arrive("R", seq=37)
    assert not scene.connection.is_deleted
    scene.arrive("R", seq=38)
    assert scene.connection.is_deleted


@check("SEQ-ESTABLISHED-order")
def order_of_sequence_numbers(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("FA", seq=21, data=b"c" * 10)
    scene.arrive("A", seq=11, data=b"b" * 10)
    scene.arrive("A", seq=1, data=b"a" * 10)
    assert acks(scene)[-1] == 32
    assert scene.read() == b"a" * 10 + b"b" * 10 + b"c" * 10
    assert scene.connection.receive_eof


@check("SEQ-ESTABLISHED-overlap")
def overlapping_segments(cell: Cell) -> None:
    text = bytes(range(30))
    scene = cell.scene()
    for start, end in ((5, 15), (10, 20), (0, 30)):
        scene.arrive("A", seq=1 + start, data=text[start:end])
    assert acks(scene)[-1] == 31
    assert scene.read() == text


@check("SEQ-ESTABLISHED-ack-of-ack")
def empty_ack_is_not_acknowledged(cell: Cell) -> None:
    scene = cell.scene()
    for _ in range(10):
        scene.arrive("A")
    scene.expect_nothing(during=3 * SECOND)


@check("SEQ-ESTABLISHED-hold")
def held_for_later(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", seq=101, data=bytes(100))
    scene.arrive("A", data=bytes(100))
    assert acks(scene)[-1] == 201


# --- the send window -------------------------------------------------------------------------------------------------


@check("ACK-ESTABLISHED-old")
def old_ack_with_text(cell: Cell) -> None:
    scene = cell.scene()
    scene.write(1000)
    scene.arrive("A", ack=1001)
    scene.connection.take_segments()
    scene.arrive("A", ack=1, data=bytes(10))
    assert acks(scene) == [11]
    assert scene.connection.receive_available == 10
    assert scene.connection.tcb.snd_una - Y == 1001


@check("ACK-ESTABLISHED-partial-seg")
def ack_inside_a_segment(cell: Cell) -> None:
    scene = cell.scene()
    scene.write(1000)
    scene.connection.take_segments()
    scene.arrive("A", ack=501)
    scene.wait_for_segments(within=5 * SECOND)
    (again,) = scene.connection.take_segments()
    assert Scene.relative(again.seq, Y) <= 501
    assert Scene.relative(again.seq, Y) + len(again.payload) == 1001
    scene.arrive("A", ack=1001)
    scene.expect_nothing(during=30 * SECOND)


@check("ACK-ESTABLISHED-win-fresh")
def newer_segment_sets_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", data=b"x", window=1000)
    assert scene.connection.tcb.snd_wnd == 1000
    scene.arrive("A", seq=2, window=3000)
    assert scene.connection.tcb.snd_wnd == 3000


@check("ACK-ESTABLISHED-win-stale-seq")
def older_segment_leaves_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", seq=20, data=b"x", window=3000)
    scene.arrive("A", seq=10, data=b"x", window=60_000)
    assert scene.connection.tcb.snd_wnd == 3000


@check("ACK-ESTABLISHED-win-stale-ack")
def older_ack_leaves_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.write(2000)
    scene.connection.take_segments()
    scene.arrive("A", ack=1001, window=5000)
    scene.arrive("A", ack=1, window=100)
    assert scene.connection.tcb.snd_wnd == 5000


@check("ACK-ESTABLISHED-win-equal")
def window_update(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", window=0)
    scene.write(100)
    scene.expect()
    scene.arrive("A", window=8000)
    scene.expect(Out("PA", seq=1, length=100))
