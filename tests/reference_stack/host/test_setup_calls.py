"""socket, bind, listen, accept, connect: results and errnos (socket(2), bind(2), ..., measured on Linux 6.18)."""

import pytest

from reference_stack.host import Errno, NotModelled
from tests.reference_stack.host.world import PEER_PORT, PORT, SECOND, SockAddr, World, shown
from wire.abi import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    AF_UNSPEC,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_ERROR,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SO_SNDTIMEO,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_RAW,
    SOCK_STREAM,
    SOL_SOCKET,
    SOL_TCP,
    TCP_FASTOPEN,
    pack_timeval,
)
from wire.options import FastOpen, TcpOption
from wire.tcp import TcpSegment

# ---------------------------------------------------------------- socket


def test_descriptors_are_the_lowest_free_ones(world: World) -> None:
    assert [world.socket(), world.socket()] == [3, 4]
    world.call("close", fd=3)
    assert world.socket() == 3


@pytest.mark.parametrize(
    ("domain", "kind", "protocol", "errno"),
    [
        (99, SOCK_STREAM, 0, Errno.EAFNOSUPPORT),
        (AF_UNSPEC, SOCK_STREAM, 0, Errno.EAFNOSUPPORT),
        (AF_INET, 77, 0, Errno.EINVAL),
        (AF_INET, SOCK_STREAM, -1, Errno.EINVAL),
        (AF_INET, SOCK_STREAM, IPPROTO_UDP, Errno.EPROTONOSUPPORT),
        (AF_INET, SOCK_DGRAM, IPPROTO_TCP, Errno.EPROTONOSUPPORT),
    ],
)
def test_socket_refuses_what_does_not_exist(world: World, domain: int, kind: int, protocol: int, errno: Errno) -> None:
    assert world.errno("socket", domain=domain, type=kind, protocol=protocol) == errno


@pytest.mark.parametrize(("domain", "kind"), [(AF_UNIX, SOCK_STREAM), (AF_INET, SOCK_RAW)])
def test_sockets_that_the_host_lacks_are_named_not_simulated(world: World, domain: int, kind: int) -> None:
    with pytest.raises(NotModelled, match="socket of"):
        world.call("socket", domain=domain, type=kind, protocol=0)


def test_sock_nonblock_makes_a_nonblocking_socket(world: World) -> None:
    fd = world.call("socket", domain=AF_INET, type=SOCK_STREAM | SOCK_NONBLOCK, protocol=0).value
    assert world.call("fcntl", fd=fd, command=3, argument=None).value == 0o4002


def test_an_unknown_call_is_named_not_simulated(world: World) -> None:
    for name in ("vmsplice", "install", "__init__"):
        with pytest.raises(NotModelled, match=f"system call {name}"):
            world.call(name)


# ---------------------------------------------------------------- descriptors


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bind", {"address": SockAddr(AF_INET, "", 1)}),
        ("listen", {"backlog": 1}),
        ("accept", {}),
        ("connect", {"address": SockAddr(AF_INET, "192.0.2.1", 1)}),
        ("shutdown", {"how": 2}),
        ("close", {}),
        ("read", {"count": 1, "null_buffer": False}),
        ("read", {"count": 0, "null_buffer": False}),
        ("write", {"data": b"x", "count": 1}),
        ("fcntl", {"command": 3, "argument": None}),
        ("ioctl", {"request": 0x541B, "argument": None}),
        ("getsockopt", {"level": 1, "name": 4, "size": 4, "initial": b""}),
        ("setsockopt", {"level": 1, "name": 2, "value": b"\1\0\0\0", "size": 4}),
    ],
)
def test_a_closed_descriptor_is_bad(world: World, name: str, arguments: dict[str, object]) -> None:
    assert world.errno(name, fd=7, **arguments) == Errno.EBADF


def test_an_epoll_instance_is_no_socket(world: World) -> None:
    fd = world.call("epoll_create", size=1).value
    assert world.errno("listen", fd=fd, backlog=1) == Errno.ENOTSOCK


# ---------------------------------------------------------------- bind


def test_bind_takes_own_and_wildcard_addresses(any_family: World) -> None:
    world = any_family
    assert world.call("bind", fd=world.socket(), address=world.address(port=1000)).value == 0
    wildcard = SockAddr(world.family, "", 1001)
    assert world.call("bind", fd=world.socket(), address=wildcard).value == 0


