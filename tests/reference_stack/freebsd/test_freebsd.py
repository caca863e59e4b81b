"""The personality ``freebsd``: what tcp(4) says of its settings, and what FreeBSD's own suite shows on the wire."""

import pytest

from reference_stack.host import Errno, NotModelled
from reference_stack.personality import personality
from tests.reference_stack.host.world import SECOND, World
from wire.abi import SHUT_WR, SO_ERROR, SO_RCVBUF, SOL_SOCKET, SOL_TCP, TCP_FASTOPEN
from wire.options import Eol, FastOpen, Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, WindowScale
from wire.tcp import TcpSegment

SACK_SYN = (Mss(1460), SackPermitted())


@pytest.fixture
def world() -> World:
    return World(chosen=personality("freebsd"))


def sysctl(world: World, *assignments: str) -> None:
    assert world.host.shell("sysctl -w " + " ".join(assignments), now=world.now).status == 0


def options(world: World) -> tuple[TcpOption, ...]:
    """Options of the one segment that left since the last question."""
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    return packet.body.options


def windows(world: World) -> list[int]:
    return [packet.body.window for packet in world.sent_packets() if isinstance(packet.body, TcpSegment)]


def connected(world: World) -> int:
    """An active open with SACK only, as most scripts of the suite have it."""
    fd = world.connecting()
    world.inject("S. 0:0(0) ack 1 win 32767", options=SACK_SYN)
    world.sent()
    return fd


# ---------------------------------------------------------------- options and windows


def test_options_of_a_syn_stand_in_the_order_of_freebsd_and_end_with_zeros(world: World) -> None:
    # The suite: <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>; a SYN-ACK <mss 1460,sackOK,eol,eol>.
    world.nonblocking(fd := world.socket())
    world.call("connect", fd=fd, address=world.peer_address())
    kinds = [type(option) for option in options(world)]
    assert kinds == [Mss, Nop, WindowScale, SackPermitted, Timestamps]
    listening = World(chosen=personality("freebsd"))
    listening.listen()
    listening.inject("S 0:0(0)", options=SACK_SYN)
    assert options(listening) == (Mss(1460), SackPermitted(), Eol(), Eol())


@pytest.mark.parametrize(("largest", "shift"), [(2_097_152, 6), (73_728, 1), (65_535, 0)])
def test_the_window_scale_follows_the_largest_buffer(world: World, largest: int, shift: int) -> None:
    # tcp(4), kern.ipc.maxsockbuf: 65535 << 5 is less than two megabytes.
    sysctl(world, f"kern.ipc.maxsockbuf={largest}")
    fd = world.nonblocking(world.socket())
    world.call("connect", fd=fd, address=world.peer_address())
    assert WindowScale(shift) in options(world)


def test_buffers_are_rounded_up_to_whole_segments(world: World) -> None:
    # The suite: SO_RCVBUF is 65536 before and 65700, 45 segments of 1460, behind the handshake.
    fd = world.socket()
    assert world.getsockopt(fd, SOL_SOCKET, SO_RCVBUF) == 65_536
    assert world.getsockopt(connected(world), SOL_SOCKET, SO_RCVBUF) == 65_700


def test_the_window_is_all_free_space_and_no_less_than_was_offered(world: World) -> None:
    fd = connected(world)
    world.inject(". 1:800(799) ack 1", options=())
    world.inject(". 800:801(1) ack 1", options=())
    assert windows(world) == [65_700 - 800]
    world.read(fd)
    world.inject("F. 801:801(0) ack 1", options=())
    assert windows(world) == [65_535]


def test_every_second_segment_is_acknowledged_however_small(world: World) -> None:
    # 4.4BSD: the timer runs for one segment only; tcp(4), delacktime: 40 ms.
    connected(world)
    world.inject(". 1:2(1) ack 1")
    assert world.sent() == []
    world.inject(". 2:4(2) ack 1")
    assert world.sent() == [". 1:1(0) ack 4"]
    world.inject(". 4:5(1) ack 1")
    world.advance(39_000)
    assert world.sent() == []
    world.advance(1_000)
    assert world.sent() == [". 1:1(0) ack 5"]


