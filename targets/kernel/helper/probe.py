"""What this kernel can do, asked of the kernel itself in a fresh network namespace."""

import errno
import os
import socket

_TCP_INFO = 11
_TCP_MD5SIG = 14
_TCP_FASTOPEN = 23
_TCP_AO_ADD_KEY = 38
_IPPROTO_MPTCP = 262
_CONGESTION_CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control"


def probe() -> dict[str, bool]:
    """Tell which features there are; each is tried, not guessed from a version number."""
    return {
        "ipv6": has_ipv6(),
        "tcp_info": _has_tcp_info(),
        "tcp_md5": _knows_option(_TCP_MD5SIG),
        "tcp_ao": _knows_option(_TCP_AO_ADD_KEY),
        "fast_open": _knows_option(_TCP_FASTOPEN),
        "mptcp": _has_mptcp(),
        "ecn": os.path.exists("/proc/sys/net/ipv4/tcp_ecn"),
        "cubic": _may_default_to("cubic"),
        "sysctl": os.access("/proc/sys/net/ipv4/tcp_timestamps", os.W_OK),
    }


def has_ipv6() -> bool:
    """Tell whether IPv6 sockets can be made."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def _has_mptcp() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_MPTCP).close()
    except OSError:
        return False
    return True


def _has_tcp_info() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        try:
            return bool(tcp.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 512))
        except OSError:
            return False


def _knows_option(name: int) -> bool:
    """Set the option to a bare integer: what the kernel does not know is ENOPROTOOPT, any other answer means yes."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        try:
            tcp.setsockopt(socket.IPPROTO_TCP, name, 1)
        except OSError as error:
            return error.errno != errno.ENOPROTOOPT
    return True


def _may_default_to(algorithm: str) -> bool:
    """Try to make it this namespace's default; Linux lets only the unrestricted algorithms be that.

    net.ipv4.tcp_allowed_congestion_control (ip-sysctl documentation) lists those.
    """
    try:
        with open(_CONGESTION_CONTROL, encoding="ascii") as file:
            before = file.read()
        _set_default(algorithm)
        _set_default(before)
    except OSError:
        return False
    return True


def _set_default(algorithm: str) -> None:
    descriptor = os.open(_CONGESTION_CONTROL, os.O_WRONLY)
    try:
        os.write(descriptor, algorithm.encode())
    finally:
        os.close(descriptor)
