"""The IP layer of a simulated host: which packets are taken in, and the headers of those that go out."""

from functools import lru_cache
from typing import NamedTuple

from reference_stack.connection import FourTuple
from reference_stack.host.routes import Routes
from reference_stack.host.sockets import Socket, TcpSocket
from reference_stack.host.sysctls import SysctlSettings
from wire.errors import WireError
from wire.icmp import IcmpMessage
from wire.ip import DONT_FRAGMENT, Ipv4Header, Ipv6Header
from wire.packet import Header, Packet, build_packet, checksum_errors, parse_packet
from wire.tcp import TcpSegment
from wire.udp import UdpDatagram, UdpHeader

_UNICAST_CHECKED = 4096
TUNNEL_PORT = "net.inet.tcp.udp_tunneling_port"
"""The host's UDP port for TCP over UDP (FreeBSD's tcp(4)); 0 where there is none."""


class IpFields(NamedTuple):
    """What a socket says about the IP header of its packets. `ttl` None is the host's default."""

    traffic_class: int = 0
    ttl: int | None = None
    flow_label: int = 0
    dont_fragment: bool = True
    tunnel_port: int = 0
    """The peer's UDP port of TCP over UDP; 0 is TCP in IP."""


class IpLayer:
    """Takes packets in and makes packets. Reassembles nothing: a fragment is dropped."""

    def __init__(self, routes: Routes, sysctls: SysctlSettings, first_identification: int) -> None:
        self._routes = routes
        self._sysctls = sysctls
        self._identification = first_identification
        self._refuses_peer = lru_cache(maxsize=_UNICAST_CHECKED)(routes.is_unusable_peer)

    # --- in ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> Packet | None:
        """Return the packet when it is for this host and sound, else None: everything bad is dropped in silence.

        Dropped are malformed packets, wrong checksums (RFC 9293, MUST-2 and MUST-3), fragments, tunnels, packets for
        other hosts, and packets from or to an address that can be no TCP peer (RFC 9293, MUST-57 and MUST-63).
        """
        try:
            packet = parse_packet(data, tolerant=True)
            if len(packet.headers) != 1 or checksum_errors(data, packet):
                return None
        except WireError:
            return None
        header = packet.ip
        if header.is_fragment or not self._routes.is_local(header.dst) or self._refuses_peer(header.src):
            return None
        if self._routes.is_local(header.src):
            return None  # RFC 1812 5.3.7: an address of our own as source of a packet from the link is a martian
        return packet

    def routes_changed(self) -> None:
        """Forget what was derived from the routes."""
        self._refuses_peer.cache_clear()

    # --- out -----------------------------------------------------------------------------------------------------

    def tcp(self, name: FourTuple, segment: TcpSegment, fields: IpFields, ecn: int = 0) -> bytes:
        """Return the packet that carries `segment` of the connection `name`."""
        return self._build(name.local_ip, name.remote_ip, segment, fields, ecn)

    def udp(self, local_ip: str, remote_ip: str, datagram: UdpDatagram, fields: IpFields) -> bytes:
        """Return the packet that carries `datagram`."""
        return self._build(local_ip, remote_ip, datagram, fields, 0)

    def icmp(self, local_ip: str, remote_ip: str, message: IcmpMessage) -> bytes:
        """Return the packet that carries `message`."""
        return self._build(local_ip, remote_ip, message, IpFields(dont_fragment=False), 0)

    def _build(
        self, src: str, dst: str, body: TcpSegment | UdpDatagram | IcmpMessage, fields: IpFields, ecn: int
    ) -> bytes:
        # RFC 3168 section 5: the two low bits of the octet are the ECN field, and TCP owns them.
        octet = fields.traffic_class & 0xFC | ecn
        header: Ipv4Header | Ipv6Header
        if ":" in dst:
            limit = fields.ttl or self._sysctls.number("net.ipv6.conf.all.hop_limit")
            header = Ipv6Header(src, dst, 0, limit, octet, fields.flow_label)
        else:
            limit = fields.ttl or self._sysctls.number("net.ipv4.ip_default_ttl")
            header = Ipv4Header(
                src,
                dst,
                ttl=limit,
                tos=octet,
                identification=self._next_identification(),
                flags=DONT_FRAGMENT if fields.dont_fragment else 0,
            )
        headers: tuple[Header, ...] = (header,)
        if fields.tunnel_port and isinstance(body, TcpSegment):
            # The checksum of the datagram covers the segment, whose own FreeBSD leaves zero.
            headers = header, UdpHeader(self._sysctls.number(TUNNEL_PORT), fields.tunnel_port)
            body = body._replace(checksum=0)
        return build_packet(Packet(headers, body))

    def _next_identification(self) -> int:
        self._identification = (self._identification + 1) % 2**16
        return self._identification


def fields_of(socket: Socket) -> IpFields:
    """Return the header fields that a socket's options ask for (ip(7), ipv6(7))."""
    options = socket.options
    if socket.is_ipv4:
        dont_fragment = isinstance(socket, TcpSocket) and socket.settings.pmtu_discovery
        return IpFields(options.tos, options.ttl, 0, dont_fragment, options.tunnel_port)
    label = socket.flow_label if isinstance(socket, TcpSocket) else 0
    return IpFields(options.traffic_class, options.hop_limit, label, tunnel_port=options.tunnel_port)