def test_the_first_of_several_duplicates_is_reported_at_once(world: World) -> None:
    # RFC 2883, section 4; the suite expects the lowest one.
    connected(world)
    for text in (". 1:100(99) ack 1", ". 200:300(100) ack 1", ". 400:500(100) ack 1"):
        world.inject(text)
    world.sent()
    world.inject(". 1:500(499) ack 1")
    found = [option for option in options(world) if isinstance(option, Sack)]
    base = world.remote_isn
    assert found == [Sack(((base + 1, base + 100),))]


# ---------------------------------------------------------------- switches


@pytest.mark.parametrize(("value", "sent"), [(0, [". 1:1(0) ack 1"]), (1, [])])
def test_insecure_rst_decides_about_a_reset_inside_the_window(world: World, value: int, sent: list[str]) -> None:
    # tcp(4), insecure_rst: "Use criteria defined in RFC793 instead of RFC5961 for accepting RST segments."
    fd = connected(world)
    sysctl(world, f"net.inet.tcp.insecure_rst={value}")
    world.inject("R 1000:1000(0)")
    assert world.sent() == sent
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == (Errno.ECONNRESET if value else 0)


@pytest.mark.parametrize(("value", "sent"), [(0, [". 1:1(0) ack 1"]), (1, ["R. 1:1(0) ack 1"])])
def test_insecure_syn_decides_about_a_syn_inside_the_window(world: World, value: int, sent: list[str]) -> None:
    # tcp(4), insecure_syn: "Use criteria defined in RFC793 instead of RFC5961 for accepting SYN segments."
    fd = connected(world)
    sysctl(world, f"net.inet.tcp.insecure_syn={value}")
    world.inject("S 1:1(0)", options=SACK_SYN)
    assert world.sent() == sent
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == (Errno.ECONNRESET if value else 0)


@pytest.mark.parametrize(("value", "answers"), [(0, 1), (1, 0)])
def test_drop_synfin_decides_about_syn_with_fin(world: World, value: int, answers: int) -> None:
    # tcp(4), drop_synfin: "Drop TCP packets with both SYN and FIN set."
    sysctl(world, f"net.inet.tcp.drop_synfin={value}")
    world.listen()
    world.inject("SF 0:0(0)", options=SACK_SYN)
    assert len(world.sent()) == answers


def test_ecn_is_asked_for_again_as_often_as_maxretries_says(world: World) -> None:
    # tcp(4), ecn.maxretries: 1.
    sysctl(world, "net.inet.tcp.ecn.enable=1")
    world.nonblocking(fd := world.socket())
    world.call("connect", fd=fd, address=world.peer_address())
    world.advance(4 * SECOND)
    assert [text.split()[0] for text in world.sent()] == ["SEW", "SEW", "S"]


def test_rexmit_drop_options_leaves_a_bare_syn(world: World) -> None:
    # tcp(4), rexmit_drop_options: "Drop TCP options from third and later retransmitted SYN".
    sysctl(world, "net.inet.tcp.rexmit_drop_options=1")
    world.nonblocking(fd := world.socket())
    world.call("connect", fd=fd, address=world.peer_address())
    world.advance(8 * SECOND)
    lengths = [len(p.body.options) for p in world.sent_packets() if isinstance(p.body, TcpSegment)]
    assert lengths == [5, 5, 5, 1]


def test_a_hard_icmp_error_refuses_an_opening_and_soft_ones_are_not_shown(world: World) -> None:
    # tcp(4), icmp_may_rst; the suite expects ECONNREFUSED of a prohibited host, and no SO_ERROR of a soft error.
    fd = world.connecting()
    world.inject_icmp(3, 1, world.quote())
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == 0
    world.inject_icmp(3, 3, world.quote())
    assert world.getsockopt(fd, SOL_SOCKET, SO_ERROR) == Errno.ECONNREFUSED


# ---------------------------------------------------------------- states


def test_a_syn_ack_in_listen_is_dropped(world: World) -> None:
    world.listen()
    world.inject("S. 17:20(3) ack 34")
    assert world.sent() == []
    world.inject(". 17:20(3) ack 34")
    assert len(world.sent()) == 1


