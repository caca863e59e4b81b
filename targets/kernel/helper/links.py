"""The link of a script: a TUN device, or a veth pair where /dev/net/tun is closed to the user. Either is called tun0.

Both give two descriptors to the target: one that injects packets and one that captures what the stack sends.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import time
from typing import Any, NamedTuple

from targets.kernel.helper import namespaces
from targets.kernel.helper.failure import Failure
from targets.kernel.helper.netlink import Netlink

DEVICE = "tun0"
_TUN_PATH = "/dev/net/tun"
_TRIES = 10
_TRY_PAUSE_S = 0.1
_TUN_QUEUE = 500  # transmit queue of a TUN device; the veth gets the same

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000
_TUN_F_CSUM = 0x01
_TUN_F_TSO4 = 0x02
_TUN_F_TSO6 = 0x04
_TUN_F_TSO_ECN = 0x08

_SIOCETHTOOL = 0x8946
_ETHTOOL_GSET = 1
_ETHTOOL_SSET = 2
_ETHTOOL_STSO = 0x1F
_ETHTOOL_SGSO = 0x24

_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_PACKET_QDISC_BYPASS = 20
_PACKET_OUTGOING = 4
_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_CAPTURE_BUFFER = 2 << 20

_LOCAL_ADDRESS = bytes.fromhex("020000000001")  # locally administered unicast addresses
_PEER_ADDRESS = bytes.fromhex("020000000002")
_LARGEST_MTU = 65535
_ADDRESS_LIMIT_S = 2.0
_ADDRESS_PAUSE_S = 0.0002
_LEAST_IPV6_MTU = 1280  # RFC 8200, section 5: below it a device has no IPv6 at all


class Link(NamedTuple):
    """A link that is up: how packets go in, how they come out, and whether Ethernet headers surround them."""

    kind: str
    inject: int
    capture: int
    has_ethernet_header: bool


class PeerSpace:
    """A second network namespace for the far ends of veth pairs, so that scripts see only their own end."""

    def __init__(self) -> None:
        namespaces.enter_network()
        self.netns = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.netlink = Netlink()
        self._last_index = 100
        # What the stack sends is only captured: the far end must not answer it.
        _disable_ipv6("default", 1)
        namespaces.enter_network()

    def next_index(self) -> int:
        """Return an interface index that no earlier far end had: those vanish a little after their script."""
        self._last_index += 1
        return self._last_index


def open_tun(settings: dict[str, Any]) -> Link:
    """Create the TUN device. Raises `Failure`."""
    try:
        tun, _name = make_tun(DEVICE)
        return _tun_link(tun, settings)
    except OSError as error:
        raise tun_failure(error) from error


def open_tun_here(settings: dict[str, Any]) -> Link:
    """Create the TUN device in a namespace that may have devices of others. Raises `Failure`.

    The kernel chooses the name, so that nobody's persistent tun0 is taken over; as in packetdrill only the name tun0
    will do, and there are ten tries, because the device of a test before may be about to go.
    """
    try:
        for _try in range(_TRIES):
            tun, name = make_tun("tun%d")
            if name == DEVICE:
                return _tun_link(tun, settings)
            os.close(tun)
            time.sleep(_TRY_PAUSE_S)
    except OSError as error:
        raise tun_failure(error) from error
    raise Failure(
        f"open tun device: this network namespace has another device {DEVICE}",
        "run each script in a namespace of its own: unshare -n, or tcprove run, which makes one",
    )


def make_tun(name: str, *, has_offload_header: bool = True) -> tuple[int, str]:
    """Open a TUN device; return its descriptor and the name that it got. Raises `OSError`.

    `has_offload_header` puts a virtio_net_hdr in front of every packet, for checksums and segments to be filled in.
    """
    tun = os.open(_TUN_PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = _IFF_TUN | _IFF_NO_PI | (_IFF_VNET_HDR if has_offload_header else 0)
    request = struct.pack("16sH22x", name.encode(), flags)
    try:
        answer: bytes = fcntl.ioctl(tun, _TUNSETIFF, request)
    except OSError:
        os.close(tun)
        raise
    return tun, answer[:16].rstrip(b"\0").decode()


def _tun_link(tun: int, settings: dict[str, Any]) -> Link:
    try:
        offloads = _TUN_F_CSUM
        if settings["segmentation_offload"]:
            offloads |= _TUN_F_TSO4 | _TUN_F_TSO6 | _TUN_F_TSO_ECN
        fcntl.ioctl(tun, _TUNSETOFFLOAD, offloads)
    except OSError:
        os.close(tun)
        raise
    return Link("tun", tun, _open_capture(), has_ethernet_header=False)


def tun_failure(error: OSError, *, has_other_link: bool = True) -> Failure:
    """Say why there is no TUN device; `has_other_link`: whether a veth pair would do as well."""
    otherwise = ", or choose the link 'veth'" if has_other_link else ""
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        step = f"load it: modprobe tun; in a container: --device /dev/net/tun{otherwise}"
        return Failure(f"{_TUN_PATH} is not there", step)
    step = f"let this user open it read-write, or run as root{otherwise}"
    return Failure(f"no TUN device: {_TUN_PATH}: {os.strerror(error.errno or 0)}", step)


def open_veth(settings: dict[str, Any], peer: PeerSpace) -> Link:
    """Create the veth pair and open a packet socket at its far end. Raises `Failure`."""
    index = peer.next_index()
    netlink = Netlink()
    try:
        netlink.create_veth(DEVICE, _LOCAL_ADDRESS, peer_index=index, peer_address=_PEER_ADDRESS, peer_netns=peer.netns)
        peer.netlink.set_mtu(index, _LARGEST_MTU)
        peer.netlink.set_up(index, without_arp=True)
    except OSError as error:
        step = "use a kernel with CONFIG_VETH (modprobe veth), or let this user open /dev/net/tun"
        raise Failure(f"no veth pair: {error.strerror}", step) from error
    finally:
        netlink.close()
    if not settings["segmentation_offload"]:
        _set_offload(_ETHTOOL_STSO, on=False)
        _set_offload(_ETHTOOL_SGSO, on=False)
    return Link("veth", _open_injector(peer, index), _open_capture(), has_ethernet_header=True)


def _open_injector(peer: PeerSpace, index: int) -> int:
    """Open a packet socket bound to the far end: sockets live where they are made, so go there and come back."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.join_network(peer.netns)
        injector = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        injector.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        # The far end's queue drops everything until the kernel has, some time later, noticed the carrier.
        injector.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        injector.bind((socket.if_indextoname(index), 0))
    finally:
        namespaces.join_network(here)
        os.close(here)
    return injector.detach()


