"""The sysctl settings of a host (tcp(7), ip(7), socket(7)): one row a setting, with default, limits and effect.

Names, defaults and limits are those of Linux 6.18, measured by reading and writing each file in a fresh network
namespace. A row with an effect shows, while nobody has written it, what the personality does; so reading a setting
and the behaviour never contradict each other.
"""

from collections.abc import Callable, Collection, Iterator

from reference_stack.host.fastopen import key_form
from reference_stack.host.sysctl_rows import (
    INT_MAX,
    INT_MIN,
    SECONDS_MAX,
    U32_MAX,
    Acts,
    Effect,
    Sysctl,
    SysctlError,
    SysctlTable,
    Values,
)
from reference_stack.host.sysctl_rows import inverse as _inverse
from reference_stack.host.sysctl_rows import plain as _plain
from reference_stack.host.sysctl_rows import switch as _switch
from reference_stack.settings import ConnectionSettings


def _put_rmem(settings: ConnectionSettings, values: Values) -> None:
    settings.rcvbuf, settings.rmem_max = values[1], values[2]


def _put_wmem(settings: ConnectionSettings, values: Values) -> None:
    settings.sndbuf = values[1]


_SECOND, _MILLISECOND = 1_000_000, 1_000
_RMEM = Effect(
    _put_rmem, lambda settings: (4096, settings.rcvbuf, settings.rmem_max), ("rcvbuf", "rmem_max"), Acts.AT_SOCKET
)
_WMEM = Effect(
    _put_wmem, lambda settings: (4096, settings.sndbuf, max(4_194_304, settings.sndbuf)), ("sndbuf",), Acts.AT_SOCKET
)

