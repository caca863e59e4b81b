"""What socket options and sysctls give one connection. Mutable: after a change call `Connection.settings_changed`."""

from dataclasses import dataclass, field

from reference_stack.authentication.keys import PeerKey
from reference_stack.device import Device


@dataclass(slots=True)
class ConnectionSettings:
    """Knobs of one connection. Times are microseconds, sizes octets. A personality supplies the defaults.

    Names follow the sysctl or socket option where there is one, so that a host maps them one to one.
    """

    # --- sending -----------------------------------------------------------------------------------------------------
    nodelay: bool = False
    """TCP_NODELAY: the Nagle algorithm is off (RFC 9293, MUST-17)."""
    cork: bool = False
    """TCP_CORK: nothing smaller than a full segment leaves until uncorked, or until `cork_timeout_us` passed."""
    cork_timeout_us: int = 200_000
    """Upper limit for holding back a partial segment under `cork` or `more` (tcp(7): 200 milliseconds)."""
    user_mss: int | None = None
    """TCP_MAXSEG: upper limit of the MSS offered and used; None leaves it to the MTU."""
    advmss: int | None = None
    """Upper limit of the MSS offered only (route ``advmss``); None leaves it to the MTU."""
    sndbuf: int = 87_040
    """SO_SNDBUF as in effect: octets of unacknowledged and unsent data that a connection holds."""
    notsent_lowat: int = 0xFFFFFFFF
    """TCP_NOTSENT_LOWAT; used for readiness by the host only."""
    device: Device = field(default_factory=Device)
    """The outgoing interface; one object for all connections of a host."""
    mtu: int = 1500
    """MTU of the outgoing interface."""
    path_mtu: int | None = None
    """Path MTU known from earlier, or None."""
    tunnel_octets: int = 0
    """Octets that a tunnel puts between the IP and the TCP header (FreeBSD, ``udp_tunneling_overhead``)."""
    pmtu_discovery: bool = True
    """DF is set and "packet too big" lowers the path MTU (RFC 1191, RFC 8201)."""
    min_pmtu: int = 552
    """Smallest path MTU that an ICMP error may set for IPv4 (sysctl ``route.min_pmtu``; RFC 5927 section 7)."""
    mtu_probing: int = 0
    """sysctl ``tcp_mtu_probing``: 0 off, 1 after a suspected black hole, 2 always (RFC 4821)."""
    base_mss: int = 1024
    """sysctl ``tcp_base_mss``: search_low at first, as payload."""
    mtu_probe_floor: int = 48
    """sysctl ``tcp_mtu_probe_floor``: least search_low in a black hole, as payload."""
    mtu_probe_threshold: int = 8
    """sysctl ``tcp_probe_threshold``: the search ends when the limits are so close."""
    mtu_probe_interval_us: int = 600_000_000
    """sysctl ``tcp_probe_interval``: so long after its end the search begins anew."""
    min_snd_mss: int = 48
    """Smallest MSS that is believed (sysctl ``tcp_min_snd_mss``)."""
    congestion_control: str = "reno"
    """TCP_CONGESTION: name in `congestion.base.registry`."""
    initial_window: int | None = None
    """Initial congestion window in segments (route ``initcwnd``); None is the personality's rule."""
    slow_start_after_idle: bool = True
    """Restart window after an idle RTO (RFC 5681, 4.1; sysctl ``tcp_slow_start_after_idle``)."""
    reordering: int = 3
    """Duplicate threshold at the start (RFC 5681: 3; sysctl ``tcp_reordering``)."""
    max_reordering: int = 300
    """Largest duplicate threshold that observed reordering leads to (sysctl ``tcp_max_reordering``)."""
    loss_recovery: str = ""
    """With SACK: ``rack`` (RFC 8985 with RFC 9937); else RFC 6675. Read where the personality counts octets."""
    has_frto: bool = True
    """F-RTO after a timeout (RFC 5682; sysctl ``tcp_frto``), where the personality has it."""
    early_retransmit: int = 3
    """sysctl ``tcp_early_retrans``: 3 and 4 switch tail loss probes on (RFC 8985), where the personality has them."""
    retransmit_collapse: bool = True
    """sysctl ``tcp_retrans_collapse``: a small retransmission is filled up with what follows, where there is that."""
    max_tso_segments: int = 1
    """Most segments of MSS size that may leave as one super-segment; 1 switches super-segments off."""
    min_tso_segments: int = 2
    """sysctl ``tcp_min_tso_segs``: segments that a super-segment has at least, where there are super-segments."""
    tso_win_divisor: int = 3
    """sysctl ``tcp_tso_win_divisor``: share of the window from which on a super-segment does not wait to grow."""

    # --- receiving ---------------------------------------------------------------------------------------------------
    rcvbuf: int = 131_072
    """SO_RCVBUF as in effect."""
    rcvbuf_locked: bool = False
    """The application set SO_RCVBUF itself, which ends automatic tuning."""
    moderate_rcvbuf: bool = True
    """sysctl ``tcp_moderate_rcvbuf``: the buffer follows what is read in a round trip (Linux)."""
    rmem_max: int = 6_291_456
    """Largest receive buffer that may come; decides the window scale (sysctl ``tcp_rmem[2]``)."""
    app_win: int = 31
    """sysctl ``tcp_app_win``: a share of 2 to the power of this of the first window stays free; 0 reserves nothing."""
    core_rmem_max: int = 4_194_304
    """sysctl ``net.core.rmem_max``; decides the window scale too, where the personality does that."""
    signed_windows: bool = False
    """sysctl ``tcp_workaround_signed_windows``: without window scaling no window is above 32767 (Linux)."""
    window_clamp: int = 0
    """TCP_WINDOW_CLAMP: upper limit of the offered window; 0 is none."""
    initial_receive_window: int | None = None
    """First offered window in segments (route ``initrwnd``); None is the personality's rule."""
    quickack: bool | None = None
    """TCP_QUICKACK as last set; None: never set. The delayed-ACK policy reads it in `settings_changed`."""
    keeps_unread_data: bool = False
    """Octets that were received stay readable after a reset or a timeout (RFC 9293, 3.10.7.4, has them flushed)."""
    oobinline: bool = False
    """SO_OOBINLINE: the urgent octet stays in the stream."""

    # --- options -----------------------------------------------------------------------------------------------------
    window_scaling: bool = True
    """RFC 7323 window scale (sysctl ``tcp_window_scaling``)."""
    timestamps: bool = True
    """RFC 7323 timestamps (sysctl ``tcp_timestamps``)."""
    sack: bool = True
    """RFC 2018 (sysctl ``tcp_sack``)."""
    dsack: bool = True
    """RFC 2883: report duplicates (sysctl ``tcp_dsack``)."""
    ecn: int = 0
    """sysctl ``tcp_ecn``: 0 off, 1 ask and accept, 2 accept when asked (RFC 3168).

    With RFC 9768: 3 ask for accurate ECN, 4 ask for classic ECN, 5 do not ask; all three accept both.
    """
    ecn_option: int = 2
    """sysctl ``tcp_ecn_option``: 0 leaves the option of accurate ECN out."""
    ecn_fallback: bool = True
    """sysctl ``tcp_ecn_fallback``: a SYN that is repeated does not ask for ECN (RFC 3168, 6.1.1.1)."""
    urgent_points_to_last: bool = False
    """sysctl ``tcp_stdurg``: the urgent pointer names the last urgent octet (RFC 1122) and not the one after it."""

    # --- signatures --------------------------------------------------------------------------------------------------
    keys: tuple[PeerKey, ...] = ()
    """Secrets for peers: TCP_MD5SIG (RFC 2385), TCP_AO_ADD_KEY (RFC 5925)."""
    accepts_unknown_ao: bool = True
    """A segment with a TCP-AO for which there is no key counts as one without it (RFC 5925, 7.3)."""
    accepts_icmp_with_ao: bool = False
    """ICMP errors count for a connection with TCP-AO too (RFC 5925, 7.8: no by default)."""

    # --- timers and limits -------------------------------------------------------------------------------------------
    keepalive: bool = False
    """SO_KEEPALIVE (RFC 9293, MUST-25: off by default)."""
    keepidle_us: int = 7_200_000_000
    """TCP_KEEPIDLE (RFC 9293, MUST-28: at least two hours)."""
    keepintvl_us: int = 75_000_000
    """TCP_KEEPINTVL."""
    keepcnt: int = 9
    """TCP_KEEPCNT: unanswered probes before the connection is given up."""
    user_timeout_us: int = 0
    """TCP_USER_TIMEOUT (R2 of one connection, RFC 9293 MUST-21); 0: the personality's R2."""
    announces_user_timeout: bool = False
    """The user timeout option is sent and believed (RFC 5482, ENABLED)."""
    syn_retries: int = 6
    """Retransmissions of a SYN before ETIMEDOUT (TCP_SYNCNT, sysctl ``tcp_syn_retries``)."""
    syn_linear_timeouts: int = 0
    """So many SYN retransmissions come at equal distance before the backoff (sysctl ``tcp_syn_linear_timeouts``)."""
    synack_retries: int = 5
    """Retransmissions of a SYN-ACK (sysctl ``tcp_synack_retries``)."""
    retries1: int = 3
    """R1 in retransmissions (sysctl ``tcp_retries1``)."""
    retries2: int = 15
    """R2 in retransmissions, taken as time at exponential backoff (sysctl ``tcp_retries2``)."""
    orphan_retries: int = 0
    """R2 once the application has closed (sysctl ``tcp_orphan_retries``; 0 means 8)."""
    rto_min_us: int | None = None
    """Lower limit of the RTO; None is the personality's."""
    rto_max_us: int | None = None
    """Upper limit of the RTO; None is the personality's."""
    fin_timeout_us: int | None = None
    """Life in FIN-WAIT-2 after CLOSE (TCP_LINGER2, sysctl ``tcp_fin_timeout``); None: for ever; negative: none."""
    fin_timeout_turn_us: int | None = None
    """Linux waits twice for what is above this, and not for this: 62 s become 4 s (measured); None: as it says."""
    rfc1337: bool = True
    """A RST does not end TIME-WAIT (RFC 1337 fix F1; sysctl ``tcp_rfc1337``)."""
    challenge_ack_limit: int | None = 10
    """Most challenge ACKs in one `challenge_ack_interval_us` (RFC 5961, section 7); None is no limit."""
    challenge_ack_interval_us: int = 5_000_000
    """See `challenge_ack_limit`."""
    invalid_ratelimit_us: int = 500_000
    """Least distance of two ACKs that answer out-of-window segments (sysctl ``tcp_invalid_ratelimit``)."""

    # --- choices of BSD, DragonFly tcp(4) ----------------------------------------------------------------------------
    always_keepalive: bool = False
    """sysctl ``always_keepalive``: every connection is probed as if SO_KEEPALIVE were on."""
    keepinit_us: int = 75_000_000
    """TCP_KEEPINIT: how long a connection may take to become established."""
    delayed_ack: bool = True
    """sysctl ``delayed_ack``: acknowledgments wait to ride on data."""
    delack_us: int = 100_000
    """sysctl ``delacktime``: the longest that an acknowledgment waits."""
    msl_us: int = 30_000_000
    """sysctl ``msl``: maximum segment lifetime; TIME-WAIT lasts twice as long."""
    default_mss: int = 512
    """sysctl ``mssdflt``: the MSS of a peer that announces none, over IPv4."""
    icmp_may_reset: bool = True
    """sysctl ``icmp_may_rst``: a hard ICMP error ends an opening."""
    rexmit_slop_us: int = 200_000
    """sysctl ``rexmit_slop``: added to what the round trips make of the RTO."""
    newreno: bool = True
    """sysctl ``newreno``: a partial acknowledgment does not end fast recovery (RFC 6582)."""
    drop_synfin: bool = False
    """sysctl ``drop_synfin``: a segment with SYN and FIN is dropped unseen (FreeBSD)."""
    insecure_rst: bool = False
    """sysctl ``insecure_rst``: a reset anywhere in the window counts, as before RFC 5961 (FreeBSD)."""
    insecure_syn: bool = False
    """sysctl ``insecure_syn``: a SYN in the window ends the connection, as before RFC 5961 (FreeBSD)."""
    ecn_retries: int = 0
    """sysctl ``ecn.maxretries``: so many repeated SYNs still ask for ECN (FreeBSD)."""
    rexmit_drop_options: bool = False
    """sysctl ``rexmit_drop_options``: from the third repetition on a SYN has no option but the MSS (FreeBSD)."""
    rto_initial_us: int | None = None
    """sysctl ``rexmit_initial``: RTO before there is a measurement; None is the personality's (FreeBSD)."""
    default_mss_v6: int = 1220
    """sysctl ``v6mssdflt``: the same over IPv6 (FreeBSD)."""
    blackhole_detection: bool = False
    """sysctl ``pmtud_blackhole_detection``: repeated timeouts make segments smaller (FreeBSD)."""
    blackhole_mss: int = 1200
    """sysctl ``pmtud_blackhole_mss``: how small at first."""
    blackhole_mss_v6: int = 1220
    """sysctl ``v6pmtud_blackhole_mss``: the same over IPv6."""
    no_options: bool = False
    """TCP_NOOPT: no option in any segment."""
    nopush: bool = False
    """TCP_NOPUSH: nothing leaves before the connection is closed or the send buffer is full."""
    inflight: bool = True
    """sysctl ``inflight_enable``: data in flight is limited to the bandwidth-delay product."""
    inflight_min: int = 6144
    """Octets that this limit always allows."""
    inflight_max: int = 65_535 << 14
    """Octets that this limit never exceeds."""
    inflight_stab: int = 50
    """Tenths of a percent that the product is raised by."""

    @property
    def fin_wait_us(self) -> int | None:
        """What becomes of `fin_timeout_us`: how long an orphan stays in FIN-WAIT-2; None for ever."""
        wait, turn = self.fin_timeout_us, self.fin_timeout_turn_us
        if wait is None:
            return None
        return max(wait, 0) if turn is None or wait <= turn else 2 * (wait - turn)

    @property
    def is_kept_alive(self) -> bool:
        """An idle peer is probed: SO_KEEPALIVE, or the system's ``always_keepalive``."""
        return self.keepalive or self.always_keepalive
