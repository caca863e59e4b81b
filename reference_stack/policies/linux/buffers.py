"""Socket buffers of unsent octets, as Linux fills them."""

from typing import TYPE_CHECKING

from reference_stack import output

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

GSO_MAX_OCTETS = 65_215
"""Largest frame: 64 kB less the largest headers."""


class Buffer:
    """One socket buffer of unsent octets, up to `end`.

    `is_pushed` when a write ended in it, `is_record` when nothing may be added (MSG_EOR).
    """

    __slots__ = ("end", "is_pushed", "is_record")

    def __init__(self, end: int) -> None:
        self.end = end
        self.is_pushed = False
        self.is_record = False


def buffer_size(connection: "ConnectionCore") -> int:
    """Return the octets of one buffer: whole segments, at most half of the peer's largest window (tcp_send_mss()).

    Switching offload off changes nothing here: Linux then cuts the frames in software, below the socket.
    """
    size, largest = GSO_MAX_OCTETS, connection.tcb.max_snd_wnd
    if largest:
        size = min(size, largest >> 1 if largest > 536 else largest)
    mss = output.payload_limit(connection, is_new_data=True)
    return max(size - size % mss, mss)
