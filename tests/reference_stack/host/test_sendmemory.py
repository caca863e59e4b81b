"""Send memory of Linux: where writes stop (measured on Linux 6.18 with segmentation offload, MSS 1460, cwnd 10)."""

from types import SimpleNamespace
from typing import cast

import pytest

from reference_stack.connection import Connection
from reference_stack.host.sendmemory import SendMemory
from reference_stack.policies.linux.buffers import buffer_size
from tests.reference_stack.host.world import World, linux_host
from wire.abi import SO_SNDBUF, SOL_SOCKET

MSS = 1460
NO_LOWAT = 2**32 - 1


class Sender:
    """A connection that sends what cwnd lets out in one super-segment, and a small rest only when nothing is out."""

    def __init__(self, window: int, sndbuf: int, cwnd: int = 10) -> None:
        self.tcb = SimpleNamespace(snd_mss=MSS, peer_mss=MSS, max_snd_wnd=window)
        self.settings = SimpleNamespace(max_tso_segments=44, reordering=3)
        self.options = SimpleNamespace(octets_now=lambda _connection: 0)
        self.congestion = SimpleNamespace(cwnd_segments=cwnd)
        self.written = self.sent = self.acknowledged = 0
        self.memory = SendMemory(sndbuf)

    @property
    def unacknowledged_octets(self) -> int:
        return self.written - self.acknowledged

    @property
    def unsent_octets(self) -> int:
        return self.written - self.sent

    @property
    def as_connection(self) -> Connection:
        return cast("Connection", self)

    def write(self, count: int, lowat: int = NO_LOWAT) -> int:
        """Queue up to `count` octets as a host does and return how many were taken."""
        taken = 0
        while taken < count and (room := self.memory.room(self.as_connection, lowat)):
            piece = min(room, count - taken)
            self.memory.takes(self.as_connection, piece, lowat)
            self.written += piece
            taken += piece
            self.transmit()
        return taken

    def transmit(self) -> None:
        room = self.congestion.cwnd_segments * MSS - (self.sent - self.acknowledged)
        length = min(self.unsent_octets, room)
        if length % MSS and self.sent > self.acknowledged:
            length -= length % MSS
        if length > 0:
            self.sent += length
            self.memory.sent(self.sent)

    def acknowledge(self, count: int) -> None:
        self.acknowledged += count
        self.transmit()


@pytest.mark.parametrize(
    ("sndbuf", "expected"),
    [(12_288, 43_800), (20_480, 43_800), (40_000, 43_800), (60_000, 73_000), (80_000, 102_200), (200_000, 200_000)],
)
def test_a_large_write_stops_at_the_end_of_a_buffer(sndbuf: int, expected: int) -> None:
    # Buffers are 29200 octets, half of the window 60000 in whole segments; the first is cut where cwnd ends.
    sender = Sender(60_000, sndbuf)
    assert sender.write(200_000) == expected
    assert sender.write(1) == (1 if expected == 200_000 else 0)


def test_small_writes_fill_the_last_buffer() -> None:
    # LINUX-SEND-NB-2 and NB-3: with SO_SNDBUF 10240, 8192 five times, then 5192, then nothing.
    sender = Sender(65_535, 20_480)
    assert [sender.write(8192) for _ in range(7)] == [8192] * 5 + [5192, 0]


def test_a_closed_window_takes_one_whole_buffer() -> None:
    # LINUX-SEND-NB-1: 64240 octets with SO_SNDBUF 10240 when the peer never opened its window.
    sender = Sender(0, 20_480, cwnd=0)
    assert sum(sender.write(100) for _ in range(1000)) == 64_240


def test_a_low_water_mark_stops_writes_at_a_buffer() -> None:
    # TCP_NOTSENT_LOWAT: a buffer is begun only while fewer octets than the mark are unsent.
    sender = Sender(60_000, 10**6)
    assert sender.write(200_000, lowat=4000) == 43_800
    assert sender.write(1, lowat=4000) == 0


def test_it_is_writable_when_half_of_the_used_memory_is_free() -> None:
    # LINUX-SEND-B-4: with 46152 octets queued, not before 36500 were acknowledged in steps of 1460.
    sender = Sender(65_535, 20_480)
    while sender.write(8192):
        pass
    assert sender.written == 46_152
    while not sender.memory.is_writable(sender.as_connection, NO_LOWAT):
        sender.acknowledge(MSS)
    assert abs(sender.acknowledged - 36_500) <= 2 * MSS


def test_it_is_writable_when_less_than_half_of_the_low_water_mark_is_unsent() -> None:
    # Linux, tcp_stream_memory_free with wake: (unsent << 1) < mark.
    sender = Sender(60_000, 10**6, cwnd=0)
    sender.write(1999)
    assert sender.memory.is_writable(sender.as_connection, 4000)
    sender.write(1)
    assert not sender.memory.is_writable(sender.as_connection, 4000)


@pytest.mark.parametrize(("window", "expected"), [(0, 64_240), (500, MSS), (2048, MSS), (60_000, 29_200)])
def test_a_buffer_is_at_most_half_of_the_largest_window(window: int, expected: int) -> None:
    assert buffer_size(Sender(window, 1).as_connection) == expected


def test_a_socket_starts_with_room_for_twice_the_initial_window_and_keeps_a_value_set_by_hand() -> None:
    # LINUX-SEND-WMEM-7 and SNDBUF-3: 46080 right after accept; 20000 reads back 40000 and stays.
    world = World(chosen=linux_host().with_settings(sndbuf=16_384))
    fd = world.nonblocking(world.established())
    assert world.getsockopt(fd, SOL_SOCKET, SO_SNDBUF) == 46_080
    world.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 20_000)
    world.write(fd, 200_000)
    world.inject(". 1:1(0) ack 1461")
    assert world.getsockopt(fd, SOL_SOCKET, SO_SNDBUF) == 40_000


def test_tcp_wmem_bounds_the_growth() -> None:
    # LINUX-SEND-WMEM-5.
    world = World(chosen=linux_host())
    world.host.shell("sysctl -q net.ipv4.tcp_wmem='4096 20000 30000'", now=0)
    assert world.getsockopt(world.established(), SOL_SOCKET, SO_SNDBUF) == 30_000
