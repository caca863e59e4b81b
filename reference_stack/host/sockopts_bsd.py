"""Options of level IPPROTO_TCP on DragonFly BSD (tcp(4)). Those of Linux that the page does not have do not exist.

A Boolean reads back as 1; the kernel gives the bit of its flag, and tcp(4) promises no number.
"""

from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.iplayer import TUNNEL_PORT
from reference_stack.host.optionrows import (
    BytesOption,
    IntOption,
    Option,
    OptionContext,
    put_setting,
    setting,
    setting_switch,
)
from reference_stack.host.sockopts_tcp import TCP_OPTIONS
from reference_stack.host.sysctl_rows import Acts
from reference_stack.states import State
from wire import abi
from wire.abi import SOL_IPV6, SOL_TCP

_MAN = "tcp(4)"
_SECOND = 1_000_000
_SECONDS_MAX = 2**31 // 1000
_FUNCTION_NAME_SIZE, _FUNCTION_SET_SIZE = 32, 36
_LEAST_MSS = 216
"""DragonFly's source, net.inet.tcp.minmss (256) less 40; tcp(4) gives no limit."""
_OPTION_FIELDS = ("window_scaling", "timestamps", "sack")


def _get_maxseg(context: OptionContext) -> int:
    socket = context.stream
    if socket.live is None or socket.is_listening:
        return socket.settings.user_mss or socket.settings.default_mss
    return socket.live.tcb.snd_mss


def _set_maxseg(context: OptionContext, value: int) -> None:
    """Reduce the segment size; more than it is now is refused, and what is very small is raised."""
    if not 0 < value <= _get_maxseg(context):
        raise CallFailed(Errno.EINVAL)
    live = context.stream.live
    payload = max(value, _LEAST_MSS)
    context.stream.settings.user_mss = payload + (live.tcb.option_octets if live is not None else 0)
    context.stream.kept_fields.add("user_mss")
    if live is not None:
        live.update_segment_size()
    context.changed("user_mss")


def _set_noopt(context: OptionContext, value: int) -> None:
    """Switch the extensions of this connection off, or back to what the system says."""
    socket = context.stream
    if value:
        for field in _OPTION_FIELDS:
            put_setting(context, field, False)
    else:
        defaults = context.around.personality.settings
        for field in _OPTION_FIELDS:
            setattr(socket.settings, field, getattr(defaults, field))
            socket.kept_fields.discard(field)
        context.around.sysctls.apply(socket.settings, Acts.AT_SOCKET, socket.kept_fields)
    put_setting(context, "no_options", bool(value))


def _set_fastopen(context: OptionContext, value: int) -> None:
    """A listener takes Fast Open connections; before connect(2) or the first send, the SYN asks for a cookie."""
    context.stream.options.fastopen_connect = bool(value)
    context.stream.pending_opens.limit = context.around.sysctls.number("net.core.somaxconn") if value else 0


def _set_tunnel_port(context: OptionContext, value: int) -> None:
    """Choose the peer's UDP port of TCP over UDP, on a closed socket of a host that has a port of its own for that."""
    socket = context.stream
    has_port = bool(context.around.sysctls.number(TUNNEL_PORT))
    if socket.state is not State.CLOSED or not (has_port or value == 0):
        raise CallFailed(Errno.EINVAL)
    socket.options.tunnel_port = value


def _set_signing(context: OptionContext, value: int) -> None:
    """Sign, and ask for signatures; the secrets are those of setkey(8)."""
    context.stream.options.signs = bool(value)
    context.stream.settings.keys = ()
    context.tcp.take_secrets(context.stream)


def _set_min_mtu(context: OptionContext, value: int) -> None:
    context.stream.options.min_mtu = value


def _choose_functions(_context: OptionContext, value: bytes) -> None:
    """Choose the TCP stack by its name: there is the base stack alone (tcp_functions(9))."""
    if len(value) < _FUNCTION_SET_SIZE:
        raise CallFailed(Errno.EINVAL)
    if value[:_FUNCTION_NAME_SIZE].split(b"\0")[0] != b"freebsd":
        raise CallFailed(Errno.ENOENT)


def _seconds(number: int, name: str, field: str) -> IntOption:
    return setting(SOL_TCP, number, name, _MAN, field, scale=_SECOND, minimum=1, maximum=_SECONDS_MAX)


BSD_TCP_OPTIONS: tuple[Option, ...] = (
    setting_switch(SOL_TCP, abi.TCP_NODELAY, "TCP_NODELAY", _MAN, "nodelay"),
    IntOption(SOL_TCP, abi.TCP_MAXSEG, "TCP_MAXSEG", _MAN, _get_maxseg, _set_maxseg),
    IntOption(
        SOL_TCP, abi.TCP_NOOPT, "TCP_NOOPT", _MAN, lambda context: int(context.stream.settings.no_options), _set_noopt
    ),
    setting_switch(SOL_TCP, abi.TCP_NOPUSH, "TCP_NOPUSH", _MAN, "nopush"),
    _seconds(abi.TCP_KEEPINIT, "TCP_KEEPINIT", "keepinit_us"),
    _seconds(abi.TCP_KEEPIDLE, "TCP_KEEPIDLE", "keepidle_us"),
    _seconds(abi.TCP_KEEPINTVL, "TCP_KEEPINTVL", "keepintvl_us"),
    setting(SOL_TCP, abi.TCP_KEEPCNT, "TCP_KEEPCNT", _MAN, "keepcnt", minimum=1),
)
"""The rows of level IPPROTO_TCP."""

_AS_ON_LINUX = (abi.TCP_INFO, abi.TCP_CONGESTION)
"""The structure of TCP_INFO is written as Linux has it, because that is how scripts are read here."""

FREEBSD_TCP_OPTIONS: tuple[Option, ...] = (
    *BSD_TCP_OPTIONS,
    IntOption(
        SOL_TCP,
        abi.TCP_FASTOPEN,
        "TCP_FASTOPEN",
        _MAN,
        lambda context: int(context.stream.options.fastopen_connect or bool(context.stream.pending_opens.limit)),
        _set_fastopen,
    ),
    IntOption(
        SOL_TCP,
        abi.TCP_REMOTE_UDP_ENCAPS_PORT,
        "TCP_REMOTE_UDP_ENCAPS_PORT",
        _MAN,
        lambda context: context.stream.options.tunnel_port,
        _set_tunnel_port,
        minimum=0,
        maximum=65_535,
    ),
    IntOption(
        SOL_IPV6,
        abi.IPV6_USE_MIN_MTU,
        "IPV6_USE_MIN_MTU",
        "RFC 3542 11.1",
        lambda context: context.stream.options.min_mtu,
        _set_min_mtu,
        minimum=-1,
        maximum=1,
    ),
    IntOption(
        SOL_TCP, abi.TCP_MD5SIG, "TCP_MD5SIG", _MAN, lambda context: int(context.stream.options.signs), _set_signing
    ),
    BytesOption(SOL_TCP, abi.TCP_FUNCTION_BLK, "TCP_FUNCTION_BLK", _MAN, writer=_choose_functions),
    *(row for row in TCP_OPTIONS if row.number in _AS_ON_LINUX),
)
"""The rows of level IPPROTO_TCP on FreeBSD."""
