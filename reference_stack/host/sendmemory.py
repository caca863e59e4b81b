"""How Linux counts the memory of queued data: buffers of several segments, each with an overhead of its own.

SO_SNDBUF limits memory, not octets, and is looked at only when a new buffer is begun. So a connection takes more than
the number says, and a write stops at the end of a buffer. Measured on Linux 6.18: with SO_SNDBUF 10240 (reported
20480), an MSS of 1460 and a peer that never acknowledges, five writes of 8192 octets are taken and then 5192.
"""

from bisect import bisect_left, insort

from reference_stack.connection import Connection
from reference_stack.policies.linux.buffers import GSO_MAX_OCTETS, buffer_size

UNLIMITED = 1 << 30
"""What the connection's own limit is set to while the host counts memory."""

_OVERHEAD = 832  # one empty buffer: _HEADERS + _SHARED + _SK_BUFF
_HEADERS = 256  # MAX_TCP_HEADER
_SHARED = 320  # aligned skb_shared_info
_SK_BUFF = 256  # aligned sk_buff
_MAX_FRAGMENTS = 17  # MAX_SKB_FRAGS
_PAGE = 4096
_LEAST_SEGMENTS = 10  # TCP_INIT_CWND


class SendMemory:
    """The send memory of one socket; `sndbuf` is what SO_SNDBUF reports. Offsets count octets since the SYN."""

    __slots__ = ("_ends", "_is_tail_closed", "_written", "is_locked", "is_short", "sndbuf")

    def __init__(self, sndbuf: int) -> None:
        self.sndbuf = sndbuf
        self.is_locked = False
        """SO_SNDBUF was set by hand: no automatic growth (socket(7))."""
        self.is_short = False
        """A writer found no memory: room that comes free wakes it and lets the buffer grow (SOCK_NOSPACE)."""
        self._ends: list[int] = []
        self._written = 0
        self._is_tail_closed = False

    def restart(self) -> None:
        """Forget all buffers: the socket begins a new connection."""
        self._ends.clear()
        self._written = 0

    def room(self, connection: Connection, lowat: int) -> int:
        """Return how many octets fit into the last unsent buffer, or a new one; 0 when none may be begun."""
        tail, size = self._tail(connection), buffer_size(connection)
        if 0 < tail < size and not self._is_tail_closed:
            return size - tail
        return 0 if self._is_full(connection, 0, lowat) else size

    def takes(self, connection: Connection, count: int, lowat: int) -> bool:
        """Note that `count` octets, no more than `room`, are about to be queued; tell whether more will fit then."""
        is_full = self._is_full(connection, count, lowat)
        if self.tail_end(connection) is not None:
            self._ends.pop()
        self._is_tail_closed = False
        self._written += count
        self._ends.append(self._written)
        return not is_full

    def tail_end(self, connection: Connection) -> int | None:
        """Return where the last unsent buffer ends, if it takes more octets."""
        is_open = 0 < self._tail(connection) < buffer_size(connection) and not self._is_tail_closed
        return self._written if is_open else None

    def close_tail(self) -> None:
        """Nothing more fits into the last buffer, however few octets it has."""
        self._is_tail_closed = True

    def sent(self, end: int) -> None:
        """Note that a segment left which ended `end` octets behind the SYN, modulo 2**32: it is a buffer of its own."""
        offset = self._written - (self._written - end) % 2**32
        at = bisect_left(self._ends, offset)
        if at < len(self._ends) and self._ends[at] != offset:
            self._ends.insert(at, offset)

    def is_writable(self, connection: Connection, lowat: int) -> bool:
        """Whether poll(2) says POLLOUT: free memory is at least half of what is used (sk_stream_is_writeable)."""
        used = self._used(connection)
        return self.sndbuf - used >= used >> 1 and used < self.sndbuf and connection.unsent_octets * 2 < lowat

    def expand(self, connection: Connection, most: int) -> None:
        """Let the buffer grow to twice the congestion window, up to `most` (tcp_sndbuf_expand, ``tcp_wmem[2]``)."""
        if self.is_locked:
            return
        tcb = connection.tcb
        wanted = max(tcb.peer_mss, tcb.snd_mss) + _HEADERS + _SHARED
        per_segment = (1 << (wanted - 1).bit_length()) + _SK_BUFF
        segments = max(_LEAST_SEGMENTS, connection.congestion.cwnd_segments, connection.settings.reordering + 1)
        self.sndbuf = max(self.sndbuf, min(2 * segments * per_segment, most))

    def _is_full(self, connection: Connection, more: int, lowat: int) -> bool:
        return self._used(connection) + more >= self.sndbuf or connection.unsent_octets + more >= lowat

    def _used(self, connection: Connection) -> int:
        acknowledged = self._written - connection.unacknowledged_octets
        while self._ends and self._ends[0] <= acknowledged:
            self._ends.pop(0)
        return connection.unacknowledged_octets + _OVERHEAD * len(self._ends)

    def _tail(self, connection: Connection) -> int:
        unsent = connection.unsent_octets
        if not unsent or not self._ends:
            return 0
        sent = self._written - unsent
        if sent not in self._ends and sent > self._written - connection.unacknowledged_octets:
            insort(self._ends, sent)
        return self._written - max(self._ends[-2] if len(self._ends) > 1 else 0, sent)


def page_room(parts: tuple[int, ...], taken: int) -> int:
    """Return how many octets behind the first `taken` ones a buffer of a zero-copy send holds: 17 fragments.

    A part takes a fragment for each page, which is at least one. Measured: 18 parts of one octet are 17 and 1.
    """
    fragments, room = 0, 0
    for part in parts:
        skipped = min(taken, part)
        taken -= skipped
        rest = part - skipped
        fits = min(rest, (_MAX_FRAGMENTS - fragments) * _PAGE)
        fragments += -(-fits // _PAGE)
        room += fits
        if fits < rest or fragments == _MAX_FRAGMENTS:
            return room
    return GSO_MAX_OCTETS + room
