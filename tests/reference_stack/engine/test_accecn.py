"""Accurate ECN (RFC 9768): negotiation, the ACE field, the option, and the response. Sections are those of the RFC."""

from typing import Any

import pytest

from reference_stack.policies.accecn import ace_of, flags_of_ace
from reference_stack.states import State
from tests.reference_stack.engine.scene import MS, SECOND, Out, Scene, X, Y, make
from wire.options import AccEcn, Mss, Nop, Sack, SackPermitted, Timestamps
from wire.tcp import ACK, AE, CWR, ECE, SYN, TcpSegment

ACE = AE | CWR | ECE
NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
OFFER = (Mss(1460), SackPermitted())
FEEDBACK = {NOT_ECT: 0b010, ECT_1: 0b011, ECT_0: 0b100, CE: 0b110}
"""Table 2: how a SYN-ACK, or the last ACK, tells with which codepoint the other's SYN arrived."""


def segment_of(scene: Scene, flags: str, ace: int, **fields: Any) -> TcpSegment:
    segment = scene.segment(flags, **fields)
    return segment._replace(flags=segment.flags & ~ACE | flags_of_ace(ace))


def arrive(scene: Scene, flags: str = "A", *, ace: int = 5, ecn: int = 0, **fields: Any) -> None:
    scene.connection.on_segment(segment_of(scene, flags, ace, **fields), now=scene.now, ecn=ecn)


def aces(scene: Scene) -> list[int]:
    return [ace_of(segment.flags) for segment in scene.connection.take_segments()]


def option_of(segment: TcpSegment) -> AccEcn | None:
    return next((option for option in segment.options if isinstance(option, AccEcn)), None)


def server(ace: int = 0b111, *, ecn: int = NOT_ECT, options: tuple[Any, ...] = OFFER) -> Scene:
    """A SYN with these flags and this codepoint came; the SYN-ACK is queued."""
    scene = make(ecn=3)
    scene.connection.accept_syn(segment_of(scene, "S", ace, seq=0, options=options), now=0, ecn=ecn)
    return scene


def accurate_server(last_ace: int = 0b010, **arguments: Any) -> Scene:
    """A passive open with accurate ECN is complete."""
    scene = server(**arguments)
    scene.options = tuple(each for each in arguments.get("options", ()) if isinstance(each, Timestamps))
    scene.connection.take_segments()
    arrive(scene, ace=last_ace)
    assert scene.state is State.ESTABLISHED
    scene.connection.take_segments()
    return scene


def client() -> Scene:
    scene = make(ecn=3)
    scene.connection.connect(now=0)
    return scene


def accurate_client(ace: int = 0b010, *, ecn: int = NOT_ECT) -> Scene:
    scene = client()
    scene.connection.take_segments()
    arrive(scene, "SA", ace=ace, ecn=ecn, seq=0, options=OFFER)
    return scene


# --- negotiation (3.1) -----------------------------------------------------------------------------------------------


def test_a_client_sets_all_three_flags_on_its_syn() -> None:
    assert aces(client()) == [0b111]  # 3.1.1


def test_the_first_retransmission_still_asks_and_later_ones_do_not() -> None:
    # 3.1.4, SHOULD; the initial sequence number stays.
    scene = client()
    segments = [segment for _, segment in scene.pass_time(20 * SECOND)]
    assert [ace_of(segment.flags) for segment in segments[:4]] == [0b111, 0b111, 0, 0]
    assert {segment.seq for segment in segments} == {Y}


@pytest.mark.parametrize("codepoint", FEEDBACK)
def test_a_server_feeds_back_the_codepoint_of_the_syn(codepoint: int) -> None:
    assert aces(server(ecn=codepoint)) == [FEEDBACK[codepoint]]  # 3.1.1


@pytest.mark.parametrize("ace", [0b100, 0b101, 0b110, 0b001, 0b010, 0b111])
def test_any_unknown_combination_of_a_syn_counts_as_a_request(ace: int) -> None:
    assert aces(server(ace)) == [0b010]  # 3.1.3


@pytest.mark.parametrize(("ace", "answer"), [(0b000, 0b000), (0b011, 0b001)])
def test_a_syn_that_asks_for_less_is_answered_as_before(ace: int, answer: int) -> None:
    assert aces(server(ace)) == [answer]  # 3.1.1 and 3.1.2


@pytest.mark.parametrize(("setting", "ace", "answer"), [(0, 0b111, 0), (2, 0b111, 0b001), (5, 0b111, 0b010)])
def test_the_setting_says_what_a_server_grants(setting: int, ace: int, answer: int) -> None:
    # A server without accurate ECN ignores AE and sees the classic request in the other two flags (3.1.2).
    scene = make(ecn=setting)
    scene.connection.accept_syn(segment_of(scene, "S", ace, seq=0), now=0)
    assert aces(scene) == [answer]


