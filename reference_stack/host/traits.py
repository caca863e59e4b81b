"""What differs between hosts beside the connection itself: buffer arithmetic, errnos of the socket layer, ICMP.

A personality names the connection's rules; the host around it has choices of its own, kept here as data. Add a row
for a new system; nothing else in the host asks for a name.
"""

from dataclasses import dataclass

from reference_stack.host.errnos import Errno
from reference_stack.host.icmp import FREEBSD_HARD, HardErrors
from reference_stack.host.syncookies import FREEBSD_COOKIES, LINUX_COOKIES, CookieLayout
from reference_stack.host.sysctl_rows import SysctlTable
from reference_stack.host.sysctls import LINUX
from reference_stack.host.sysctls_bsd import DRAGONFLY
from reference_stack.host.sysctls_freebsd import FREEBSD


@dataclass(frozen=True, slots=True)
class HostTraits:
    """The choices of one kind of host. Sizes in octets, times in microseconds."""

    system_name: str = "Linux"
    """What uname(1) prints."""
    buffer_factor: int = 1
    """SO_SNDBUF and SO_RCVBUF give this many times what was asked for (socket(7): Linux doubles)."""
    least_sndbuf: int = 1
    least_rcvbuf: int = 1
    unconnected_send_errno: Errno = Errno.ENOTCONN
    """send(2) on a socket that was never connected. POSIX: ENOTCONN; Linux gives EPIPE (measured)."""
    any_icmp_ends_connect: bool = False
    """Every ICMP error ends a SYN-SENT, soft ones too (Linux' tcp_v4_err). RFC 9293 MUST-56 forbids it for soft."""
    counts_send_memory: bool = False
    """Queued data is limited by memory and not by octets, see `sendmemory` (Linux)."""
    is_backlog_inclusive: bool = False
    """listen(fd, n) holds n + 1 connections (Linux' sk_acceptq_is_full compares with >)."""
    has_implied_connect: bool = False
    """sendto(2) with an address connects, and data may be queued before the handshake is over (BSD, T/TCP)."""
    has_fast_open: bool = True
    """MSG_FASTOPEN and its socket options exist."""
    caches_refusals: bool = True
    """A server to which text on a SYN did not get through is spared it for a while (RFC 7413, 4.1.3.1)."""
    reads_soft_errors: bool = True
    """SO_ERROR gives a soft error too, if there is no other (Linux' sk_err_soft)."""
    caches_missing_cookies: bool = False
    """A server that gives no cookie when asked is not asked again for a while (FreeBSD, 900 s)."""
    cookies: CookieLayout = LINUX_COOKIES
    """What a SYN cookie holds."""
    has_flow_labels: bool = True
    """IPv6 packets carry a stable nonzero flow label (RFC 6437 section 3 recommends, Linux does)."""
    time_wait_looks_closed: bool = False
    """A socket whose connection is in TIME-WAIT behaves as closed: TCP_INFO state 7, shutdown gives ENOTCONN."""
    successor_isn_is_exact: bool = False
    """A connection that takes over TIME-WAIT begins at the least ISN above the old numbers (Linux: SND.NXT + 65537)."""
    first_port: int = 49152
    last_port: int = 65535
    """Range of ephemeral ports (RFC 6335 section 6: 49152-65535); a sysctl that was written wins."""
    random_timestamps: bool = True
    """The timestamp clock has an offset per connection (RFC 7323 section 7.1 suggests)."""
    sysctls: SysctlTable = LINUX
    """The settings that sysctl(8) knows."""
    option_table: str = "linux"
    """Which options of level SOL_TCP there are, see `sockopts.TABLES`."""
    hard_icmp: HardErrors | None = None
    """Which ICMP errors are hard; None: as RFC 1122 says (`icmp.read_error`)."""
    bound_socket_answers: bool = False
    """The reset for a port that a socket has only bound has the TTL and the traffic class of that socket (FreeBSD)."""
    multicast_errno: Errno | None = None
    """bind(2) and connect(2) refuse a multicast address with this; None: bind succeeds, connect finds no route."""
    listener_connect_errno: Errno = Errno.EISCONN
    """connect(2) on a listening socket."""


TRAITS: dict[str, HostTraits] = {
    "rfc": HostTraits(),
    "linux": HostTraits(
        buffer_factor=2,
        # Measured: SO_SNDBUF 1 reads back 4608, SO_RCVBUF 1 reads back 2304.
        least_sndbuf=4608,
        least_rcvbuf=2304,
        unconnected_send_errno=Errno.EPIPE,
        any_icmp_ends_connect=True,
        counts_send_memory=True,
        is_backlog_inclusive=True,
        # Measured: the next SYN carries text again; RFC 7413, 4.1.3.1 wants it otherwise.
        caches_refusals=False,
        time_wait_looks_closed=True,
        successor_isn_is_exact=True,
        first_port=32768,
        last_port=60999,
    ),
    "dragonfly": HostTraits(
        system_name="DragonFly",
        has_fast_open=False,
        # ip(4), IP_PORTRANGE_DEFAULT; Stevens, TCP/IP Illustrated, volume 1, 1.9.
        first_port=1024,
        last_port=5000,
        sysctls=DRAGONFLY,
        option_table="dragonfly",
        # tcp(4), EAFNOSUPPORT.
        multicast_errno=Errno.EAFNOSUPPORT,
        # Stevens, TCP/IP Illustrated, volume 2, 15.7 (soconnect); tcp(4) says only that it fails.
        listener_connect_errno=Errno.EOPNOTSUPP,
    ),
    "freebsd": HostTraits(
        system_name="FreeBSD",
        has_implied_connect=True,
        reads_soft_errors=False,
        caches_missing_cookies=True,
        # ip(4), IP_PORTRANGE_DEFAULT.
        first_port=10_000,
        last_port=65_535,
        sysctls=FREEBSD,
        option_table="freebsd",
        hard_icmp=FREEBSD_HARD,
        bound_socket_answers=True,
        cookies=FREEBSD_COOKIES,
        # connect(2) and tcp(4).
        multicast_errno=Errno.EAFNOSUPPORT,
        listener_connect_errno=Errno.EOPNOTSUPP,
    ),
}


def traits_of(personality_name: str) -> HostTraits:
    """Return the traits for a personality; one derived from a known name ("linux+fault") has those of that name."""
    return TRAITS.get(personality_name.partition("+")[0], TRAITS["rfc"])
