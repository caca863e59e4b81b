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


class _Held:
    """A buffer in the receive queue, with octets up to sequence number `end`."""

    __slots__ = ("end", "memory", "room")

    def __init__(self, end: int, memory: int, room: int) -> None:
        self.end = end
        self.memory = memory
        self.room = room


class ReceiveMemory:
    """The buffers that wait to be read. Sequence numbers are the unbounded ones."""

    __slots__ = ("_early", "_held", "_used")

    def __init__(self) -> None:
        self._held: deque[_Held] = deque()
        self._early: list[_Held] = []
        self._used = 0

    def add(self, end: int, octets: int, frame: Frame, *, in_order: bool) -> None:
        """A segment was taken that ends at `end`; small ones are copied into the room behind the one before."""
        if not in_order:
            self._early.append(_Held(end, frame.memory, 0))
        elif self._held and octets <= self._held[-1].room:
            self._held[-1].room -= octets
            self._held[-1].end = end
            return
        else:
            self._held.append(_Held(end, frame.memory, frame.tailroom))
        self._used += frame.memory

    def end_of_first(self, seq: int) -> int:
        """Return where the buffer ends that holds the octet `seq`, which is in order."""
        return next((each.end for each in self._held if each.end > seq), seq)

    def used(self, read_seq: int) -> int:
        """Return the memory in use when everything before `read_seq` was read."""
        while self._held and self._held[0].end <= read_seq:
            self._used -= self._held.popleft().memory
        if self._early:
            gone = [each for each in self._early if each.end <= read_seq]
            self._used -= sum(each.memory for each in gone)
            self._early = [each for each in self._early if each.end > read_seq]
        return self._used
