"""Who gets a packet, and who gets silence: demultiplexing, checksums, addresses, header fields."""

import pytest

from tests.reference_stack.host.world import PORT, SockAddr, World
from wire.abi import (
    AF_INET6,
    IP_MTU_DISCOVER,
    IP_TOS,
    IP_TTL,
    IPV6_TCLASS,
    IPV6_UNICAST_HOPS,
    IPV6_V6ONLY,
    SOCK_STREAM,
    SOL_IP,
    SOL_IPV6,
)
from wire.ip import DONT_FRAGMENT, MORE_FRAGMENTS, Ipv4Header, Ipv6Header
from wire.packet import Packet, build_packet
from wire.tcp import ACK, RST, SYN, TcpSegment

SYN_SEGMENT = TcpSegment(40000, PORT, 0, 0, SYN, 65535)


def packet(src: str, dst: str, segment: TcpSegment = SYN_SEGMENT, flags: int = 0) -> bytes:
    if ":" in src:
        return build_packet(Packet((Ipv6Header(src, dst),), segment))
    return build_packet(Packet((Ipv4Header(src, dst, flags=flags),), segment))


# ---------------------------------------------------------------- nobody there


def test_a_syn_to_a_closed_port_is_reset(any_family: World) -> None:
    # RFC 9293, 3.10.7.1.
    any_family.inject("S 0:0(0)")
    assert any_family.sent() == ["R. 0:0(0) ack 1"]


def test_an_ack_to_a_closed_port_is_reset_with_its_number(any_family: World) -> None:
    any_family.inject("P. 5:10(5) ack 77")
    assert any_family.sent() == ["R 77:77(0)"]


def test_a_reset_to_a_closed_port_is_not_answered(any_family: World) -> None:
    any_family.inject("R 5:5(0)")
    any_family.inject("R. 5:5(0) ack 1")
    assert any_family.sent() == []


def test_a_listener_resets_an_ack_and_ignores_a_reset_and_nonsense(world: World) -> None:
    # RFC 9293, 3.10.7.2.
    world.listen()
    world.inject(". 5:5(0) ack 77")
    assert world.sent() == ["R 77:77(0)"]
    world.inject("R 5:5(0)")
    world.inject("F 5:5(0)")
    assert world.sent() == []


# ---------------------------------------------------------------- silence


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(damaged(packet("192.0.2.1", "192.168.0.1"), 36), id="wrong-tcp-checksum"),
        pytest.param(damaged(packet("192.0.2.1", "192.168.0.1"), 11), id="wrong-ip-checksum"),
        pytest.param(packet("192.0.2.1", "192.168.0.2"), id="another-host"),
        pytest.param(packet("192.0.2.1", "192.168.255.255"), id="to-broadcast"),
        pytest.param(packet("192.0.2.1", "255.255.255.255"), id="to-limited-broadcast"),
        pytest.param(packet("192.0.2.1", "224.0.0.1"), id="to-multicast"),
        pytest.param(packet("224.0.0.1", "192.168.0.1"), id="from-multicast"),
        pytest.param(packet("192.168.255.255", "192.168.0.1"), id="from-broadcast"),
        pytest.param(packet("255.255.255.255", "192.168.0.1"), id="from-limited-broadcast"),
        pytest.param(packet("0.0.0.0", "192.168.0.1"), id="from-nobody"),
        pytest.param(packet("192.168.0.1", "192.168.0.1"), id="from-ourselves"),
        pytest.param(packet("192.0.2.1", "192.168.0.1", flags=MORE_FRAGMENTS), id="fragment"),
        pytest.param(packet("192.0.2.1", "192.168.0.1")[:-1], id="cut-off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 40, id="no-ip"),
    ],
)
def test_what_must_not_be_answered_meets_silence(world: World, data: bytes) -> None:
    # RFC 9293, MUST-3 (checksum), MUST-57 and MUST-63 (addresses); nobody listens, so a good SYN would be reset.
    world.inject_packet(data)
    assert world.packets == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(damaged(packet("2001:db8::1", "fd3d:a0b:17d6::1"), 56), id="wrong-tcp-checksum"),
        pytest.param(packet("ff02::1", "fd3d:a0b:17d6::1"), id="from-multicast"),
        pytest.param(packet("::", "fd3d:a0b:17d6::1"), id="from-nobody"),
        pytest.param(packet("2001:db8::1", "ff02::1"), id="to-multicast"),
    ],
)
def test_what_must_not_be_answered_meets_silence_over_ipv6(data: bytes) -> None:
    world = World("ipv6")
    world.inject_packet(data)
    assert world.packets == []


def test_damaged_data_is_not_acknowledged_and_the_good_copy_is_taken(world: World) -> None:
    # Measured (INTRO-8).
    fd = world.nonblocking(world.established())
    world.inject("P. 1:4(3) ack 1", checksum=1)
    assert world.sent() == []
    assert world.errno("read", fd=fd, count=9, null_buffer=False) == 11
    world.inject("P. 1:4(3) ack 1")
    assert world.read(fd).value == 3


def test_link_padding_behind_a_packet_is_ignored(world: World) -> None:
    # RFC 894: frames are padded.
    world.inject_packet(packet("192.0.2.1", "192.168.0.1") + bytes(6))
    assert world.sent() == ["R. 0:0(0) ack 1"]


