"""Ending connections that no process owns any more (sock_diag(7), SOCK_DESTROY).

A socket that a script closed goes on sending FINs for minutes, and holds its network namespace as long.
"""

import errno
import socket
import struct
from contextlib import suppress

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_SOCK_DESTROY = 21
_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_DUMP = 0x300
_NLMSG_ERROR = 2
_NLMSG_DONE = 3

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBxxI48s")  # inet_diag_req_v2: family, protocol, states, socket id
_SOCKET_ID = slice(4, 52)  # of inet_diag_msg
# Every state but LISTEN (10), TIME_WAIT (6) and NEW_SYN_RECV (12): those keep no namespace alive.
_STATES = 0xFFF & ~(1 << 10 | 1 << 6)
_ALL_BUT_LISTEN = 0xFFF & ~(1 << 10)
_SOURCE = slice(4, 20)  # of the socket id: source port, destination port, source address, …


class Connections:
    """The connections of one script in a namespace that may have others: those of its address that it began itself."""

    def __init__(self, local_ip: str) -> None:
        self._address = local_ip
        self._before = set(self._mine())

    def destroy(self) -> None:
        """Destroy what was not there before; also connections in TIME-WAIT, which would meet the next script."""
        with suppress(OSError), _diagnosis() as diag:
            for family, identity in self._mine():
                if (family, identity) not in self._before:
                    _destroy_one(diag, family, identity)

    def _mine(self) -> list[tuple[int, bytes]]:
        """List the connections with the address as their local one."""
        version = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        packed = socket.inet_pton(version, self._address)
        forms = {packed.ljust(16, b"\0"), b"\0" * 10 + b"\xff\xff" + packed}
        try:
            with _diagnosis() as diag:
                return [
                    (family, identity)
                    for family in (socket.AF_INET, socket.AF_INET6)
                    for identity in _dump(diag, family, _ALL_BUT_LISTEN)[0]
                    if identity[_SOURCE] in forms
                ]
        except OSError:
            return []


def _diagnosis() -> socket.socket:
    diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
    diag.settimeout(1)
    return diag


def destroy_connections() -> bool:
    """Destroy every TCP connection of this network namespace; False on kernels that cannot."""
    try:
        with _diagnosis() as diag:
            is_done = [_destroy(diag, family) for family in (socket.AF_INET, socket.AF_INET6)]
            return all(is_done)
    except OSError:
        return False


def _destroy(diag: socket.socket, family: int) -> bool:
    """Destroy the connections of one address family; False when the kernel has no such request."""
    found, is_done = _dump(diag, family, _STATES)
    for identity in found:
        is_done = _destroy_one(diag, family, identity) and is_done
    return is_done


def _destroy_one(diag: socket.socket, family: int, identity: bytes) -> bool:
    _send(diag, _SOCK_DESTROY, _NLM_F_REQUEST | _NLM_F_ACK, family, _ALL_BUT_LISTEN, identity)
    answer = diag.recv(8192)
    error = -struct.unpack_from("=i", answer, _HEADER.size)[0]
    # ENOENT: it ended by itself in the meantime.
    return error in (0, errno.ENOENT)


def _send(diag: socket.socket, kind: int, flags: int, family: int, states: int, identity: bytes) -> None:
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, states, identity)
    diag.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)


def _dump(diag: socket.socket, family: int, states: int) -> tuple[list[bytes], bool]:
    """List the sockets' identities; the flag tells whether the kernel could."""
    _send(diag, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, family, states, bytes(48))
    found: list[bytes] = []
    while True:
        data = diag.recv(65536)
        position = 0
        while position + _HEADER.size <= len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, position)
            if kind in (_NLMSG_ERROR, _NLMSG_DONE) or length < _HEADER.size:
                return found, kind == _NLMSG_DONE
            found.append(data[position + _HEADER.size : position + length][_SOCKET_ID])
            position += (length + 3) & ~3
