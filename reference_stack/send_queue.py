"""Octets that the application handed over and the peer has not acknowledged."""


class SendQueue:
    """A queue addressed by sequence number: octets from `start` (acknowledged up to here) to `end`.

    Sequence numbers are the unbounded ones of `reference_stack.sequence`. Appending, cutting out a segment and
    dropping the acknowledged front cost time in proportion to those octets only, not to the queue.
    """

    __slots__ = ("_data", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def end(self) -> int:
        """Sequence number after the last queued octet."""
        return self.start + len(self._data)

    def append(self, data: bytes) -> None:
        """Put octets at the end."""
        self._data += data

    def slice(self, start: int, end: int) -> bytes:
        """Return the octets from sequence number `start` up to, not including, `end`."""
        offset = start - self.start
        return bytes(memoryview(self._data)[offset : offset + end - start])

    def acknowledge(self, up_to: int) -> int:
        """Drop octets before `up_to` and return how many these were; never drops what is not queued."""
        count = min(up_to - self.start, len(self._data))
        if count <= 0:
            return 0
        del self._data[:count]
        self.start += count
        return count

    def clear(self) -> None:
        """Drop everything (RFC 9293: "all queues should be flushed")."""
        self.start += len(self._data)
        self._data.clear()
