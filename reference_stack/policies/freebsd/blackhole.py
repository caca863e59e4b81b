"""Black-hole detection of FreeBSD: smaller segments when large ones get no answer (tcp(4))."""

from typing import TYPE_CHECKING, Final

from reference_stack.policies.mtu_search import MtuSearch

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class BlackHoleDetection(MtuSearch):
    """Every second timeout takes a smaller size: first ``pmtud_blackhole_mss``, then ``mssdflt`` without DF.

    Each size has two chances. When none of them helps the size was not at fault, and it becomes what it was.
    """

    __slots__ = ("_limit",)

    CHANCES = 2
    SIZES: Final = {4: 3, 6: 2}
    """How many sizes are tried; over IPv6 both of the smaller ones are the same."""

    def __init__(self) -> None:
        super().__init__()
        self._limit: int | None = None

    def bound(self, connection: "ConnectionCore", mss: int, path_mtu: int) -> int:
        """Return `mss`, or less while a black hole is suspected."""
        mss = super().bound(connection, mss, path_mtu)
        return mss if self._limit is None else min(mss, max(self._limit - connection.tcb.option_octets, 1))

    def on_timeout(self, connection: "ConnectionCore", *, now: int) -> None:  # noqa: ARG002
        """The retransmission timer expired once more."""
        settings, version = connection.settings, connection.four_tuple.ip_version
        tries, is_next = connection.retransmits, connection.retransmits % self.CHANCES == 0
        if not settings.blackhole_detection or not is_next:
            return
        smaller = (
            (settings.blackhole_mss, settings.default_mss)
            if version == 4
            else (settings.blackhole_mss_v6, settings.default_mss_v6)
        )
        at = tries // self.CHANCES
        if at < self.SIZES[version]:
            self._limit = smaller[at - 1]
            settings.pmtu_discovery = settings.pmtu_discovery and at == 1
        elif self._limit is not None:
            self._limit, settings.pmtu_discovery = None, True
        connection.update_segment_size()
