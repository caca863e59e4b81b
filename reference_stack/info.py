"""``TCP_INFO``: the inside of a connection in the form of tcp(7)."""

from typing import TYPE_CHECKING

from reference_stack.chronograph import Activity
from reference_stack.policies.mss import payload_of_peer
from reference_stack.states import TCP_INFO_STATE
from wire.abi import TcpInfo

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

# Bits of tcpi_options (linux/tcp.h).
OPT_TIMESTAMPS, OPT_SACK, OPT_WSCALE, OPT_ECN, OPT_ECN_SEEN, OPT_SYN_DATA = 1, 2, 4, 8, 16, 32


def tcp_info(connection: "ConnectionCore", *, now: int) -> TcpInfo:
    """Fill the structure from what the connection knows; members about things that it does not do are 0."""
    tcb, counters = connection.tcb, connection.counters
    members = {
        "state": TCP_INFO_STATE[tcb.state],
        "options": _options(connection),
        "snd_wscale": tcb.snd_wscale,
        "rcv_wscale": tcb.rcv_wscale if tcb.has_window_scale else 0,
        "snd_mss": tcb.snd_mss,
        "rcv_mss": connection.delayed_ack.segment_estimate(connection),
        "advmss": payload_of_peer(connection),  # measured: less timestamps
        "pmtu": connection.settings.path_mtu or connection.settings.mtu,
        "ato": connection.delayed_ack.timeout_us,
        "rcv_ssthresh": connection.window.ceiling(connection),
        "rcv_space": connection.window.space(connection),
        "rcv_rtt": connection.window.round_trip(),
        "snd_wnd": tcb.snd_wnd,
        "rcv_wnd": tcb.offered_window,
        "notsent_bytes": max(connection.send_queue.end - tcb.snd_nxt, 0),
        "segs_in": counters.segments_in,
        "segs_out": counters.segments_out,
        "data_segs_in": counters.data_segments_in,
        "data_segs_out": counters.data_segments_out,
        "bytes_sent": counters.bytes_sent,
        "bytes_acked": counters.bytes_acknowledged,
        "bytes_received": counters.bytes_received,
        "bytes_retrans": counters.bytes_retransmitted,
        "total_retrans": counters.total_retransmissions,
        "total_rto": counters.timeouts,
        "dsack_dups": counters.duplicates_reported,
        "rcv_ooopack": counters.out_of_order,
        "reord_seen": connection.recovery.reorderings,
        "delivered": counters.delivered,
        "delivered_ce": counters.delivered_ce,
    }
    return TcpInfo(**members, **connection.ecn.info(), **_sender(connection), **_clocks(connection, now=now))


def _options(connection: "ConnectionCore") -> int:
    tcb = connection.tcb
    return (
        OPT_TIMESTAMPS * tcb.has_timestamps
        | OPT_SACK * tcb.has_sack
        | OPT_WSCALE * tcb.has_window_scale
        | OPT_ECN * tcb.has_ecn
        | OPT_SYN_DATA * connection.is_syn_data_acked
    )


def _sender(connection: "ConnectionCore") -> dict[str, int]:
    """Loss recovery, congestion control and the round trip."""
    board, recovery, rtt = connection.scoreboard, connection.recovery, connection.rtt
    return {
        "ca_state": int(recovery.ca_state),
        "retransmits": min(connection.retransmits, 255),
        "probes": min(connection.keepalive_probes + connection.probes_out, 255),
        "backoff": min(rtt.backoff + connection.probe_backoff, 255),
        "unacked": board.out.segments,
        "sacked": board.sacked.segments,
        "lost": board.lost.segments,
        "retrans": board.retransmitted.segments,
        "rto": rtt.rto,
        "rtt": rtt.srtt or 0,
        "rttvar": rtt.reported_variance,
        "min_rtt": 0xFFFF_FFFF if rtt.min_rtt is None else rtt.min_rtt,
        "snd_cwnd": connection.congestion.cwnd_segments,
        "snd_ssthresh": connection.congestion.ssthresh_segments,
        "reordering": recovery.dupthresh,
    }


def _clocks(connection: "ConnectionCore", *, now: int) -> dict[str, int]:
    """How long ago things happened, in milliseconds, and how long others lasted."""
    return {
        "busy_time": connection.chronograph.busy(now=now),
        "rwnd_limited": connection.chronograph.spent(Activity.WINDOW_LIMITED, now=now),
        "sndbuf_limited": connection.chronograph.spent(Activity.BUFFER_LIMITED, now=now),
        "last_data_sent": (now - connection.last_sent_at) // 1000,
        "last_data_recv": (now - connection.last_data_received_at) // 1000,
        "last_ack_recv": (now - connection.last_received_at) // 1000,
    }
