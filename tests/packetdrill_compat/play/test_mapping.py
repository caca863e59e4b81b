"""Script numbers to live numbers and back, and whose packet it is (language specification, sections 4.2 to 4.6)."""

from itertools import count

import pytest

from packetdrill_compat.ast import Direction, PacketEvent, SequenceRange, TcpFlags, TcpSpec, UdpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.mapping import (
    inbound_to_live,
    is_of_socket,
    learn_from_connect,
    outbound_to_script,
    socket_of_script_packet,
)
from packetdrill_compat.play.records import SocketRecord, SocketState, SocketTable
from wire import abi
from wire.ip import Ipv4Header
from wire.options import Nop, Sack, Timestamps
from wire.packet import Packet
from wire.tcp import ACK, PSH, SYN, TcpSegment

CONFIG = Config(local_ip="192.168.0.1", remote_ip="192.0.2.1")
LIVE_ISN = 0xFFFFFFF0
REMOTE_ISN = 700


def record(**changes: object) -> SocketRecord:
    values: dict[str, object] = {
        "family": abi.AF_INET,
        "type": abi.SOCK_STREAM,
        "protocol": abi.IPPROTO_TCP,
        "local_ip": "192.168.0.1",
        "local_port": 8080,
        "remote_ip": "192.0.2.1",
        "remote_port": 32768,
        "live_local_isn": LIVE_ISN,
        "remote_isn": REMOTE_ISN,
    }
    return SocketRecord(**(values | changes))  # type: ignore[arg-type]


def event(direction: Direction, mask: int, start: int = 0, ports: tuple[int, int] | None = None) -> PacketEvent:
    return PacketEvent(direction, TcpSpec(TcpFlags(mask), SequenceRange(start, start, 0), ports=ports))


def segment(mask: int, seq: int, ack: int = 0, options: tuple[object, ...] = ()) -> TcpSegment:
    return TcpSegment(0, 0, seq, ack, mask, 100, options=options)  # type: ignore[arg-type]


def test_inbound_segment_is_shifted_by_both_isns() -> None:
    live = inbound_to_live(segment(ACK, 1, 0x20), record(), scaled_ecr=False)
    assert (live.seq, live.ack) == (REMOTE_ISN + 1, 0x10)
    assert (live.src_port, live.dst_port) == (32768, 8080)


def test_inbound_syn_keeps_its_own_number_and_moves_the_ack_by_the_difference_of_isns() -> None:
    live = inbound_to_live(segment(SYN | ACK, 700, 1), record(script_local_isn=0), scaled_ecr=False)
    assert (live.seq, live.ack) == (700, (LIVE_ISN + 1) & 0xFFFFFFFF)


def test_inbound_ack_without_the_flag_passes_unchanged() -> None:
    assert inbound_to_live(segment(PSH, 1, 5), record(), scaled_ecr=False).ack == 5


def test_inbound_sack_edges_follow_the_acknowledgment() -> None:
    live = inbound_to_live(segment(ACK, 1, 1, (Nop(), Sack(((0x21, 0x31),)))), record(), scaled_ecr=False)
    assert live.options[1] == Sack(((0x11, 0x21),))


def test_ports_written_in_the_script_win_inbound() -> None:
    live = inbound_to_live(segment(ACK, 1, 1)._replace(src_port=9), record(), scaled_ecr=False)
    assert (live.src_port, live.dst_port) == (9, 8080)


def test_outbound_segment_is_shifted_back() -> None:
    captured = segment(ACK, 5, REMOTE_ISN + 1, (Sack(((REMOTE_ISN + 10, REMOTE_ISN + 20),)),))
    script = outbound_to_script(captured, record())
    assert (script.seq, script.ack, script.options) == (21, 1, (Sack(((10, 20),)),))


def test_outbound_syn_ack_keeps_its_acknowledgment_number() -> None:
    script = outbound_to_script(segment(SYN | ACK, LIVE_ISN, 701), record(script_local_isn=0))
    assert (script.seq, script.ack) == (0, 701)


def test_echo_reply_is_the_live_value_that_the_script_saw() -> None:
    known = record()
    known.timestamps.learn(100, 5_000_000)
    live = inbound_to_live(segment(ACK, 1, 1, (Timestamps(7, 100),)), known, scaled_ecr=False)
    assert live.options == (Timestamps(7, 5_000_000),)


def test_unknown_echo_reply_is_fatal_unless_it_may_be_scaled() -> None:
    known = record()
    known.timestamps.learn(100, 5_000_000)
    unknown = segment(ACK, 1, 1, (Timestamps(7, 150),))
    with pytest.raises(PlayError, match="unable to infer live TS ecr for script TS ecr 150;  no matching"):
        inbound_to_live(unknown, known, scaled_ecr=False)
    assert inbound_to_live(unknown, known, scaled_ecr=True).options == (Timestamps(7, 5_000_050),)


def test_any_inbound_segment_to_a_listener_makes_a_child() -> None:
    sockets = SocketTable()
    sockets.add(record(state=SocketState.PASSIVE_LISTENING))
    child = socket_of_script_packet(event(Direction.INBOUND, PSH | ACK, 9), sockets, CONFIG, count(40000))
    assert sockets.under_test is child
    assert (child.remote_isn, child.remote_port, child.state) == (9, 40000, SocketState.PASSIVE_PACKET_RECEIVED)


def test_second_syn_belongs_to_the_first_connection() -> None:
    sockets = SocketTable()
    sockets.add(record(state=SocketState.PASSIVE_LISTENING))
    first = socket_of_script_packet(event(Direction.INBOUND, SYN), sockets, CONFIG, count(40000))
    assert socket_of_script_packet(event(Direction.INBOUND, SYN), sockets, CONFIG, count(50000)) is first


def test_outbound_packet_without_any_socket_has_no_match() -> None:
    with pytest.raises(PlayError, match="no matching socket for script packet"):
        socket_of_script_packet(event(Direction.OUTBOUND, ACK), SocketTable(), CONFIG, count(1))


def test_udp_packet_does_not_fit_a_tcp_socket_unless_it_names_a_port() -> None:
    sockets = SocketTable()
    under_test = sockets.add(record(state=SocketState.ACTIVE_SYN_ACKED))
    with pytest.raises(PlayError, match="no matching socket"):
        socket_of_script_packet(PacketEvent(Direction.INBOUND, UdpSpec(4)), sockets, CONFIG, count(1))
    named = PacketEvent(Direction.INBOUND, UdpSpec(4, (1, 2)))
    assert socket_of_script_packet(named, sockets, CONFIG, count(1)) is under_test


def test_local_side_is_learned_from_the_first_syn_of_a_connecting_socket() -> None:
    connecting = record(state=SocketState.ACTIVE_SYN_SENT, local_ip="", local_port=0, remote_port=8080)
    syn = Packet((Ipv4Header("192.168.0.1", "192.0.2.1"),), TcpSegment(51000, 8080, 99, 0, SYN, 100))
    assert not is_of_socket(syn, connecting)
    assert learn_from_connect(syn, connecting)
    assert (connecting.local_ip, connecting.local_port, connecting.live_local_isn) == ("192.168.0.1", 51000, 99)
    assert is_of_socket(syn, connecting)
