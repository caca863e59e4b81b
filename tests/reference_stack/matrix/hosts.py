"""CLOSED, LISTEN and the calls that need a host around the connection (RFC 9293, 3.10.1 to 3.10.7.2)."""

from reference_stack.host import Errno
from tests.reference_stack.host.world import SECOND, World
from tests.reference_stack.matrix.cell import Cell, check
from wire.abi import SOL_SOCKET, SOL_TCP
from wire.options import Mss
from wire.tcp import TcpSegment

A = 0x1234_5678
SO_LINGER, TCP_INFO = 13, 11
OFFER = (Mss(1460),)


def answers(world: World, text: str, *, payload: bytes | None = None) -> list[str]:
    """What the host answers to a segment."""
    world.inject(text, payload=payload)
    return world.sent()


def assert_listening(world: World) -> None:
    world.local_isn = 0
    world.inject("S 0:0(0)", options=OFFER)
    (answer,) = world.sent()
    assert answer.startswith("S. 0:0(0) ack 1")


# --- CLOSED (3.10.7.1) -----------------------------------------------------------------------------------------------


@check("SEG-CLOSED-noack-syn")
def syn_to_nobody(cell: Cell) -> None:
    for isn in (7, 0xFFFF_FFFF):
        world = cell.world()
        world.remote_isn = isn
        assert answers(world, "S 0:0(0)") == ["R. 0:0(0) ack 1"]


@check("SEG-CLOSED-noack-data")
def other_segments_without_ack_to_nobody(cell: Cell) -> None:
    for text, ack in (("S 0:10(10)", 11), ("SF 0:0(0)", 2), ("P 0:5(5)", 5), ("F 0:0(0)", 1), ("P 0:0(0)", 0)):
        assert answers(cell.world(), text) == [f"R. 0:0(0) ack {ack}"]


@check("SEG-CLOSED-ack")
def ack_to_nobody(cell: Cell) -> None:
    for flags, octets in ((".", 0), ("S.", 0), ("F.", 0), (".", 100)):
        assert answers(cell.world(), f"{flags} 5:{5 + octets}({octets}) ack {A}") == [f"R {A}:{A}(0)"]


@check("SEG-CLOSED-rst")
def reset_to_nobody(cell: Cell) -> None:
    for text in ("R 0:0(0)", f"R. 0:0(0) ack {A}", "SR 0:0(0)", "R 0:20(20)"):
        assert answers(cell.world(), text) == []


@check("SEG-CLOSED-dataloss")
def text_to_nobody_is_lost(cell: Cell) -> None:
    world = cell.world()
    answers(world, ". 1:101(100) ack 1", payload=b"x" * 100)
    listener = world.listen()
    world.handshake()
    fd = world.accept(listener)
    world.inject("P. 1:3(2) ack 1", payload=b"ok")
    assert world.read(fd).data == b"ok"


@check("SEG-CLOSED-state")
def stray_segments_leave_no_state(cell: Cell) -> None:
    world = cell.world()
    for port in range(1000):
        world.remote_port = 1024 + port
        world.inject(f". 0:0(0) ack {A}")
    assert len(world.sent()) == 1000
    assert len(world.host.tcp.demux) == 0


@check("FIN-CLOSED-ignored", "FIN-LISTEN-ignored")
def fin_without_a_connection(cell: Cell) -> None:
    assert answers(cell.world(), "F 0:0(0)") == (["R. 0:0(0) ack 1"] if cell.state == "CLOSED" else [])


# --- LISTEN (3.10.7.2) -----------------------------------------------------------------------------------------------


@check("RST-LISTEN-any", "ACK-LISTEN-rst-first", "OTHER-LISTEN-neither")
def dropped_by_a_listener(cell: Cell) -> None:
    world = cell.world()
    resets = ("R 0:0(0)", "R 5:5(0)", f"R. 0:0(0) ack {A}", "SR 0:0(0)")
    others = ("P 0:9(9)", "F 0:0(0)", "U 0:0(0)", "P 0:0(0)")
    for text in others if cell.name.startswith("OTHER") else resets:
        assert answers(world, text) == []
    assert_listening(world)


