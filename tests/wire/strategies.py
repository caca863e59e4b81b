"""Packet values for property tests: everything that has a form on the wire and comes back as the same value."""

from hypothesis import strategies as st

from wire.addresses import address_text
from wire.gre import CHECKSUM_PRESENT, KEY_PRESENT, SEQUENCE_PRESENT, GreHeader
from wire.icmp import IcmpMessage
from wire.ip import (
    DESTINATION_OPTIONS,
    HOP_BY_HOP,
    ROUTING,
    ExtensionHeader,
    Ipv4Header,
    Ipv6Header,
    fragment_header,
)
from wire.mpls import MplsLabel, MplsStack
from wire.options import (
    MAX_OPTION_OCTETS,
    AccEcn,
    Ao,
    Eol,
    FastOpen,
    Md5,
    Mptcp,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
    build_options,
    registered_kinds,
)
from wire.packet import Body, Header, Packet, RawPayload
from wire.tcp import TcpSegment
from wire.udp import UdpDatagram

u3 = st.integers(0, 7)
u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u20 = st.integers(0, 0xFFFFF)
u24 = st.integers(0, 0xFFFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=60)
computed = st.none()

ipv4_addresses = st.binary(min_size=4, max_size=4).map(address_text)
ipv6_addresses = st.binary(min_size=16, max_size=16).map(address_text)

# ---------------------------------------------------------------- TCP options

mss = st.builds(Mss, u16)
window_scale = st.builds(WindowScale, u8)
sack_permitted = st.just(SackPermitted())
timestamps = st.builds(Timestamps, u32, u32)
sack = st.builds(Sack, st.lists(st.tuples(u32, u32), min_size=1, max_size=4).map(tuple))
user_timeout = st.builds(UserTimeout, st.booleans(), st.integers(0, 0x7FFF))
md5 = st.builds(Md5, st.binary(min_size=16, max_size=16))
ao = st.builds(Ao, u8, u8, st.binary(max_size=16))
fast_open = st.builds(FastOpen, st.binary(max_size=16))
fast_open_experimental = st.builds(FastOpen, st.binary(max_size=16), st.just(True))
mptcp = st.binary(min_size=1, max_size=24).map(lambda data: Mptcp.parse(data) or Mptcp(0, data))
acc_ecn = st.builds(AccEcn, st.integers(0, 1), st.lists(u24, max_size=3).map(tuple))
unknown_option = st.builds(
    UnknownOption, st.integers(2, 255).filter(lambda kind: kind not in registered_kinds()), st.binary(max_size=20)
)

OPTIONS: dict[str, st.SearchStrategy[TcpOption]] = {
    "mss": mss,
    "window scale": window_scale,
    "sack permitted": sack_permitted,
    "timestamps": timestamps,
    "sack": sack,
    "user timeout": user_timeout,
    "md5": md5,
    "ao": ao,
    "fast open": fast_open,
    "experimental fast open": fast_open_experimental,
    "mptcp": mptcp,
    "acc ecn": acc_ecn,
    "unknown": unknown_option,
}


def _fitting(options: list[TcpOption]) -> tuple[TcpOption, ...]:
    """Take options as long as they fit, and pad to whole words with `Eol`, as they will be read again."""
    fitting: list[TcpOption] = []
    for option in options:
        if len(build_options([*fitting, option])) <= MAX_OPTION_OCTETS:
            fitting.append(option)
    padding = -len(build_options(fitting)) % 4
    return (*fitting, *[Eol()] * padding)


option_areas = st.lists(st.one_of(st.just(Nop()), *OPTIONS.values()), max_size=8).map(_fitting)

# ---------------------------------------------------------------- bodies

tcp_segments = st.builds(
    TcpSegment,
    src_port=u16,
    dst_port=u16,
    seq=u32,
    ack=u32,
    flags=st.integers(0, 0x1FF),
    window=u16,
    urgent=u16,
    options=option_areas,
    payload=payloads,
    reserved=u3,
    checksum=computed,
)
udp_datagrams = st.builds(UdpDatagram, u16, u16, payloads, computed)


