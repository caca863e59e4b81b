"""The TUN device between the running kernel and the simulated host."""

import os
import socket
from contextlib import suppress

from targets.base import TargetError
from targets.kernel.helper.failure import Failure
from targets.kernel.helper.links import make_tun, tun_failure
from targets.kernel.helper.netlink import Netlink

_QUEUE = 5_000
"""Packets that may wait in the kernel for this process: more than a receive window, so that none is lost there."""
_LARGEST_PACKET = 65_535


class TunDevice:
    """A TUN device that is up. It goes with the process that holds it, however that ends.

    `address` with `prefix_length` is the kernel's own address on the device. Raises `TargetError` when the device
    cannot be made or configured.
    """

    def __init__(self, name: str, *, address: str, prefix_length: int, mtu: int) -> None:
        self._descriptor = _open(name)
        try:
            _configure(name, address, prefix_length, mtu)
        except TargetError:
            self.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor, readable when packets wait."""
        return self._descriptor

    def read(self) -> bytes | None:
        """Return the next packet that the kernel sent, None when none waits. Raises `TargetError` when it is gone."""
        try:
            return os.read(self._descriptor, _LARGEST_PACKET)
        except BlockingIOError:
            return None
        except OSError as error:
            raise TargetError(
                f"reading from the TUN device failed: {error.strerror}",
                next_step="start again; somebody deleted the device or took it down",
            ) from error

    def write(self, packet: bytes) -> None:
        """Give a packet to the kernel; one that it refuses (no room, device down, no IP) is lost, as on a wire."""
        with suppress(OSError):
            os.write(self._descriptor, packet)

    def close(self) -> None:
        """Let go of the device, which then vanishes; harmless when done before."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open(name: str) -> int:
    if not 0 < len(name.encode()) < 16 or "/" in name or "%" in name:
        raise TargetError(
            f"{name!r} is no name for a device", next_step="choose 1 to 15 characters, for example tcprove0"
        )
    if os.path.exists(f"/sys/class/net/{name}"):
        raise TargetError(
            f"this network namespace has a device {name} already",
            next_step="choose another name (--device), or a namespace of its own (--namespace)",
        )
    try:
        descriptor, _name = make_tun(name, has_offload_header=False)
    except OSError as error:
        failure = tun_failure(error, has_other_link=False)
        raise TargetError(failure.message, next_step=failure.next_step) from error
    return descriptor


def _configure(name: str, address: str, prefix_length: int, mtu: int) -> None:
    netlink = Netlink()
    step = "setting the MTU"
    try:
        index = socket.if_nametoindex(name)
        netlink.set_mtu(index, mtu, queue_length=_QUEUE)
        with suppress(OSError):  # a kernel without IPv6 has nothing to switch off
            netlink.without_link_local(index)
        step = "bringing the device up"
        netlink.set_up(index)
        step = f"adding the address {address}/{prefix_length}"
        netlink.add_address(index, address, prefix_length)
    except (OSError, Failure) as error:
        raise TargetError(
            f"{step} failed: {getattr(error, 'strerror', None) or error}",
            next_step="run as root, and check the addresses, the prefix length and the MTU",
        ) from error
    finally:
        netlink.close()