_TCP: tuple[Sysctl, ...] = (
    Sysctl("tcp_abort_on_overflow", "0"),
    Sysctl("tcp_adv_win_scale", "1", -31, 31),
    Sysctl("tcp_allowed_congestion_control", "reno cubic", is_text=True),
    Sysctl("tcp_app_win", "31", 0, 31, effect=_plain("app_win")),
    Sysctl("tcp_autocorking", "1", 0, 1),
    Sysctl("tcp_available_congestion_control", "reno cubic", is_text=True, is_read_only=True),
    Sysctl("tcp_backlog_ack_defer", "1", 0, 1),
    Sysctl("tcp_base_mss", "1024", INT_MIN, INT_MAX, effect=_plain("base_mss")),
    Sysctl(
        "tcp_challenge_ack_limit",
        "2147483647",
        INT_MIN,
        INT_MAX,
        effect=_plain("challenge_ack_limit", acts=Acts.ALWAYS),
    ),
    Sysctl("tcp_comp_sack_delay_ns", "1000000", 0, U32_MAX),
    Sysctl("tcp_comp_sack_nr", "44"),
    Sysctl("tcp_comp_sack_slack_ns", "100000", 0, U32_MAX),
    Sysctl("tcp_congestion_control", "cubic", is_text=True),
    Sysctl("tcp_dsack", "1", effect=_switch("dsack", Acts.ALWAYS)),
    Sysctl("tcp_early_demux", "1"),
    Sysctl("tcp_early_retrans", "3", 0, 4, effect=_plain("early_retransmit", acts=Acts.ALWAYS)),
    # Accurate ECN: the releases that have it switched on take 3 to 5 (linux/tcp_ecn.h); 6.18 was measured to refuse.
    Sysctl("tcp_ecn", "2", 0, 5, effect=_plain("ecn")),
    Sysctl("tcp_ecn_fallback", "1", 0, 1, effect=_switch("ecn_fallback")),
    Sysctl("tcp_ecn_option", "2", 0, 2, effect=_plain("ecn_option")),
    Sysctl("tcp_ecn_option_beacon", "3", 0, 3),
    Sysctl("tcp_fack", "0"),
    Sysctl("tcp_fastopen", "1", INT_MIN, INT_MAX),
    Sysctl("tcp_fastopen_blackhole_timeout_sec", "0", 0, INT_MAX),
    Sysctl("tcp_fastopen_key", "00000000-00000000-00000000-00000000", is_text=True, form=key_form),
    Sysctl(
        "tcp_fin_timeout", "60", -SECONDS_MAX, SECONDS_MAX, effect=_plain("fin_timeout_us", _SECOND, acts=Acts.ALWAYS)
    ),
    Sysctl("tcp_frto", "2", effect=_switch("has_frto", Acts.ALWAYS)),
    Sysctl("tcp_fwmark_accept", "0"),
    Sysctl(
        "tcp_invalid_ratelimit",
        "500",
        0,
        INT_MAX,
        effect=_plain("invalid_ratelimit_us", _MILLISECOND, acts=Acts.ALWAYS),
    ),
    Sysctl(
        "tcp_keepalive_intvl", "75", -SECONDS_MAX, SECONDS_MAX, effect=_plain("keepintvl_us", _SECOND, acts=Acts.ALWAYS)
    ),
    Sysctl("tcp_keepalive_probes", "9", effect=_plain("keepcnt", acts=Acts.ALWAYS)),
    Sysctl(
        "tcp_keepalive_time", "7200", -SECONDS_MAX, SECONDS_MAX, effect=_plain("keepidle_us", _SECOND, acts=Acts.ALWAYS)
    ),
    Sysctl("tcp_l3mdev_accept", "0", 0, 1),
    Sysctl("tcp_limit_output_bytes", "4194304", INT_MIN, INT_MAX),
    Sysctl("tcp_low_latency", "0", INT_MIN, INT_MAX),
    Sysctl("tcp_max_reordering", "300", 1, INT_MAX, effect=_plain("max_reordering", acts=Acts.ALWAYS)),
    # Like tcp_mem and tcp_low_latency of the whole machine; both numbers were measured with 24 GB of memory.
    Sysctl("tcp_max_orphans", "131072", 0, INT_MAX),
    Sysctl("tcp_max_syn_backlog", "2048", INT_MIN, INT_MAX),
    Sysctl("tcp_max_tw_buckets", "131072", INT_MIN, INT_MAX),
    Sysctl("tcp_migrate_req", "0", 0, 1),
    Sysctl("tcp_min_rtt_wlen", "300", 0, 86400),
    Sysctl("tcp_mem", "287898 383867 575796", 0, INT_MAX, 3),
    Sysctl("tcp_min_snd_mss", "48", 48, 65535, effect=_plain("min_snd_mss")),
    Sysctl("tcp_min_tso_segs", "2", 1, effect=_plain("min_tso_segments", acts=Acts.ALWAYS)),
    Sysctl("tcp_moderate_rcvbuf", "1", effect=_switch("moderate_rcvbuf", Acts.ALWAYS)),
    Sysctl("tcp_mtu_probe_floor", "48", 48, 65535, effect=_plain("mtu_probe_floor", acts=Acts.ALWAYS)),
    Sysctl("tcp_mtu_probing", "0", effect=_plain("mtu_probing")),
    Sysctl("tcp_no_metrics_save", "0"),
    Sysctl("tcp_no_ssthresh_metrics_save", "1", 0, 1),
    Sysctl("tcp_notsent_lowat", "4294967295", 0, U32_MAX, effect=_plain("notsent_lowat", acts=Acts.ALWAYS)),
    Sysctl("tcp_orphan_retries", "0", effect=_plain("orphan_retries", acts=Acts.ALWAYS)),
    Sysctl("tcp_pacing_ca_ratio", "120", 0, 1000),
    Sysctl("tcp_pacing_ss_ratio", "200", 0, 1000),
    Sysctl("tcp_pingpong_thresh", "1", 1),
    Sysctl("tcp_plb_enabled", "0", 0, 1),
    Sysctl("tcp_probe_interval", "600", 0, U32_MAX, effect=_plain("mtu_probe_interval_us", _SECOND, Acts.ALWAYS)),
    Sysctl("tcp_probe_threshold", "8", INT_MIN, INT_MAX, effect=_plain("mtu_probe_threshold", acts=Acts.ALWAYS)),
    Sysctl("tcp_recovery", "1"),
    Sysctl("tcp_reflect_tos", "0", 0, 1),
    Sysctl("tcp_reordering", "3", 1, 300, effect=_plain("reordering", acts=Acts.AT_SOCKET)),
    Sysctl("tcp_retrans_collapse", "1", effect=_switch("retransmit_collapse", Acts.ALWAYS)),
    Sysctl("tcp_retries1", "3", effect=_plain("retries1", acts=Acts.ALWAYS)),
    Sysctl("tcp_retries2", "15", effect=_plain("retries2", acts=Acts.ALWAYS)),
    Sysctl("tcp_rfc1337", "0", effect=_switch("rfc1337", Acts.ALWAYS)),
    Sysctl("tcp_rmem", "4096 131072 33554432", 1, INT_MAX, count=3, effect=_RMEM),
    Sysctl("tcp_rto_max_ms", "120000", 1000, 120_000, effect=_plain("rto_max_us", _MILLISECOND)),
    Sysctl("tcp_rto_min_us", "200000", 1, INT_MAX, effect=_plain("rto_min_us")),
    Sysctl("tcp_sack", "1", effect=_switch("sack")),
    Sysctl("tcp_shrink_window", "0", 0, 1),
    Sysctl("tcp_slow_start_after_idle", "1", effect=_switch("slow_start_after_idle", Acts.ALWAYS)),
    Sysctl("tcp_stdurg", "0", effect=_switch("urgent_points_to_last", Acts.ALWAYS)),
    Sysctl("tcp_syn_linear_timeouts", "4", 0, 127, effect=_plain("syn_linear_timeouts")),
    Sysctl("tcp_syn_retries", "6", 1, 127, effect=_plain("syn_retries")),
    Sysctl("tcp_synack_retries", "5", effect=_plain("synack_retries")),
    Sysctl("tcp_syncookies", "1"),
    Sysctl("tcp_thin_linear_timeouts", "0"),
    Sysctl("tcp_timestamps", "1", effect=_switch("timestamps")),
    Sysctl("tcp_tso_rtt_log", "9"),
    Sysctl("tcp_tso_win_divisor", "3", effect=_plain("tso_win_divisor", acts=Acts.ALWAYS)),
    Sysctl("tcp_tw_reuse", "2", 0, 2),
    Sysctl("tcp_tw_reuse_delay", "1000", 1, 60_000),
    Sysctl("tcp_window_scaling", "1", effect=_switch("window_scaling")),
    Sysctl("tcp_wmem", "4096 16384 4194304", 1, INT_MAX, count=3, effect=_WMEM),
    Sysctl("tcp_workaround_signed_windows", "0", effect=_switch("signed_windows", Acts.ALWAYS)),
)

