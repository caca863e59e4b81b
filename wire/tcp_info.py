"""struct tcp_info of linux/tcp.h: what getsockopt(TCP_INFO) returns, all 280 octets of Linux 6.18 (tcp(7))."""

from dataclasses import dataclass, fields
from struct import Struct
from struct import error as struct_error

from wire.errors import WireError

# 8 octets of small members, then blocks of 32-bit, 64-bit and 16-bit members in declaration order.
_LAYOUT = Struct("<8B24I4Q6I4Q2I2Q6I2H9I")
TCP_INFO_SIZE = _LAYOUT.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """The members of tcp_info under their C names without ``tcpi_``, in the order of the C declaration.

    Times (`rto` to `last_ack_recv`, `rtt`, `rttvar`, `rcv_rtt`, `min_rtt`, `busy_time`, `rwnd_limited`,
    `sndbuf_limited`) are microseconds, except the four `last_…` and `total_rto_time`, which are milliseconds. Windows
    in packets (`snd_cwnd`, `snd_ssthresh`, `unacked`, `sacked`, `lost`, `retrans`, `reordering`) count segments. A
    member that a kernel does not know is 0.
    """

    state: int = 0
    ca_state: int = 0
    retransmits: int = 0
    probes: int = 0
    backoff: int = 0
    options: int = 0
    snd_wscale: int = 0
    rcv_wscale: int = 0
    delivery_rate_app_limited: int = 0
    fastopen_client_fail: int = 0
    rto: int = 0
    ato: int = 0
    snd_mss: int = 0
    rcv_mss: int = 0
    unacked: int = 0
    sacked: int = 0
    lost: int = 0
    retrans: int = 0
    fackets: int = 0
    last_data_sent: int = 0
    last_ack_sent: int = 0
    last_data_recv: int = 0
    last_ack_recv: int = 0
    pmtu: int = 0
    rcv_ssthresh: int = 0
    rtt: int = 0
    rttvar: int = 0
    snd_ssthresh: int = 0
    snd_cwnd: int = 0
    advmss: int = 0
    reordering: int = 0
    rcv_rtt: int = 0
    rcv_space: int = 0
    total_retrans: int = 0
    pacing_rate: int = 0
    max_pacing_rate: int = 0
    bytes_acked: int = 0
    bytes_received: int = 0
    segs_out: int = 0
    segs_in: int = 0
    notsent_bytes: int = 0
    min_rtt: int = 0
    data_segs_in: int = 0
    data_segs_out: int = 0
    delivery_rate: int = 0
    busy_time: int = 0
    rwnd_limited: int = 0
    sndbuf_limited: int = 0
    delivered: int = 0
    delivered_ce: int = 0
    bytes_sent: int = 0
    bytes_retrans: int = 0
    dsack_dups: int = 0
    reord_seen: int = 0
    rcv_ooopack: int = 0
    snd_wnd: int = 0
    rcv_wnd: int = 0
    rehash: int = 0
    total_rto: int = 0
    total_rto_recoveries: int = 0
    total_rto_time: int = 0
    received_ce: int = 0
    delivered_e1_bytes: int = 0
    delivered_e0_bytes: int = 0
    delivered_ce_bytes: int = 0
    received_e1_bytes: int = 0
    received_e0_bytes: int = 0
    received_ce_bytes: int = 0
    ecn_mode: int = 0
    accecn_opt_seen: int = 0
    accecn_fail_mode: int = 0
    options2: int = 0

    def members(self) -> dict[str, int]:
        """Return all members by name, bit fields on their own, in order."""
        return {name: getattr(self, name) for name in _NAMES}

    def pack(self) -> bytes:
        """Return the 280 octets. Raises `WireError` for a member out of its range."""
        try:
            return _LAYOUT.pack(
                *(getattr(self, name) for name in _FIRST_OCTETS),
                *(self._word(members) for members in _FIRST_WORDS),
                *(getattr(self, name) for name in _WHOLE),
                self._word(_LAST_WORD),
            )
        except struct_error as error:
            raise WireError(f"tcp_info member out of range: {error}") from None

    def _word(self, members: tuple[tuple[str, int], ...]) -> int:
        """Join bit fields, the first one in the lowest bits, as C compilers of little-endian systems do."""
        word, shift = 0, 0
        for name, bits in members:
            value: int = getattr(self, name)
            if value >> bits:
                raise WireError(f"tcp_info member {name} has {bits} bits: {value}")
            word |= value << shift
            shift += bits
        return word

    @classmethod
    def unpack(cls, data: bytes) -> "TcpInfo":
        """Read what a kernel returned: members beyond the end of `data` are 0, octets beyond the last are ignored."""
        octets = data[:TCP_INFO_SIZE].ljust(TCP_INFO_SIZE, b"\0")
        values = _LAYOUT.unpack(octets)
        first = len(_FIRST_OCTETS)
        found: dict[str, int] = dict(zip(_FIRST_OCTETS, values, strict=False))
        found.update(zip(_WHOLE, values[first + len(_FIRST_WORDS) : -1], strict=True))
        for members, word in zip(
            (*_FIRST_WORDS, _LAST_WORD), (values[first], values[first + 1], values[-1]), strict=True
        ):
            shift = 0
            for name, bits in members:
                found[name] = word >> shift & (1 << bits) - 1
                shift += bits
        return cls(**found)


_NAMES = tuple(field.name for field in fields(TcpInfo))
_FIRST_OCTETS = _NAMES[:6]
_FIRST_WORDS = (
    (("snd_wscale", 4), ("rcv_wscale", 4)),
    (("delivery_rate_app_limited", 1), ("fastopen_client_fail", 2)),
)
_LAST_WORD = (("ecn_mode", 2), ("accecn_opt_seen", 2), ("accecn_fail_mode", 4), ("options2", 24))
_WHOLE = _NAMES[10:-4]
