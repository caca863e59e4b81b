"""In-order octets that wait for the application, and the urgent mark among them (RFC 9293, 3.8.5; RFC 6093)."""

from collections import deque


class ReceiveQueue:
    """Octets from `read_seq` on. Sequence numbers are the unbounded ones of `reference_stack.sequence`."""

    __slots__ = ("_chunks", "octets", "read_seq")

    def __init__(self, read_seq: int = 0) -> None:
        self.read_seq = read_seq
        self.octets = 0
        self._chunks: deque[bytes] = deque()

    def append(self, data: bytes) -> None:
        """Put octets at the end."""
        if data:
            self._chunks.append(data)
            self.octets += len(data)

    def peek(self, count: int, *, skip: int = 0) -> bytes:
        """Return up to `count` octets after the first `skip`, and leave them."""
        found: list[bytes] = []
        for chunk in self._chunks:
            if count <= 0:
                break
            part = chunk[skip : skip + count]
            skip = max(skip - len(chunk), 0)
            found.append(part)
            count -= len(part)
        return b"".join(found)

    def take(self, count: int) -> bytes:
        """Return and forget up to `count` octets."""
        taken: list[bytes] = []
        wanted = count
        while wanted > 0 and self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > wanted:
                self._chunks.appendleft(chunk[wanted:])
                chunk = chunk[:wanted]
            taken.append(chunk)
            wanted -= len(chunk)
        self.octets -= count - wanted
        self.read_seq += count - wanted
        return b"".join(taken)

    def clear(self) -> None:
        """Forget everything."""
        self.read_seq += self.octets
        self.octets = 0
        self._chunks.clear()