def configure(link: Link, settings: dict[str, Any]) -> None:
    """Give the link its MTU, speed, address and route and bring it up. Raises `Failure`."""
    netlink = Netlink()
    index = socket.if_nametoindex(DEVICE)
    step = "setting the MTU"
    try:
        netlink.set_mtu(index, settings["mtu"], queue_length=_TUN_QUEUE)
        if settings["speed_mbit"]:
            step = f"setting the speed of a {link.kind} device"
            _set_speed(settings["speed_mbit"])
        step = "bringing the device up"
        if settings["mtu"] >= _LEAST_IPV6_MTU and settings["has_ipv6"]:
            netlink.without_link_local(index)
        if settings["link"] != "here":
            netlink.set_up(socket.if_nametoindex("lo"))
        netlink.set_up(index, without_arp=link.has_ethernet_header)
        if netlink.is_delivered_locally(settings["remote_ip"]):
            advice = "give the peer an address that no device of this namespace has (--remote_ip)"
            raise Failure(f"error: live_remote_ip {settings['remote_ip']} is not remote", advice)
        step = "adding the local address"
        if not settings["is_anyip"]:
            netlink.add_address(index, settings["local_ip"], settings["prefix_length"])
            _await_address(netlink, settings["local_ip"])
        step = "adding the route towards the peer"
        _set_route(netlink, index, settings)
    except OSError as error:
        advice = "check the addresses, prefix lengths, gateway, MTU and speed that the test asks for"
        raise Failure(f"{step} failed: {error.strerror}", advice) from error
    finally:
        netlink.close()


