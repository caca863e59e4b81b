"""Each oracle is silent on a good connection and speaks on the one fault it is for."""

from dataclasses import dataclass, field

import pytest

from oracles import check_trace
from oracles.intervals import Intervals
from targets.trace import Departed, Injected, Trace
from wire.ip import Ipv4Header
from wire.options import TcpOption, WindowScale
from wire.packet import Packet, build_packet
from wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment

STACK, PEER = "192.168.0.1", "192.0.2.1"
ISN, IRS = 0xFFFFFF00, 5000


@dataclass
class Talk:
    """A hand-made trace. Numbers are relative to the ISNs; 'comes' arrives at the stack, 'goes' is sent by it."""

    trace: Trace = field(default_factory=Trace)

    def comes(
        self,
        flags: int,
        seq: int,
        ack: int = 0,
        window: int = 1000,
        payload: bytes = b"",
        options: tuple[TcpOption, ...] = (),
    ) -> "Talk":
        segment = TcpSegment(
            40000, 80, (IRS + seq) % 2**32, (ISN + ack) % 2**32, flags, window, options=options, payload=payload
        )
        data = build_packet(Packet((Ipv4Header(PEER, STACK),), segment))
        self.trace.events.append(Injected(len(self.trace.events), data))
        return self

    def goes(
        self,
        flags: int,
        seq: int,
        ack: int = 0,
        window: int = 1000,
        payload: bytes = b"",
        options: tuple[TcpOption, ...] = (),
    ) -> "Talk":
        segment = TcpSegment(
            80, 40000, (ISN + seq) % 2**32, (IRS + ack) % 2**32, flags, window, options=options, payload=payload
        )
        data = build_packet(Packet((Ipv4Header(STACK, PEER),), segment))
        self.trace.events.append(Departed(len(self.trace.events), data))
        return self

    def violations(self) -> list[str]:
        return [violation.oracle for violation in check_trace(self.trace)]


def established(options: tuple[TcpOption, ...] = (), own: tuple[TcpOption, ...] = (), window: int = 1000) -> Talk:
    talk = Talk().comes(SYN, 0, window=window, options=options).goes(SYN | ACK, 0, 1, options=own)
    return talk.comes(ACK, 1, 1, window=window)


def test_a_good_conversation_breaks_no_rule() -> None:
    talk = established().comes(PSH | ACK, 1, 1, payload=b"abc").goes(ACK, 1, 4)
    talk.goes(PSH | ACK, 1, 4, payload=b"xyz").goes(PSH | ACK, 1, 4, payload=b"xyz").comes(FIN | ACK, 4, 4)
    assert talk.goes(FIN | ACK, 4, 5).comes(ACK, 5, 5).violations() == []


def test_acknowledging_an_octet_that_never_came_is_a_violation() -> None:
    assert established().comes(PSH | ACK, 1, 1, payload=b"abc").goes(ACK, 1, 5).violations() == ["ack-of-unreceived"]


def test_acknowledging_across_a_hole_is_a_violation() -> None:
    talk = established().comes(PSH | ACK, 11, 1, payload=b"abc")
    assert talk.goes(ACK, 1, 1).goes(ACK, 1, 14).violations() == ["ack-of-unreceived"]


def test_hole_filled_later_may_be_acknowledged() -> None:
    talk = established().comes(PSH | ACK, 11, 1, payload=b"abc").goes(ACK, 1, 1)
    assert talk.comes(PSH | ACK, 1, 1, payload=bytes(10)).goes(ACK, 1, 14).violations() == []


def test_segment_with_a_wrong_checksum_was_not_received() -> None:
    talk = established().comes(PSH | ACK, 1, 1, payload=b"abc")
    last = talk.trace.events[-1]
    assert isinstance(last, Injected)
    talk.trace.events[-1] = Injected(last.time, last.packet[:-1] + b"X")
    assert talk.goes(ACK, 1, 4).violations() == ["ack-of-unreceived"]


def test_octets_behind_a_packet_do_not_keep_it_from_being_received() -> None:
    talk = established().comes(PSH | ACK, 1, 1, payload=b"abc")
    last = talk.trace.events[-1]
    assert isinstance(last, Injected)
    talk.trace.events[-1] = Injected(last.time, last.packet + b"padding")
    assert talk.goes(ACK, 1, 4).violations() == []


