"""Counts of one connection, as ``TCP_INFO`` shows them (RFC 4898 names most)."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Segments, octets and events since the connection began."""

    segments_in: int = 0
    segments_out: int = 0
    data_segments_in: int = 0
    data_segments_out: int = 0
    bytes_received: int = 0
    bytes_acknowledged: int = 0
    bytes_sent: int = 0
    bytes_retransmitted: int = 0
    total_retransmissions: int = 0
    duplicates_reported: int = 0
    out_of_order: int = 0
    delivered: int = 0
    delivered_ce: int = 0
    challenge_acks: int = 0
    beyond_window: int = 0
    timeouts: int = 0
    fast_recoveries: int = 0
