"""The pace that Linux assumes for a connection, and how many segments make one frame at that pace."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NO_LIMIT = 1 << 60
RATIO_SLOW_START, RATIO_AVOIDANCE = 200, 120
"""Per cent of the present rate (sysctls ``tcp_pacing_ss_ratio`` and ``tcp_pacing_ca_ratio``)."""
RTT_LOG = 9
"""sysctl ``tcp_tso_rtt_log``: short paths get larger frames."""


def pacing_rate(connection: "ConnectionCore") -> int:
    """Return octets a second: the window in a round trip, with room to grow."""
    srtt = connection.rtt.srtt
    if srtt is None:
        return NO_LIMIT
    congestion = connection.congestion
    ratio = RATIO_SLOW_START if congestion.cwnd < congestion.ssthresh // 2 else RATIO_AVOIDANCE
    segments = max(congestion.cwnd, connection.scoreboard.out.segments)
    return connection.tcb.snd_mss * segments * ratio * 10_000 // max(srtt, 1)


def burst_segments(connection: "ConnectionCore", rate: int, most_octets: int) -> int:
    """Return the segments of one frame: a millisecond's worth at `rate`, at least ``tcp_min_tso_segs``."""
    octets = rate >> 10
    shift = (connection.rtt.min_rtt or 0) >> RTT_LOG
    if shift < 32:
        octets += most_octets >> shift
    return max(min(octets, most_octets) // connection.tcb.snd_mss, connection.settings.min_tso_segments)