def _await_address(netlink: Netlink, address: str) -> None:
    """Wait until the address is in use: the kernel enters the route of an IPv6 address later, from a work queue.

    A packet that came before would not be for this host and vanish. Raises `Failure` after a deadline.
    """
    deadline = time.monotonic() + _ADDRESS_LIMIT_S
    while not netlink.is_delivered_locally(address):
        if time.monotonic() > deadline:
            raise Failure(f"the address {address} did not come into use", "try again when the machine is less busy")
        time.sleep(_ADDRESS_PAUSE_S)


def _set_route(netlink: Netlink, index: int, settings: dict[str, Any]) -> None:
    network, length = settings["remote_network"], settings["remote_prefix_length"]
    try:
        netlink.delete_route(network, length)
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise
    netlink.add_route(network, length, index, None if settings["is_anyip"] else settings["gateway_ip"])


def allow_ipv6(*, everywhere: bool) -> None:
    """Undo a system-wide disable_ipv6 in this namespace, or for our own device only."""
    for device in ("all", "default", DEVICE) if everywhere else (DEVICE,):
        _disable_ipv6(device, 0)


def _disable_ipv6(device: str, value: int) -> None:
    """Write the sysctl disable_ipv6 of a device; without IPv6 in the kernel there is nothing to write."""
    try:
        with open(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6", "w", encoding="ascii") as file:
            file.write(str(value))
    except OSError:
        return


def _open_capture() -> int:
    """Open the packet socket that sees, with kernel times, exactly what the stack sends on the link."""
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    # Classic BPF: load the packet type (SKF_AD_OFF + SKF_AD_PKTTYPE), take all of it if outgoing, else nothing.
    program = struct.pack("HBBI", 0x28, 0, 0, 0xFFFFF004)
    program += struct.pack("HBBI", 0x15, 0, 1, _PACKET_OUTGOING)
    program += struct.pack("HBBI", 0x06, 0, 0, 0xFFFFFFFF) + struct.pack("HBBI", 0x06, 0, 0, 0)
    _attach_filter(capture, program)
    capture.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    capture.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    capture.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    try:
        capture.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _CAPTURE_BUFFER)
    except OSError:
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CAPTURE_BUFFER)
    capture.bind((DEVICE, _ETH_P_ALL))
    return capture.detach()


def _attach_filter(capture: socket.socket, program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    capture.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    )


def _ethtool(command: bytes) -> bytes:
    """Run one ethtool request on the device (SIOCETHTOOL takes a pointer to the command's structure)."""
    buffer = ctypes.create_string_buffer(command, len(command))
    request = struct.pack("16sP16x", DEVICE.encode(), ctypes.addressof(buffer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
    return buffer.raw


def _set_offload(command: int, *, on: bool) -> None:
    _ethtool(struct.pack("=II", command, int(on)))


def _set_speed(mbit: int) -> None:
    settings = bytearray(_ethtool(struct.pack("=I40x", _ETHTOOL_GSET)))
    # struct ethtool_cmd: cmd, supported, advertising, speed (low half) at 12, autoneg at 18, speed (high half) at 28.
    struct.pack_into("=I", settings, 0, _ETHTOOL_SSET)
    struct.pack_into("=H", settings, 12, mbit & 0xFFFF)
    settings[18] = 0
    struct.pack_into("=H", settings, 28, mbit >> 16)
    _ethtool(bytes(settings))
