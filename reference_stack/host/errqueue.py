"""The error queue of a TCP socket (linux/errqueue.h): completed zero-copy sends and times of sends.

A simulated host always copies, so every completion says so (SO_EE_CODE_ZEROCOPY_COPIED, msg_zerocopy.rst).
"""

from collections import deque
from dataclasses import dataclass
from errno import ENOMSG
from struct import Struct
from typing import Protocol

from reference_stack.host.values import Control, Micros, Result
from wire.abi import (
    AF_INET,
    IP_RECVERR,
    IPV6_RECVERR,
    MSG_CTRUNC,
    MSG_ERRQUEUE,
    MSG_TRUNC,
    SCM_TIMESTAMPING,
    SO_EE_CODE_ZEROCOPY_COPIED,
    SO_EE_ORIGIN_TIMESTAMPING,
    SO_EE_ORIGIN_ZEROCOPY,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    ExtendedError,
    cmsg_len,
    cmsg_space,
)

_SOCKADDR_IN, _SOCKADDR_IN6 = 16, 28
_TIMESPECS = Struct("<6q")  # struct scm_timestamping: software, deprecated, hardware
_CMSG_HEADER = 16


def _error_control(error: ExtendedError, family: int) -> Control:
    """Return the message of an entry: the error, then an address of no family."""
    if family == AF_INET:
        return Control(SOL_IP, IP_RECVERR, error.pack() + bytes(_SOCKADDR_IN))
    return Control(SOL_IPV6, IPV6_RECVERR, error.pack() + bytes(_SOCKADDR_IN6))


class Entry(Protocol):
    """One thing to tell the application."""

    @property
    def data(self) -> bytes:
        """Octets that recvmsg gives with it."""

    def controls(self, family: int) -> tuple[Control, ...]:
        """Return its control messages, for a socket of that family."""


@dataclass(slots=True)
class Completion:
    """Sends number `first` to `last` are complete."""

    first: int
    last: int

    @property
    def data(self) -> bytes:
        """Nothing."""
        return b""

    def controls(self, family: int) -> tuple[Control, ...]:
        """Return the numbers."""
        code = SO_EE_CODE_ZEROCOPY_COPIED
        return (_error_control(ExtendedError(0, SO_EE_ORIGIN_ZEROCOPY, 0, code, self.first, self.last), family),)


@dataclass(frozen=True, slots=True)
class SendTime:
    """Something happened at `at` to the last octet of a send: `kind` is one of SCM_TSTAMP_*, `key` says which octet.

    `data` is the packet, or what of it is told. `is_shown` False leaves the time out (SOF_TIMESTAMPING_SOFTWARE).
    """

    kind: int
    key: int
    at: Micros
    data: bytes
    is_shown: bool = True

    def controls(self, family: int) -> tuple[Control, ...]:
        """Return the time, then what it is the time of."""
        what = ExtendedError(ENOMSG, SO_EE_ORIGIN_TIMESTAMPING, 0, 0, self.kind, self.key)
        if not self.is_shown:
            return (_error_control(what, family),)
        seconds, micros = divmod(self.at, 1_000_000)
        time = _TIMESPECS.pack(seconds, micros * 1000, 0, 0, 0, 0)
        return Control(SOL_SOCKET, SCM_TIMESTAMPING, time), _error_control(what, family)


class ErrorQueue:
    """What recvmsg(MSG_ERRQUEUE) gives, and the zero-copy sends that wait for their acknowledgment."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self._ends: dict[int, int] = {}
        self._next_id = 0
        self.written = 0
        """Octets that the application has sent on this connection."""

    def restart(self) -> None:
        """The socket begins a new connection; numbering goes on."""
        self._ends.clear()
        self.written = 0

    def add(self, number: int | None) -> int:
        """Note that a zero-copy send reaches up to what was written; a new one gets the next number."""
        if number is None:
            number = self._next_id
            self._next_id = (self._next_id + 1) % 2**32
        self._ends[number] = self.written
        return number

    def acknowledge(self, unacknowledged: int) -> bool:
        """Complete the sends whose octets are all acknowledged; tell whether there were any.

        A completion that follows the last one in the queue extends it (msg_zerocopy.rst, "Notification Batching").
        """
        acknowledged = self.written - unacknowledged
        done = [number for number, end in self._ends.items() if end <= acknowledged]
        for number in done:
            del self._ends[number]
            last = self.entries[-1] if self.entries else None
            if isinstance(last, Completion) and last.last + 1 == number:
                last.last = number
            else:
                self.entries.append(Completion(number, number))
        return bool(done)

    def take(self, family: int, *, size: int, control_size: int) -> Result:
        """Return the first entry, of which there must be one, as recvmsg(2) with buffers of these sizes does."""
        entry = self.entries.popleft()
        flags = MSG_ERRQUEUE
        data = entry.data[:size]
        if len(data) < len(entry.data):
            flags |= MSG_TRUNC
        control, is_cut = fitting(entry.controls(family), control_size)
        return Result(len(data), data=data, control=control, msg_flags=flags | MSG_CTRUNC * is_cut)


def fitting(messages: tuple[Control, ...], size: int) -> tuple[tuple[Control, ...], bool]:
    """Return the control messages that a buffer has room for, the last perhaps cut, and whether anything is missing.

    Linux (put_cmsg) cuts a message for which there is a header's room at least, and leaves it out with less.
    """
    kept: list[Control] = []
    is_cut = False
    for message in messages:
        room = size - _CMSG_HEADER
        if room < 0:
            return tuple(kept), True
        is_cut = is_cut or cmsg_len(len(message.data)) > size
        kept.append(Control(message.level, message.type, message.data[:room]))
        size -= min(cmsg_space(len(message.data)), size)
    return tuple(kept), is_cut
