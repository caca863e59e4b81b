"""The sysctl settings of a DragonFly BSD host: all that tcp(4) lists, and what the host needs of other pages.

Times are milliseconds, as sysctl(8) shows them there; the socket options that take their defaults from them count
seconds. Where tcp(4) does not say a default, it is that of DragonFly's own source (``sys/netinet``, 2010 to 2018), and
the row says so.
"""

from reference_stack.host.sysctl_rows import (
    INT_MAX,
    INT_MIN,
    Acts,
    Effect,
    Sysctl,
    SysctlTable,
    Values,
    plain,
    switch,
)
from reference_stack.settings import ConnectionSettings

_MILLISECOND = 1_000


def _put_rfc1323(settings: ConnectionSettings, values: Values) -> None:
    settings.window_scaling = settings.timestamps = bool(values[0])


RFC1323 = Effect(
    _put_rfc1323,
    lambda settings: (int(settings.window_scaling and settings.timestamps),),
    ("window_scaling", "timestamps"),
    is_switch=True,
)
_KEPT = Acts.ALWAYS

_TCP: tuple[Sysctl, ...] = (
    # From the source: 1.
    Sysctl("always_keepalive", "1", INT_MIN, INT_MAX, effect=switch("always_keepalive", _KEPT)),
    # blackhole(4): 0 off, 1 no reset for a SYN, 2 for no segment at all. The host asks for it.
    Sysctl("blackhole", "0", INT_MIN, INT_MAX),
    # From the source: 1, and 100 ms.
    Sysctl("delayed_ack", "1", INT_MIN, INT_MAX, effect=switch("delayed_ack", _KEPT)),
    Sysctl("delacktime", "100", 1, INT_MAX, effect=plain("delack_us", _MILLISECOND, _KEPT)),
    # A simulated host never runs out of mbufs, so this one is only kept.
    Sysctl("do_tcpdrain", "1", INT_MIN, INT_MAX),
    # From the source: 1.
    Sysctl("icmp_may_rst", "1", INT_MIN, INT_MAX, effect=switch("icmp_may_reset", _KEPT)),
    # From the source: 1, 0, 6144 and 65535 << 14. Nothing is printed, so inflight_debug is only kept.
    Sysctl("inflight_enable", "1", INT_MIN, INT_MAX, effect=switch("inflight", _KEPT)),
    Sysctl("inflight_debug", "0", INT_MIN, INT_MAX),
    Sysctl("inflight_min", "6144", 0, INT_MAX, effect=plain("inflight_min", acts=_KEPT)),
    Sysctl("inflight_max", "1073725440", 0, INT_MAX, effect=plain("inflight_max", acts=_KEPT)),
    Sysctl("inflight_stab", "50", 0, INT_MAX, effect=plain("inflight_stab", acts=_KEPT)),
    Sysctl("isn_reseed_interval", "0", 0, INT_MAX),
    Sysctl("keepcnt", "8", 1, INT_MAX, effect=plain("keepcnt", acts=_KEPT)),
    # From the source: 75 s, two hours, 75 s.
    Sysctl("keepinit", "75000", 1, INT_MAX, effect=plain("keepinit_us", _MILLISECOND, _KEPT)),
    Sysctl("keepidle", "7200000", 1, INT_MAX, effect=plain("keepidle_us", _MILLISECOND, _KEPT)),
    Sysctl("keepintvl", "75000", 1, INT_MAX, effect=plain("keepintvl_us", _MILLISECOND, _KEPT)),
    # The host asks for it; what would be printed stands in the host's log.
    Sysctl("log_in_vain", "0", INT_MIN, INT_MAX),
    # From the source: 30 s.
    Sysctl("msl", "30000", 1, INT_MAX, effect=plain("msl_us", _MILLISECOND, _KEPT)),
    # From the source: 512.
    Sysctl("mssdflt", "512", 1, 65_495, effect=plain("default_mss")),
    Sysctl("newreno", "1", INT_MIN, INT_MAX, effect=switch("newreno")),
    Sysctl("path_mtu_discovery", "1", INT_MIN, INT_MAX, effect=switch("pmtu_discovery")),
    Sysctl("pcbcount", "0", is_read_only=True),
    # From the source: 57344 octets each.
    Sysctl("recvspace", "57344", 1, INT_MAX, effect=plain("rcvbuf", acts=Acts.AT_SOCKET)),
    # From the source: one second and 200 ms.
    Sysctl("rexmit_min", "1000", 1, INT_MAX, effect=plain("rto_min_us", _MILLISECOND)),
    Sysctl("rexmit_slop", "200", 0, INT_MAX, effect=plain("rexmit_slop_us", _MILLISECOND)),
    Sysctl("rfc1323", "1", INT_MIN, INT_MAX, effect=RFC1323),
    Sysctl("sendspace", "57344", 1, INT_MAX, effect=plain("sndbuf", acts=Acts.AT_SOCKET)),
    Sysctl("syncookies", "1", INT_MIN, INT_MAX, serves=(("net.ipv4.tcp_syncookies", 0),)),
    # From the source: 512.
    Sysctl("tcbhashsize", "512", is_read_only=True),
)

_OTHER: tuple[Sysctl, ...] = (
    Sysctl("net.inet.ip.ttl", "64", 1, 255, serves=(("net.ipv4.ip_default_ttl", 0),)),
    # ip(4), IP_PORTRANGE_DEFAULT.
    Sysctl("net.inet.ip.portrange.first", "1024", 1, 65_535, serves=(("net.ipv4.ip_local_port_range", 0),)),
    Sysctl("net.inet.ip.portrange.last", "5000", 1, 65_535, serves=(("net.ipv4.ip_local_port_range", 1),)),
    Sysctl("kern.ipc.somaxconn", "128", 1, 32_767, serves=(("net.core.somaxconn", 0),)),
    Sysctl("net.inet6.ip6.v6only", "0", 0, 1, serves=(("net.ipv6.bindv6only", 0),)),
    Sysctl(
        "net.inet6.ip6.hlim",
        "64",
        1,
        255,
        serves=(("net.ipv6.conf.all.hop_limit", 0), ("net.ipv6.conf.default.hop_limit", 0)),
    ),
)

DRAGONFLY = SysctlTable(
    {row.name: row for row in (*(row.below("net.inet.tcp.") for row in _TCP), *_OTHER)}, "unknown oid '{dotted}'"
)
"""Every setting of DragonFly BSD that a host knows, by its full dotted name."""
