"""Bandwidth-delay product limiting (tcp(4), ``inflight_enable`` and the settings that follow it)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

_SECOND = 1_000_000
_WEIGHT = 4
"""One part in so many of the estimate is the newest sample."""


class InflightLimit:
    """Estimates the bandwidth from acknowledgments, a sample each round trip, and allows the product in flight.

    A sender that had nothing more to send says nothing about the path: such a round trip is no sample.
    """

    __slots__ = ("_acknowledged", "_bandwidth", "_since")

    def __init__(self) -> None:
        self._since: int | None = None
        self._acknowledged = 0
        self._bandwidth: int | None = None
        """Octets a second."""

    def on_ack(self, connection: "ConnectionCore", *, now: int) -> None:
        """An acknowledgment came."""
        total = connection.counters.bytes_acknowledged
        srtt = connection.rtt.srtt
        if connection.send_queue.end <= connection.tcb.snd_nxt:
            self._since = None
            return
        if self._since is None or srtt is None:
            self._since, self._acknowledged = now, total
            return
        elapsed = now - self._since
        if elapsed < srtt:
            return
        sample = (total - self._acknowledged) * _SECOND // elapsed
        known = self._bandwidth
        self._bandwidth = sample if known is None else ((_WEIGHT - 1) * known + sample) // _WEIGHT
        self._since, self._acknowledged = now, total

    def window(self, connection: "ConnectionCore") -> int | None:
        """Return how many octets may be in flight; None while the limiter is off."""
        settings = connection.settings
        if not settings.inflight:
            return None
        window = settings.inflight_max
        min_rtt = connection.rtt.min_rtt
        if self._bandwidth is not None and min_rtt is not None:
            product = self._bandwidth * min_rtt // _SECOND
            # tcp(4), inflight_stab: 50 stands for 5 %, and two maximum segments come on top.
            window = product * (1000 + settings.inflight_stab) // 1000 + 2 * connection.tcb.snd_mss
        return min(max(window, settings.inflight_min), settings.inflight_max)