@pytest.mark.parametrize("ace", [0b010, 0b011, 0b100, 0b110, 0b101])
def test_a_client_is_accurate_after_an_answer_that_says_so(ace: int) -> None:
    # 3.1.1; 101 is reserved and means the same (3.1.3).
    scene = accurate_client(ace)
    scene.connection.take_segments()
    arrive(scene, "PA", data=b"x", ecn=CE)
    assert aces(scene) == [6]


def test_a_client_falls_back_to_classic_ecn() -> None:
    scene = accurate_client(0b001)  # 3.1.2
    scene.connection.take_segments()
    arrive(scene, "PA", ace=0, data=b"x", ecn=CE)
    scene.wait_for_segments(within=SECOND)
    assert aces(scene) == [0b001]


@pytest.mark.parametrize("ace", [0b000, 0b111])
def test_a_client_gives_ecn_up_after_no_answer_or_a_reflected_one(ace: int) -> None:
    scene = accurate_client(ace)  # 3.1.2
    scene.write(10)
    sent = scene.connection.take_outgoing()
    assert {each.ecn for each in sent} == {NOT_ECT}
    assert {ace_of(each.segment.flags) for each in sent} == {0}


def test_a_second_syn_of_the_other_kind_is_reset() -> None:
    # 3.1.5: both kinds within one handshake.
    for first, second in ((0b111, 0b011), (0b011, 0b111)):
        scene = server(first)
        scene.connection.take_segments()
        scene.connection.on_segment(segment_of(scene, "S", second, seq=0), now=0)
        scene.expect(Out("RA", ack=1))
        assert scene.connection.is_deleted


def test_a_second_syn_without_flags_keeps_the_mode_and_forbids_ect() -> None:
    # 3.1.5: the mode entered first stays; no ECT; marks are still fed back.
    scene = server()
    scene.connection.take_segments()
    scene.connection.on_segment(segment_of(scene, "S", 0, seq=0), now=0)
    assert aces(scene) == [0b010]
    arrive(scene, ace=0b010)
    arrive(scene, "PA", data=b"x", ecn=CE)
    scene.write(10)
    sent = scene.connection.take_outgoing()
    assert {each.ecn for each in sent} == {NOT_ECT}
    assert ace_of(sent[-1].segment.flags) == 6


# --- the handshake's ACE (3.2.2.1) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("codepoint", FEEDBACK)
def test_the_clients_ack_tells_the_codepoint_of_the_syn_ack(codepoint: int) -> None:
    scene = accurate_client(ecn=codepoint)
    assert aces(scene) == [FEEDBACK[codepoint]]
    arrive(scene, "PA", data=bytes(2920))
    assert aces(scene) == [6 if codepoint == CE else 5]


@pytest.mark.parametrize(("last_ace", "codepoint"), [(0b010, ECT_0), (0b000, NOT_ECT), (0b101, ECT_0), (0b110, ECT_0)])
def test_a_server_sends_ect_unless_the_last_ack_forbids_it(last_ace: int, codepoint: int) -> None:
    scene = accurate_server(last_ace)
    scene.write(10)
    assert [each.ecn for each in scene.connection.take_outgoing()] == [codepoint]


def test_a_path_that_writes_the_codepoint_gets_no_ect() -> None:
    # 3.2.2.3: our SYN-ACK left without ECT, the peer saw it with ECT(0).
    scene = accurate_server(0b100)
    scene.write(10)
    assert [each.ecn for each in scene.connection.take_outgoing()] == [NOT_ECT]


def test_a_marked_syn_ack_lowers_the_initial_window() -> None:
    # 3.2.2.1: s.cep becomes 6 and the sender responds to congestion.
    scene = accurate_server(0b110)
    assert scene.connection.congestion.cwnd == accurate_server().connection.congestion.cwnd // 2
    scene.write(1000)
    arrive(scene, ace=6, ack=1001)
    assert scene.connection.counters.delivered_ce == 1


def test_syn_and_syn_ack_leave_without_ect() -> None:
    # RFC 3168, 6.1.1, which RFC 9768 leaves as it is.
    for scene in (client(), server()):
        assert [each.ecn for each in scene.connection.take_outgoing()] == [NOT_ECT]


# --- counting (3.2.1, 3.2.2) -----------------------------------------------------------------------------------------


def test_the_field_begins_with_five_and_wraps() -> None:
    scene = accurate_server()
    seen = []
    for number in range(10):
        arrive(scene, "PA", seq=1 + number, data=b"x", ecn=CE)
        scene.wait_for_segments(within=SECOND)
        seen += aces(scene)
    assert seen == [6, 7, 0, 1, 2, 3, 4, 5, 6, 7]


