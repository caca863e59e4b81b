"""sockstat(1) and tcpdrop(8) of FreeBSD: lists of sockets, and the end of connections."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from reference_stack.host.errnos import NotModelled
from reference_stack.host.shell.streams import Done, Stream, printed
from reference_stack.states import State

if TYPE_CHECKING:
    from reference_stack.host.shell.run import Shell

_NAMES = {State.SYN_RECEIVED: "SYN_RCVD"}
_HEADING = "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS       PATH STATE   CONN STATE\n"


class ListedSocket(NamedTuple):
    """A TCP socket of the host. `fd` is None where no process has it; addresses are empty for any."""

    fd: int | None
    local_ip: str
    local_port: int
    remote_ip: str
    remote_port: int
    is_ipv6: bool
    state: State
    drop: Callable[[], None]
    """End the connection as tcpdrop(8) does."""

    @property
    def state_name(self) -> str:
        """The state as FreeBSD's tools write it."""
        return _NAMES.get(self.state, self.state.value.replace("-", "_"))


SocketList = Callable[[], Iterable[ListedSocket]]


def sockstat(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """sockstat(1): ``-4`` or ``-6``, ``-P tcp``, ``-s`` for the state, ``-p`` a port."""
    options, values = _split(words[1:], with_value="Pp")
    if set(options) - set("46s") or values.get("P", "tcp") != "tcp":
        raise NotModelled(" ".join(words))
    versions = {version for version in "46" if version in options} or {"4", "6"}
    port = int(values.get("p", "0"))
    lines = [_HEADING]
    for each in shell.sockets():
        if ("6" if each.is_ipv6 else "4") in versions and (not port or port in (each.local_port, each.remote_port)):
            lines.append(_line(each))
    return printed("".join(lines))


def _line(each: ListedSocket) -> str:
    owner = f"root     packetdril 1000  {each.fd:<3}" if each.fd is not None else "?        ?          ?     ?  "
    local = f"{each.local_ip or '*'}:{each.local_port or '*'}"
    remote = f"{each.remote_ip or '*'}:{each.remote_port or '*'}"
    return f"{owner} tcp{6 if each.is_ipv6 else 4}   {local:<21} {remote:<21}                    {each.state_name}\n"


def tcpdrop(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """tcpdrop(8): ``-s STATE`` drops every connection in a state."""
    options, values = _split(words[1:], with_value="s")
    if options or "s" not in values:
        raise NotModelled(" ".join(words))
    dropped = [each for each in shell.sockets() if each.state_name == values["s"] and each.remote_port]
    for each in dropped:
        each.drop()
    ends = (f"{each.local_ip} {each.local_port} {each.remote_ip} {each.remote_port}" for each in dropped)
    return printed("".join(f"{names}: dropped\n" for names in ends))


def _split(words: list[str], *, with_value: str) -> tuple[str, dict[str, str]]:
    options, values = "", {}
    rest = iter(words)
    for word in rest:
        if len(word) == 2 and word[0] == "-" and word[1] in with_value:
            values[word[1]] = next(rest, "")
        elif word.startswith("-"):
            options += word[1:]
        else:
            raise NotModelled(f"operand {word}")
    return options, values