_IP: tuple[Sysctl, ...] = (
    Sysctl("ip_default_ttl", "64", 1, 255),
    Sysctl("ip_early_demux", "1"),
    Sysctl("ip_local_port_range", "32768 60999", 1, 65535, count=2),
    Sysctl("ip_local_reserved_ports", "", is_text=True),
    Sysctl("ip_no_pmtu_disc", "0", 0, 3, effect=_inverse("pmtu_discovery")),
    Sysctl("ip_nonlocal_bind", "0"),
    Sysctl("ip_unprivileged_port_start", "1024", 0, 65535),
    Sysctl("icmp_echo_ignore_all", "0"),
    Sysctl("icmp_echo_ignore_broadcasts", "1"),
    Sysctl("icmp_ratelimit", "1000", 0, INT_MAX),
    Sysctl("route.min_pmtu", "552", 68, INT_MAX, effect=_plain("min_pmtu")),
    Sysctl("route.mtu_expires", "600", 0, SECONDS_MAX),
)

_OTHER: tuple[Sysctl, ...] = (
    Sysctl("net.core.rmem_default", "212992", 2304, INT_MAX),
    Sysctl("net.core.wmem_default", "212992", 4608, INT_MAX),
    Sysctl("net.core.rmem_max", "4194304", 2304, INT_MAX, effect=_plain("core_rmem_max", acts=Acts.AT_SOCKET)),
    Sysctl("net.core.wmem_max", "4194304", 4608, INT_MAX),
    Sysctl("net.core.somaxconn", "4096", 0, INT_MAX),
    Sysctl("net.core.default_qdisc", "pfifo_fast", is_text=True),
    Sysctl("net.ipv6.bindv6only", "0", 0, 1),
    Sysctl("net.ipv6.auto_flowlabels", "1", 0, 3),
    Sysctl("net.ipv6.conf.all.hop_limit", "64", 1, 255),
    Sysctl("net.ipv6.conf.default.hop_limit", "64", 1, 255),
)


_MOMENTS = {
    Acts.AT_SOCKET: frozenset(Acts),
    Acts.AT_CONNECT: frozenset({Acts.AT_CONNECT, Acts.ALWAYS}),
    Acts.ALWAYS: frozenset({Acts.ALWAYS}),
}

TABLE: dict[str, Sysctl] = {row.name: row for row in (*(row.below("net.ipv4.") for row in (*_TCP, *_IP)), *_OTHER)}
"""Every setting of Linux that a host knows, by its full dotted name."""

_OF_BSD = "net.inet."
"""Settings below this are those of BSD alone; elsewhere what they switch on is off."""

LINUX = SysctlTable(TABLE, "cannot stat /proc/sys/{path}: No such file or directory", has_files=True)


