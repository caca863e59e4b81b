"""SEGMENT ARRIVES in SYN-SENT and the later states (RFC 9293, 3.10.7.3 and 3.10.7.4)."""

from errno import ECONNREFUSED, ECONNRESET

from reference_stack.states import State
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, X, Y, established, syn_sent
from tests.reference_stack.matrix.cell import Cell, check
from wire.options import Mss, Timestamps

# --- SYN-SENT (3.10.7.3) ---------------------------------------------------------------------------------------------


@check("ACK-SYN-SENT-low", "ACK-SYN-SENT-high")
def unacceptable_ack(cell: Cell) -> None:
    for ack in (0, -1) if cell.name.endswith("low") else (2, 0x8000_0000):
        for flags in ("SA", "A"):
            scene = cell.scene()
            scene.arrive(flags, seq=0, ack=ack)
            (reset,) = scene.expect(Out("R"))
            assert reset.seq == (Y + ack) & 0xFFFF_FFFF
            cell.assert_unharmed(scene)


@check("RST-SYN-SENT-bad-ack")
def reset_with_a_bad_ack(cell: Cell) -> None:
    for ack in (0, 2):
        scene = cell.scene()
        scene.arrive("RA", seq=0, ack=ack)
        scene.expect()
        cell.assert_unharmed(scene)


@check("RST-SYN-SENT-ack-ok", "RST-SYN-SENT-rfc5961")
def reset_with_a_good_ack(cell: Cell) -> None:
    # RCV.NXT is unknown in SYN-SENT: the sequence number cannot be compared, the ACK decides.
    scene = cell.scene()
    scene.arrive("RA", seq=0x5555 if cell.name.endswith("rfc5961") else 0)
    cell.assert_gone(scene, error=ECONNREFUSED)


@check("RST-SYN-SENT-no-ack", "RST-SYN-SENT-syn-rst", "OTHER-SYN-SENT-ack-only", "OTHER-SYN-SENT-none")
@check("FIN-SYN-SENT-ignored")
def dropped_in_syn_sent(cell: Cell) -> None:
    flags = {"no-ack": "R", "syn-rst": "SR", "ack-only": "A", "none": "F", "ignored": "FA"}
    scene = cell.scene()
    scene.arrive(flags[cell.name.split("SYN-SENT-")[1]], seq=0)
    scene.expect()
    cell.assert_unharmed(scene)
    assert not scene.connection.receive_eof


