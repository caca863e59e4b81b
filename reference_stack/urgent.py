"""The urgent mark in the receive queue, as the sockets interface shows it (RFC 9293, 3.8.5; RFC 6093, section 3).

Urgent data is part of the stream. Unless ``settings.oobinline``, its last octet is taken out of the stream and kept
for MSG_OOB; reading stops at the mark either way.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


def mark(connection: "ConnectionCore") -> int | None:
    """Return the sequence number of the last urgent octet when it was not read past, else None."""
    pointer = connection.tcb.rcv_up
    if pointer is None or pointer <= connection.receive_queue.read_seq:
        return None
    return pointer - 1


def mark_distance(connection: "ConnectionCore") -> int | None:
    """Return the octets from the read position to the last urgent octet, or None when there is none ahead."""
    at = mark(connection)
    return None if at is None else at - connection.receive_queue.read_seq


def available(connection: "ConnectionCore") -> int:
    """Return the octets that reading gives, now or after passing the mark."""
    octets = connection.receive_queue.octets
    at = mark_distance(connection)
    return octets - 1 if at is not None and at < octets and not connection.settings.oobinline else octets


def read(connection: "ConnectionCore", count: int, *, peek: bool) -> bytes:
    """Take octets up to the mark, or from the mark on when it is reached already."""
    queue = connection.receive_queue
    distance = mark_distance(connection)
    skip = 0
    if distance == 0 and not connection.settings.oobinline and queue.octets:
        skip, distance = 1, None
    if distance:
        count = min(count, distance)
    if peek:
        return queue.peek(count, skip=skip)
    if skip:
        queue.take(skip)
    return queue.take(count)


def take_out_of_band(connection: "ConnectionCore", *, peek: bool) -> bytes | None:
    """Return the urgent octet; b"" while it has not come; None when there is none or it is in the stream."""
    at = mark_distance(connection)
    if at is None or connection.settings.oobinline or connection.is_urgent_taken:
        return None
    octet = connection.receive_queue.peek(1, skip=at) if at < connection.receive_queue.octets else b""
    if octet and not peek:
        connection.is_urgent_taken = True
    return octet