def test_bind_to_a_foreign_address_is_refused(any_family: World) -> None:
    world = any_family
    assert world.errno("bind", fd=world.socket(), address=world.peer_address()) == Errno.EADDRNOTAVAIL


def test_bind_twice_is_invalid(world: World) -> None:
    fd = world.socket()
    world.call("bind", fd=fd, address=world.address())
    assert world.errno("bind", fd=fd, address=world.address(port=9)) == Errno.EINVAL


def test_a_bound_port_is_in_use(world: World) -> None:
    world.call("bind", fd=world.socket(), address=world.address())
    assert world.errno("bind", fd=world.socket(), address=world.address()) == Errno.EADDRINUSE
    wildcard = SockAddr(world.family, "", PORT)
    assert world.errno("bind", fd=world.socket(), address=wildcard) == Errno.EADDRINUSE


def test_a_dual_stack_wildcard_and_ipv4_share_the_ports(world: World) -> None:
    # ipv6(7): an IPv6 socket takes IPv4 too unless IPV6_V6ONLY is set.
    fd = world.call("socket", domain=AF_INET6, type=SOCK_STREAM, protocol=0).value
    assert world.call("bind", fd=fd, address=SockAddr(AF_INET6, "::", PORT)).value == 0
    assert world.errno("bind", fd=world.socket(), address=world.address()) == Errno.EADDRINUSE


def test_reuseaddr_shares_a_port_until_somebody_listens(world: World) -> None:
    # socket(7): "except when there is an active listening socket bound to the address".
    one, two = world.socket(), world.socket()
    for fd in (one, two):
        world.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        assert world.call("bind", fd=fd, address=world.address()).value == 0
    assert world.call("listen", fd=one, backlog=1).value == 0
    assert world.errno("listen", fd=two, backlog=1) == Errno.EADDRINUSE


def test_a_server_restarts_over_its_old_connection_only_with_reuseaddr(world: World) -> None:
    listener = world.listen()
    world.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
    world.handshake()
    world.accept(listener)
    world.call("close", fd=listener)
    fd = world.socket()
    assert world.errno("bind", fd=fd, address=world.address()) == Errno.EADDRINUSE
    world.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    assert world.call("bind", fd=fd, address=world.address()).value == 0


@pytest.mark.parametrize("family", [AF_INET6, AF_UNIX, 99])
def test_bind_refuses_other_families(world: World, family: int) -> None:
    # Measured: EAFNOSUPPORT for families 10, 1 and 99 on an AF_INET socket.
    assert world.errno("bind", fd=world.socket(), address=SockAddr(family, "", PORT)) == Errno.EAFNOSUPPORT


def test_bind_with_af_unspec_works_for_the_wildcard(world: World) -> None:
    assert world.call("bind", fd=world.socket(), address=SockAddr(AF_UNSPEC, "", PORT)).value == 0


def test_a_short_sockaddr_is_invalid(world: World) -> None:
    assert world.errno("bind", fd=world.socket(), address=SockAddr(0, raw=b"\2\0\0")) == Errno.EINVAL
    assert world.errno("bind", fd=world.socket(), address=SockAddr(0, raw=b"\2")) == Errno.EINVAL


def test_the_octets_of_a_sockaddr_win(world: World) -> None:
    raw = bytes((2, 0)) + PORT.to_bytes(2, "big") + bytes((192, 168, 0, 1)) + bytes(8)
    assert world.call("bind", fd=world.socket(), address=SockAddr(99, "nonsense", 1, raw)).value == 0
    assert world.errno("bind", fd=world.socket(), address=world.address()) == Errno.EADDRINUSE


# ---------------------------------------------------------------- listen and accept


def test_listen_without_bind_picks_a_port(world: World) -> None:
    fd = world.socket()
    assert world.call("listen", fd=fd, backlog=1).value == 0


def test_listen_on_a_connection_is_invalid(world: World) -> None:
    assert world.errno("listen", fd=world.established(), backlog=1) == Errno.EINVAL
    assert world.errno("listen", fd=world.socket(SOCK_DGRAM, 0), backlog=1) == Errno.EOPNOTSUPP


def test_accept_without_listen_is_invalid(world: World) -> None:
    assert world.errno("accept", fd=world.socket()) == Errno.EINVAL


def test_accept_gives_the_peer_and_leaves_the_listener(any_family: World) -> None:
    world = any_family
    listener = world.listen()
    world.handshake()
    result = world.call("accept", fd=listener)
    assert result.value == 4
    assert result.address == shown(world, world.remote_ip, PEER_PORT)
    world.handshake(peer_port=40001)
    assert world.call("accept", fd=listener).value == 5