def test_a_mark_on_the_syn_does_not_count() -> None:
    scene = accurate_server(ecn=CE)  # 3.2.2.2
    scene.write(1)
    assert aces(scene) == [5]


def test_every_acceptable_marked_packet_counts_and_no_other() -> None:
    # 3.2.1: data, pure acknowledgments, retransmissions; not what lies outside the window.
    scene = accurate_server()
    arrive(scene, "PA", data=b"x", ecn=CE)
    arrive(scene, "A", seq=2, ecn=CE)
    arrive(scene, "PA", seq=2, data=bytes(1460), ecn=CE)
    assert aces(scene)[-1] == 0
    arrive(scene, "PA", seq=1, data=b"x", ecn=CE)
    arrive(scene, "PA", seq=200_000, data=b"x", ecn=CE)
    assert set(aces(scene)) == {0}


def test_cwr_has_no_meaning_of_its_own() -> None:
    # 3.1.5: flags of new data after a reduction are the counter.
    scene = accurate_server()
    scene.write(3000)
    scene.connection.take_segments()
    arrive(scene, ace=6, ack=3001)
    scene.write(10)
    assert aces(scene) == [5]


# --- the option (3.2.3) ----------------------------------------------------------------------------------------------


def test_no_option_on_a_syn_and_one_there_is_ignored() -> None:
    assert option_of(client().connection.take_segments()[0]) is None
    scene = server(options=(Mss(1460), AccEcn(0, (9, 9, 9))))
    assert scene.connection.ecn.peer_bytes[CE] == 0  # type: ignore[attr-defined]


def test_syn_ack_first_ack_and_first_data_carry_all_counters() -> None:
    # 3.2.3.2.2, SHOULD; initial values 1, 0, 1 (3.2.1).
    initial = AccEcn(0, (1, 0, 1))
    assert option_of(server().connection.take_segments()[0]) == initial
    scene = accurate_client()
    assert option_of(scene.connection.take_segments()[0]) == initial
    scene.write(2 * 1448)
    first, second = scene.connection.take_segments()
    assert option_of(first) == initial
    assert option_of(second) is None
    assert len(first.payload) == 1460 - 12


def test_a_repeated_syn_ack_drops_the_option_then_the_flags() -> None:
    # 3.2.3.2.2, SHOULD; and without them no ECT is sent (3.1.5).
    scene = server()
    segments = [segment for _, segment in scene.pass_time(10 * SECOND)][:3]
    assert [option_of(segment) is not None for segment in segments] == [True, False, False]
    assert [ace_of(segment.flags) for segment in segments] == [0b010, 0b010, 0]
    arrive(scene, ace=0b010)
    scene.connection.take_segments()
    scene.write(10)
    assert [each.ecn for each in scene.connection.take_outgoing()] == [NOT_ECT]


def test_octets_are_counted_by_codepoint() -> None:
    # 3.2.1 and 3.2.3.3: the ACK after a counter changed has the changed field.
    scene = accurate_server()
    for _ in range(2):
        scene.connection.ecn.option(room=40)
    arrive(scene, "PA", data=bytes(1000), ecn=ECT_0)
    arrive(scene, "PA", seq=1001, data=bytes(500), ecn=CE)
    assert option_of(scene.connection.take_segments()[-1]) == AccEcn(0, (1001, 500))
    arrive(scene, "PA", seq=1501, data=bytes(2920), ecn=ECT_1)
    assert option_of(scene.connection.take_segments()[-1]) == AccEcn(0, (1001, 500, 2921))


def test_sack_blocks_have_priority() -> None:
    # 3.2.3.3: timestamps and two blocks leave 8 octets, two counters.
    scene = accurate_server(options=(*OFFER, Timestamps(1, 0)))
    for seq in (3000, 6000):
        arrive(scene, "PA", seq=seq, data=bytes(100), ecn=CE)
    last = scene.connection.take_segments()[-1]
    assert [len(option.blocks) for option in last.options if isinstance(option, Sack)] == [2]
    assert option_of(last) == AccEcn(0, (1, 200))


@pytest.mark.parametrize("counters", [(), (2001,), (2001, 1460), (2001, 1460, 1)])
def test_an_option_of_any_length_is_read(counters: tuple[int, ...]) -> None:
    scene = accurate_server()
    scene.write(2 * 1448)
    scene.connection.take_segments()
    arrive(scene, ace=6, ack=2897, options=(AccEcn(0, counters), Nop()))
    heard = scene.connection.ecn.peer_bytes  # type: ignore[attr-defined]
    assert heard[ECT_0] == (2001 if counters else 1)
    assert heard[CE] == (1460 if len(counters) > 1 else 0)


