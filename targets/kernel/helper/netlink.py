"""The few rtnetlink requests that a link with an address and a route needs (rtnetlink(7)).

A library would do (pyroute2), but the helper loads nothing beyond the standard library: its start is part of the
time of the first test, and these are seven requests.
"""

import os
import socket
import struct

_NETLINK_ROUTE = 0
_SOL_NETLINK = 270
_NETLINK_EXT_ACK = 11
_NETLINK_CAP_ACK = 10

_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_EXCL = 0x200
_NLM_F_CREATE = 0x400
_NLMSG_ERROR = 2
_NLM_F_ACK_TLVS = 0x200

_RTM_NEWLINK = 16
_RTM_NEWADDR = 20
_RTM_NEWROUTE = 24
_RTM_DELROUTE = 25
_RTM_GETROUTE = 26

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_TXQLEN = 13
_IFLA_LINKINFO = 18
_IFLA_AF_SPEC = 26
_IFLA_NET_NS_FD = 28
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INET6_ADDR_GEN_MODE = 8
_IN6_ADDR_GEN_MODE_NONE = 1
_VETH_INFO_PEER = 1
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_IFA_F_NODAD = 2
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RT_TABLE_MAIN = 254
_RTPROT_BOOT = 3
_RT_SCOPE_UNIVERSE = 0
_RT_SCOPE_LINK = 253
_RT_SCOPE_NOWHERE = 255
_RTN_UNICAST = 1
_RTN_LOCAL = 2

IFF_UP = 0x1
IFF_NOARP = 0x80

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
_IFINFOMSG = struct.Struct("=BxHiII")  # family, device type, index, flags, mask of changed flags
_IFADDRMSG = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags


def attribute(kind: int, data: bytes) -> bytes:
    """Build one rtattr, padded to four octets."""
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def _no_link_local() -> bytes:
    mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_IN6_ADDR_GEN_MODE_NONE]))
    return attribute(_IFLA_AF_SPEC, attribute(socket.AF_INET6, mode))


class Netlink:
    """A rtnetlink socket; it stays in the network namespace in which it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        # Requests are answered within the call; the limit only keeps a broken kernel from hanging the helper.
        self._socket.settimeout(5)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _request(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        flags |= _NLM_F_REQUEST | _NLM_F_ACK
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)
        answer = self._socket.recv(8192)
        _, answer_kind, answer_flags, _, _ = _HEADER.unpack_from(answer)
        number = -struct.unpack_from("=i", answer, _HEADER.size)[0] if answer_kind == _NLMSG_ERROR else 0
        if number:
            raise OSError(number, _reason(number, answer, answer_flags))

    def create_veth(self, name: str, address: bytes, *, peer_index: int, peer_address: bytes, peer_netns: int) -> None:
        """Create a pair of Ethernet devices: `name` here, the other end as device `peer_index` of `peer_netns`."""
        peer = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, peer_index, 0, 0)
        peer += attribute(_IFLA_ADDRESS, peer_address) + _number(_IFLA_NET_NS_FD, peer_netns)
        information = _text(_IFLA_INFO_KIND, "veth") + attribute(_IFLA_INFO_DATA, attribute(_VETH_INFO_PEER, peer))
        # The driver takes the far end's index only when the near end's is given, too.
        body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, peer_index, 0, 0) + _text(_IFLA_IFNAME, name)
        body += attribute(_IFLA_ADDRESS, address) + attribute(_IFLA_LINKINFO, information)
        self._request(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body)

    def set_mtu(self, index: int, mtu: int, *, queue_length: int | None = None) -> None:
        """Set the MTU, and the transmit queue's length where given."""
        body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, 0, 0) + _number(_IFLA_MTU, mtu)
        if queue_length is not None:
            body += _number(_IFLA_TXQLEN, queue_length)
        self._request(_RTM_NEWLINK, 0, body)

    def without_link_local(self, index: int) -> None:
        """Give the device no IPv6 link-local address: without one it sends no router solicitations of its own."""
        self._request(_RTM_NEWLINK, 0, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, 0, 0) + _no_link_local())

    def set_up(self, index: int, *, without_arp: bool = False) -> None:
        """Bring the device up, on request without address resolution (IFF_NOARP)."""
        flags = IFF_UP | (IFF_NOARP if without_arp else 0)
        self._request(_RTM_NEWLINK, 0, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, flags, flags))

    def add_address(self, index: int, address: str, prefix_length: int) -> None:
        """Give the device an address; an IPv6 address is usable at once (no duplicate address detection)."""
        family, packed = _packed(address)
        body = _IFADDRMSG.pack(family, prefix_length, 0, 0, index) + attribute(_IFA_ADDRESS, packed)
        body += attribute(_IFA_LOCAL, packed)
        if family == socket.AF_INET6:
            body += _number(_IFA_FLAGS, _IFA_F_NODAD)
        self._request(_RTM_NEWADDR, _NLM_F_CREATE | _NLM_F_EXCL, body)

    def is_delivered_locally(self, address: str) -> bool:
        """Tell whether packets to the address are taken for this host's own (its route is of type local)."""
        family, packed = _packed(address)
        body = _RTMSG.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_DST, packed)
        self._sequence += 1
        self._socket.send(
            _HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, self._sequence, 0) + body
        )
        answer = self._socket.recv(8192)
        if _HEADER.unpack_from(answer)[1] != _RTM_NEWROUTE:
            return False
        return bool(_RTMSG.unpack_from(answer, _HEADER.size)[7] == _RTN_LOCAL)

    def delete_route(self, network: str, prefix_length: int) -> None:
        """Delete the route to exactly this prefix, of whatever kind."""
        self._route(_RTM_DELROUTE, 0, network, prefix_length, b"", _RT_SCOPE_NOWHERE)

    def add_route(self, network: str, prefix_length: int, index: int, gateway: str | None) -> None:
        """Add a route through the device and, where given, a gateway."""
        body = _number(_RTA_OIF, index)
        scope = _RT_SCOPE_LINK
        if gateway is not None:
            body += attribute(_RTA_GATEWAY, _packed(gateway)[1])
            scope = _RT_SCOPE_UNIVERSE
        self._route(_RTM_NEWROUTE, _NLM_F_CREATE | _NLM_F_EXCL, network, prefix_length, body, scope)

    def _route(self, kind: int, flags: int, network: str, prefix_length: int, attributes: bytes, scope: int) -> None:
        family, packed = _packed(network)
        protocol, route_type = (_RTPROT_BOOT, _RTN_UNICAST) if kind == _RTM_NEWROUTE else (0, 0)
        scope = scope if family == socket.AF_INET else _RT_SCOPE_UNIVERSE
        body = _RTMSG.pack(family, prefix_length, 0, 0, _RT_TABLE_MAIN, protocol, scope, route_type, 0)
        self._request(kind, flags, body + attribute(_RTA_DST, packed) + attributes)


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _reason(number: int, answer: bytes, flags: int) -> str:
    """Return the kernel's own words where it sent some (extended acknowledgement), else the errno's."""
    position = _HEADER.size + 4 + _HEADER.size
    while flags & _NLM_F_ACK_TLVS and position + 4 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, position)
        if length < 4:
            break
        if kind == 1:  # NLMSGERR_ATTR_MSG
            return answer[position + 4 : position + length].rstrip(b"\0").decode(errors="replace")
        position += (length + 3) & ~3
    return os.strerror(number)