def test_accept_waits_for_the_handshake(world: World) -> None:
    listener = world.listen()
    call = world.start("accept", fd=listener)
    world.inject("S 0:0(0)")
    assert world.result(call) is None
    world.now = 30
    world.inject(". 1:1(0) ack 1")
    assert world.results[call][0] == 30
    assert world.results[call][1].value == 4


def test_a_nonblocking_accept_does_not_wait(world: World) -> None:
    assert world.errno("accept", fd=world.nonblocking(world.listen())) == Errno.EAGAIN


def test_accept_obeys_the_receive_timeout(world: World) -> None:
    # socket(7), SO_RCVTIMEO: EAGAIN when no data has been transferred in time.
    listener = world.listen()
    value = pack_timeval(300_000)
    world.call("setsockopt", fd=listener, level=SOL_SOCKET, name=SO_RCVTIMEO, value=value, size=16)
    call = world.start("accept", fd=listener)
    world.advance(SECOND)
    assert world.results[call] == (300_000, world.results[call][1])
    assert world.results[call][1].errno == Errno.EAGAIN


def test_an_accepted_socket_blocks_although_the_listener_does_not(world: World) -> None:
    # accept(2): on Linux the new socket does not inherit O_NONBLOCK.
    listener = world.nonblocking(world.listen())
    world.handshake()
    assert world.call("fcntl", fd=world.accept(listener), command=3, argument=None).value == 2


# ---------------------------------------------------------------- the queues of a listener


def syns_answered(world: World, count: int) -> int:
    for number in range(count):
        world.remote_port = 50_000 + number
        world.inject("S 0:0(0)")
    return len(world.sent())


def test_a_full_syn_queue_ignores_further_syns(linux: World) -> None:
    # Measured: listen(fd, 1) answers two half-open connections.
    linux.host.sysctls.write("net.ipv4.tcp_syncookies", "0")
    linux.listen(backlog=1)
    assert syns_answered(linux, 5) == 2


def test_tcp_max_syn_backlog_bounds_the_half_open_connections(linux: World) -> None:
    # Measured: tcp_max_syn_backlog 4, backlog 100, 12 SYNs: 4 SYN-ACKs, then silence.
    linux.host.sysctls.write("net.ipv4.tcp_syncookies", "0")
    linux.host.sysctls.write("net.ipv4.tcp_max_syn_backlog", "4")
    linux.listen(backlog=100)
    assert syns_answered(linux, 12) == 4


def test_a_full_accept_queue_takes_no_new_syn(linux: World) -> None:
    # Measured: new SYNs that arrive while the accept queue is full are dropped; backlog n holds n + 1.
    linux.listen(backlog=1)
    for port in (1, 2):
        linux.handshake(peer_port=port)
    linux.sent()
    assert syns_answered(linux, 1) == 0


def overflowing(world: World) -> int:
    """A listener whose accept queue is full, with one more connection in SYN-RECEIVED; returns its descriptor."""
    listener = world.listen(backlog=1)
    world.remote_port = 3
    world.inject("S 0:0(0)")
    isn = world.local_isn
    for port in (1, 2):
        world.handshake(peer_port=port)
    world.remote_port, world.local_isn = 3, isn
    world.sent()
    return listener


def test_an_ack_that_finds_the_accept_queue_full_is_dropped(linux: World) -> None:
    # Measured with tcp_abort_on_overflow 0: the ACK is dropped; after room was made, resent data completes it.
    listener = overflowing(linux)
    linux.inject(". 1:1(0) ack 1")
    assert linux.sent() == []
    linux.accept(listener)
    linux.inject("P. 1:6(5) ack 1")
    linux.accept(listener)
    assert linux.read(linux.accept(listener)).value == 5


def test_tcp_abort_on_overflow_resets_instead(linux: World) -> None:
    # Measured: RST with the number that the ACK acknowledged; the state is gone.
    linux.host.sysctls.write("net.ipv4.tcp_abort_on_overflow", "1")
    listener = overflowing(linux)
    linux.inject(". 1:1(0) ack 1")
    assert linux.sent() == ["R 1:1(0)"]
    linux.accept(listener)
    linux.inject("P. 1:6(5) ack 1")
    assert linux.sent() == ["R 1:1(0)"]


_KEY = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"
_COOKIE = bytes.fromhex("3021b9d889017eeb")  # of Linux 6.18 for the world's two addresses


