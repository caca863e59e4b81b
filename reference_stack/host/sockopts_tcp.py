"""Options of level SOL_TCP (tcp(7)); limits as measured on Linux 6.18."""

from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.fastopen import FAST_OPEN_CLIENT, split_keys
from reference_stack.host.optionrows import (
    INT_MAX,
    BytesOption,
    IntOption,
    Option,
    OptionContext,
    UnmodelledOption,
    put_setting,
    setting,
    setting_switch,
    stored,
    switch,
)
from reference_stack.host.sockopts_auth import AUTHENTICATION_OPTIONS
from reference_stack.host.sysctl_rows import Acts
from reference_stack.states import TCP_INFO_STATE, State
from wire import abi
from wire.abi import SOL_TCP, TcpInfo

_SECOND, _MILLISECOND = 1_000_000, 1_000
_FIN_TIMEOUT_MAX_S = 120  # measured: TCP_LINGER2 above 120 is cut to 120
_LEAST_CLAMP = 1152  # tcp(7): "a minimum size of SOCK_MIN_RCVBUF/2"
_DEFAULT_MSS = 536  # RFC 9293, MUST-15; what Linux shows before there is a connection
_CA_NAME_MAX = 16
_U32 = 2**32


def _set_nodelay(context: OptionContext, value: int) -> None:
    """Switch Nagle off or on; setting it flushes pending output "even if TCP_CORK is currently set" (tcp(7))."""
    settings = context.stream.settings
    put_setting(context, "nodelay", bool(value))
    if value and settings.cork:
        settings.cork = False
        context.changed()
        settings.cork = True
        context.changed()


def _get_maxseg(context: OptionContext) -> int:
    socket = context.stream
    if socket.live is None or socket.is_listening:
        return socket.settings.user_mss or _DEFAULT_MSS
    return socket.live.info(now=context.now).snd_mss


def _set_maxseg(context: OptionContext, value: int) -> None:
    # Measured: 0 clears, 1..87 and above 32767 are refused. On a connection it is kept without effect.
    if value and not 88 <= value <= 32767:
        raise CallFailed(Errno.EINVAL)
    put_setting(context, "user_mss", value or None)


def _get_linger2(context: OptionContext) -> int:
    timeout_us = context.stream.settings.fin_timeout_us
    if timeout_us is None:
        return context.around.sysctls.number("net.ipv4.tcp_fin_timeout")
    return -1 if timeout_us < 0 else timeout_us // _SECOND


def _set_linger2(context: OptionContext, value: int) -> None:
    # Measured: negative means none, 0 restores the system's value, 120 is the most.
    settings = context.stream.settings
    if value == 0:
        settings.fin_timeout_us = context.around.personality.settings.fin_timeout_us
        context.stream.kept_fields.discard("fin_timeout_us")
        context.around.sysctls.apply(settings, Acts.ALWAYS, context.stream.kept_fields)
        context.changed()
        return
    seconds = min(value, _FIN_TIMEOUT_MAX_S)
    put_setting(context, "fin_timeout_us", -1 if value < 0 else seconds * _SECOND)


def _set_defer_accept(context: OptionContext, value: int) -> None:
    """Round up to the times at which a SYN-ACK is repeated: 1, 3, 7, 15, ... seconds (measured: 2 reads back 3)."""
    period, step = 0, 1
    while period < value and period < INT_MAX // 2:
        period += step
        step = min(step * 2, 120)
    context.stream.options.defer_accept_s = period


def _set_window_clamp(context: OptionContext, value: int) -> None:
    # Measured: 0 only on a closed socket; the least value is SOCK_MIN_RCVBUF/2.
    if value <= 0 and context.stream.state is not State.CLOSED:
        raise CallFailed(Errno.EINVAL)
    put_setting(context, "window_clamp", max(value, _LEAST_CLAMP) if value > 0 else 0)


def _get_quickack(context: OptionContext) -> int:
    # tcp(7): "not permanent": on Linux the connection's mode of the moment is shown.
    live = context.stream.live
    mode = None if live is None else live.delayed_ack.is_quick
    wanted = context.stream.settings.quickack if mode is None else mode
    return 1 if wanted is None else int(wanted)


def _set_notsent_lowat(context: OptionContext, value: int) -> None:
    # Linux keeps an unsigned 32-bit number apart from the sysctl; 0 means that the sysctl decides.
    context.stream.options.notsent_lowat = value % _U32


