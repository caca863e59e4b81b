"""Addresses and ports of sockets (DragonFly BSD tcp(4), Description and Errors): scripts cannot choose an address."""

import errno

import pytest

from conformance.testing import ACK, SYN, Connections, Conversation, seconds
from targets import calls
from targets.base import Departure
from targets.calls import SocketAddress, Syscall
from wire.abi import AF_INET, F_SETFL, IPPROTO_TCP, O_NONBLOCK, O_RDWR, SOCK_STREAM
from wire.ip import Ipv4Header
from wire.packet import Packet, parse_packet
from wire.tcp import TcpSegment

ELSEWHERE, MULTICAST = "198.51.100.7", "224.0.0.1"


def errno_of(talk: Conversation, syscall: Syscall) -> int:
    """Return the errno of a call that must fail."""
    result = talk.call(syscall)
    assert result.value == -1, f"{syscall} gave {result.value}"
    return result.errno


def new_socket(talk: Conversation) -> int:
    """Return a fresh IPv4 socket that does not block."""
    fd = talk.succeed(calls.Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)).value
    talk.succeed(calls.Fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
    return fd


def first_packet(connection: Connections) -> tuple[str, TcpSegment]:
    """Return source address and segment of the first TCP packet that leaves within a second."""
    deadline = connection.target.now() + seconds(1)
    while (happening := connection.target.poll(deadline)) is not None:
        packet = parse_packet(happening.packet) if isinstance(happening, Departure) else None
        if packet is not None and isinstance(packet.body, TcpSegment):
            return packet.ip.src, packet.body
    raise AssertionError("no packet within a second")


@pytest.mark.requirement("DFLY-TCP4-ERR-EADDRNOTAVAIL-1")
def test_an_address_of_another_host_cannot_be_bound(connection: Connections) -> None:
    talk = connection.closed()
    bind = calls.Bind(new_socket(talk), SocketAddress(AF_INET, ELSEWHERE, 8080))
    assert errno_of(talk, bind) == errno.EADDRNOTAVAIL


@pytest.mark.targets("dragonfly")
@pytest.mark.requirement("DFLY-TCP4-ERR-EAFNOSUPPORT-1")
def test_a_multicast_address_cannot_be_bound(connection: Connections) -> None:
    talk = connection.closed()
    bind = calls.Bind(new_socket(talk), SocketAddress(AF_INET, MULTICAST, 8080))
    assert errno_of(talk, bind) == errno.EAFNOSUPPORT


@pytest.mark.targets("dragonfly")
@pytest.mark.requirement("DFLY-TCP4-ERR-EAFNOSUPPORT-2")
def test_a_multicast_address_cannot_be_connected_to(connection: Connections) -> None:
    talk = connection.closed()
    connect = calls.Connect(new_socket(talk), SocketAddress(AF_INET, MULTICAST, 8080))
    assert errno_of(talk, connect) == errno.EAFNOSUPPORT
    assert connection.target.poll(connection.target.now() + seconds(1)) is None, "a packet left"


@pytest.mark.targets("dragonfly")
@pytest.mark.requirement("DFLY-TCP4-GEN-7")
def test_a_listening_socket_cannot_connect(connection: Connections) -> None:
    # tcp(4) says only that it fails; soconnect() of 4.4BSD gives EOPNOTSUPP (Stevens, volume 2, section 15.7).
    talk = connection.listen()
    connect = calls.Connect(talk.listener, SocketAddress(AF_INET, connection.network.remote_ip, 8080))
    assert errno_of(talk, connect) == errno.EOPNOTSUPP


@pytest.mark.requirement("DFLY-TCP4-GEN-9")
@pytest.mark.requirement("DFLY-TCP4-GEN-10")
@pytest.mark.requirement("DFLY-TCP4-GEN-4")
def test_a_socket_without_port_and_address_gets_both(connection: Connections) -> None:
    talk = connection.closed()
    fd = new_socket(talk)
    talk.succeed(calls.Bind(fd, SocketAddress(AF_INET, "0.0.0.0", 0)))
    talk.start(calls.Connect(fd, SocketAddress(AF_INET, connection.network.remote_ip, 8080)))
    source, syn = first_packet(connection)
    assert source == connection.network.local_ip
    assert syn.src_port != 0
    assert syn.dst_port == 8080


@pytest.mark.requirement("DFLY-TCP4-GEN-4")
def test_accept_gives_address_and_port_of_the_peer(connection: Connections) -> None:
    talk = connection.syn_received()
    talk.send(ACK)
    peer = talk.succeed(calls.Accept(talk.listener)).address
    assert peer is not None
    assert (peer.host, peer.port) == (connection.network.remote_ip, talk.remote_port)


@pytest.mark.requirement("DFLY-TCP4-GEN-8")
def test_a_wildcard_listener_serves_the_address_that_was_asked(connection: Connections) -> None:
    # `Connections.listen` binds the wildcard address.
    talk = connection.listen()
    talk.send(SYN)
    source, answer = first_packet(connection)
    assert source == connection.network.local_ip
    assert answer.flags == SYN | ACK


@pytest.mark.targets("dragonfly")
@pytest.mark.requirement("DFLY-TCP4-GEN-8")
def test_a_listener_of_one_address_serves_no_other(connection: Connections) -> None:
    target, network = connection.target, connection.network
    talk = connection.closed()
    fd = new_socket(talk)
    talk.succeed(calls.Bind(fd, SocketAddress(AF_INET, network.local_ip, talk.local_port)))
    talk.succeed(calls.Listen(fd, 1))
    segment = TcpSegment(talk.remote_port, talk.local_port, 1, 0, SYN, 65535, 0)
    talk.send_packet(Packet((Ipv4Header(network.remote_ip, ELSEWHERE),), segment))
    assert target.poll(target.now() + seconds(1)) is None, "answered for another host"
