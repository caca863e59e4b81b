"""Memory that received segments take up in a Linux receive buffer: SO_RCVBUF limits memory, not octets (tcp(7)).

The numbers are those of packets that come from a TUN device on x86_64. Measured on 6.18: after one segment of 1000
octets a buffer of 131072 offers at most 56832, which is 1000/2304 of it; after one of 1460 octets, 82944. SO_MEMINFO
shows 832 octets for a segment of 100, 4352 for 2000, 8448 for 4000, 12544 for 8000, 20736 for 16000, 61696 for 60000.
"""

from collections import deque
from typing import NamedTuple

_LINE = 64
_HEADROOM = 64  # NET_SKB_PAD
_SHARED = 320  # aligned skb_shared_info
_SK_BUFF = 256  # aligned sk_buff
_SMALL_HEAD = 576  # objects for small heads: MAX_TCP_HEADER and skb_shared_info
_PAGE = 4096
_LARGEST_BUCKET = 8192  # above, memory comes in pages


class Frame(NamedTuple):
    """One buffer: the memory it takes, and the unused octets behind the packet."""

    memory: int
    tailroom: int


def frame_of(packet_octets: int) -> Frame:
    """Return the buffer of a packet of so many octets, headers included."""
    head = -(-(_HEADROOM + packet_octets) // _LINE) * _LINE + _SHARED
    bucket = _SMALL_HEAD if head <= _SMALL_HEAD else 1 << (head - 1).bit_length()
    if head > _LARGEST_BUCKET:
        bucket = -(-head // _PAGE) * _PAGE
    return Frame(bucket + _SK_BUFF, bucket - _SHARED - _HEADROOM - packet_octets)


class Held:
    """A buffer with the octets from `start` up to `end`: the memory it takes, and the room left behind the packet."""

    __slots__ = ("end", "memory", "room", "start")

    def __init__(self, start: int, end: int, frame: Frame) -> None:
        self.start = start
        self.end = end
        self.memory, self.room = frame

    def takes(self, start: int, end: int) -> bool:
        """Copy what follows into the room, if there is enough; what was copied has no buffer of its own."""
        if start != self.end or end - start > self.room:
            return False
        self.end = end
        self.room -= end - start
        return True


class ReceiveMemory:
    """The buffers in order that wait to be read. Sequence numbers are the unbounded ones."""

    __slots__ = ("_held", "_used")

    def __init__(self) -> None:
        self._held: deque[Held] = deque()
        self._used = 0

    def add(self, held: Held, *, read_seq: int) -> None:
        """A buffer came in order, or nothing is missing before it any more. One that was read up takes nothing in."""
        self.used(read_seq)
        if not (self._held and self._held[-1].takes(held.start, held.end)):
            self._held.append(held)
            self._used += held.memory

    def end_of_first(self, seq: int) -> int:
        """Return where the buffer ends that holds the octet `seq`, which is in order."""
        return next((each.end for each in self._held if each.end > seq), seq)

    def used(self, read_seq: int) -> int:
        """Return the memory in use when everything before `read_seq` was read."""
        while self._held and self._held[0].end <= read_seq:
            self._used -= self._held.popleft().memory
        return self._used
