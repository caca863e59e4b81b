"""System calls of a trace as text, close to how a script writes them."""

import errno
from collections.abc import Callable
from functools import cache

from targets import calls
from targets.calls import CallResult, SocketAddress, Syscall, call_name
from wire import abi

_MAX_HEX = 16


def describe_call(syscall: Syscall) -> str:
    """Return ``name(arguments)``; numbers are the target's own, named where the name is beyond doubt."""
    formatter = _ARGUMENTS.get(type(syscall))
    arguments = formatter(syscall) if formatter else ()
    return f"{call_name(syscall)}({', '.join(arguments)})"


def describe_result(result: CallResult) -> str:
    """Return ``= value``, the error's name, and the out-arguments that say something."""
    text = f"= {result.value}"
    if result.errno:
        text += f" {errno_name(result.errno)}"
    if result.revents:
        text += f" revents {[hex(bits) for bits in result.revents]}".replace("'", "")
    if result.events:
        text += " events [" + ", ".join(f"{event.events:#x}: {event.data}" for event in result.events) + "]"
    if result.optval:
        text += f" value {_octets(result.optval)}"
    if result.fds:
        text += f" fds {list(result.fds)}"
    return text


def errno_name(number: int) -> str:
    """Return the name of an error number, or the number itself. Targets answer in the numbers of Linux."""
    return errno.errorcode.get(number, str(number))


@cache
def _names(*prefixes: str) -> dict[int, str]:
    """Return the constants of the Linux ABI with one of `prefixes` by value; of two for a value the first wins."""
    names: dict[int, str] = {}
    for name, value in vars(abi).items():
        if name.startswith(prefixes) and isinstance(value, int):
            names.setdefault(value, name)
    return names


def _name(number: int, *prefixes: str) -> str:
    return _names(*prefixes).get(number, str(number))


def _octets(data: bytes) -> str:
    """Return a short binary value as a number (Linux passes int in host order) and a long one as hex, cut."""
    if len(data) == 4:
        return str(int.from_bytes(data, "little", signed=True))
    text = data[:_MAX_HEX].hex()
    return f"0x{text}…({len(data)})" if len(data) > _MAX_HEX else f"0x{text}"


def _address(address: SocketAddress | None) -> str:
    if address is None:
        return "NULL"
    if address.raw is not None:
        return f"sockaddr {_octets(address.raw)}"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _socket(call: calls.Socket) -> tuple[str, ...]:
    # Bits above the type word are SOCK_NONBLOCK and SOCK_CLOEXEC, which share values with nothing here.
    kind = _name(call.type & 0xF, "SOCK_")
    flags = call.type & ~0xF
    protocol = _name(call.protocol, "IPPROTO_")
    return _name(call.domain, "AF_"), f"{kind}|{flags:#x}" if flags else kind, protocol


_OPTION_PREFIXES = {"SOL_SOCKET": "SO_", "SOL_TCP": "TCP_", "SOL_IP": "IP_", "SOL_IPV6": "IPV6_"}


def _option_name(level: int, name: int) -> tuple[str, str]:
    level_name = _name(level, "SOL_")
    prefix = _OPTION_PREFIXES.get(level_name)
    return level_name, _name(name, prefix) if prefix else str(name)


def _set_option(call: calls.SetSockOpt) -> tuple[str, ...]:
    value = "NULL" if call.value is None else _octets(call.value)
    return str(call.fd), *_option_name(call.level, call.name), value, str(call.size)


def _poll(call: calls.Poll) -> tuple[str, ...]:
    entries = ", ".join(f"{{fd={entry.fd}, events={entry.events:#x}}}" for entry in call.entries)
    return f"[{entries}]", str(len(call.entries)), str(call.timeout_ms)


def _epoll_ctl(call: calls.EpollCtl) -> tuple[str, ...]:
    event = "NULL" if call.event is None else f"{{events={call.event.events:#x}}}"
    return str(call.epfd), _name(call.operation, "EPOLL_CTL_"), str(call.fd), event


def _fcntl(call: calls.Fcntl) -> tuple[str, ...]:
    argument = () if call.argument is None else (hex(call.argument),)
    return str(call.fd), _name(call.command, "F_"), *argument


def _offset(call: calls.SendFile) -> tuple[str, ...]:
    offset = "NULL" if call.offset is None else str(call.offset)
    return str(call.out_fd), str(call.in_fd), offset, str(call.count)


_ARGUMENTS: dict[type, Callable[..., tuple[str, ...]]] = {
    calls.Socket: _socket,
    calls.Bind: lambda c: (str(c.fd), _address(c.address)),
    calls.Listen: lambda c: (str(c.fd), str(c.backlog)),
    calls.Accept: lambda c: (str(c.fd),),
    calls.Connect: lambda c: (str(c.fd), _address(c.address)),
    calls.Read: lambda c: (str(c.fd), "…", str(c.count)),
    calls.Readv: lambda c: (str(c.fd), f"iov {list(c.sizes)}"),
    calls.Recv: lambda c: (str(c.fd), "…", str(c.count), hex(c.flags)),
    calls.RecvFrom: lambda c: (str(c.fd), "…", str(c.count), hex(c.flags)),
    calls.RecvMsg: lambda c: (str(c.fd), f"iov {list(c.sizes)}", hex(c.flags)),
    calls.Write: lambda c: (str(c.fd), "…", str(c.count)),
    calls.Writev: lambda c: (str(c.fd), f"iov {[len(buffer) for buffer in c.buffers]}"),
    calls.Send: lambda c: (str(c.fd), "…", str(c.count), hex(c.flags)),
    calls.SendTo: lambda c: (str(c.fd), "…", str(c.count), hex(c.flags), _address(c.address)),
    calls.SendMsg: lambda c: (str(c.fd), f"iov {[len(buffer) for buffer in c.buffers]}", hex(c.flags)),
    calls.Close: lambda c: (str(c.fd),),
    calls.Shutdown: lambda c: (str(c.fd), _name(c.how, "SHUT_")),
    calls.Fcntl: _fcntl,
    calls.Ioctl: lambda c: (str(c.fd), _name(c.request, "SIOC", "FION")),
    calls.GetSockOpt: lambda c: (str(c.fd), *_option_name(c.level, c.name), str(c.size)),
    calls.SetSockOpt: _set_option,
    calls.Poll: _poll,
    calls.EpollCreate: lambda c: (str(c.size),),
    calls.EpollCtl: _epoll_ctl,
    calls.EpollWait: lambda c: (str(c.epfd), str(c.max_events), str(c.timeout_ms)),
    calls.Splice: lambda c: (str(c.fd_in), str(c.fd_out), str(c.count), hex(c.flags)),
    calls.SendFile: _offset,
    calls.Open: lambda c: (f'"{c.path}"', hex(c.flags)),
}
