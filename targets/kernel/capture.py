"""The two ends of a link as the target sees them: packets that leave the stack, and packets that go in."""

import errno
import os
import socket
import struct
import sys
from typing import NamedTuple

from targets.base import Departure, TargetError
from targets.kernel.clock import Clock

# struct virtio_net_hdr (linux/virtio_net.h), native byte order as TUN and packet sockets use it: flags, GSO type,
# header length, GSO size, where the checksummed part starts, and where in it the checksum stands.
_VNET = struct.Struct("=BBHHHH")
_NEEDS_CSUM = 1
_GSO_TCPV4 = 1
_GSO_TCPV6 = 4
_PLAIN = bytes(_VNET.size)

_ETHERNET_HEADER = 14
_LARGEST = 65_536 + _VNET.size + _ETHERNET_HEADER
_ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
_LOCAL_ADDRESS = bytes.fromhex("020000000001")
_PEER_ADDRESS = bytes.fromhex("020000000002")

_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = 256

_TUN_SHORT_READ = 11  # enough to take a packet off the queue; the rest of it is thrown away
_PROTOCOL_TCP = 6


class _Frame(NamedTuple):
    data: bytes
    realtime_ns: int
    lost: int


class Capture:
    """What the stack sends on a link, with the kernel's times."""

    def __init__(self, descriptor: int, *, tun: int | None, clock: Clock) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._tun = tun
        self._clock = clock
        self._strip = _VNET.size + (0 if tun is not None else _ETHERNET_HEADER)
        self._unconsumed = 0

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def take(self) -> list[Departure]:
        """Take every packet that has left by now. Raises `TargetError` when the kernel had to drop some."""
        departures = []
        while (frame := self._receive()) is not None:
            if frame.lost:
                raise TargetError(
                    f"the capture buffer overflowed: {frame.lost} packets that the stack sent were not seen",
                    next_step="send less at once, or run as root, which allows a larger buffer",
                )
            time = self._clock.from_realtime(frame.realtime_ns)
            departures.append(Departure(time, complete_checksum(frame.data)[self._strip :]))
        self._unconsumed += len(departures)
        self._consume()
        return departures

    def _receive(self) -> _Frame | None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_LARGEST, _ANCILLARY)
        except BlockingIOError:
            return None
        except OSError as error:
            # Said once when the device is down or goes down (packet(7)); a command of the script may bring it up again.
            if error.errno == errno.ENETDOWN:
                return self._receive()
            raise TargetError(
                f"the link cannot be captured: {error.strerror}", next_step="see what the script's commands did to tun0"
            ) from error
        realtime_ns, lost = 0, 0
        for _, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                realtime_ns = seconds * 1_000_000_000 + nanoseconds
            elif kind == _SO_RXQ_OVFL:
                lost = int.from_bytes(value, sys.byteorder)
        return _Frame(data, realtime_ns, lost)

    def _consume(self) -> None:
        """Take the captured packets off the TUN's queue of 500, where a device's user would read them."""
        while self._tun is not None and self._unconsumed:
            try:
                os.read(self._tun, _TUN_SHORT_READ)
            except OSError:
                return  # captured a moment before it is queued; next time
            self._unconsumed -= 1

    def close(self) -> None:
        """Close the packet socket."""
        self._socket.close()


def complete_checksum(frame: bytes) -> bytes:
    """Fill in the checksum that the stack left to the device, so that the packet is as it would be on a wire.

    `frame` starts with the virtio-net header and may lack an Ethernet header; the kernel's `csum_start` counts from
    behind the virtio-net header either way. The field holds the sum of the pseudo header (RFC 1071).
    """
    flags, _, _, _, start, offset = _VNET.unpack_from(frame)
    if not flags & _NEEDS_CSUM:
        return frame
    start += _VNET.size
    covered = frame[start:]
    # The ones' complement sum of 16-bit words is the number that they form, modulo 65535 (RFC 1071, section 2).
    total = int.from_bytes(covered + b"\0" * (len(covered) % 2), "big") % 65535
    checksum = 65535 - (total or 65535)
    position = start + offset
    return b"".join((frame[:position], checksum.to_bytes(2, "big"), frame[position + 2 :]))


class Injector:
    """Hands packets to the stack through a TUN device or the far end of a veth pair."""

    def __init__(self, descriptor: int, *, has_ethernet_header: bool, mtu: int) -> None:
        self._descriptor = descriptor
        self._has_ethernet_header = has_ethernet_header
        self._mtu = mtu

    def inject(self, packet: bytes, gso_size: int) -> None:
        """Hand over one IP packet. Raises `TargetError` when the link does not take it."""
        version = packet[0] >> 4 if packet else 0
        if self._has_ethernet_header and not gso_size and len(packet) > self._mtu:
            # A wire carries no packet above the MTU; what a TUN takes nevertheless, a veth only takes as aggregated.
            gso_size = self._mtu - _headers_length(packet)
        header = _gso_header(packet, gso_size) if gso_size else _PLAIN
        if self._has_ethernet_header:
            header += _LOCAL_ADDRESS + _PEER_ADDRESS + _ETHERTYPE.get(version, b"\x08\x00")
        try:
            os.writev(self._descriptor, (header, packet))
        except OSError as error:
            raise TargetError(
                f"the link did not take a packet of {len(packet)} octets: {error.strerror}",
                next_step="see whether a command of the script took tun0 down, and whether the packet is an IP packet",
            ) from error

    def close(self) -> None:
        """Close the descriptor; a TUN device itself goes when the helper closes its own."""
        os.close(self._descriptor)


def _transport_offset(packet: bytes) -> int:
    """Return where the TCP header of an IP packet stands, 0 if it is none (IPv6: without extension headers only)."""
    if len(packet) < 40:
        return 0
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4 if packet[9] == _PROTOCOL_TCP else 0
    return 40 if packet[6] == _PROTOCOL_TCP else 0


def _headers_length(packet: bytes) -> int:
    offset = _transport_offset(packet)
    return offset + (packet[offset + 12] >> 4) * 4 if len(packet) > offset + 12 else offset


def _gso_header(packet: bytes, gso_size: int) -> bytes:
    """Announce a TCP packet as aggregated from segments of `gso_size`; no other protocol has that mark.

    The checksum is left to be verified by the stack (no NEEDS_CSUM), as in packetdrill: a wrong one stays wrong. The
    length of the headers is not told either, so that the kernel takes the packet into one piece of memory, as it does
    for packetdrill; the receive window depends on that.
    """
    if not _transport_offset(packet):
        return _PLAIN
    kind = _GSO_TCPV4 if packet[0] >> 4 == 4 else _GSO_TCPV6
    return _VNET.pack(0, kind, 0, gso_size, 0, 0)
