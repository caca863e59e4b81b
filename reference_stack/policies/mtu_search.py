"""Finding the path MTU by sending larger segments and seeing which arrive (RFC 4821)."""

from typing import TYPE_CHECKING

from reference_stack.policies.mss import header_octets

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


class MtuSearch:
    """``search_low`` and ``search_high`` of RFC 4821 (7.2), and the one probe that may be out.

    Sizes are octets of IP packets. The search is off unless ``settings.mtu_probing`` says otherwise: 1 begins with a
    suspected black hole (RFC 4821, 7.7), 2 with the connection.
    """

    __slots__ = ("_began_at", "_high", "_is_on", "_low", "_probe")

    LEAST_WINDOW = 11
    """Segments that the congestion window has room for at least, so that a lost probe can be told from congestion."""

    def __init__(self) -> None:
        self._is_on = False
        self._low = self._high = 0
        self._began_at = 0
        self._probe: tuple[int, int] | None = None

    # --- sizes -------------------------------------------------------------------------------------------------------

    def begin(self, connection: "ConnectionCore", *, now: int) -> None:
        """The segment sizes of the peers are known: set the limits of the search."""
        self._is_on = connection.settings.mtu_probing > 1
        self._high = connection.tcb.peer_mss + header_octets(connection)
        self._low = self._packet(connection, connection.settings.base_mss)
        self._began_at = now

    def bound(self, connection: "ConnectionCore", mss: int, path_mtu: int) -> int:
        """Return `mss`, or less while larger segments have not been tried (RFC 4821, 5.1: search_low)."""
        self._high = min(self._high, path_mtu)
        return min(mss, self._payload(connection, self._low)) if self._is_on else mss

    @staticmethod
    def _headers(connection: "ConnectionCore") -> int:
        return header_octets(connection) + connection.tcb.option_octets

    def _packet(self, connection: "ConnectionCore", payload: int) -> int:
        return payload + self._headers(connection)

    def _payload(self, connection: "ConnectionCore", packet: int) -> int:
        return packet - self._headers(connection)

    # --- probing -----------------------------------------------------------------------------------------------------

    def next_probe(self, connection: "ConnectionCore", *, now: int) -> int | None:
        """Return the octets of a probe to send now; 0 to wait until there is room for one, None when none is due."""
        if not self._is_on or self._probe is not None or not self._may_probe(connection):
            return None
        tcb = connection.tcb
        size = self._payload(connection, (self._high + self._low) >> 1)
        if self._high - self._low < connection.settings.mtu_probe_threshold:
            self._begin_again_if_due(connection, now=now)
            return None
        # RFC 4821, 7.4: enough behind the probe that its loss is found by duplicate acknowledgments.
        needed = size + (connection.recovery.dupthresh + 1) * tcb.snd_mss
        queued = connection.send_queue.end - tcb.snd_nxt
        if queued < needed or tcb.snd_wnd < needed or connection.transmission.is_parted(tcb.snd_nxt + size):
            return None
        if tcb.snd_nxt + needed > tcb.send_limit:
            return 0
        if connection.recovery.room() < 2 * tcb.snd_mss:
            return 0 if connection.scoreboard.segments else None
        return size

    def _may_probe(self, connection: "ConnectionCore") -> bool:
        """Nothing is lost or out of order in either direction."""
        is_quiet = connection.recovery.ca_state == 0 and connection.congestion.cwnd_segments >= self.LEAST_WINDOW
        return is_quiet and not connection.reassembly and not connection.sack.has_duplicate

    def _begin_again_if_due(self, connection: "ConnectionCore", *, now: int) -> None:
        """RFC 4821, 7.3: after a while the path may have become wider."""
        if now - self._began_at >= connection.settings.mtu_probe_interval_us:
            self._high = connection.tcb.peer_mss + header_octets(connection)
            self._low = self._packet(connection, connection.tcb.snd_mss)
            self._began_at = now

    def is_probe(self, start: int) -> bool:
        """Tell whether the segment that begins at `start` is the probe that is out."""
        return self._probe is not None and self._probe[0] == start

    def on_sent(self, connection: "ConnectionCore", start: int, end: int) -> None:  # noqa: ARG002
        """The probe left."""
        self._probe = start, end

    # --- outcome -----------------------------------------------------------------------------------------------------

    def on_acknowledged(self, connection: "ConnectionCore") -> None:
        """SND.UNA moved: a probe that arrived whole is the new lower limit (RFC 4821, 7.6.1)."""
        if self._probe is not None and self._probe[1] <= connection.tcb.snd_una:
            start, end = self._probe
            self._on_success(connection, self._packet(connection, end - start))

    def _on_success(self, connection: "ConnectionCore", packet: int) -> None:
        self._probe = None
        self._low = packet
        connection.update_segment_size()

    def on_failed(self, connection: "ConnectionCore") -> None:
        """The probe alone was lost: the new upper limit (RFC 4821, 7.6.2); that is no sign of congestion."""
        if self._probe is not None:
            start, end = self._probe
            self._high = self._packet(connection, end - start) - 1
            self._probe = None

    def on_retransmission(self) -> None:
        """Something else was lost: the probe proves nothing (RFC 4821, 7.6.4)."""
        self._probe = None

    def on_timeout(self, connection: "ConnectionCore", *, now: int) -> None:
        """Repeated timeouts: perhaps packets of this size get nowhere (RFC 4821, 7.7)."""
        settings = connection.settings
        if not settings.mtu_probing or not connection.limits.is_black_hole_suspected(connection, now=now):
            return
        if not self._is_on:
            self._is_on, self._began_at = True, now
        else:
            mss = min(settings.base_mss, self._payload(connection, self._low) >> 1)
            self._low = self._packet(connection, max(mss, settings.mtu_probe_floor, settings.min_snd_mss))
        connection.update_segment_size()
