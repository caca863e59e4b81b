"""The table of socket options: SOL_SOCKET (socket(7)), SOL_IP (ip(7)), SOL_IPV6 (ipv6(7)) and, beside it, SOL_TCP."""

from struct import Struct

from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.optionrows import (
    INT_MAX,
    BytesOption,
    IntOption,
    Option,
    OptionContext,
    UnmodelledOption,
    put_setting,
    setting_switch,
    stored,
    switch,
)
from reference_stack.host.sockets import Socket, TcpSocket
from reference_stack.host.sockopts_bsd import BSD_TCP_OPTIONS, FREEBSD_TCP_OPTIONS
from reference_stack.host.sockopts_tcp import TCP_OPTIONS
from reference_stack.host.udplayer import UdpSocket
from wire import abi
from wire.abi import AF_INET6, IP_PMTUDISC_DONT, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP

_MICROS = 1_000_000
_TIMESTAMPING_END = 1 << 19
"""Behind the last flag of SO_TIMESTAMPING that Linux 6.18 knows."""
_MEMINFO = Struct("<9I")
_MAN, _IP, _IPV6 = "socket(7)", "ip(7)", "ipv6(7)"


# ---------------------------------------------------------------- SOL_SOCKET


def _pop_error(context: OptionContext) -> int:
    """SO_ERROR: the pending error, else the last soft one (measured: only SO_ERROR shows that); both are cleared."""
    error = context.socket.pop_error()
    if not error and isinstance(context.socket, TcpSocket) and context.around.traits.reads_soft_errors:
        error, context.socket.soft_error = context.socket.soft_error, 0
        if context.socket.connection is not None:
            context.socket.connection.soft_error = 0
    return error