def test_an_option_with_a_wrong_length_does_not_hurt(world: World) -> None:
    # RFC 9293, MUST-7.
    data = bytearray(packet("192.0.2.1", "192.168.0.1", SYN_SEGMENT._replace(payload=b"\x02\x00\x00\x00")))
    data[32] = 6 << 4  # the four octets become an option area: kind 2 with length 0
    data[36:38] = bytes(2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(12, len(data), 2)) + 6 + len(data) - 20
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    data[36:38] = (0xFFFF - total).to_bytes(2, "big")
    world.listen()
    world.inject_packet(bytes(data))
    assert world.sent() == ["S. 0:0(0) ack 1"]


# ---------------------------------------------------------------- the right socket


def test_a_listener_for_the_address_comes_before_the_wildcard(world: World) -> None:
    wildcard, exact = world.socket(), world.socket()
    for fd, host in ((wildcard, ""), (exact, world.local_ip)):
        world.setsockopt(fd, 1, 15, 1)  # SO_REUSEPORT
        world.call("bind", fd=fd, address=SockAddr(world.family, host, PORT))
        world.call("listen", fd=fd, backlog=5)
    world.handshake()
    assert world.call("accept", fd=exact).value == 5


def test_an_ipv6_wildcard_listener_takes_ipv4_unless_it_is_v6only(world: World) -> None:
    # ipv6(7); measured (INTRO-11): IPv4 clients appear as mapped addresses.
    fd = world.call("socket", domain=AF_INET6, type=SOCK_STREAM, protocol=0).value
    world.call("bind", fd=fd, address=SockAddr(AF_INET6, "::", PORT))
    world.call("listen", fd=fd, backlog=5)
    world.handshake()
    address = world.call("accept", fd=fd).address
    assert address is not None
    assert address.host == "::ffff:192.0.2.1"

    only = World()
    fd = only.call("socket", domain=AF_INET6, type=SOCK_STREAM, protocol=0).value
    only.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 1)
    only.call("bind", fd=fd, address=SockAddr(AF_INET6, "::", PORT))
    only.call("listen", fd=fd, backlog=5)
    only.inject("S 0:0(0)")
    assert only.sent() == ["R. 0:0(0) ack 1"]


def test_two_connections_of_one_listener_are_apart(world: World) -> None:
    listener = world.listen()
    world.handshake(peer_port=1)
    first, isn = world.accept(listener), world.local_isn
    world.handshake(peer_port=2, isn=5000)
    second = world.accept(listener)
    world.sent()
    world.inject("P. 1:4(3) ack 1")
    assert world.read(second).value == 3
    world.remote_port, world.remote_isn, world.local_isn = 1, 0, isn
    world.inject("P. 1:6(5) ack 1")
    assert world.read(first).value == 5


# ---------------------------------------------------------------- headers of what goes out


def test_packets_carry_ttl_and_df_as_the_system_says(world: World) -> None:
    world.established()
    world.write(4, 1)
    header = world.sent_packets()[0].ip
    assert isinstance(header, Ipv4Header)
    # ip(7): default TTL 64; path MTU discovery sets DF (RFC 1191 section 3).
    assert (header.ttl, header.tos, header.flags) == (64, 0, DONT_FRAGMENT)


def test_socket_options_change_tos_ttl_and_df(world: World) -> None:
    # Measured (SOCKOPT-GEN-3): IP_TOS 0x10 and IP_TTL 33 on the wire. The ECN bits are not the program's.
    fd = world.established()
    for name, value in ((IP_TOS, 0x13), (IP_TTL, 33), (IP_MTU_DISCOVER, 0)):
        assert world.setsockopt(fd, SOL_IP, name, value).value == 0
    world.write(fd, 1)
    header = world.sent_packets()[0].ip
    assert isinstance(header, Ipv4Header)
    assert (header.ttl, header.tos, header.flags) == (33, 0x10, 0)


def test_ipv6_packets_carry_a_stable_flow_label_and_the_options() -> None:
    # RFC 6437 section 3: all packets of a flow have the same nonzero label.
    world = World("ipv6")
    fd = world.established()
    world.setsockopt(fd, SOL_IPV6, IPV6_TCLASS, 0x20)
    world.setsockopt(fd, SOL_IPV6, IPV6_UNICAST_HOPS, 9)
    world.write(fd, 1)
    world.call("shutdown", fd=fd, how=1)
    headers = [packet.ip for packet in world.sent_packets()]
    assert len(headers) == 2
    labels = set()
    for header in headers:
        assert isinstance(header, Ipv6Header)
        assert (header.hop_limit, header.traffic_class) == (9, 0x20)
        labels.add(header.flow_label)
    assert len(labels) == 1
    assert labels.pop() != 0


def test_a_mapped_connection_is_ipv4_on_the_wire() -> None:
    world = World("mapped")
    world.established()
    world.setsockopt(4, SOL_IP, IP_TOS, 0x10)
    world.write(4, 1)
    header = world.sent_packets()[0].ip
    assert isinstance(header, Ipv4Header)
    assert header.tos == 0x10


def test_ip_no_pmtu_disc_clears_df(world: World) -> None:
    # Measured (SYSGEN-2): no DF bit with ip_no_pmtu_disc=1.
    world.host.shell("sysctl -q net.ipv4.ip_no_pmtu_disc=1", now=0)
    world.listen()
    world.inject("S 0:0(0)")
    header = world.sent_packets()[0].ip
    assert isinstance(header, Ipv4Header)
    assert header.flags == 0


def test_the_reset_for_nobody_has_no_ack_flag_when_it_answers_an_ack(world: World) -> None:
    world.inject(". 5:5(0) ack 9")
    segment = world.sent_packets()[0].body
    assert isinstance(segment, TcpSegment)
    assert segment.flags & (RST | ACK) == RST