def icmp_messages(version: int) -> st.SearchStrategy[IcmpMessage]:
    return st.builds(IcmpMessage, st.just(version), u8, u8, u32, payloads, computed)


# Protocol numbers that no parser here claims; 253 and 254 are for experiments (RFC 3692).
raw_payloads = st.builds(RawPayload, payloads)
RAW_PROTOCOL = 253

# ---------------------------------------------------------------- headers

ipv4_headers = st.builds(
    Ipv4Header,
    src=ipv4_addresses,
    dst=ipv4_addresses,
    protocol=st.just(RAW_PROTOCOL),
    ttl=u8,
    tos=u8,
    identification=u16,
    flags=st.sampled_from((0, 2, 4, 6)),
    fragment_offset=st.just(0),
    checksum=computed,
    options=st.integers(0, 10).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)),
)
option_headers = st.builds(
    ExtensionHeader,
    st.sampled_from((HOP_BY_HOP, DESTINATION_OPTIONS)),
    # PadN (RFC 8200, section 4.2), so that dissectors have nothing to guess.
    st.integers(0, 4).map(lambda units: bytes((1, 4 + 8 * units)) + bytes(4 + 8 * units)),
    st.just(0),
)
routing_headers = st.builds(
    lambda left, addresses: ExtensionHeader(
        ROUTING, bytes((0, left % (len(addresses) + 1), 0, 0, 0, 0)) + b"".join(addresses)
    ),
    u8,
    st.lists(st.binary(min_size=16, max_size=16), max_size=3),
)
atomic_fragments = st.builds(lambda identification: fragment_header(0, more=False, identification=identification), u32)
extension_chains = st.lists(st.one_of(option_headers, routing_headers, atomic_fragments), max_size=3).map(tuple)
ipv6_headers = st.builds(
    Ipv6Header,
    src=ipv6_addresses,
    dst=ipv6_addresses,
    next_header=st.just(RAW_PROTOCOL),
    hop_limit=u8,
    traffic_class=u8,
    flow_label=u20,
    extensions=extension_chains,
)
ip_headers = st.one_of(ipv4_headers, ipv6_headers)
gre_headers = st.builds(
    lambda flags, key, sequence, offset: GreHeader(
        flags,
        offset=offset if flags & CHECKSUM_PRESENT else 0,
        key=key if flags & KEY_PRESENT else 0,
        sequence=sequence if flags & SEQUENCE_PRESENT else 0,
    ),
    st.sampled_from(
        [a | b | c for a in (0, CHECKSUM_PRESENT) for b in (0, KEY_PRESENT) for c in (0, SEQUENCE_PRESENT)]
    ),
    u32,
    u32,
    u16,
)


def _stack(labels: list[MplsLabel]) -> MplsStack:
    return MplsStack(tuple(label._replace(bottom=label is labels[-1]) for label in labels))


mpls_stacks = st.lists(st.builds(MplsLabel, u20, u3, st.just(True), u8), min_size=1, max_size=4).map(_stack)

tunnels: st.SearchStrategy[tuple[Header, ...]] = st.one_of(
    st.just(()),
    st.tuples(ip_headers),
    st.tuples(ip_headers, gre_headers),
    st.tuples(ip_headers, mpls_stacks),
    st.tuples(ip_headers, gre_headers, mpls_stacks),
    st.tuples(ip_headers, ip_headers, gre_headers),
)


def _packets(parts: tuple[tuple[Header, ...], Ipv4Header | Ipv6Header]) -> st.SearchStrategy[Packet]:
    outer, inner = parts
    version = 4 if isinstance(inner, Ipv4Header) else 6
    bodies: st.SearchStrategy[Body] = st.one_of(tcp_segments, udp_datagrams, icmp_messages(version), raw_payloads)
    return bodies.map(lambda body: Packet((*outer, inner), body))


packets = st.tuples(tunnels, ip_headers).flatmap(_packets)
plain_packets = st.tuples(st.just(()), ip_headers).flatmap(_packets)
