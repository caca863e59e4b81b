"""The sysctl settings of a FreeBSD host: those of tcp(4) that act on a simulated host, or that scripts set.

Times are milliseconds, as sysctl(8) shows them there. Defaults are those of the page (14.0).
"""

from reference_stack.host.sysctl_rows import INT_MAX, INT_MIN, U32_MAX, Acts, Sysctl, SysctlTable, plain, switch
from reference_stack.host.sysctls_bsd import RFC1323

_MILLISECOND = 1_000
_KEPT = Acts.ALWAYS


def _kept(name: str, default: str, minimum: int = INT_MIN, maximum: int = INT_MAX) -> Sysctl:
    """A setting that is kept and given back, and changes nothing that a simulated host does."""
    return Sysctl(name, default, minimum, maximum)


_TCP: tuple[Sysctl, ...] = (
    Sysctl("always_keepalive", "1", INT_MIN, INT_MAX, effect=switch("always_keepalive", _KEPT)),
    # blackhole(4).
    Sysctl("blackhole", "0", INT_MIN, INT_MAX),
    Sysctl("delayed_ack", "1", INT_MIN, INT_MAX, effect=switch("delayed_ack", _KEPT)),
    Sysctl("delacktime", "40", 1, INT_MAX, effect=plain("delack_us", _MILLISECOND, _KEPT)),
    Sysctl("drop_synfin", "0", INT_MIN, INT_MAX, effect=switch("drop_synfin", _KEPT)),
    Sysctl("ecn.enable", "2", 0, 4, effect=plain("ecn")),
    Sysctl("ecn.maxretries", "1", 0, INT_MAX, effect=plain("ecn_retries")),
    Sysctl("fastopen.client_enable", "1", INT_MIN, INT_MAX, serves=(("net.ipv4.tcp_fastopen", 0),)),
    _kept("fastopen.server_enable", "0"),
    Sysctl("finwait2_timeout", "60000", 0, INT_MAX, effect=plain("fin_timeout_us", _MILLISECOND)),
    _kept("hostcache.purgenow", "0"),
    _kept("hostcache.purge", "0"),
    Sysctl("icmp_may_rst", "1", INT_MIN, INT_MAX, effect=switch("icmp_may_reset", _KEPT)),
    Sysctl("insecure_rst", "0", INT_MIN, INT_MAX, effect=switch("insecure_rst", _KEPT)),
    Sysctl("insecure_syn", "0", INT_MIN, INT_MAX, effect=switch("insecure_syn", _KEPT)),
    Sysctl("isn_reseed_interval", "0", 0, INT_MAX),
    Sysctl("keepcnt", "8", 1, INT_MAX, effect=plain("keepcnt", acts=_KEPT)),
    Sysctl("keepinit", "75000", 1, INT_MAX, effect=plain("keepinit_us", _MILLISECOND, _KEPT)),
    Sysctl("keepidle", "7200000", 1, INT_MAX, effect=plain("keepidle_us", _MILLISECOND, _KEPT)),
    Sysctl("keepintvl", "75000", 1, INT_MAX, effect=plain("keepintvl_us", _MILLISECOND, _KEPT)),
    Sysctl("log_in_vain", "0", INT_MIN, INT_MAX),
    Sysctl("msl", "30000", 1, INT_MAX, effect=plain("msl_us", _MILLISECOND, _KEPT)),
    Sysctl("mssdflt", "536", 1, 65_495, effect=plain("default_mss")),
    _kept("minmss", "216"),
    Sysctl("path_mtu_discovery", "1", INT_MIN, INT_MAX, effect=switch("pmtu_discovery")),
    Sysctl("pmtud_blackhole_detection", "0", INT_MIN, INT_MAX, effect=switch("blackhole_detection")),
    Sysctl("pmtud_blackhole_mss", "1200", 1, 65_495, effect=plain("blackhole_mss")),
    Sysctl("recvspace", "65536", 1, INT_MAX, effect=plain("rcvbuf", acts=Acts.AT_SOCKET)),
    _kept("recvbuf_auto", "1"),
    _kept("recvbuf_max", "2097152"),
    Sysctl("rexmit_drop_options", "0", INT_MIN, INT_MAX, effect=switch("rexmit_drop_options")),
    Sysctl("rexmit_initial", "1000", 1, INT_MAX, effect=plain("rto_initial_us", _MILLISECOND)),
    Sysctl("rexmit_min", "30", 1, INT_MAX, effect=plain("rto_min_us", _MILLISECOND)),
    Sysctl("rexmit_slop", "200", 0, INT_MAX, effect=plain("rexmit_slop_us", _MILLISECOND)),
    Sysctl("rfc1323", "1", INT_MIN, INT_MAX, effect=RFC1323),
    Sysctl("sack.enable", "1", INT_MIN, INT_MAX, effect=switch("sack")),
    _kept("sendbuf_auto", "1"),
    _kept("sendbuf_max", "2097152"),
    Sysctl("sendspace", "32768", 1, INT_MAX, effect=plain("sndbuf", acts=Acts.AT_SOCKET)),
    Sysctl("syncookies", "1", INT_MIN, INT_MAX, serves=(("net.ipv4.tcp_syncookies", 0),)),
    Sysctl("syncookies_only", "0", INT_MIN, INT_MAX),
    _kept("tolerate_missing_ts", "0"),
    Sysctl("udp_tunneling_overhead", "8", 8, 1024),
    Sysctl("udp_tunneling_port", "0", 0, 65_535),
    Sysctl("v6mssdflt", "1220", 1, 65_495, effect=plain("default_mss_v6")),
    Sysctl("v6pmtud_blackhole_mss", "1220", 1, 65_495, effect=plain("blackhole_mss_v6")),
)

_OTHER: tuple[Sysctl, ...] = (
    Sysctl("net.inet.ip.ttl", "64", 1, 255, serves=(("net.ipv4.ip_default_ttl", 0),)),
    # ip(4), IP_PORTRANGE_DEFAULT.
    Sysctl("net.inet.ip.portrange.first", "10000", 1, 65_535, serves=(("net.ipv4.ip_local_port_range", 0),)),
    Sysctl("net.inet.ip.portrange.last", "65535", 1, 65_535, serves=(("net.ipv4.ip_local_port_range", 1),)),
    Sysctl("kern.ipc.maxsockbuf", "2097152", 1, U32_MAX, effect=plain("rmem_max", acts=Acts.AT_SOCKET)),
    Sysctl("kern.ipc.somaxconn", "128", 1, 32_767, serves=(("net.core.somaxconn", 0),)),
    Sysctl("kern.ipc.soacceptqueue", "128", 1, 32_767),
    Sysctl("net.inet6.ip6.v6only", "1", 0, 1, serves=(("net.ipv6.bindv6only", 0),)),
    Sysctl(
        "net.inet6.ip6.hlim",
        "64",
        1,
        255,
        serves=(("net.ipv6.conf.all.hop_limit", 0), ("net.ipv6.conf.default.hop_limit", 0)),
    ),
)

FREEBSD = SysctlTable(
    {row.name: row for row in (*(row.below("net.inet.tcp.") for row in _TCP), *_OTHER)}, "unknown oid '{dotted}'"
)
"""Every setting of FreeBSD that a host knows, by its full dotted name."""
