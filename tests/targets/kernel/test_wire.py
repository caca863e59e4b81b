"""Packets in and out: handshakes, kernel times, deadlines, aggregation, checksums."""

import socket
import struct

import pytest

from targets import calls
from targets.base import Departure, TargetError
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import (
    IPV4,
    IPV6,
    PATIENCE,
    VARIANTS,
    Peer,
    do,
    established,
    listener,
    next_segment,
    wait_for,
)
from wire.packet import checksum_errors
from wire.tcp import ACK, PSH, SYN

pytestmark = pytest.mark.needs_kernel

TCP_INFO = 11
RCV_MSS, SEGS_IN = 20, 140  # offsets in struct tcp_info (linux/tcp.h)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=list(VARIANTS))
def test_a_connection_is_accepted(opened: Opener, link: str, variant: object) -> None:
    target = opened(variant.network, link)  # type: ignore[attr-defined]
    fd, peer = established(target, variant)  # type: ignore[arg-type]
    peer.send(PSH | ACK, b"hello")
    _, answer = next_segment(target)
    assert (answer.flags, answer.ack) == (ACK, peer.snd_nxt)
    assert do(target, calls.Read(fd, 100)).data == b"hello"
    written = target.call(calls.Write(fd, b"world", 5))
    _, answer = next_segment(target)
    assert wait_for(target, written).value == 5
    assert (answer.flags, answer.payload) == (PSH | ACK, b"world")


def test_a_departure_carries_the_kernels_time(opened: Opener, link: str) -> None:
    target = opened(link=link)
    listener(target, VARIANTS["ipv4"])
    before = target.now()
    Peer(target, IPV4).send(SYN)
    after = target.now()
    departure, _ = next_segment(target)
    # The stack answers a SYN while it is being injected. A microsecond each way for rounding and clock reading.
    assert before - 1 <= departure.time <= after + 1


def test_poll_returns_nothing_at_its_deadline_and_not_before(opened: Opener) -> None:
    target = opened()
    for distance in (0, 1, 50, 500, 5_000, 20_000):
        deadline = target.now() + distance
        assert target.poll(deadline) is None
        assert target.now() >= deadline


def test_poll_with_a_past_deadline_returns_what_has_happened(opened: Opener) -> None:
    target = opened()
    listener(target, VARIANTS["ipv4"])
    Peer(target, IPV4).send(SYN)
    assert isinstance(target.poll(0), Departure)
    assert target.poll(0) is None


def test_an_idle_stack_sends_nothing_of_its_own(opened: Opener, link: str) -> None:
    target = opened(IPV6, link)
    # Router solicitations and multicast listener reports start within a second (RFC 4861, 6.3.7; RFC 3810).
    assert target.poll(target.now() + 150_000) is None


def test_times_never_go_back(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    times = []
    for _ in range(50):
        peer.send(PSH | ACK, b"x")
        target.call(calls.Recv(fd, 1, socket.MSG_DONTWAIT))
        while (happening := target.poll(0)) is not None:
            times.append(happening.time)
    assert len(times) >= 50
    assert times == sorted(times)


@pytest.mark.parametrize("size", [1, 2, 999, 1_460, 20_000, 65_000])
def test_checksums_of_what_leaves_are_complete(opened: Opener, link: str, size: int) -> None:
    target = opened(link=link)
    fd, _ = established(target)
    target.call(calls.Send(fd, bytes(range(250)) * (size // 250 + 1), size, socket.MSG_DONTWAIT))
    packets = []
    while (happening := target.poll(0)) is not None:
        packets += [happening.packet] if isinstance(happening, Departure) else []
    assert packets
    assert [checksum_errors(packet) for packet in packets] == [[] for _ in packets]


@pytest.mark.parametrize("is_on", [True, False])
def test_super_segments_leave_where_segmentation_is_offloaded(opened: Opener, link: str, is_on: bool) -> None:
    target = opened(link=link, segmentation_offload=is_on)
    fd, _ = established(target)
    # The initial window is ten segments (RFC 6928); with offload several of them are one packet.
    target.call(calls.Write(fd, bytes(14_600), 14_600))
    _, segment = next_segment(target)
    while not segment.payload:
        _, segment = next_segment(target)
    assert (len(segment.payload) > 1_460) == is_on


def test_an_injected_packet_may_look_aggregated(opened: Opener, link: str) -> None:
    target = opened(link=link)
    fd, peer = established(target)
    peer.send(PSH | ACK, bytes(6_000), gso_size=1_000)
    assert do(target, calls.Read(fd, 10_000)).value == 6_000
    info = do(target, calls.GetSockOpt(fd, socket.IPPROTO_TCP, TCP_INFO, 280)).optval
    # tcp_measure_rcv_mss takes the aggregated segments' size, not the packet's (linux/net/ipv4/tcp_input.c).
    assert struct.unpack_from("=I", info, RCV_MSS) == (1_000,)


def test_a_packet_above_the_mtu_reaches_the_stack(opened: Opener, link: str) -> None:
    target = opened(link=link)
    fd, peer = established(target)
    peer.send(PSH | ACK, bytes(8_000))
    assert do(target, calls.Read(fd, 10_000)).value == 8_000


def test_a_wrong_checksum_is_not_mended(opened: Opener, link: str) -> None:
    target = opened(link=link)
    _, peer = established(target)
    packet = bytearray(peer.packet(PSH | ACK, b"hello"))
    packet[-1] ^= 1
    target.inject(bytes(packet))
    assert target.poll(target.now() + 60_000) is None


def test_what_is_no_ip_packet_is_refused_by_the_tun(opened: Opener) -> None:
    target = opened(link="tun")
    with pytest.raises(TargetError, match="did not take a packet of 3 octets"):
        target.inject(b"\xff\xff\xff")


@pytest.mark.slow
def test_a_retransmission_comes_at_its_time(opened: Opener) -> None:
    target = opened()
    listener(target, VARIANTS["ipv4"])
    Peer(target, IPV4).send(SYN)
    first, _ = next_segment(target)
    second, _ = next_segment(target, patience=PATIENCE)
    # Linux's initial RTO is one second (RFC 6298, 2.1); its timer wheel is late by up to 1/8 plus a tick, never early.
    assert 1_000_000 - 1_000 <= second.time - first.time <= 1_130_000


def test_the_link_survives_being_taken_down_and_up(opened: Opener) -> None:
    target = opened()
    command = "ip link set tun0 down; ip link set tun0 up; ip route replace 192.0.2.0/24 dev tun0 via 192.168.0.1"
    assert target.shell(command, directory="/", environment={}, timeout=PATIENCE).status == 0
    established(target)
