"""How long packets may be: an IP packet has at most 65535 octets."""

from packetdrill_compat.ast import (
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    IcmpSpec,
    Md5Valid,
    MptcpOption,
    PlainOption,
    RawOption,
    ScriptOption,
    TcpSpec,
    TimestampPattern,
    UdpSpec,
)
from packetdrill_compat.build.mptcp_lengths import mptcp_length

_IP_HEADER = {4: 20, 6: 40}
_TCP_HEADER = 20
_UDP_HEADER = 8
ICMP_HEADER = 8
_ECHOED_TRANSPORT = 8
_MAX_PACKET = 65535
_MAX_OPTIONS = 40


def check_tcp_size(body: TcpSpec, ip_version: int) -> str:
    """Return packetdrill's message when the segment does not fit into an IP packet, else nothing."""
    length = _IP_HEADER[ip_version] + _TCP_HEADER + options_length(body.options or ()) + body.sequence.length
    return "TCP segment too large" if length > _MAX_PACKET else ""


def check_udp_size(body: UdpSpec, ip_version: int) -> str:
    """Return packetdrill's message when the datagram does not fit into an IP packet, else nothing."""
    length = _IP_HEADER[ip_version] + _UDP_HEADER + body.length
    return "UDP datagram too large" if length > _MAX_PACKET else ""


def check_icmp_size(body: IcmpSpec, ip_version: int) -> str:
    """Return a message when the message does not fit into an IP packet, else nothing."""
    header = _IP_HEADER[ip_version]
    match body.echoed:
        case EchoedRaw(length):
            return "ICMP message too large" if header + length > _MAX_PACKET else ""
        case EchoedUdp():
            echoed = header + _UDP_HEADER + body.echoed.length
        case EchoedTcp():
            echoed = header + _TCP_HEADER + body.echoed.sequence.length
        case _:
            return ""
    # The echoed IP header gives the length of the packet that it once had, although only eight octets follow it.
    return "echoed packet too large" if echoed > _MAX_PACKET else ""


def check_options_length(options: tuple[ScriptOption, ...]) -> str:
    """Return packetdrill's message when options are too long or not padded, else nothing."""
    length = options_length(options)
    if length > _MAX_OPTIONS:
        return "TCP option list too long"
    if length % 4:
        return (
            "TCP options are not padded correctly to ensure TCP header is a multiple of 4 bytes: "
            f"{length % 4} excess bytes"
        )
    return ""


def options_length(options: tuple[ScriptOption, ...]) -> int:
    """Return how many octets the options take."""
    return sum(option_length(option) for option in options)


def option_length(option: ScriptOption) -> int:
    """Return how many octets one option takes on the wire."""
    match option:
        case PlainOption(wire):
            return len(wire.build())
        case TimestampPattern():
            return 10
        case Md5Valid():
            return 18
        case RawOption(data):
            return len(data)
        case MptcpOption():
            return mptcp_length(option)
