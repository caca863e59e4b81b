"""``/proc/net/tcp`` and ``/proc/net/tcp6`` of a simulated host (proc_net_tcp.rst)."""

from collections.abc import Iterable
from ipaddress import ip_address

from reference_stack.host.sockets import TcpSocket
from reference_stack.states import TCP_INFO_STATE, State
from wire.abi import AF_INET, AF_INET6

_HEADINGS = {
    AF_INET: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    AF_INET6: "  sl  local_address                         remote_address                        st tx_queue rx_queue"
    " tr tm->when retrnsmt   uid  timeout inode",
}


def tcp_table(sockets: Iterable[TcpSocket], family: int) -> str:
    """Return the table of one family: sockets that listen or have a connection. Timers and inodes read 0."""
    rows = [_HEADINGS[family].ljust(149 if family == AF_INET else 0)]
    shown = (socket for socket in sockets if socket.family == family)
    rows += [f"{number:4}: {_row(socket)}" for number, socket in enumerate(shown)]
    return "".join(row + "\n" for row in rows)


def _row(socket: TcpSocket) -> str:
    is_listening = socket.is_listening
    connection = socket.live
    state = State.LISTEN if is_listening else connection.state if connection else State.CLOSED
    unsent = connection.unacknowledged_octets if connection else 0
    unread = len(socket.accept_queue) if is_listening else socket.available
    local = f"{_hex(socket.local_ip, socket.family)}:{socket.local_port:04X}"
    remote = f"{_hex(socket.remote_ip, socket.family)}:{socket.remote_port:04X}"
    queues = f"{unsent:08X}:{unread:08X}"
    return f"{local} {remote} {TCP_INFO_STATE[state]:02X} {queues} 00:00000000 00000000     0        0 0"


def _hex(address: str, family: int) -> str:
    """Return an address as the kernel prints it: words of 32 bits in the order of a little-endian host."""
    if not address:
        return "0" * (8 if family == AF_INET else 32)
    if family == AF_INET6 and ":" not in address:
        address = f"::ffff:{address}"
    packed = ip_address(address).packed
    return "".join(packed[at : at + 4][::-1].hex().upper() for at in range(0, len(packed), 4))