@check("ACK-LISTEN-any")
def ack_to_a_listener(cell: Cell) -> None:
    world = cell.world()
    for text in (". 0:0(0)", "S. 0:0(0)", "F. 0:0(0)", "P. 0:9(9)"):
        world.local_isn = 0
        assert answers(world, f"{text} ack {A}") == [f"R {A}:{A}(0)"]
    assert_listening(world)


@check("SYN-LISTEN-plain", "OPEN-CLOSED-passive")
def syn_to_a_listener(cell: Cell) -> None:
    for isn in (7, 0xFFFF_FFFF):
        world = World()
        listener = world.listen()
        assert world.sent() == [], cell.name
        world.remote_isn = isn
        assert_listening(world)
        world.inject(". 1:1(0) ack 1")
        assert world.accept(listener) >= 0


@check("SYN-LISTEN-data", "SYN-LISTEN-fin")
def syn_with_more_to_a_listener(cell: Cell) -> None:
    has_fin = cell.name.endswith("fin")
    world = World()
    listener = world.listen()
    world.inject("SF 0:0(0)" if has_fin else "S 0:20(20)", options=OFFER)
    assert world.sent() == ["S. 0:0(0) ack 1"]
    world.inject(". 1:1(0) ack 1")
    fd = world.nonblocking(world.accept(listener))
    end = 2 if has_fin else 21
    assert world.sent()[-1] == f". 1:1(0) ack {end}"
    assert len(world.read(fd).data) == (0 if has_fin else 20)


@check("SYN-LISTEN-urg-psh")
def syn_with_other_bits_to_a_listener(cell: Cell) -> None:
    for text, reserved in (("SP 0:0(0)", 0), ("SU 0:0(0)", 0), ("S 0:0(0)", 7)):
        world = cell.world()
        world.inject(text, options=OFFER, reserved=reserved)
        (packet,) = world.sent_packets()
        assert isinstance(packet.body, TcpSegment)
        assert (packet.body.flags, packet.body.reserved) == (0x12, 0)


@check("SYN-LISTEN-fill-in")
def wildcard_listener(cell: Cell) -> None:
    world = World()
    fd = world.socket()
    address = world.address("0.0.0.0")
    assert world.call("bind", fd=fd, address=address).value == 0, cell.name
    assert world.call("listen", fd=fd, backlog=5).value == 0
    for port in (40001, 40002):
        world.handshake(port)
        accepted = world.call("accept", fd=fd)
        assert accepted.address is not None
        assert (accepted.address.host, accepted.address.port) == (world.remote_ip, port)
        world.sent()
        world.write(accepted.value, 10)
        (packet,) = world.sent_packets()
        assert packet.ip.src == world.local_ip


# --- calls -----------------------------------------------------------------------------------------------------------


def socket_in(state: str, world: World) -> int:
    """A descriptor whose connection is in the state."""
    if state == "LISTEN":
        return world.listen()
    if state in ("SYN-SENT", "SYN-RECEIVED"):
        fd = world.connecting()
        if state == "SYN-RECEIVED":
            world.inject("S 0:0(0)", options=OFFER)
        return fd
    fd = world.connected()
    world.call("connect", fd=fd, address=world.peer_address())  # Linux: tells once that the open is complete
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        world.inject("F. 1:1(0) ack 1")
    if state in ("FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"):
        world.call("shutdown", fd=fd, how=1)
    if state in ("FIN-WAIT-2", "TIME-WAIT"):
        world.inject(". 1:1(0) ack 2")
    if state in ("CLOSING", "TIME-WAIT"):
        world.inject(f"F. 1:1(0) ack {1 if state == 'CLOSING' else 2}")
    world.sent()
    return fd