@check("SYN-SYN-SENT-synack")
def syn_ack(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("SA", seq=0)
    scene.expect(Out("A", seq=1, ack=1))
    assert scene.state is State.ESTABLISHED


@check("SYN-SYN-SENT-synack-data")
def syn_ack_with_text(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("SAPU", seq=0, data=bytes(30), urgent=30)
    scene.expect(Out("A", seq=1, ack=31))
    assert scene.connection.urgent_pending
    assert scene.connection.receive_available == 29


@check("SYN-SYN-SENT-synack-fin")
def syn_ack_with_fin(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("SFA", seq=0)
    scene.expect(Out("A", seq=1, ack=2))
    assert scene.state is State.CLOSE_WAIT
    assert scene.connection.receive_eof


@check("SYN-SYN-SENT-syn-only", "SYN-SYN-SENT-syn-data")
def crossing_syn(cell: Cell) -> None:
    text = bytes(10) if cell.name.endswith("data") else b""
    scene = cell.scene()
    scene.arrive("S", seq=0, data=text)
    scene.expect(Out("SA", seq=0, ack=1))
    assert scene.connection.tcb.state is State.SYN_RECEIVED
    assert scene.connection.receive_available == 0
    assert scene.wait_for_segments(within=2 * SECOND) > 0
    scene.expect(Out("SA", seq=0, ack=1))
    scene.arrive("SA", seq=0)
    assert scene.state is State.ESTABLISHED
    assert len(scene.read()) == len(text)


@check("SYN-SYN-SENT-window")
def window_of_the_syn_ack(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("SA", seq=0, window=1000, options=(Mss(1460),))
    scene.connection.take_segments()
    scene.write(5000)
    assert sum(len(segment.payload) for segment in scene.connection.take_segments()) <= 1000
    assert scene.connection.tcb.snd_wnd == 1000


# --- first check: sequence number (3.10.7.4) -------------------------------------------------------------------------


@check("SEQ-*-unacceptable")
def outside_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("PA", seq=cell.rcv_nxt + cell.window(scene), ack=cell.snd_nxt, data=b"x")
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("SEQ-*-olddup")
def old_duplicate(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", seq=cell.rcv_nxt - 1, data=b"x")
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("SEQ-SYN-RECEIVED-passive-dupsyn")
def syn_again(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("S", seq=0, options=(Mss(1460),))
    scene.expect(Out("SA", seq=0, ack=1))
    cell.assert_unharmed(scene)


# --- second check: RST -----------------------------------------------------------------------------------------------


@check("RST-*-exact")
def exact_reset(cell: Cell) -> None:
    heard = {"SYN-RECEIVED-active": ECONNREFUSED, "ESTABLISHED": ECONNRESET, "CLOSE-WAIT": ECONNRESET}
    heard |= dict.fromkeys(("FIN-WAIT-1", "FIN-WAIT-2"), ECONNRESET)
    for flags in ("R", "RA"):
        scene = cell.scene()
        scene.arrive(flags, seq=cell.rcv_nxt)
        cell.assert_gone(scene, error=heard.get(cell.set_up, 0))


@check("RST-*-inwindow")
def reset_in_the_window(cell: Cell) -> None:
    scene = cell.scene()
    for offset in (1, cell.window(scene) - 1):
        scene.now += 100 * MS
        scene.arrive("R", seq=cell.rcv_nxt + offset)
        scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("RST-*-outside")
def reset_outside_the_window(cell: Cell) -> None:
    scene = cell.scene()
    for offset in (-1, cell.window(scene)):
        scene.arrive("R", seq=cell.rcv_nxt + offset)
        scene.expect()
    cell.assert_unharmed(scene)


@check("RST-ESTABLISHED-zerownd")
def reset_at_a_closed_window(cell: Cell) -> None:
    for offset, is_reset in ((0, True), (1, False)):
        scene = closed_window()
        scene.arrive("R", seq=scene.peer_seq + offset)
        scene.expect()
        assert scene.connection.is_deleted is is_reset, cell.name


@check("RST-ESTABLISHED-badack")
def reset_with_any_ack(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("RA", ack=100_001)
    cell.assert_gone(scene, error=ECONNRESET)


@check("RST-ESTABLISHED-after-fin")
def reset_behind_a_gap(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", seq=101, data=bytes(100))
    scene.expect(Out("A", ack=1))
    scene.arrive("R", seq=201)
    scene.expect(cell.plain_ack)
    scene.arrive("R", seq=1)
    cell.assert_gone(scene, error=ECONNRESET)


def closed_window(in_flight: int = 0) -> Scene:
    """The peer has filled our buffer of 2920 octets; some octets of ours may be in flight."""
    scene = established(rcvbuf=2920)
    if in_flight:
        scene.write(in_flight)
    scene.arrive("A", data=bytes(1460))
    scene.arrive("A", seq=1461, data=bytes(1460))
    scene.peer_seq = 2921
    assert scene.connection.take_segments()[-1].window == 0
    return scene


# --- fourth check: SYN -----------------------------------------------------------------------------------------------


@check("SYN-SYN-RECEIVED-passive-inwindow")
def syn_returns_a_half_open_connection_to_listen(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("S", seq=cell.rcv_nxt + 4)
    cell.assert_gone(scene, error=0)


@check("SYN-SYN-RECEIVED-active-inwindow", "SYN-ESTABLISHED-inwindow", "SYN-FIN-WAIT-*-inwindow")
@check("SYN-CLOSE-WAIT-inwindow", "SYN-CLOSING-inwindow", "SYN-LAST-ACK-inwindow")
def syn_in_the_window(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("S", seq=cell.rcv_nxt + 5)
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("SYN-*-outside")
def syn_outside_the_window(cell: Cell) -> None:
    scene = cell.scene()
    for offset in (cell.window(scene) + 1000, -1000):
        scene.arrive("S", seq=cell.rcv_nxt + offset)
        scene.expect(cell.plain_ack)
        scene.now += 100 * MS
    cell.assert_unharmed(scene)


@check("SYN-ESTABLISHED-exact")
def syn_at_rcv_nxt(cell: Cell) -> None:
    scene = cell.scene()
    for text in (b"", bytes(10)):
        scene.arrive("S", data=text)
        scene.expect(cell.plain_ack)
        scene.now += 100 * MS
    cell.assert_unharmed(scene)


@check("SYN-ESTABLISHED-synack-dup")
def syn_ack_again(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("SA", seq=0)
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("SYN-ESTABLISHED-halfopen")
def restarted_peer(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("S", seq=5_000_000)
    (answer,) = scene.expect(cell.plain_ack)
    scene.arrive("R", seq=Scene.relative(answer.ack, X))
    cell.assert_gone(scene, error=ECONNRESET)


@check("SYN-TIME-WAIT-challenge")
def old_syn_in_time_wait(cell: Cell) -> None:
    scene = cell.scene()
    syn = scene.segment("S", seq=-1000)
    assert not scene.connection.may_reopen(syn, now=scene.now)
    scene.connection.on_segment(syn, now=scene.now)
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("SYN-TIME-WAIT-new-ts")
def syn_with_a_newer_timestamp(cell: Cell) -> None:
    scene = cell.scene(timestamps=True)
    scene.connection.tcb.has_timestamps, scene.connection.tcb.ts_recent = True, 1000
    for stamp, is_new in ((1001, True), (999, False)):
        syn = scene.segment("S", seq=-5, options=(Timestamps(stamp, 0),))
        assert scene.connection.may_reopen(syn, now=scene.now) is is_new


@check("SYN-TIME-WAIT-new-seq")
def syn_with_a_newer_number(cell: Cell) -> None:
    scene = cell.scene()
    assert scene.connection.may_reopen(scene.segment("S", seq=100_000), now=scene.now)
    assert (scene.connection.successor_isn - (Y + 2)) & 0xFFFF_FFFF < 0x8000_0000


# --- fifth check: ACK ------------------------------------------------------------------------------------------------


@check("ACK-*-noack")
def without_ack_bit(cell: Cell) -> None:
    scene = cell.scene()
    for flags, text in (("", b"x"), ("F", b"")):
        scene.arrive(flags, seq=cell.rcv_nxt, data=text)
        scene.expect()
    cell.assert_unharmed(scene)


@check("ACK-*-future")
def ack_of_what_was_not_sent(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", ack=cell.snd_nxt + 1, data=b"x")
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("ACK-*-ancient")
def ack_from_long_ago(cell: Cell) -> None:
    scene = cell.scene()
    una = scene.connection.tcb.snd_una - scene.connection.tcb.iss
    scene.arrive("A", ack=una - 65536, data=b"x")
    scene.expect(cell.plain_ack)
    cell.assert_unharmed(scene)


@check("ACK-*-dup")
def duplicate_ack(cell: Cell) -> None:
    scene = cell.scene()
    for _ in range(2):
        scene.arrive("A", ack=cell.snd_una)
        scene.expect()
    cell.assert_unharmed(scene)


@check("ACK-SYN-RECEIVED-*-accept")
def ack_of_our_syn(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", window=1000)
    assert scene.state is State.ESTABLISHED
    scene.write(800)
    scene.expect(Out("PA", seq=1, ack=1, length=800))
    scene.write(5000)
    assert scene.connection.tcb.snd_nxt - Y <= 1001


@check("ACK-SYN-RECEIVED-passive-low", "ACK-SYN-RECEIVED-passive-high")
def bad_ack_of_our_syn(cell: Cell) -> None:
    ack = 0 if cell.name.endswith("low") else 2
    scene = cell.scene()
    scene.arrive("A", ack=ack)
    scene.expect(Out("R", seq=ack))
    cell.assert_unharmed(scene)


@check("ACK-SYN-RECEIVED-passive-data", "FIN-SYN-RECEIVED-passive-accept")
def ack_of_our_syn_with_more(cell: Cell) -> None:
    text = bytes(50) if cell.name.endswith("data") else b""
    scene = cell.scene()
    scene.arrive("PFA", data=text)
    scene.expect(Out("A", seq=1, ack=2 + len(text)))
    assert scene.state is State.CLOSE_WAIT
    assert len(scene.read()) == len(text)
    assert scene.connection.receive_eof
    scene.write(1)
    scene.expect(Out("PA", seq=1, length=1))


@check("ACK-ESTABLISHED-new", "ACK-CLOSE-WAIT-new")
def ack_of_new_data(cell: Cell) -> None:
    scene = cell.scene()
    scene.write(3000)
    scene.connection.take_segments()
    space = scene.connection.send_space
    scene.arrive("A", ack=1461)
    assert scene.connection.send_space == space + 1460
    repeated = [segment for _, segment in scene.pass_time(10 * SECOND) if segment.payload]
    assert min(Scene.relative(segment.seq, Y) for segment in repeated) >= 1461


@check("ACK-FIN-WAIT-1-fin-acked", "ACK-CLOSING-fin-acked", "ACK-LAST-ACK-fin-acked", "ACK-FIN-WAIT-2-closeok")
def ack_of_our_fin(cell: Cell) -> None:
    after = {"FIN-WAIT-1": State.FIN_WAIT_2, "CLOSING": State.TIME_WAIT, "LAST-ACK": State.CLOSED}
    scene = cell.scene()
    if cell.state != "FIN-WAIT-2":
        scene.arrive("A", ack=2)
        assert scene.state is after[cell.state]
        assert scene.connection.is_deleted is (cell.state == "LAST-ACK")
    scene.expect_nothing(during=30 * SECOND)
    if cell.state.startswith("FIN"):
        scene.arrive("FA", ack=2, data=b"x")
        scene.expect(Out("A", seq=2, ack=3))
        assert scene.connection.tcb.state is State.TIME_WAIT


@check("ACK-FIN-WAIT-1-data-only", "ACK-CLOSING-not-fin", "ACK-LAST-ACK-not-fin")
def ack_of_the_data_before_our_fin(cell: Cell) -> None:
    scene = established()
    if cell.state == "LAST-ACK":
        scene.arrive("FA")
        scene.peer_seq = 2
    scene.write(100)
    scene.connection.shutdown_send(now=scene.now)
    if cell.state == "CLOSING":
        scene.arrive("FA")
        scene.peer_seq = 2
    scene.connection.take_segments()
    assert scene.state.value == cell.state
    scene.arrive("A", ack=101)
    assert scene.state.value == cell.state
    scene.wait_for_segments(within=5 * SECOND)
    (fin,) = scene.expect(Out("FA", seq=101))
    scene.arrive("A", ack=102)
    assert scene.connection.scoreboard.front is None
    assert fin.payload == b""


@check("ACK-TIME-WAIT-fin-retransmit", "FIN-TIME-WAIT-again")
def fin_again_in_time_wait(cell: Cell) -> None:
    scene = cell.scene()
    start = scene.connection.next_timer()
    scene.now += 50 * SECOND
    scene.arrive("FA", seq=1)
    scene.expect(cell.plain_ack)
    assert start is not None
    assert scene.connection.next_timer() == start + 50 * SECOND


# --- sixth to eighth: URG, text, FIN ---------------------------------------------------------------------------------


@check("URG-ESTABLISHED-signal", "URG-FIN-WAIT-*-signal")
def urgent_pointer(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("UA", data=bytes(5), urgent=5)
    scene.arrive("UA", data=bytes(5), urgent=5)
    assert scene.connection.urgent_count == 1
    scene.arrive("UA", seq=6, data=bytes(2), urgent=9)
    assert scene.connection.urgent_count == 2
    assert scene.connection.urgent_mark == 13


@check("URG-*-ignored")
def urgent_after_the_fin(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("UA", seq=cell.rcv_nxt, urgent=10)
    assert scene.connection.urgent_count == 0
    cell.assert_unharmed(scene)


@check("URG-SYN-RECEIVED-passive-deferred")
def urgent_on_the_ack_of_our_syn(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("UA", data=b"abc", urgent=3)
    assert scene.connection.urgent_pending
    assert scene.connection.receive_urgent(now=scene.now) == b"c"


@check("URG-ESTABLISHED-noflag")
def urgent_field_without_the_flag(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", data=bytes(5), urgent=5)
    assert scene.connection.urgent_count == 0


@check("URG-ESTABLISHED-backward")
def urgent_pointer_backwards(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("UA", data=bytes(5), urgent=100)
    scene.arrive("UA", seq=6, data=bytes(5), urgent=45)
    assert scene.connection.urgent_mark == 99


@check("TEXT-ESTABLISHED-accept", "TEXT-FIN-WAIT-*-accept")
def text_in_order(cell: Cell) -> None:
    scene = cell.scene()
    edge = cell.window(scene) + 1
    scene.arrive("A", data=bytes(range(100)))
    assert scene.wait_for_segments(within=500 * MS) <= 500 * MS
    (ack,) = scene.expect(Out("A", seq=cell.snd_nxt, ack=101))
    assert 101 + ack.window >= edge
    assert scene.read() == bytes(range(100))


@check("TEXT-*-ignored")
def text_after_the_fin(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", data=bytes(10))
    assert all(Scene.relative(each.ack, X) == 2 for _, each in scene.pass_time(100 * MS))
    assert scene.connection.receive_available == 0
    cell.assert_unharmed(scene)


@check("TEXT-SYN-RECEIVED-passive-queued")
def text_out_of_order_with_the_ack_of_our_syn(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("A", seq=11, data=bytes(10))
    scene.expect(Out("A", seq=1, ack=1))
    scene.arrive("A", seq=1, data=bytes(10))
    scene.expect(Out("A", seq=1, ack=21))
    assert len(scene.read()) == 20


@check("TEXT-ESTABLISHED-psh")
def text_without_push(cell: Cell) -> None:
    for flags in ("A", "PA"):
        scene = cell.scene()
        scene.arrive(flags, data=bytes(10))
        assert scene.connection.receive_available == 10


@check("TEXT-ESTABLISHED-piggyback")
def ack_rides_on_data(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("PA", data=bytes(100))
    scene.expect()
    scene.write(100)
    scene.expect(Out("PA", seq=1, ack=101, length=100))
    scene.arrive("A", seq=101, ack=101)
    scene.expect_nothing(during=SECOND)


@check("TEXT-ESTABLISHED-edge")
def right_edge_stays(cell: Cell) -> None:
    scene = cell.scene()
    edge, at = cell.window(scene) + 1, 1
    for length in (1, 536, 1460, 7, 1000):
        scene.arrive("A", seq=at, data=bytes(length))
        at += length
        for _, ack in scene.pass_time(500 * MS):
            assert Scene.relative(ack.ack, X) + ack.window >= edge


@check("FIN-ESTABLISHED-accept", "FIN-FIN-WAIT-2-accept", "FIN-FIN-WAIT-1-acked", "FIN-FIN-WAIT-1-unacked")
def fin(cell: Cell) -> None:
    after = {"ESTABLISHED": State.CLOSE_WAIT, "FIN-WAIT-2": State.TIME_WAIT, "FIN-WAIT-1": State.TIME_WAIT}
    after |= {"FIN-WAIT-1": State.CLOSING} if cell.name.endswith("unacked") else {}
    scene = cell.scene()
    scene.arrive("FA", ack=cell.snd_una if cell.name.endswith("unacked") else cell.snd_nxt)
    scene.expect(Out("A", seq=cell.snd_nxt, ack=2))
    assert scene.state is after[cell.state]
    assert scene.connection.receive_eof
    if scene.state is State.CLOSING:
        scene.wait_for_segments(within=5 * SECOND)
        scene.expect(Out("FA", seq=1, ack=2))
        scene.arrive("A", seq=2, ack=2)
        assert scene.connection.tcb.state is State.TIME_WAIT
    elif scene.state is State.TIME_WAIT:
        scene.expect_nothing(during=30 * SECOND)
    else:
        scene.write(1000)
        scene.expect(Out("PA", seq=1, ack=2, length=1000))


@check("FIN-ESTABLISHED-data")
def fin_with_text(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("FA", data=bytes(10))
    scene.expect(Out("A", ack=12))
    assert (len(scene.read()), scene.connection.receive_eof) == (10, True)


@check("FIN-ESTABLISHED-gap")
def fin_behind_a_gap(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("FA", seq=11)
    scene.expect(Out("A", ack=1))
    assert not scene.connection.tcb.peer_fin
    scene.arrive("A", seq=1, data=bytes(10))
    scene.expect(Out("A", ack=12))
    assert scene.connection.receive_eof


@check("FIN-CLOSE-WAIT-again", "FIN-CLOSING-again", "FIN-LAST-ACK-again")
def another_fin(cell: Cell) -> None:
    scene = cell.scene()
    scene.arrive("FA", seq=1)
    scene.expect(cell.plain_ack)
    scene.arrive("FA", seq=2)
    assert all(Scene.relative(each.ack, X) == 2 for each in scene.connection.take_segments())
    cell.assert_unharmed(scene)


@check("ACK-SYN-SENT-partial")
def partial_ack_of_text_on_our_syn(cell: Cell) -> None:
    # Without Fast Open nothing follows our SYN: the least acceptable ACK is the SYN's alone, and what was queued
    # leaves from there.
    scene = syn_sent()
    scene.write(100)
    scene.arrive("SA", seq=0, ack=1)
    assert scene.state is State.ESTABLISHED, cell.name
    assert [Scene.relative(each.seq, Y) for each in scene.connection.take_segments() if each.payload] == [1]