def _listen_fast(world: World, mode: str = "0x403") -> int:
    world.host.shell(f"sysctl -q net.ipv4.tcp_fastopen={mode} net.ipv4.tcp_fastopen_key={_KEY}", now=0)
    return world.listen()


def _granted(world: World) -> list[TcpOption]:
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    return [option for option in packet.body.options if isinstance(option, FastOpen)]


@pytest.mark.parametrize("cookie", [b"", bytes(8), bytes(16)])
@pytest.mark.parametrize("is_experimental", [False, True])
def test_a_cookie_is_granted_for_a_request_and_for_a_wrong_one(
    world: World, cookie: bytes, is_experimental: bool
) -> None:
    # RFC 7413, 4.2.1 and 4.2.2; the text of the SYN is not acknowledged.
    _listen_fast(world)
    world.inject("S 0:10(10)", options=(FastOpen(cookie, is_experimental),))
    assert _granted(world) == [FastOpen(_COOKIE, is_experimental)]


@pytest.mark.parametrize("length", [2, 3, 5, 18])
def test_a_cookie_of_an_illegal_length_is_ignored(world: World, length: int) -> None:
    # RFC 7413, 4.1.1.
    _listen_fast(world)
    world.inject("S 0:10(10)", options=(FastOpen(bytes(length)),))
    assert _granted(world) == []


def test_a_repeated_syn_ack_brings_no_cookie(world: World) -> None:
    # RFC 7413, 4.2.2.
    _listen_fast(world)
    world.inject("S 0:0(0)", options=(FastOpen(),))
    assert _granted(world) == [FastOpen(_COOKIE)]
    world.advance(1_100_000)
    assert _granted(world) == []


def test_no_listener_grants_cookies_unless_asked_to(world: World) -> None:
    # RFC 7413, 2: TCP_FASTOPEN, or bit 0x400 of the setting.
    fd = _listen_fast(world, "0x3")
    world.inject("S 0:0(0)", options=(FastOpen(),))
    assert _granted(world) == []
    assert world.setsockopt(fd, SOL_TCP, TCP_FASTOPEN, 5).value == 0
    world.inject("S 0:0(0)", options=(FastOpen(),), src_port=40_001)
    assert _granted(world) == [FastOpen(_COOKIE)]


def test_fast_open_that_is_off_is_an_unknown_option(world: World) -> None:
    # RFC 9293, MUST-6: an option that is not understood is ignored.
    world.listen()
    world.inject("S 0:0(0)", options=(FastOpen(bytes(8)),))
    assert world.sent() == ["S. 0:0(0) ack 1"]


# ---------------------------------------------------------------- connect


def test_a_blocking_connect_returns_when_the_handshake_is_done(any_family: World) -> None:
    world = any_family
    fd = world.socket()
    call = world.start("connect", fd=fd, address=world.peer_address())
    assert world.sent() == ["S 0:0(0)"]
    world.now = 25
    world.inject("S. 0:0(0) ack 1")
    assert world.sent() == [". 1:1(0) ack 1"]
    assert (world.results[call][0], world.results[call][1].value) == (25, 0)
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.EISCONN


def test_a_nonblocking_connect_reports_success_once(world: World) -> None:
    # Measured (ERR-10): EINPROGRESS, EALREADY, then 0 after the asynchronous success, then EISCONN.
    fd = world.nonblocking(world.socket())
    address = world.peer_address()
    assert world.errno("connect", fd=fd, address=address) == Errno.EINPROGRESS
    assert world.errno("connect", fd=fd, address=address) == Errno.EALREADY
    world.inject("S. 0:0(0) ack 1")
    assert world.call("connect", fd=fd, address=address).value == 0
    assert world.errno("connect", fd=fd, address=address) == Errno.EISCONN


def test_a_refused_connect_can_be_made_again(world: World) -> None:
    fd = world.socket()
    call = world.start("connect", fd=fd, address=world.peer_address())
    world.inject("R. 0:0(0) ack 1")
    assert world.results[call][1].errno == Errno.ECONNREFUSED
    world.sent()
    world.start("connect", fd=fd, address=world.peer_address())
    assert world.sent() == ["S 0:0(0)"]


def test_a_refused_nonblocking_connect_tells_by_so_error_once(world: World) -> None:
    fd = world.connecting()
    world.inject("R. 0:0(0) ack 1")
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == Errno.ECONNREFUSED
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == 0
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.ECONNABORTED


