"""Faults of the socket interface: return values, errno, readiness, lingering."""

from dataclasses import replace
from typing import Any

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack.connection import Connection
from reference_stack.core import ConnectionCore
from reference_stack.host.callbase import Outcome
from reference_stack.host.errnos import Errno
from reference_stack.host.host import SystemCalls
from reference_stack.host.incoming import Incoming
from reference_stack.host.iplayer import IpFields, IpLayer
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.host.values import Result
from reference_stack.policies.icmp import IcmpError, IcmpErrors
from reference_stack.sequence import MASK
from wire.abi import TCP_LINGER2

API = Area("api")
ICMP = Area("icmp")
OUTPUT = Area("ip")


@API.connection("receive", "api-peek-consumes", "POSIX recv")
def consume_on_peek(
    original: Replacement, _connection: Connection, count: int, *, now: int, **_keywords: bool
) -> bytes:
    """MSG_PEEK takes the octets away."""
    data: bytes = original(count, now=now)
    return data


@API.host("system._try_receive", "api-eof-not-sticky", "POSIX recv", "RFC 9293 3.10.3")
def report_end_once(
    original: Replacement, _calls: SystemCalls, socket: TcpSocket, reading: object, *, now: int
) -> Result | None:
    """The end of the stream is reported only once."""
    result: Result | None = original(socket, reading, now=now)
    if result is not None and result.value == 0 and socket.at_end:
        if socket.options.stored.get((0, 0)):
            return Result(-1, errno=Errno.ENOTCONN)
        socket.options.stored[0, 0] = 1
    return result


@API.host("system._try_receive", "api-eagain-as-eof", "POSIX recv")
def take_empty_for_end(
    original: Replacement, _calls: SystemCalls, socket: TcpSocket, reading: object, *, now: int
) -> Result | None:
    """An empty queue reads as the end of the stream."""
    result: Result | None = original(socket, reading, now=now)
    return Result(0) if result is None and socket.is_nonblocking else result


@API.host("system._try_send", "api-epipe-econnreset-order", "POSIX send/recv", "RFC 9293 3.10.7.4")
def tell_epipe_first(
    original: Replacement, _calls: SystemCalls, socket: TcpSocket, writing: object, *, now: int
) -> Result | None:
    """A send after a reset says EPIPE at once and keeps the reason to itself."""
    if socket.error == Errno.ECONNRESET:
        socket.error = 0
    result: Result | None = original(socket, writing, now=now)
    return result


@API.host("system.getsockopt", "api-so-error-sticky", "POSIX getsockopt")
def keep_error(original: Replacement, calls: SystemCalls, **arguments: int) -> Result:
    """Reading SO_ERROR does not clear the error."""
    socket = calls.inet(arguments["fd"])
    before = socket.error
    result: Result = original(**arguments)
    socket.error = before
    return result


@API.host("system.getsockopt", "fin-timeout-three-minutes", "Linux tcp(7)")
def wait_long_for_fin(original: Replacement, _calls: SystemCalls, **arguments: int) -> Result:
    """An orphan in FIN-WAIT-2 has three minutes when nobody changed it."""
    result: Result = original(**arguments)
    is_asked = arguments["name"] == TCP_LINGER2 and result.optval == (60).to_bytes(4, "little")
    return replace(result, optval=(180).to_bytes(4, "little")) if is_asked else result


@API.host("system.ioctl", "api-siocinq-listen", "Linux tcp(7)")
def count_on_listener(original: Replacement, calls: SystemCalls, **arguments: int) -> Result:
    """SIOCINQ succeeds on a listener."""
    socket = calls.either(arguments["fd"])
    if isinstance(socket, TcpSocket) and socket.is_listening:
        return Result(0, optval=bytes(4), optlen=4)
    result: Result = original(**arguments)
    return result


@API.host("system.ioctl", "api-siocinq-fin", "Linux tcp(7) SIOCINQ")
def count_fin(original: Replacement, calls: SystemCalls, **arguments: int) -> Result:
    """The peer's FIN counts as an octet to read."""
    result: Result = original(**arguments)
    socket = calls.either(arguments["fd"])
    if not isinstance(socket, TcpSocket) or socket.connection is None or not socket.connection.receive_eof:
        return result
    return Result(0, optval=(int.from_bytes(result.optval, "little") + 1).to_bytes(4, "little"), optlen=4)


