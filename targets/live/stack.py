"""The loop: one simulated host, one device and one clock, and whoever makes the host's system calls.

Single-threaded. It sleeps in select(2) until a packet comes, a message comes or a timer of the host is due.
"""

import heapq
import selectors
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Protocol, TypeAlias

from reference_stack.host import FinishedCall, Host, NotModelled, Result
from targets.base import Micros
from targets.weather import Path

_PACKETS_AT_ONCE = 64
"""So many packets are taken from the device before timers and messages have their turn."""

OnReturn: TypeAlias = Callable[[int, Result], None]
"""Gets the id of a call and its result."""
OnReady: TypeAlias = Callable[[], None]
Arrival: TypeAlias = Callable[[bytes], None]


class Device(Protocol):
    """Where packets come from and go to."""

    def fileno(self) -> int:
        """Return a descriptor that is readable when packets wait."""

    def read(self) -> bytes | None:
        """Return the next packet, or None."""

    def write(self, packet: bytes) -> None:
        """Send a packet."""


class LiveStack:
    """One host behind a device. `inward` and `outward` say what the path does to packets to and from the host."""

    def __init__(self, host: Host, device: Device, *, inward: Path, outward: Path) -> None:
        self.host = host
        self._device = device
        self._inward, self._outward = inward, outward
        self._started_ns = time.monotonic_ns()
        # Of the selectors, the one on select(2) can wait for microseconds.
        self._selector = selectors.SelectSelector()
        self._waiting: dict[int, OnReturn] = {}
        self._flying: list[tuple[Micros, int, Arrival, bytes]] = []
        self._serial = count()
        self._is_stopped = False
        self.watch(device, self._take_packets)

    # --- for whoever makes calls ---------------------------------------------------------------------------------

    def now(self) -> Micros:
        """Return the host's clock: microseconds since it began."""
        return (time.monotonic_ns() - self._started_ns) // 1000

    def call(self, name: str, arguments: Mapping[str, Any], on_return: OnReturn) -> int:
        """Start a system call and return its id; `on_return` gets its result, at the earliest from the next turn.

        Raises `NotModelled` for what the host does not have.
        """
        call_id = self.host.call(name, arguments, now=self.now())
        self._waiting[call_id] = on_return
        return call_id

    def cancel(self, call_id: int) -> None:
        """Forget a call; harmless when it has returned."""
        self.host.cancel(call_id)
        self._waiting.pop(call_id, None)

    def watch(self, source: Any, on_readable: OnReady, on_writable: OnReady | None = None) -> None:
        """Call `on_readable` whenever `source`, an object with a descriptor, is readable; likewise `on_writable`.

        Watching it again replaces what was said before.
        """
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if on_writable is not None else 0)
        enter = self._selector.modify if source in self._selector.get_map() else self._selector.register
        enter(source, events, (on_readable, on_writable))

    def unwatch(self, source: Any) -> None:
        """Stop watching `source`."""
        self._selector.unregister(source)

    # --- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Live until `stop`."""
        while not self._is_stopped:
            self.turn(None)

    def stop(self) -> None:
        """End `run` after the present turn."""
        self._is_stopped = True

    def turn(self, limit: Micros | None) -> None:
        """Wait until something happens, at most `limit` microseconds (None: for ever), and do it."""
        self._hand_out()
        due = self._next_event()
        if due is not None:
            left = max(due - self.now(), 0)
            limit = left if limit is None else min(limit, left)
        for key, events in self._selector.select(None if limit is None else limit / 1e6):
            on_readable, on_writable = key.data
            if events & selectors.EVENT_WRITE:
                on_writable()
            if events & selectors.EVENT_READ and key.fd in self._selector.get_map():
                on_readable()
        self._let_arrive()
        event, now = self.host.next_event(), self.now()
        if event is not None and event <= now:
            self.host.advance(now=now)
        self._hand_out()

    def close(self) -> None:
        """Let go of the selector."""
        self._selector.close()

    # --- inside --------------------------------------------------------------------------------------------------

    def _next_event(self) -> Micros | None:
        times = [self._flying[0][0]] if self._flying else []
        event = self.host.next_event()
        return min([*times, event] if event is not None else times, default=None)

    def _take_packets(self) -> None:
        for _packet in range(_PACKETS_AT_ONCE):
            packet = self._device.read()
            if packet is None:
                break
            self._carry(self._inward, self._inject, packet)
            self._hand_out()

    def _inject(self, packet: bytes) -> None:
        try:
            self.host.inject(packet, now=self.now())
        except NotModelled:
            return  # it asks for something that the host does not have: nobody answers

    def _carry(self, path: Path, arrive: Arrival, packet: bytes) -> None:
        """Take a packet along a path, at once or later."""
        for delay in path.delays():
            if delay:
                heapq.heappush(self._flying, (self.now() + delay, next(self._serial), arrive, packet))
            else:
                arrive(packet)

    def _let_arrive(self) -> None:
        now = self.now()
        while self._flying and self._flying[0][0] <= now:
            _, _, arrive, packet = heapq.heappop(self._flying)
            arrive(packet)

    def _hand_out(self) -> None:
        """Send the host's packets and tell results, until there are none: who hears of one may make another call."""
        while events := self.host.take():
            for event in events:
                if not isinstance(event, FinishedCall):
                    self._carry(self._outward, self._device.write, event.packet)
                elif (on_return := self._waiting.pop(event.call_id, None)) is not None:
                    on_return(event.call_id, event.result)