def _buffer(name: str, number: int, *, is_send: bool, is_forced: bool) -> IntOption:
    """SO_SNDBUF and SO_RCVBUF: the request, bounded by wmem_max or rmem_max, times the factor, at least the floor."""
    field = "sndbuf" if is_send else "rcvbuf"
    limit_name = "net.core.wmem_max" if is_send else "net.core.rmem_max"

    def getter(context: OptionContext) -> int:
        socket = context.socket
        if isinstance(socket, TcpSocket) and is_send and socket.memory is not None:
            return socket.memory.sndbuf
        holder = socket if isinstance(socket, UdpSocket) else context.stream.settings
        return int(getattr(holder, field))

    def setter(context: OptionContext, value: int) -> None:
        traits = context.around.traits
        # The kernel compares as unsigned, so a negative request is a very large one.
        wanted = value if is_forced else min(value % 2**32, context.around.sysctls.number(limit_name))
        least = traits.least_sndbuf if is_send else traits.least_rcvbuf
        size = max(min(wanted, INT_MAX // 2) * traits.buffer_factor, least)
        if isinstance(context.socket, UdpSocket):
            setattr(context.socket, field, size)
            return
        if is_send and context.stream.memory is not None:
            context.stream.memory.sndbuf, context.stream.memory.is_locked = size, True
            return
        if not is_send:
            context.stream.settings.rcvbuf_locked = True
        put_setting(context, field, size)

    return IntOption(SOL_SOCKET, number, name, _MAN, getter, setter)


def _get_linger(context: OptionContext, _size: int, _initial: bytes) -> bytes:
    options = context.socket.options
    return abi.pack_linger(int(options.linger_on), options.linger_s)


def _set_linger(context: OptionContext, value: bytes) -> None:
    if len(value) < 8:
        raise CallFailed(Errno.EINVAL)
    is_on, seconds = abi.unpack_linger(value)
    context.socket.options.linger_on = bool(is_on)
    if is_on:
        # Measured: a negative time is not refused.
        context.socket.options.linger_s = seconds


def _timeout(name: str, number: int, field: str) -> BytesOption:
    """SO_RCVTIMEO and SO_SNDTIMEO: a struct timeval, zero meaning no limit; EDOM for microseconds out of range."""

    def reader(context: OptionContext, _size: int, _initial: bytes) -> bytes:
        return abi.pack_timeval(getattr(context.socket.options, field))

    def writer(context: OptionContext, value: bytes) -> None:
        if len(value) < 16:
            raise CallFailed(Errno.EINVAL)
        if not 0 <= int.from_bytes(value[8:16], "little", signed=True) < _MICROS:
            raise CallFailed(Errno.EDOM)
        setattr(context.socket.options, field, max(abi.unpack_timeval(value), 0))

    return BytesOption(SOL_SOCKET, number, name, _MAN, reader, writer)


def _get_timestamping(context: OptionContext, _size: int, _initial: bytes) -> bytes:
    """struct so_timestamping: the flags, and the number of a hardware clock, of which there is none."""
    return abi.pack_int(context.stream.send_times.flags) + bytes(4)


def _set_timestamping(context: OptionContext, value: bytes) -> None:
    """Check the flags in the order of Linux (measured): EINVAL, and EOPNOTSUPP for a hardware clock."""
    if len(value) < 4:
        raise CallFailed(Errno.EINVAL)
    flags = abi.unpack_int(value[:4]) & 0xFFFF_FFFF
    times, connection = context.stream.send_times, context.stream.live
    is_numbered = bool(flags & abi.SOF_TIMESTAMPING_OPT_ID)
    if flags >= _TIMESTAMPING_END or (flags & abi.SOF_TIMESTAMPING_OPT_ID_TCP and not is_numbered):
        raise CallFailed(Errno.EINVAL)
    if is_numbered and connection is None and not times.flags & abi.SOF_TIMESTAMPING_OPT_ID:
        raise CallFailed(Errno.EINVAL)
    if flags & abi.SOF_TIMESTAMPING_OPT_STATS and not flags & abi.SOF_TIMESTAMPING_OPT_TSONLY:
        raise CallFailed(Errno.EINVAL)
    if flags & abi.SOF_TIMESTAMPING_BIND_PHC:
        raise CallFailed(Errno.EOPNOTSUPP)
    for bit, name in ((abi.SOF_TIMESTAMPING_OPT_STATS, "OPT_STATS"), (abi.SOF_TIMESTAMPING_RX_SOFTWARE, "RX_SOFTWARE")):
        if flags & bit:
            raise NotModelled(f"setsockopt SO_TIMESTAMPING with SOF_TIMESTAMPING_{name}")
    if is_numbered and connection is not None and not times.flags & abi.SOF_TIMESTAMPING_OPT_ID:
        from_unsent = flags & abi.SOF_TIMESTAMPING_OPT_ID_TCP
        first = connection.send_queue.end if from_unsent else connection.tcb.snd_una
        times.number_from(first - connection.tcb.iss - 1)
    times.flags = flags


def _set_rcvlowat(context: OptionContext, value: int) -> None:
    context.socket.options.rcvlowat = INT_MAX if value < 0 else value or 1


def _meminfo(context: OptionContext, _size: int, _initial: bytes) -> bytes:
    """SO_MEMINFO: the memory of what was received, and both buffer sizes; what else the kernel counts reads 0."""
    socket = context.stream
    received = 0 if socket.live is None else socket.live.window.memory(socket.live)
    sndbuf = socket.settings.sndbuf if socket.memory is None else socket.memory.sndbuf
    return _MEMINFO.pack(received, socket.settings.rcvbuf, 0, sndbuf, 0, 0, 0, 0, 0)


_SOCKET_OPTIONS: tuple[Option, ...] = (
    stored(SOL_SOCKET, abi.SO_DEBUG, "SO_DEBUG", _MAN, is_switch=1),
    switch(SOL_SOCKET, abi.SO_REUSEADDR, "SO_REUSEADDR", _MAN, "reuseaddr"),
    switch(SOL_SOCKET, abi.SO_REUSEPORT, "SO_REUSEPORT", _MAN, "reuseport"),
    IntOption(SOL_SOCKET, abi.SO_TYPE, "SO_TYPE", _MAN, lambda context: context.socket.kind),
    IntOption(SOL_SOCKET, abi.SO_PROTOCOL, "SO_PROTOCOL", _MAN, lambda context: context.socket.protocol),
    IntOption(SOL_SOCKET, abi.SO_DOMAIN, "SO_DOMAIN", _MAN, lambda context: context.socket.family),
    IntOption(SOL_SOCKET, abi.SO_ERROR, "SO_ERROR", _MAN, _pop_error),
    IntOption(
        SOL_SOCKET,
        abi.SO_ACCEPTCONN,
        "SO_ACCEPTCONN",
        _MAN,
        lambda context: int(isinstance(context.socket, TcpSocket) and context.socket.is_listening),
    ),
    stored(SOL_SOCKET, abi.SO_DONTROUTE, "SO_DONTROUTE", _MAN, is_switch=1),
    stored(SOL_SOCKET, abi.SO_BROADCAST, "SO_BROADCAST", _MAN, is_switch=1),
    _buffer("SO_SNDBUF", abi.SO_SNDBUF, is_send=True, is_forced=False),
    _buffer("SO_RCVBUF", abi.SO_RCVBUF, is_send=False, is_forced=False),
    _buffer("SO_SNDBUFFORCE", abi.SO_SNDBUFFORCE, is_send=True, is_forced=True),
    _buffer("SO_RCVBUFFORCE", abi.SO_RCVBUFFORCE, is_send=False, is_forced=True),
    setting_switch(SOL_SOCKET, abi.SO_KEEPALIVE, "SO_KEEPALIVE", _MAN, "keepalive"),
    setting_switch(SOL_SOCKET, abi.SO_OOBINLINE, "SO_OOBINLINE", _MAN, "oobinline"),
    stored(SOL_SOCKET, abi.SO_NO_CHECK, "SO_NO_CHECK", _MAN, is_switch=1),
    stored(SOL_SOCKET, abi.SO_PRIORITY, "SO_PRIORITY", _MAN),
    stored(SOL_SOCKET, abi.SO_MARK, "SO_MARK", _MAN),
    stored(SOL_SOCKET, abi.SO_BUSY_POLL, "SO_BUSY_POLL", _MAN, minimum=0),
    stored(SOL_SOCKET, abi.SO_INCOMING_CPU, "SO_INCOMING_CPU", _MAN, default=-1),
    BytesOption(SOL_SOCKET, abi.SO_LINGER, "SO_LINGER", _MAN, _get_linger, _set_linger),
    IntOption(
        SOL_SOCKET,
        abi.SO_RCVLOWAT,
        "SO_RCVLOWAT",
        _MAN,
        lambda context: context.socket.options.rcvlowat,
        _set_rcvlowat,
    ),
    IntOption(SOL_SOCKET, abi.SO_SNDLOWAT, "SO_SNDLOWAT", _MAN, lambda _context: 1),
    _timeout("SO_RCVTIMEO", abi.SO_RCVTIMEO, "rcvtimeo_us"),
    _timeout("SO_SNDTIMEO", abi.SO_SNDTIMEO, "sndtimeo_us"),
    switch(SOL_SOCKET, abi.SO_ZEROCOPY, "SO_ZEROCOPY", "linux/msg_zerocopy.rst", "zerocopy"),
    BytesOption(
        SOL_SOCKET, abi.SO_TIMESTAMPING, "SO_TIMESTAMPING", "timestamping.rst", _get_timestamping, _set_timestamping
    ),
    BytesOption(SOL_SOCKET, abi.SO_MEMINFO, "SO_MEMINFO", "linux/sock_diag.h", _meminfo),
    *(
        UnmodelledOption(SOL_SOCKET, getattr(abi, name), name, _MAN)
        for name in (
            "SO_ATTACH_FILTER",
            "SO_DETACH_FILTER",
            "SO_BINDTODEVICE",
            "SO_BINDTOIFINDEX",
            "SO_BSDCOMPAT",
            "SO_PASSCRED",
            "SO_PEERCRED",
            "SO_PEERNAME",
            "SO_PEERSEC",
            "SO_PASSSEC",
            "SO_TIMESTAMP",
            "SO_TIMESTAMPNS",
            "SO_RXQ_OVFL",
            "SO_PEEK_OFF",
            "SO_LOCK_FILTER",
            "SO_SELECT_ERR_QUEUE",
            "SO_MAX_PACING_RATE",
            "SO_CNX_ADVICE",
            "SO_INCOMING_NAPI_ID",
            "SO_COOKIE",
            "SO_TXTIME",
            "SO_BUF_LOCK",
            "SO_RESERVE_MEM",
            "SO_TXREHASH",
            "SO_RCVMARK",
        )
    ),
)

# ---------------------------------------------------------------- SOL_IP and SOL_IPV6


def _set_tos(context: OptionContext, value: int) -> None:
    # RFC 3168: the two low bits belong to TCP, so on a stream they cannot be set (Linux, ip_sock_set_tos).
    mask = 0xFC if isinstance(context.socket, TcpSocket) else 0xFF
    context.socket.options.tos = value & mask


def _set_traffic_class(context: OptionContext, value: int) -> None:
    mask = 0xFC if isinstance(context.socket, TcpSocket) else 0xFF
    context.socket.options.traffic_class = max(value, 0) & mask


def _set_ttl(context: OptionContext, value: int) -> None:
    # ip(7): 1 to 255, and -1 for the route's own.
    if value == 0 or value < -1:
        raise CallFailed(Errno.EINVAL)
    context.socket.options.ttl = None if value == -1 else value


def _set_hops(context: OptionContext, value: int) -> None:
    context.socket.options.hop_limit = None if value == -1 else value


def _discovery(level: int, number: int, name: str, source: str) -> IntOption:
    """IP_MTU_DISCOVER: all but IP_PMTUDISC_DONT set DF and follow "packet too big" (ip(7))."""
    key = (level, number)

    def getter(context: OptionContext) -> int:
        return context.socket.options.stored.get(key, abi.IP_PMTUDISC_WANT)

    def setter(context: OptionContext, value: int) -> None:
        context.socket.options.stored[key] = value
        if isinstance(context.socket, TcpSocket):
            put_setting(context, "pmtu_discovery", value != IP_PMTUDISC_DONT)

    return IntOption(level, number, name, source, getter, setter, abi.IP_PMTUDISC_DONT, abi.IP_PMTUDISC_OMIT)


def _get_mtu(context: OptionContext) -> int:
    remote = context.socket.remote_ip
    if not remote:
        raise CallFailed(Errno.ENOTCONN)
    routes = context.around.routes
    return min(routes.interface_mtu(remote), routes.path_mtu(remote, now=context.now) or INT_MAX)


def _set_v6only(context: OptionContext, value: int) -> None:
    # ipv6(7): "only when the socket is not bound".
    if context.socket.local_port:
        raise CallFailed(Errno.EINVAL)
    context.socket.options.v6only = bool(value)


_IP_OPTIONS: tuple[Option, ...] = (
    IntOption(SOL_IP, abi.IP_TOS, "IP_TOS", _IP, lambda context: context.socket.options.tos, _set_tos),
    IntOption(
        SOL_IP,
        abi.IP_TTL,
        "IP_TTL",
        _IP,
        lambda context: context.socket.options.ttl or context.around.sysctls.number("net.ipv4.ip_default_ttl"),
        _set_ttl,
        maximum=255,
    ),
    _discovery(SOL_IP, abi.IP_MTU_DISCOVER, "IP_MTU_DISCOVER", _IP),
    IntOption(SOL_IP, abi.IP_MTU, "IP_MTU", _IP, _get_mtu),
    switch(SOL_IP, abi.IP_RECVERR, "IP_RECVERR", _IP, "recverr"),
    switch(SOL_IP, abi.IP_FREEBIND, "IP_FREEBIND", _IP, "freebind"),
    switch(SOL_IP, abi.IP_TRANSPARENT, "IP_TRANSPARENT", _IP, "freebind"),
    stored(SOL_IP, abi.IP_BIND_ADDRESS_NO_PORT, "IP_BIND_ADDRESS_NO_PORT", _IP, is_switch=1),
    UnmodelledOption(SOL_IP, abi.IP_MINTTL, "IP_MINTTL", _IP),
    UnmodelledOption(SOL_IP, abi.IP_OPTIONS, "IP_OPTIONS", _IP),
    UnmodelledOption(SOL_IP, abi.IP_PKTINFO, "IP_PKTINFO", _IP),
    UnmodelledOption(SOL_IP, abi.IP_RECVTOS, "IP_RECVTOS", _IP),
    UnmodelledOption(SOL_IP, abi.IP_RECVTTL, "IP_RECVTTL", _IP),
    IntOption(
        SOL_IPV6,
        abi.IPV6_TCLASS,
        "IPV6_TCLASS",
        _IPV6,
        lambda context: context.socket.options.traffic_class,
        _set_traffic_class,
        -1,
        255,
    ),
    IntOption(
        SOL_IPV6,
        abi.IPV6_UNICAST_HOPS,
        "IPV6_UNICAST_HOPS",
        _IPV6,
        lambda context: (
            context.socket.options.hop_limit or context.around.sysctls.number("net.ipv6.conf.all.hop_limit")
        ),
        _set_hops,
        -1,
        255,
    ),
    _discovery(SOL_IPV6, abi.IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER", _IPV6),
    IntOption(SOL_IPV6, abi.IPV6_MTU, "IPV6_MTU", _IPV6, _get_mtu),
    switch(SOL_IPV6, abi.IPV6_RECVERR, "IPV6_RECVERR", _IPV6, "recverr"),
    switch(SOL_IPV6, abi.IPV6_FREEBIND, "IPV6_FREEBIND", _IPV6, "freebind"),
    switch(SOL_IPV6, abi.IPV6_TRANSPARENT, "IPV6_TRANSPARENT", _IPV6, "freebind"),
    IntOption(
        SOL_IPV6,
        abi.IPV6_V6ONLY,
        "IPV6_V6ONLY",
        _IPV6,
        lambda context: int(context.socket.options.v6only),
        _set_v6only,
    ),
    UnmodelledOption(SOL_IPV6, abi.IPV6_MINHOPCOUNT, "IPV6_MINHOPCOUNT", _IPV6),
    UnmodelledOption(SOL_IPV6, abi.IPV6_FLOWINFO_SEND, "IPV6_FLOWINFO_SEND", _IPV6),
    UnmodelledOption(SOL_IPV6, abi.IPV6_FLOWLABEL_MGR, "IPV6_FLOWLABEL_MGR", _IPV6),
    UnmodelledOption(SOL_IPV6, abi.IPV6_AUTOFLOWLABEL, "IPV6_AUTOFLOWLABEL", _IPV6),
)


def _table(tcp_options: tuple[Option, ...]) -> dict[tuple[int, int], Option]:
    return {(row.level, row.number): row for row in (*_SOCKET_OPTIONS, *tcp_options, *_IP_OPTIONS)}


TABLES: dict[str, dict[tuple[int, int], Option]] = {
    "linux": _table(TCP_OPTIONS),
    "dragonfly": _table(BSD_TCP_OPTIONS),
    "freebsd": _table(FREEBSD_TCP_OPTIONS),
}
"""Every option by level and number, for each kind of host (`HostTraits.option_table`)."""
OPTIONS = TABLES["linux"]


def find_option(socket: Socket, level: int, number: int, table: str = "linux") -> Option:
    """Return the row; `CallFailed` ENOPROTOOPT for an unknown option and for a level that the socket does not have."""
    row = TABLES[table].get((level, number))
    is_foreign = (level == SOL_TCP and not isinstance(socket, TcpSocket)) or (
        level == SOL_IPV6 and socket.family != AF_INET6
    )
    if row is None or is_foreign:
        raise CallFailed(Errno.ENOPROTOOPT)
    return row
