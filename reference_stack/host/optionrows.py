"""Socket options as rows of a table: level, number, limits, how the value is read and stored, and its source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeAlias

from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.sockets import Socket, TcpSocket
from reference_stack.host.values import Micros
from wire.abi import SOL_IP, pack_int, unpack_int

if TYPE_CHECKING:
    from reference_stack.host.surroundings import Surroundings
from reference_stack.host.tcplayer import TcpLayer

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
_INT_SIZE = 4


class OptionContext(NamedTuple):
    """Whose option it is, and what is around the socket."""

    socket: Socket
    around: "Surroundings"
    tcp: "TcpLayer"
    now: Micros

    @property
    def stream(self) -> TcpSocket:
        """The socket as a TCP socket; `CallFailed` ENOPROTOOPT when it is none."""
        if not isinstance(self.socket, TcpSocket):
            raise CallFailed(Errno.ENOPROTOOPT)
        return self.socket

    def changed(self, setting: str | None = None) -> None:
        """Let the connection act on a changed setting; `setting` names the field that was written."""
        if isinstance(self.socket, TcpSocket) and self.socket.live is not None:
            self.socket.live.settings_changed(now=self.now, setting=setting)
            self.tcp.settle(self.socket, now=self.now)


Getter: TypeAlias = Callable[[OptionContext], int]
Setter: TypeAlias = Callable[[OptionContext, int], None]


@dataclass(frozen=True, slots=True)
class Option:
    """One row. A subclass knows the form of the value; this one has neither a value to read nor one to store."""

    level: int
    number: int
    name: str
    source: str

    def get(self, context: OptionContext, size: int, initial: bytes) -> bytes:  # noqa: ARG002
        """Return what getsockopt(2) copies into a buffer of `size` octets."""
        raise CallFailed(Errno.ENOPROTOOPT)

    def set(self, context: OptionContext, value: bytes) -> None:  # noqa: ARG002
        """Do what setsockopt(2) does with the octets of `value`."""
        raise CallFailed(Errno.ENOPROTOOPT)


@dataclass(frozen=True, slots=True)
class IntOption(Option):
    """An int between `minimum` and `maximum`, else EINVAL. Without `setter` it is read-only (ENOPROTOOPT)."""

    getter: Getter
    setter: Setter | None = None
    minimum: int = INT_MIN
    maximum: int = INT_MAX

    def get(self, context: OptionContext, size: int, initial: bytes) -> bytes:  # noqa: ARG002
        """Return the int, cut to `size`; level SOL_IP gives one octet where less than an int has room (ip(7))."""
        return pack_int(self.getter(context))[:size]

    def set(self, context: OptionContext, value: bytes) -> None:
        """Store an int. "optlen too small" is EINVAL (measured for 1 and 3 octets); level SOL_IP takes one octet."""
        if self.setter is None:
            raise CallFailed(Errno.ENOPROTOOPT)
        if len(value) < _INT_SIZE and not (self.level == SOL_IP and value):
            raise CallFailed(Errno.EINVAL)
        number = value[0] if len(value) < _INT_SIZE else unpack_int(value)
        if not self.minimum <= number <= self.maximum:
            raise CallFailed(Errno.EINVAL)
        self.setter(context, number)


@dataclass(frozen=True, slots=True)
class BytesOption(Option):
    """A structure or a string. `reader` gets the size of the buffer and what it holds before."""

    reader: Callable[[OptionContext, int, bytes], bytes] | None = None
    writer: Callable[[OptionContext, bytes], None] | None = None

    def get(self, context: OptionContext, size: int, initial: bytes) -> bytes:
        """Return the octets, cut to `size`."""
        if self.reader is None:
            raise CallFailed(Errno.ENOPROTOOPT)
        return self.reader(context, size, initial)[:size]

    def set(self, context: OptionContext, value: bytes) -> None:
        """Store the octets."""
        if self.writer is None:
            raise CallFailed(Errno.ENOPROTOOPT)
        self.writer(context, value)


@dataclass(frozen=True, slots=True)
class UnmodelledOption(Option):
    """An option that exists on Linux and that this host lacks: using it makes a script unsupported, never wrong."""

    def get(self, context: OptionContext, size: int, initial: bytes) -> NoReturn:  # noqa: ARG002
        """Raise `NotModelled`."""
        raise NotModelled(f"getsockopt {self.name}")

    def set(self, context: OptionContext, value: bytes) -> NoReturn:  # noqa: ARG002
        """Raise `NotModelled`."""
        raise NotModelled(f"setsockopt {self.name}")


# ---------------------------------------------------------------- the usual kinds of rows


def stored(level: int, number: int, name: str, source: str, **limits: int) -> IntOption:
    """A value that is kept and given back and has no effect here. `default` is what it is before."""
    default = limits.pop("default", 0)
    is_switch = limits.pop("is_switch", 0)
    key = (level, number)

    def setter(context: OptionContext, value: int) -> None:
        context.socket.options.stored[key] = int(bool(value)) if is_switch else value

    return IntOption(
        level, number, name, source, lambda context: context.socket.options.stored.get(key, default), setter, **limits
    )


def switch(level: int, number: int, name: str, source: str, field: str) -> IntOption:
    """A Boolean of the socket's own options; any nonzero value switches it on (socket(7))."""

    def setter(context: OptionContext, value: int) -> None:
        setattr(context.socket.options, field, bool(value))

    return IntOption(level, number, name, source, lambda context: int(getattr(context.socket.options, field)), setter)


def setting(level: int, number: int, name: str, source: str, field: str, **limits: int) -> IntOption:
    """A number of the connection's settings, `scale` times as large there."""
    scale = limits.pop("scale", 1)

    def setter(context: OptionContext, value: int) -> None:
        put_setting(context, field, value * scale)

    return IntOption(
        level, number, name, source, lambda context: int(getattr(context.stream.settings, field)) // scale,
        setter, **limits,
    )  # fmt: skip


def setting_switch(level: int, number: int, name: str, source: str, field: str, **limits: int) -> IntOption:
    """A Boolean of the connection's settings."""

    def setter(context: OptionContext, value: int) -> None:
        put_setting(context, field, bool(value))

    return IntOption(
        level, number, name, source, lambda context: int(getattr(context.stream.settings, field)), setter, **limits
    )


def put_setting(context: OptionContext, field: str, value: object) -> None:
    """Store a setting, keep it from later sysctls, and let the connection act on it."""
    setattr(context.stream.settings, field, value)
    context.stream.kept_fields.add(field)
    context.changed(field)