def _info(context: OptionContext, _size: int, _initial: bytes) -> bytes:
    socket = context.stream
    if socket.connection is None or socket.is_listening:
        backlog = {"unacked": len(socket.accept_queue), "sacked": socket.backlog} if socket.is_listening else {}
        return TcpInfo(state=TCP_INFO_STATE[socket.state], **backlog).pack()
    octets = bytearray(socket.connection.info(now=context.now).pack())
    octets[0] = TCP_INFO_STATE[socket.state]
    return bytes(octets)


def _get_congestion(context: OptionContext, size: int, _initial: bytes) -> bytes:
    return context.stream.settings.congestion_control.encode().ljust(_CA_NAME_MAX, b"\0")[:size]


def _set_congestion(context: OptionContext, value: bytes) -> None:
    # Measured: an unknown name gives ENOENT, an empty one EINVAL.
    name = value[: _CA_NAME_MAX - 1].split(b"\0")[0].decode("ascii", "replace")
    if not value or not name:
        raise CallFailed(Errno.EINVAL)
    if name not in context.around.sysctls.congestion_controls:
        raise CallFailed(Errno.ENOENT)
    put_setting(context, "congestion_control", name)


def _set_fastopen(context: OptionContext, value: int) -> None:
    # Measured: only on a closed or listening socket, not below 0, cut to somaxconn.
    socket = context.stream
    if value < 0 or not (socket.is_listening or socket.state is State.CLOSED):
        raise CallFailed(Errno.EINVAL)
    socket.pending_opens.limit = min(value, context.around.sysctls.number("net.core.somaxconn"))


def _set_fastopen_connect(context: OptionContext, value: int) -> None:
    # Measured: 0 or 1, where clients may use Fast Open, on a closed socket.
    if value not in (0, 1):
        raise CallFailed(Errno.EINVAL)
    if not context.around.sysctls.number("net.ipv4.tcp_fastopen") & FAST_OPEN_CLIENT:
        raise CallFailed(Errno.EOPNOTSUPP)
    if context.stream.state is not State.CLOSED:
        raise CallFailed(Errno.EINVAL)
    context.stream.options.fastopen_connect = bool(value)


def _set_fastopen_no_cookie(context: OptionContext, value: int) -> None:
    # Measured: 0 or 1, on a closed or listening socket.
    if value not in (0, 1) or not (context.stream.is_listening or context.stream.state is State.CLOSED):
        raise CallFailed(Errno.EINVAL)
    context.stream.options.fastopen_no_cookie = bool(value)


def _get_fastopen_key(context: OptionContext, _size: int, _initial: bytes) -> bytes:
    return b"".join(context.stream.fastopen_keys)  # measured: without keys of its own the length comes back 0


def _set_fastopen_key(context: OptionContext, value: bytes) -> None:
    # Measured: 16 or 32 octets, in any state.
    keys = split_keys(value)
    if keys is None:
        raise CallFailed(Errno.EINVAL)
    context.stream.fastopen_keys = keys


def _cc_info(_context: OptionContext, _size: int, _initial: bytes) -> bytes:
    return b""  # reno and cubic have none: the length comes back 0


_MAN = "tcp(7)"
_HEADER = "linux/tcp.h"

