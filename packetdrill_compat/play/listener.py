"""What somebody who watches a run is told while it goes on: the lines of ``--verbose`` and ``--debug``."""

from typing import Protocol

from packetdrill_compat.ast import Event
from packetdrill_compat.notation import describe_packet
from targets.base import Micros
from targets.clock_of_day import time_of_day
from wire.errors import MalformedPacket
from wire.packet import Packet, parse_packet


class Listener(Protocol):
    """Hears of things as they happen; times are script time."""

    def event(self, event: Event, now: Micros) -> None:
        """The turn of an event has come."""

    def injected(self, packet: bytes, time: Micros) -> None:
        """A packet of the script went in."""

    def sniffed(self, packet: Packet, time: Micros) -> None:
        """A packet of the socket under test came out and was looked at."""

    def called(self, name: str) -> None:
        """A system call has returned."""


class Silent:
    """Says nothing."""

    def event(self, event: Event, now: Micros) -> None:
        """Say nothing."""

    def injected(self, packet: bytes, time: Micros) -> None:
        """Say nothing."""

    def sniffed(self, packet: Packet, time: Micros) -> None:
        """Say nothing."""

    def called(self, name: str) -> None:
        """Say nothing."""


class Verbose(Silent):
    """Prints what packetdrill prints with ``--verbose``: packets with the numbers on the wire, calls, one a line."""

    def injected(self, packet: bytes, time: Micros) -> None:
        """Print the packet."""
        try:
            self._packet("inbound injected", parse_packet(packet), time, outbound=False)
        except MalformedPacket as error:
            print(f"inbound injected packet: {time / 1e6:9.6f} malformed: {error}")

    def sniffed(self, packet: Packet, time: Micros) -> None:
        """Print the packet."""
        self._packet("outbound sniffed", packet, time, outbound=True)

    def called(self, name: str) -> None:
        """Print the call with the time of day, as the C tool does."""
        print(f"{name} syscall: {time_of_day() / 1e6:9.6f}")

    def _packet(self, what: str, packet: Packet, time: Micros, *, outbound: bool) -> None:
        text = describe_packet(packet, local_isn=None, remote_isn=None, outbound=outbound)
        print(f"{what} packet: {time / 1e6:9.6f} {text}")


class Debugging(Verbose):
    """Prints the events of the script, too (``--debug``)."""

    def __init__(self, path: str) -> None:
        self._path = path

    def event(self, event: Event, now: Micros) -> None:
        """Print where the script is."""
        print(f"{self._path}:{event.position.line}: {type(event.action).__name__} at {now / 1e6:9.6f}")