@check("OPEN-*-exists")
def open_again(cell: Cell) -> None:
    world = World()
    fd = socket_in(cell.state, world)
    world.sent()
    result = world.call("connect", fd=fd, address=world.peer_address())
    assert (result.value, result.errno) in ((-1, Errno.EISCONN), (-1, Errno.EALREADY))
    assert world.sent() == []


@check("OPEN-LISTEN-active", "OPEN-LISTEN-noremote")
def connect_on_a_listener(cell: Cell) -> None:
    # POSIX connect(): a listening socket is EOPNOTSUPP or EISCONN; it never becomes active, and goes on listening.
    world = World()
    fd = world.listen()
    result = world.call("connect", fd=fd, address=world.peer_address())
    assert (result.value, result.errno) in ((-1, Errno.EISCONN), (-1, Errno.EOPNOTSUPP)), cell.name
    assert world.sent() == []
    assert_listening(world)


@check("OPEN-CLOSED-noremote")
def connect_without_a_remote_socket(cell: Cell) -> None:
    world = cell.world()
    fd = world.nonblocking(world.socket())
    address = world.address("255.255.255.255", 1)
    assert world.call("connect", fd=fd, address=address).value == -1
    assert world.sent() == []


@check("OPEN-CLOSED-resources")
def no_port_is_left(cell: Cell) -> None:
    world = cell.world()
    world.host.shell("sysctl -w net.ipv4.ip_local_port_range='50000 50009'", now=0)
    results = [
        world.call("connect", fd=world.nonblocking(world.socket()), address=world.peer_address()).errno
        for _ in range(11)
    ]
    assert results == [Errno.EINPROGRESS] * 10 + [Errno.EADDRNOTAVAIL]


@check("SEND-CLOSED-none", "SEND-LISTEN-unspecified", "RECEIVE-CLOSED-none", "RECEIVE-LISTEN-queue")
def transfer_without_a_connection(cell: Cell) -> None:
    world = World()
    fd = world.listen() if cell.state == "LISTEN" else world.socket()
    result = world.write(fd, 10) if cell.name.startswith("SEND") else world.read(fd)
    assert result.value == -1
    assert result.errno in (Errno.ENOTCONN, Errno.EPIPE)
    assert world.sent() == []
    if cell.state == "LISTEN":
        assert_listening(world)


@check("CLOSE-CLOSED-none", "ABORT-CLOSED-none", "CLOSE-LISTEN-plain", "ABORT-LISTEN-plain")
def close_without_a_connection(cell: Cell) -> None:
    world = World()
    fd = world.listen() if cell.state == "LISTEN" else world.socket()
    accepting = world.start("accept", fd=fd) if cell.state == "LISTEN" else None
    if cell.name.startswith("ABORT"):
        linger = (1).to_bytes(4, "little") + bytes(4)
        world.call("setsockopt", fd=fd, level=SOL_SOCKET, name=SO_LINGER, value=linger, size=8)
    assert world.call("close", fd=fd).value == 0
    assert world.sent() == []
    assert world.errno("close", fd=fd) == Errno.EBADF
    if accepting is not None:
        assert answers(world, "S 0:0(0)") == ["R. 0:0(0) ack 1"]


@check("STATUS-CLOSED-none")
def status_without_a_connection(cell: Cell) -> None:
    world = cell.world()
    result = world.call("getsockopt", fd=world.socket(), level=SOL_TCP, name=TCP_INFO, size=1, initial=b"")
    assert result.optval == b"\x07"  # TCP_CLOSE


@check("USER-TIMEOUT-LISTEN-none", "RETX-TIMEOUT-LISTEN-quiet")
def listener_and_time(cell: Cell) -> None:
    world = cell.world()
    world.advance(600 * SECOND)
    assert world.sent() == []
    assert_listening(world)