TCP_OPTIONS: tuple[Option, ...] = (
    IntOption(
        SOL_TCP,
        abi.TCP_NODELAY,
        "TCP_NODELAY",
        _MAN,
        lambda context: int(context.stream.settings.nodelay),
        _set_nodelay,
    ),
    IntOption(SOL_TCP, abi.TCP_MAXSEG, "TCP_MAXSEG", _MAN, _get_maxseg, _set_maxseg),
    setting_switch(SOL_TCP, abi.TCP_CORK, "TCP_CORK", _MAN, "cork"),
    setting(SOL_TCP, abi.TCP_KEEPIDLE, "TCP_KEEPIDLE", _MAN, "keepidle_us", scale=_SECOND, minimum=1, maximum=32767),
    setting(SOL_TCP, abi.TCP_KEEPINTVL, "TCP_KEEPINTVL", _MAN, "keepintvl_us", scale=_SECOND, minimum=1, maximum=32767),
    setting(SOL_TCP, abi.TCP_KEEPCNT, "TCP_KEEPCNT", _MAN, "keepcnt", minimum=1, maximum=127),
    setting(SOL_TCP, abi.TCP_SYNCNT, "TCP_SYNCNT", _MAN, "syn_retries", minimum=1, maximum=127),
    IntOption(SOL_TCP, abi.TCP_LINGER2, "TCP_LINGER2", _MAN, _get_linger2, _set_linger2),
    IntOption(
        SOL_TCP,
        abi.TCP_DEFER_ACCEPT,
        "TCP_DEFER_ACCEPT",
        _MAN,
        lambda context: context.stream.options.defer_accept_s,
        _set_defer_accept,
    ),
    IntOption(
        SOL_TCP,
        abi.TCP_WINDOW_CLAMP,
        "TCP_WINDOW_CLAMP",
        _MAN,
        lambda context: context.stream.settings.window_clamp,
        _set_window_clamp,
    ),
    BytesOption(SOL_TCP, abi.TCP_INFO, "TCP_INFO", _MAN, _info),
    IntOption(
        SOL_TCP,
        abi.TCP_QUICKACK,
        "TCP_QUICKACK",
        _MAN,
        _get_quickack,
        lambda context, value: put_setting(context, "quickack", bool(value)),
    ),
    BytesOption(SOL_TCP, abi.TCP_CONGESTION, "TCP_CONGESTION", _MAN, _get_congestion, _set_congestion),
    setting(SOL_TCP, abi.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", _MAN, "user_timeout_us", scale=_MILLISECOND, minimum=0),
    IntOption(
        SOL_TCP,
        abi.TCP_NOTSENT_LOWAT,
        "TCP_NOTSENT_LOWAT",
        _HEADER,
        lambda context: context.stream.options.notsent_lowat,
        _set_notsent_lowat,
    ),
    IntOption(
        SOL_TCP,
        abi.TCP_FASTOPEN,
        "TCP_FASTOPEN",
        _MAN,
        lambda context: context.stream.pending_opens.limit,
        _set_fastopen,
    ),
    IntOption(
        SOL_TCP,
        abi.TCP_FASTOPEN_CONNECT,
        "TCP_FASTOPEN_CONNECT",
        _HEADER,
        lambda context: int(context.stream.options.fastopen_connect),
        _set_fastopen_connect,
    ),
    IntOption(
        SOL_TCP,
        abi.TCP_FASTOPEN_NO_COOKIE,
        "TCP_FASTOPEN_NO_COOKIE",
        _HEADER,
        lambda context: int(context.stream.options.fastopen_no_cookie),
        _set_fastopen_no_cookie,
    ),
    BytesOption(SOL_TCP, abi.TCP_FASTOPEN_KEY, "TCP_FASTOPEN_KEY", _HEADER, _get_fastopen_key, _set_fastopen_key),
    BytesOption(SOL_TCP, abi.TCP_CC_INFO, "TCP_CC_INFO", _HEADER, _cc_info),
    switch(SOL_TCP, abi.TCP_INQ, "TCP_INQ", _HEADER, "inq"),
    stored(SOL_TCP, abi.TCP_THIN_LINEAR_TIMEOUTS, "TCP_THIN_LINEAR_TIMEOUTS", _HEADER, minimum=0, maximum=1),
    stored(SOL_TCP, abi.TCP_THIN_DUPACK, "TCP_THIN_DUPACK", _HEADER, minimum=0, maximum=1),
    *AUTHENTICATION_OPTIONS,
    *(
        UnmodelledOption(SOL_TCP, getattr(abi, name), name, _HEADER)
        for name in (
            "TCP_REPAIR",
            "TCP_REPAIR_QUEUE",
            "TCP_QUEUE_SEQ",
            "TCP_REPAIR_OPTIONS",
            "TCP_REPAIR_WINDOW",
            "TCP_TIMESTAMP",
            "TCP_SAVE_SYN",
            "TCP_SAVED_SYN",
            "TCP_ULP",
            "TCP_ZEROCOPY_RECEIVE",
            "TCP_TX_DELAY",
            "TCP_AO_GET_KEYS",
            "TCP_AO_REPAIR",
            "TCP_IS_MPTCP",
            "TCP_RTO_MAX_MS",
            "TCP_RTO_MIN_US",
            "TCP_DELACK_MAX_US",
        )
    ),
)
"""The rows of level SOL_TCP."""