def test_acknowledgments_repeat_a_fin_that_is_not_acknowledged(world: World) -> None:
    fd = connected(world)
    world.call("shutdown", fd=fd, how=SHUT_WR)
    assert world.sent() == ["F. 1:1(0) ack 1"]
    world.inject("F. 1:1(0) ack 1")
    assert world.sent() == ["F. 1:1(0) ack 2"]


def test_the_acknowledgment_of_an_old_segment_counts(world: World) -> None:
    # 4.4BSD: a FIN that comes again in CLOSING acknowledges ours.
    fd = connected(world)
    world.call("shutdown", fd=fd, how=SHUT_WR)
    world.inject("F. 1:1(0) ack 1")
    world.inject("F. 1:1(0) ack 2")
    assert "TIME_WAIT" in world.host.shell("sockstat -4 -P tcp -s", now=world.now).output


@pytest.mark.parametrize(
    ("segment", "sent"),
    [(". 3:3(0) ack 2", [". 2:2(0) ack 2"]), (". 2:2(0) ack 2", []), ("R 2:2(0)", []), ("F 2:2(0)", [])],
)
def test_time_wait_acknowledges_what_it_did_not_expect_and_no_reset_ends_it(
    world: World, segment: str, sent: list[str]
) -> None:
    fd = connected(world)
    world.call("shutdown", fd=fd, how=SHUT_WR)
    world.inject("F. 1:1(0) ack 2")
    world.sent()
    world.inject(segment)
    assert world.sent() == sent
    assert "TIME_WAIT" in world.host.shell("sockstat -4 -P tcp -s", now=world.now).output


# ---------------------------------------------------------------- sending opens


def test_a_send_with_an_address_connects_and_queues(world: World) -> None:
    # tcp(4) and T/TCP: an implied connect; the octets leave behind the handshake.
    fd = world.socket()
    result = world.call("sendto", fd=fd, data=bytes(100), count=100, flags=0, address=world.peer_address())
    assert result.value == 100
    assert world.sent() == ["S 0:0(0)"]
    world.inject("S. 0:0(0) ack 1", options=SACK_SYN)
    assert world.sent() == ["P. 1:101(100) ack 1"]


def test_fast_open_by_a_send_with_an_address(world: World) -> None:
    # tcp(4), TCP_FASTOPEN: "on sockets that have not been connected, [...] sendto [...] to initiate the connection".
    def send() -> int:
        fd = world.socket()
        world.setsockopt(fd, SOL_TCP, TCP_FASTOPEN, 1)
        address = world.peer_address()
        assert world.call("sendto", fd=fd, data=bytes(100), count=100, flags=0, address=address).value == 100
        return fd

    fd = send()
    assert world.sent() == ["S 0:0(0)"]
    world.inject("S. 0:0(0) ack 1", options=(*SACK_SYN, FastOpen(bytes(8))))
    assert world.sent() == ["P. 1:101(100) ack 1"]
    world.call("close", fd=fd)
    world.sent()
    send()
    assert world.sent() == ["S 0:100(100)"]


# ---------------------------------------------------------------- commands


def test_sockstat_lists_and_tcpdrop_drops(world: World) -> None:
    fd = connected(world)
    world.call("shutdown", fd=fd, how=SHUT_WR)
    world.inject("F. 1:1(0) ack 2")
    count = "sockstat -4 -P tcp -s | grep packetdril | grep -c TIME_WAIT | grep "
    assert world.host.shell(count + "1", now=world.now).status == 0
    assert world.host.shell("sockstat -6 -P tcp -s | grep -c TIME_WAIT | grep 0", now=world.now).status == 0
    assert world.host.shell("tcpdrop -s TIME_WAIT", now=world.now).status == 0
    assert world.host.shell(count + "0", now=world.now).status == 0


def test_commands_of_freebsd_are_not_known_elsewhere() -> None:
    with pytest.raises(NotModelled, match="no command sockstat"):
        World().host.shell("sockstat", now=0)