def test_sending_beyond_the_offered_window_is_a_violation() -> None:
    assert established(window=10).goes(ACK, 1, 1, payload=bytes(10)).violations() == []
    assert established(window=10).goes(ACK, 1, 1, payload=bytes(11)).violations() == ["send-beyond-window"]


def test_one_octet_may_probe_a_closed_window() -> None:
    assert established(window=0).goes(ACK, 1, 1, payload=b"x").violations() == []
    assert established(window=0).goes(ACK, 1, 1, payload=b"xy").violations() == ["send-beyond-window"]


def test_offered_window_is_scaled_only_when_both_sides_agreed() -> None:
    both = established((WindowScale(2),), (WindowScale(0),), window=10)
    assert both.goes(ACK, 1, 1, payload=bytes(40)).violations() == []
    one = established((WindowScale(2),), (), window=10)
    assert one.goes(ACK, 1, 1, payload=bytes(40)).violations() == ["send-beyond-window"]


def test_moving_the_right_edge_left_is_a_violation() -> None:
    talk = established().comes(PSH | ACK, 1, 1, payload=b"abc")
    assert talk.goes(ACK, 1, 4, window=997).violations() == []
    assert talk.goes(ACK, 1, 4, window=996).violations() == ["right-edge-left"]


def test_rounding_to_the_scale_is_no_movement() -> None:
    talk = established((WindowScale(0),), (WindowScale(3),)).goes(ACK, 1, 1, window=200)
    talk.comes(PSH | ACK, 1, 1, payload=bytes(7)).goes(ACK, 1, 8, window=199)
    assert talk.violations() == []
    assert talk.goes(ACK, 1, 8, window=198).violations() == ["right-edge-left"]


def test_acknowledgment_number_that_goes_back_is_a_violation() -> None:
    talk = established().comes(PSH | ACK, 1, 1, payload=b"abc").goes(ACK, 1, 4, window=997)
    assert talk.goes(ACK, 1, 3, window=998).violations() == ["ack-goes-back"]


def test_retransmission_with_other_octets_is_a_violation() -> None:
    talk = established().goes(PSH | ACK, 1, 1, payload=b"abcd")
    assert talk.goes(PSH | ACK, 3, 1, payload=b"cX").violations() == ["retransmission-differs"]


def test_data_behind_the_fin_is_a_violation() -> None:
    talk = established().goes(FIN | ACK, 1, 1)
    assert talk.goes(ACK, 2, 1).violations() == []
    assert talk.goes(PSH | ACK, 1, 1, payload=b"abc").violations() == ["data-behind-fin"]


def test_wrong_checksum_on_the_way_out_is_a_violation() -> None:
    talk = established()
    talk.goes(ACK, 1, 1)
    last = talk.trace.events[-1]
    assert isinstance(last, Departed)
    talk.trace.events[-1] = Departed(last.time, last.packet[:-4] + b"\x12\x34\x00\x00")
    assert talk.violations() == ["checksum"]


def test_reset_is_judged_by_no_rule_about_numbers() -> None:
    assert established().goes(RST | ACK, 1, 900, window=0).violations() == []


def test_new_incarnation_starts_afresh() -> None:
    talk = established().goes(RST, 1)
    segment = TcpSegment(40000, 80, IRS + 100000, 0, SYN, 1000)
    talk.trace.events.append(Injected(9, build_packet(Packet((Ipv4Header(PEER, STACK),), segment))))
    answer = TcpSegment(80, 40000, 77, IRS + 100001, SYN | ACK, 10)
    talk.trace.events.append(Departed(10, build_packet(Packet((Ipv4Header(STACK, PEER),), answer))))
    assert talk.violations() == []


@pytest.mark.parametrize(
    ("pieces", "run"),
    [([(0, 3), (5, 9)], 3), ([(0, 3), (3, 5)], 5), ([(5, 9), (0, 3), (2, 6)], 9), ([(1, 3)], 0), ([(2, 2)], 0)],
)
def test_intervals_merge_what_touches(pieces: list[tuple[int, int]], run: int) -> None:
    intervals = Intervals()
    for start, end in pieces:
        intervals.add(start, end)
    assert intervals.end_of_run(0) == run
