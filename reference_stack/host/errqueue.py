"""The error queue of a TCP socket: completions of MSG_ZEROCOPY sends (linux/errqueue.h, msg_zerocopy.rst).

A simulated host always copies, so every completion says so (SO_EE_CODE_ZEROCOPY_COPIED).
"""

from dataclasses import dataclass

from reference_stack.host.values import Control
from wire.abi import (
    AF_INET,
    IP_RECVERR,
    IPV6_RECVERR,
    SO_EE_CODE_ZEROCOPY_COPIED,
    SO_EE_ORIGIN_ZEROCOPY,
    SOL_IP,
    SOL_IPV6,
    ExtendedError,
)

_SOCKADDR_IN, _SOCKADDR_IN6 = 16, 28


@dataclass(slots=True)
class Completion:
    """Sends number `first` to `last` are complete."""

    first: int
    last: int

    def control(self, family: int) -> Control:
        """Return the control message that recvmsg(MSG_ERRQUEUE) gives: the error, then an address of no family."""
        code = SO_EE_CODE_ZEROCOPY_COPIED
        error = ExtendedError(0, SO_EE_ORIGIN_ZEROCOPY, 0, code, self.first, self.last).pack()
        if family == AF_INET:
            return Control(SOL_IP, IP_RECVERR, error + bytes(_SOCKADDR_IN))
        return Control(SOL_IPV6, IPV6_RECVERR, error + bytes(_SOCKADDR_IN6))


class ErrorQueue:
    """What recvmsg(MSG_ERRQUEUE) gives, and the zero-copy sends that wait for their acknowledgment."""

    def __init__(self) -> None:
        self.completions: list[Completion] = []
        self._ends: dict[int, int] = {}
        self._next_id = 0
        self._written = 0

    def restart(self) -> None:
        """The socket begins a new connection; numbering goes on."""
        self._ends.clear()
        self._written = 0

    def written(self, count: int) -> int:
        """Note that `count` octets were queued; return the offset behind them."""
        self._written += count
        return self._written

    def add(self, number: int | None, end: int) -> int:
        """Note that a zero-copy send reaches up to the offset `end`; a new one gets the next number."""
        if number is None:
            number = self._next_id
            self._next_id = (self._next_id + 1) % 2**32
        self._ends[number] = end
        return number

    def acknowledge(self, unacknowledged: int) -> bool:
        """Complete the sends whose octets are all acknowledged; tell whether there were any.

        A completion that follows the last one in the queue extends it (msg_zerocopy.rst, "Notification Batching").
        """
        acknowledged = self._written - unacknowledged
        done = [number for number, end in self._ends.items() if end <= acknowledged]
        for number in done:
            del self._ends[number]
            if self.completions and self.completions[-1].last + 1 == number:
                self.completions[-1].last = number
            else:
                self.completions.append(Completion(number, number))
        return bool(done)
