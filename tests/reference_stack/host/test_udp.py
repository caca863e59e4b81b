"""UDP sockets (udp(7), RFC 768, RFC 1122 4.1)."""

import pytest

from reference_stack.host import Errno
from tests.reference_stack.host.world import PEER_PORT, PORT, SockAddr, World, shown
from wire.abi import AF_UNSPEC, MSG_PEEK, MSG_TRUNC, POLLIN, POLLOUT, SOCK_DGRAM
from wire.icmp import IcmpMessage
from wire.packet import Packet, build_packet
from wire.udp import UdpDatagram


def udp(world: World, *, is_bound: bool = True) -> int:
    fd = world.socket(SOCK_DGRAM, 0)
    if is_bound:
        assert world.call("bind", fd=fd, address=world.address()).value == 0
    return fd


def datagram(world: World, payload: bytes, src_port: int = PEER_PORT, **fields: int) -> bytes:
    return build_packet(Packet((world.peer_header(),), UdpDatagram(src_port, PORT, payload, **fields)))


def test_a_datagram_is_sent_and_received_with_its_address(any_family: World) -> None:
    world = any_family
    fd = udp(world)
    world.inject_packet(datagram(world, b"hello"))
    result = world.call("recvfrom", fd=fd, count=100, flags=0, null_buffer=False)
    assert (result.value, result.data) == (5, b"hello")
    assert result.address == shown(world, world.remote_ip, PEER_PORT)
    address = world.peer_address()
    assert world.call("sendto", fd=fd, data=b"reply", count=5, flags=0, address=address).value == 5
    body = world.sent_packets()[0].body
    assert isinstance(body, UdpDatagram)
    assert (body.src_port, body.dst_port, body.payload) == (PORT, PEER_PORT, b"reply")


def test_each_read_takes_one_datagram_and_loses_its_rest(world: World) -> None:
    # udp(7): "All receive operations return only one packet"; MSG_TRUNC tells that it was longer.
    fd = udp(world)
    for payload in (b"abcdef", b"gh"):
        world.inject_packet(datagram(world, payload))
    peeked = world.call("recv", fd=fd, count=3, flags=MSG_PEEK | MSG_TRUNC, null_buffer=False)
    assert (peeked.value, peeked.data) == (6, b"abc")
    result = world.call("recvmsg", fd=fd, sizes=(3,), control_size=0, flags=0)
    assert (result.value, result.data, result.msg_flags) == (3, b"abc", MSG_TRUNC)
    assert world.read(fd).data == b"gh"


def test_a_read_waits_for_a_datagram(world: World) -> None:
    fd = udp(world)
    call = world.start("read", fd=fd, count=10, null_buffer=False)
    assert world.result(call) is None
    world.inject_packet(datagram(world, b""))
    assert world.results[call][1].value == 0


def test_a_connected_socket_hears_only_its_peer(world: World) -> None:
    fd = world.nonblocking(udp(world))
    assert world.call("connect", fd=fd, address=world.peer_address()).value == 0
    world.inject_packet(datagram(world, b"stranger", src_port=1))
    assert world.errno("read", fd=fd, count=9, null_buffer=False) == Errno.EAGAIN
    world.inject_packet(datagram(world, b"friend"))
    assert world.read(fd).data == b"friend"
    assert world.write(fd, 3).value == 3
    assert world.call("connect", fd=fd, address=SockAddr(AF_UNSPEC)).value == 0
    assert world.errno("write", fd=fd, data=b"x", count=1) == Errno.EDESTADDRREQ


def test_a_closed_port_is_unreachable(world: World) -> None:
    # RFC 1122 4.1.3.1: "UDP SHOULD send an ICMP Port Unreachable message".
    packet = datagram(world, b"anybody?")
    world.inject_packet(packet)
    message = world.sent_packets()[0].body
    assert isinstance(message, IcmpMessage)
    assert (message.type, message.code, message.payload) == (3, 3, packet)


def test_a_datagram_with_a_wrong_checksum_is_lost(world: World) -> None:
    # RFC 1122 4.1.3.4.
    fd = world.nonblocking(udp(world))
    world.inject_packet(datagram(world, b"x", checksum=1))
    assert world.errno("read", fd=fd, count=9, null_buffer=False) == Errno.EAGAIN
    assert world.packets == []


def test_an_unreachable_port_is_reported_to_a_connected_socket(world: World) -> None:
    # udp(7): ECONNREFUSED.
    fd = udp(world)
    world.call("connect", fd=fd, address=world.peer_address())
    world.write(fd, 1)
    sent = build_packet(world.sent_packets()[0])
    world.inject_icmp(3, 3, sent)
    assert world.errno("write", fd=fd, data=b"x", count=1) == Errno.ECONNREFUSED
    assert world.write(fd, 1).value == 1


@pytest.mark.parametrize(
    ("data", "count", "errno"),
    [(None, 5, Errno.EFAULT), (bytes(65_508), 65_508, Errno.EMSGSIZE)],
)
def test_what_cannot_be_sent(world: World, data: bytes | None, count: int, errno: Errno) -> None:
    arguments = {"fd": udp(world), "data": data, "count": count, "flags": 0, "address": world.peer_address()}
    assert world.errno("sendto", **arguments) == errno


def test_an_unbound_socket_gets_a_port_when_it_sends(world: World) -> None:
    fd = udp(world, is_bound=False)
    world.call("sendto", fd=fd, data=b"x", count=1, flags=0, address=world.peer_address())
    body = world.sent_packets()[0].body
    assert isinstance(body, UdpDatagram)
    assert body.src_port >= 49_152  # RFC 6335 section 6


def test_shutdown_wants_a_connected_socket(world: World) -> None:
    fd = udp(world)
    assert world.errno("shutdown", fd=fd, how=1) == Errno.ENOTCONN
    world.call("connect", fd=fd, address=world.peer_address())
    world.call("shutdown", fd=fd, how=2)
    assert world.errno("write", fd=fd, data=b"x", count=1) == Errno.EPIPE
    assert world.read(fd).value == 0


def test_a_datagram_socket_is_always_writable_and_closes_for_good(world: World) -> None:
    class Entry:
        fd = udp(world)
        events = POLLIN | POLLOUT

    assert world.call("poll", entries=(Entry,), timeout_ms=0).revents == (POLLOUT,)
    world.inject_packet(datagram(world, b"x"))
    assert world.call("poll", entries=(Entry,), timeout_ms=0).revents == (POLLIN | POLLOUT,)
    assert world.call("ioctl", fd=Entry.fd, request=0x541B, argument=bytes(4)).optval == b"\1\0\0\0"
    world.call("close", fd=Entry.fd)
    udp(world)
