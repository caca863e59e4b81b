"""SO_TIMESTAMPING on a TCP socket: times of what happens to the last octet of a send (linux timestamping.rst).

Measured on Linux 6.18: a retransmission is told like the first transmission; a write that is put into the buffer of
the one before takes over its place.
"""

from dataclasses import dataclass
from typing import NamedTuple

from reference_stack.host.errqueue import SendTime
from reference_stack.host.values import Micros
from wire.abi import (
    SCM_TSTAMP_ACK,
    SCM_TSTAMP_SCHED,
    SCM_TSTAMP_SND,
    SOF_TIMESTAMPING_OPT_ID,
    SOF_TIMESTAMPING_OPT_TSONLY,
    SOF_TIMESTAMPING_SOFTWARE,
    SOF_TIMESTAMPING_TX_ACK,
    SOF_TIMESTAMPING_TX_SCHED,
    SOF_TIMESTAMPING_TX_SOFTWARE,
)

RECORDED = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK


@dataclass(slots=True)
class _Send:
    """A send that ends in front of the offset `end`; `flags` say what is to be told."""

    end: int
    flags: int
    payload: bytes = b""


class Departed(NamedTuple):
    """A packet with the octets from offset `start` up to `end`."""

    start: int
    end: int
    packet: bytes
    payload: bytes


class SendTimes:
    """The sends of one socket that are not told of completely. Offsets count octets since the SYN."""

    def __init__(self) -> None:
        self.flags = 0
        """What SO_TIMESTAMPING was set to."""
        self._base = 0
        self._sends: list[_Send] = []

    @property
    def is_recording(self) -> bool:
        """Something of a send is still to be told."""
        return bool(self._sends)

    def restart(self) -> None:
        """The socket begins a new connection."""
        self._sends.clear()
        self._base = 0

    def number_from(self, offset: int) -> None:
        """SOF_TIMESTAMPING_OPT_ID was switched on: the octet at `offset` has number 0."""
        self._base = offset

    def on_write(self, end: int, *, joined: int | None) -> None:
        """A send ends in front of `end`; it shares a buffer with the one that ended at `joined`, if any did."""
        if joined is not None:
            self._sends = [send for send in self._sends if send.end != joined]
        if self.flags & RECORDED:
            self._sends.append(_Send(end, self.flags))

    def on_departure(self, packet: Departed, *, now: Micros) -> list[SendTime]:
        """A packet was handed to the device; return what there is to tell."""
        found: list[SendTime] = []
        for send in self._sends:
            if packet.start < send.end <= packet.end:
                send.payload = packet.payload
                for bit, kind in (
                    (SOF_TIMESTAMPING_TX_SCHED, SCM_TSTAMP_SCHED),
                    (SOF_TIMESTAMPING_TX_SOFTWARE, SCM_TSTAMP_SND),
                ):
                    if send.flags & bit:
                        found.append(self._time(send, kind, packet.packet, now=now))
        return found

    def acknowledge(self, acknowledged: int, *, now: Micros) -> list[SendTime]:
        """So many octets are acknowledged; return what there is to tell."""
        if not self._sends:
            return []
        done = [send for send in self._sends if send.end <= acknowledged]
        self._sends = self._sends[len(done) :]
        told = (send for send in done if send.flags & SOF_TIMESTAMPING_TX_ACK)
        return [self._time(send, SCM_TSTAMP_ACK, send.payload, now=now) for send in told]

    def _time(self, send: _Send, kind: int, data: bytes, *, now: Micros) -> SendTime:
        key = send.end - 1 - self._base if self.flags & SOF_TIMESTAMPING_OPT_ID else 0
        if self.flags & SOF_TIMESTAMPING_OPT_TSONLY:
            data = b""
        return SendTime(kind, key % 2**32, now, data, bool(self.flags & SOF_TIMESTAMPING_SOFTWARE))
