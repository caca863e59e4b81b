"""Snapshots for code blocks: TCP_INFO, TCP_CC_INFO and SO_MEMINFO under packetdrill's names (section 6)."""

import struct
from dataclasses import dataclass

from packetdrill_compat.ast import CodeBlock
from wire.abi import TcpInfo

_STATES = ("ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT")
_LATER_STATES = ("LAST_ACK", "LISTEN", "CLOSING")
_CA_STATES = ("Open", "Disorder", "CWR", "Recovery", "Loss")
_OPTIONS = ("TIMESTAMPS", "SACK", "WSCALE", "ECN", "ECN_SEEN", "SYN_DATA", "USEC_TS", "TFO_CHILD")
_MEMORY = ("RMEM_ALLOC", "RCVBUF", "WMEM_ALLOC", "SNDBUF", "FWD_ALLOC", "WMEM_QUEUED", "OPTMEM", "BACKLOG", "DROPS")

_OF_THE_FORK = {"SYN_RECV": "SYN_RECEIVED", "FIN_WAIT1": "FIN_WAIT_1", "FIN_WAIT2": "FIN_WAIT_2", "CLOSE": "CLOSED"}
"""States whose names differ in the nplab fork, which writes TCPI_ before them."""
CONSTANTS: dict[str, int] = {
    **{f"TCP_{name}": number for number, name in enumerate(_STATES + _LATER_STATES, 1)},
    **{f"TCPI_{_OF_THE_FORK.get(name, name)}": number for number, name in enumerate(_STATES + _LATER_STATES, 1)},
    **{f"TCP_CA_{name}": number for number, name in enumerate(_CA_STATES)},
    **{f"TCPI_OPT_{name}": 1 << bit for bit, name in enumerate(_OPTIONS)},
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A block with what the stack said of the socket under test at its time."""

    block: CodeBlock
    line: int
    event_index: int
    variables: dict[str, int]


def info_variables(data: bytes) -> dict[str, int]:
    """All members of TCP_INFO as ``tcpi_…``; members that the kernel did not return are 0."""
    return {f"tcpi_{name}": value for name, value in TcpInfo.unpack(data).members().items()}


def congestion_variables(data: bytes) -> dict[str, int]:
    """TCP_CC_INFO as BBR (20 octets and more), DCTCP and Vegas (16 and more) would fill it."""
    variables: dict[str, int] = {}
    if len(data) >= 20:
        low, high, min_rtt, pacing_gain, cwnd_gain = struct.unpack_from("<5I", data)
        variables |= {
            "bbr_bw_lo": low,
            "bbr_bw_hi": high,
            "bbr_bw": high << 32 | low,
            "bbr_min_rtt": min_rtt,
            "bbr_pacing_gain": pacing_gain,
            "bbr_cwnd_gain": cwnd_gain,
        }
    if len(data) >= 16:
        names = ("dctcp_enabled", "dctcp_ce_state", "dctcp_alpha", "dctcp_ab_ecn", "dctcp_ab_tot")
        variables |= dict(zip(names, struct.unpack_from("<2H3I", data), strict=True))
        vegas = ("tcpv_enabled", "tcpv_rttcnt", "tcp_rtt", "tcp_minrtt")
        variables |= dict(zip(vegas, struct.unpack_from("<4I", data), strict=True))
    return variables


def memory_variables(data: bytes) -> dict[str, int]:
    """SO_MEMINFO as ``SK_MEMINFO_…``."""
    words = struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
    return {f"SK_MEMINFO_{name}": word for name, word in zip(_MEMORY, words, strict=False)}