def test_both_orders_are_read() -> None:
    scene = accurate_server()
    scene.write(2 * 1448)
    scene.connection.take_segments()
    arrive(scene, ace=6, ack=2897, options=(AccEcn(1, (1, 1460, 2001)), Nop()))
    assert scene.connection.ecn.peer_bytes == {ECT_0: 2001, CE: 1460, ECT_1: 1}  # type: ignore[attr-defined]


def test_an_option_whose_first_values_are_zero_is_not_believed() -> None:
    # 3.2.3.2.4: a middlebox has written zeros.
    scene = client()
    scene.connection.take_segments()
    arrive(scene, "SA", ace=0b010, seq=0, options=(*OFFER, AccEcn(0, (0, 0, 0))))
    scene.write(1000)
    arrive(scene, ace=5, ack=1001, options=(AccEcn(0, (500, 400, 300)), Nop()))
    assert scene.connection.ecn.peer_bytes == {ECT_0: 1, CE: 0, ECT_1: 1}  # type: ignore[attr-defined]


# --- acknowledgments (3.2.2.5) ---------------------------------------------------------------------------------------


def test_the_first_mark_is_acknowledged_at_once() -> None:
    scene = accurate_server()
    arrive(scene, "PA", data=b"x")
    scene.expect()
    arrive(scene, "PA", seq=2, data=b"y", ecn=CE)
    (answer,) = scene.connection.take_segments()
    assert (ace_of(answer.flags), Scene.relative(answer.ack, X)) == (6, 3)


def test_every_second_marked_data_segment_is_acknowledged() -> None:
    scene = accurate_server()
    for number in range(20):
        arrive(scene, "A", seq=1 + number, data=b"x", ecn=CE)
    assert len(aces(scene)) >= 10


def test_marked_pure_acknowledgments_are_answered_after_three_at_least_and_seven_at_most() -> None:
    scene = accurate_server()
    counts = []
    for _ in range(9):
        arrive(scene, "A", ecn=CE)
        counts.append(len(aces(scene)))
    assert 1 <= sum(counts) <= 3
    assert counts[:2] == [0, 0]
    assert 1 in counts[2:7]


# --- the response ----------------------------------------------------------------------------------------------------


def test_a_new_mark_halves_the_window_once_in_a_round_trip() -> None:
    scene = accurate_server()
    scene.write(8 * 1460)
    scene.connection.take_segments()
    cwnd = scene.connection.congestion.cwnd
    arrive(scene, ace=6, ack=1461)
    halved = scene.connection.congestion.cwnd
    assert halved < cwnd
    arrive(scene, ace=7, ack=2921)
    arrive(scene, ace=0, ack=4381)
    assert scene.connection.congestion.cwnd == halved
    assert scene.connection.counters.delivered_ce == 3


def test_a_count_that_did_not_change_is_no_congestion() -> None:
    scene = accurate_server()
    scene.write(4 * 1460)
    scene.connection.take_segments()
    cwnd = scene.connection.congestion.cwnd
    arrive(scene, ace=5, ack=1461)
    assert scene.connection.congestion.cwnd >= cwnd


def test_a_reordered_acknowledgment_does_not_count_backwards() -> None:
    # 3.2.2.5: seven more marks modulo eight would be one fewer.
    scene = accurate_server()
    scene.write(4 * 1460)
    scene.connection.take_segments()
    arrive(scene, ace=6, ack=2921)
    arrive(scene, ace=5, ack=1461)
    arrive(scene, ace=6, ack=2921)
    assert scene.connection.counters.delivered_ce == 1


@pytest.mark.parametrize(("marked", "marks"), [(None, 8), (0, 0), (8 * 1460, 8)])
def test_a_count_that_may_have_wrapped_is_taken_as_wrapped_unless_the_option_says_otherwise(
    marked: int | None, marks: int
) -> None:
    # 3.2.2.5.2 and appendix A.2.
    scene = accurate_server()
    scene.write(9 * 1460)
    scene.connection.take_segments()
    options = () if marked is None else (AccEcn(0, (1, marked)),)
    arrive(scene, ace=5, ack=1 + 8 * 1460, options=options)
    assert scene.connection.counters.delivered_ce == marks


def test_a_crossing_open_is_accurate_on_both_sides() -> None:
    # 3.1: each end answers the other's SYN by table 2.
    scene = client()
    scene.connection.take_segments()
    arrive(scene, "S", ace=0b111, seq=0, options=OFFER)
    (answer,) = scene.connection.take_segments()
    assert answer.flags & (SYN | ACK) == SYN | ACK
    assert ace_of(answer.flags) == 0b010
    arrive(scene, "SA", ace=0b010, seq=0, options=OFFER)
    assert scene.state is State.ESTABLISHED
    scene.pass_time(500 * MS)
    arrive(scene, "PA", data=b"x", ecn=CE)
    assert aces(scene) == [6]