@API.host("system._revents", "poll-fin-missing", "POSIX poll")
def miss_end(original: Replacement, calls: SystemCalls, entry: object) -> int:
    """A received FIN does not make the socket readable."""
    socket = calls.files.get(entry.fd)  # type: ignore[attr-defined]
    is_only_end = isinstance(socket, TcpSocket) and socket.at_end and not socket.available
    return 0 if is_only_end else int(original(entry))


@API.host("system.close", "linger-ignored", "POSIX close")
def return_at_once(original: Replacement, calls: SystemCalls, *, fd: int, now: int) -> Outcome:
    """close does not linger."""
    socket = calls.files.get(fd)
    if isinstance(socket, TcpSocket) and socket.options.linger_s:
        socket.options.linger_on = False
    outcome: Outcome = original(fd=fd, now=now)
    return outcome


@API.connection("fail", "rst-kills-readable-data", "RFC 9293 3.10.7.4")
def flush_on_reset(original: Replacement, connection: ConnectionCore, error: int) -> None:
    """A reset takes away octets that were received in order."""
    connection.receive_queue.clear()
    original(error)


@API.connection("settings_changed", "api-nodelay-cork-flush", "Linux tcp(7)")
def keep_waiting(_original: Replacement, _connection: Connection, **_keywords: Any) -> None:
    """Setting TCP_NODELAY or clearing TCP_CORK pushes nothing out."""


@API.connection("send_space", "api-sndbuf-ignored", "POSIX send")
def take_everything(_original: Replacement, _connection: Connection) -> int:
    """The send buffer has no limit."""
    return 1 << 30


@API.host("tcp._child", "accept-option-inheritance", "POSIX accept", "RFC 9293 3.7.4")
def begin_with_defaults(original: Replacement, _tcp: TcpLayer, listener: TcpSocket, arrived: Incoming) -> TcpSocket:
    """An accepted socket has none of the options of its listener."""
    child: TcpSocket = original(listener, arrived)
    child.settings.nodelay = child.settings.keepalive = False
    child.settings.keepidle_us = 7_200_000_000
    child.settings.keepintvl_us = 75_000_000
    child.options.tos = 0
    return child


@ICMP.policy("icmp.on_error", "icmp-hard-aborts-established", "RFC 5927 5.2", "RFC 9293 3.9.2.2")
def believe_hard_error(
    original: Replacement, _policy: IcmpErrors, connection: ConnectionCore, error: IcmpError, *, now: int
) -> None:
    """A hard ICMP error ends an established connection."""
    if error.hard and error.mtu is None:
        connection.fail(error.errno)
    else:
        original(connection, error, now=now)


@OUTPUT.host("_around.ip.tcp", "dscp-ttl-ignored", "RFC 9293 3.9.1.9", "RFC 9293 3.9.2")
def ignore_ip_options(
    original: Replacement, _ip: IpLayer, name: object, segment: object, fields: IpFields, ecn: int = 0
) -> bytes:
    """IP_TOS and IP_TTL of a socket do not reach its segments."""
    packet: bytes = original(name, segment, fields._replace(traffic_class=0, ttl=None), ecn)
    return packet


@ICMP.policy("icmp.on_error", "icmp-seq-unchecked", "RFC 5927 4.1")
def believe_any_quote(
    original: Replacement, _icmp: IcmpErrors, connection: ConnectionCore, error: IcmpError, *, now: int
) -> None:
    """An error counts whatever sequence number it quotes."""
    original(connection, error._replace(quoted_seq=connection.tcb.snd_una & MASK), now=now)


@ICMP.policy("icmp.on_error", "pmtu-no-resegment", "RFC 1191 6.4", "RFC 8201 5.4")
def wait_for_the_timeout(
    original: Replacement, _icmp: IcmpErrors, connection: ConnectionCore, error: IcmpError, *, now: int
) -> None:
    """What was too big for the path is not sent again before the timeout."""
    original(connection, error, now=now)
    for segment in connection.scoreboard:
        connection.scoreboard.unmark_lost(segment)