class SysctlSettings:
    """The settings of one host: what was written, and what the personality gives for the rest."""

    def __init__(
        self,
        defaults: ConnectionSettings,
        congestion_controls: tuple[str, ...] = ("reno", "cubic"),
        table: SysctlTable = LINUX,
    ) -> None:
        self._defaults = defaults
        self._table = table
        self._serving = {asked: row.name for row in table.rows.values() for asked in row.serves}
        self.gauges: dict[str, Callable[[], int]] = {}
        """Read-only settings that count something on the host, by name."""
        self.congestion_controls = congestion_controls
        self._written: dict[str, str] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self.version = 0
        """Counts what was written, so that an owner sees that there is something new."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.rows)

    def read(self, name: str) -> str:
        """Return the setting as its file shows it, numbers parted by tabs; `SysctlError` for an unknown name."""
        row = self._row(name)
        if row.name in self.gauges:
            return str(self.gauges[row.name]())
        if row.name in self._written:
            return self._written[row.name]
        if row.name.endswith(("available_congestion_control", "allowed_congestion_control")):
            return " ".join(self.congestion_controls)
        if row.name.endswith(".tcp_congestion_control"):
            return self._defaults.congestion_control
        shown = row.effect.show(self._defaults) if row.effect else None
        if row.effect and row.effect.is_switch and shown == (int(row.default != "0"),):
            shown = None
        return row.default.replace(" ", "\t") if shown is None else "\t".join(map(str, shown))

    def number(self, name: str, index: int = 0) -> int:
        """Return one number of a setting, asked for by the name that any system has for it.

        What the system of this host cannot set has the default that it has on Linux.
        """
        key = name, index
        if key not in self._numbers:
            self._numbers[key] = self._find_number(name, index)
        return self._numbers[key]

    def _find_number(self, name: str, index: int) -> int:
        if (name, index) in self._serving:
            return int(self.read(self._serving[name, index]))
        if name in self._table.rows:
            return int(self.read(name).split()[index])
        return 0 if name.startswith(_OF_BSD) else int(TABLE[name].default.split()[index])

    def was_written(self, name: str) -> bool:
        """Whether somebody has set it, under the name that any system has for it."""
        own = {row for (asked, _), row in self._serving.items() if asked == name} | {name}
        return not own.isdisjoint(self._written)

    def write(self, name: str, text: str) -> None:
        """Set a setting; `SysctlError` for an unknown name, a read-only one, or a value that Linux refuses."""
        row = self._row(name)
        self._numbers.clear()
        self.version += 1
        if row.is_read_only:
            raise SysctlError(f'setting key "{row.name}": Permission denied')
        value = " ".join(text.split())
        if row.is_text:
            self._check_control(row, value)
            self._written[row.name] = _formed(row, value)
            return
        self._written[row.name] = "\t".join(map(str, self._parse(row, value)))

    def apply(self, settings: ConnectionSettings, moment: Acts, keep: Collection[str] = ()) -> None:
        """Put what was written into `settings`, as far as it acts at `moment`; the fields in `keep` stay.

        Connections that begin take what acts always as well, and a new socket takes everything.
        """
        moments = _MOMENTS[moment]
        for name, value in self._written.items():
            effect = self._table.rows[name].effect
            if effect is not None and effect.acts in moments and not any(field in keep for field in effect.fields):
                effect.put(settings, tuple(map(int, value.split())))
            elif name == "net.ipv4.tcp_congestion_control" and moment is Acts.AT_SOCKET:
                settings.congestion_control = value

    def _row(self, name: str) -> Sysctl:
        dotted = name.removeprefix("/proc/sys/").replace("/", ".") if self._table.has_files else name
        if dotted not in self._table.rows:
            raise self._table.unknown_error(dotted)
        return self._table.rows[dotted]

    def _check_control(self, row: Sysctl, value: str) -> None:
        if row.name.endswith("congestion_control") and not set(value.split()) <= set(self.congestion_controls):
            # Measured: an algorithm that is not there gives ENOENT.
            raise SysctlError(f'setting key "{row.name}": No such file or directory')

    @staticmethod
    def _parse(row: Sysctl, value: str) -> Values:
        try:
            numbers = tuple(int(word, 0) for word in value.split())
        except ValueError:
            numbers = ()
        inside = all(row.minimum <= number <= row.maximum for number in numbers)
        # The kernel takes the numbers that are there and ignores the rest of a longer line; too few keep the old ones
        # in the kernel, which no caller means: refused here like an empty line.
        if not inside or len(numbers) != row.count:
            raise SysctlError(f'setting key "{row.name}": Invalid argument')
        return numbers


def _formed(row: Sysctl, value: str) -> str:
    """Return a written text as the file shows it; `SysctlError` for one that the setting refuses."""
    if row.form is None:
        return value
    try:
        return row.form(value)
    except ValueError:
        raise SysctlError(f'setting key "{row.name}": Invalid argument') from None
