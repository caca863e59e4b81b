"""Receive window of FreeBSD: the scale follows the largest buffer there may be, buffers are whole segments."""

from typing import TYPE_CHECKING

from reference_stack.policies.window import MAX_FIELD, MAX_SHIFT, ReceiveWindow

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class FreebsdReceiveWindow(ReceiveWindow):
    """``kern.ipc.maxsockbuf`` decides the scale; with the peer's MSS known the buffers are rounded up."""

    __slots__ = ()

    def scale(self, connection: "ConnectionCore") -> int:
        """Return the shift count for our windows: as small as lets the largest buffer be offered."""
        shift = 0
        while shift < MAX_SHIFT and MAX_FIELD << shift < connection.settings.rmem_max:
            shift += 1
        return shift

    def select(self, connection: "ConnectionCore") -> int:
        """Return the window to offer: all free space, unless that is little in every respect."""
        tcb, settings = connection.tcb, connection.settings
        free = self.free_space(connection)
        if free < settings.rcvbuf // 4 and free < tcb.snd_mss:
            free = 0
        limit = MAX_FIELD << tcb.rcv_wscale
        # Rounded up, so that the scale never draws the right edge back (RFC 7323, 2.4).
        unit = 1 << tcb.rcv_wscale
        return min(-(-max(free, tcb.rcv_adv - tcb.rcv_nxt) // unit) * unit, limit)

    def on_peer_mss(self, connection: "ConnectionCore") -> None:
        """Both buffers hold whole segments from now on (readable in SO_RCVBUF), but no more than may be."""
        settings, mss = connection.settings, connection.tcb.snd_mss + connection.tcb.option_octets
        if settings.rcvbuf > mss:
            settings.rcvbuf = max(settings.rcvbuf, min(-(-settings.rcvbuf // mss) * mss, settings.rmem_max))
        if settings.sndbuf > mss:
            settings.sndbuf = max(settings.sndbuf, min(-(-settings.sndbuf // mss) * mss, settings.rmem_max))