def test_a_refused_nonblocking_connect_tells_by_the_next_connect(world: World) -> None:
    fd = world.connecting()
    world.inject("R. 0:0(0) ack 1")
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.ECONNREFUSED
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.EINPROGRESS


def test_a_connect_that_nobody_answers_times_out(world: World) -> None:
    call = world.start("connect", fd=world.socket(), address=world.peer_address())
    world.advance(600 * SECOND)
    assert world.results[call][1].errno == Errno.ETIMEDOUT
    # RFC 9293, MUST-23: R2 of a SYN is at least three minutes.
    assert world.results[call][0] >= 180 * SECOND


def test_connect_obeys_the_send_timeout(world: World) -> None:
    # socket(7), SO_SNDTIMEO; connect(2): EINPROGRESS.
    fd = world.socket()
    world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=SO_SNDTIMEO, value=pack_timeval(500_000), size=16)
    call = world.start("connect", fd=fd, address=world.peer_address())
    world.advance(SECOND)
    assert (world.results[call][0], world.results[call][1].errno) == (500_000, Errno.EINPROGRESS)


def test_connect_on_a_listener_is_refused(world: World) -> None:
    assert world.errno("connect", fd=world.listen(), address=world.peer_address()) == Errno.EISCONN


@pytest.mark.parametrize("host", ["255.255.255.255", "192.168.255.255", "224.0.0.1"])
def test_broadcast_and_multicast_cannot_be_reached(world: World, host: str) -> None:
    # Measured: ENETUNREACH and no SYN (tcp(7): not supported).
    assert world.errno("connect", fd=world.socket(), address=SockAddr(AF_INET, host, 1)) == Errno.ENETUNREACH
    assert world.sent() == []


def test_the_other_family_cannot_be_reached(world: World) -> None:
    fd = world.call("socket", domain=AF_INET6, type=SOCK_STREAM, protocol=0).value
    assert world.errno("connect", fd=fd, address=SockAddr(AF_INET6, "2001:db8::1", 1)) == Errno.ENETUNREACH
    assert world.errno("connect", fd=fd, address=SockAddr(AF_INET, "192.0.2.1", 1)) == Errno.EAFNOSUPPORT
    assert world.errno("connect", fd=world.socket(), address=SockAddr(AF_INET6, "::1", 1)) == Errno.EAFNOSUPPORT


def test_a_connection_to_oneself_is_named_not_simulated(world: World) -> None:
    with pytest.raises(NotModelled, match="to itself"):
        world.call("connect", fd=world.socket(), address=world.address())


def test_the_source_port_comes_from_the_range(world: World) -> None:
    # Measured: ip_local_port_range '50000 50000' gives port 50000, and EADDRNOTAVAIL for a second one.
    world.host.sysctls.write("net.ipv4.ip_local_port_range", "50000 50000")
    world.connecting()
    assert world.local_port == 50_000
    fd = world.nonblocking(world.socket())
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.EADDRNOTAVAIL


def test_a_bound_socket_connects_from_its_port(world: World) -> None:
    fd = world.nonblocking(world.socket())
    world.call("bind", fd=fd, address=world.address(port=777))
    world.call("connect", fd=fd, address=world.peer_address())
    assert world.local_port == 777


def test_equal_seeds_give_equal_hosts_and_other_seeds_others() -> None:
    def syn(seed: int) -> tuple[int, int]:
        world = World(seed=seed)
        world.connecting()
        return world.local_isn, world.local_port

    assert syn(1) == syn(1)
    assert syn(1) != syn(2)


def test_connect_with_af_unspec_dissolves_a_connection(world: World) -> None:
    # Measured (ERR-6): connect with AF_UNSPEC disconnects; a connection is reset.
    fd = world.connected()
    assert world.call("connect", fd=fd, address=SockAddr(AF_UNSPEC)).value == 0
    assert [each[0] for each in world.sent()] == ["R"]
    assert world.errno("connect", fd=fd, address=world.peer_address()) == Errno.EINPROGRESS


def test_connect_with_af_unspec_ends_listening(world: World) -> None:
    listener = world.listen()
    assert world.call("connect", fd=listener, address=SockAddr(AF_UNSPEC)).value == 0
    world.inject("S 0:0(0)")
    assert world.sent() == ["R. 0:0(0) ack 1"]


def test_connect_to_nowhere_is_a_bad_address(world: World) -> None:
    assert world.errno("connect", fd=world.socket(), address=None) == Errno.EFAULT
