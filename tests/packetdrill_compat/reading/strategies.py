"""Hypothesis strategies for scripts: every value that the reader of a dialect can produce, without positions."""

from hypothesis import strategies as st

from packetdrill_compat import icmp
from packetdrill_compat.ast import (
    CodeBlock,
    Command,
    Direction,
    Echoed,
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Encap,
    Event,
    EventTime,
    GreEncap,
    IcmpSpec,
    IpEncap,
    IpInfo,
    MplsEncap,
    MplsLabel,
    OptionLine,
    PacketBody,
    PacketEvent,
    Script,
    ScriptOption,
    SequenceRange,
    SyscallEvent,
    TcpFlags,
    TcpSpec,
    TimeKind,
    UdpSpec,
)
from tests.packetdrill_compat.reading.strategies_expressions import expressions, words
from tests.packetdrill_compat.reading.strategies_options import option_lists
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG

times = st.one_of(
    st.integers(0, 10**7), st.integers(0, 10**12), st.integers(0, 3600).map(lambda second: second * 10**6)
)
u8, u16, u32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
ports = st.none() | st.tuples(u16, u16)

# ---------------------------------------------------------------- packets


@st.composite
def sequences(draw: st.DrawFn, dialect: str) -> SequenceRange:
    length = draw(st.integers(0, 2000))
    if dialect == "nplab" and draw(st.booleans()):
        return SequenceRange(0, length, length, ignored=True)
    start = draw(st.integers(0, 2**32 - 1 - length))
    return SequenceRange(start, start + length, length, absolute=dialect == "nplab" and draw(st.booleans()))


@st.composite
def tcp_flags(draw: st.DrawFn) -> TcpFlags:
    letters = draw(st.sets(st.sampled_from([FIN, SYN, RST, PSH, URG])))
    mask = sum(letters) | draw(st.sampled_from([0, ACK]))
    if mask and draw(st.booleans()):
        # A digit alone would be a number, so it needs a letter or the dot.
        ace = draw(st.integers(0, 7))
        bits = (ECE, CWR, AE)
        return TcpFlags(mask | sum(bit for place, bit in enumerate(bits) if ace >> place & 1), ace)
    return TcpFlags(mask | sum(draw(st.sets(st.sampled_from([ECE, CWR, AE])))))


@st.composite
def ip_infos(draw: st.DrawFn, dialect: str, *, ect01: bool = True, ecn: bool = True) -> IpInfo:
    marks = st.sampled_from([mark for mark in EcnMark if ect01 or mark is not EcnMark.ECT01])
    label = st.integers(0, 0xFFFFF)
    forms = [
        st.builds(IpInfo, tos=u8, flow_label=st.none() | label),
        st.builds(IpInfo, flow_label=label),
        st.builds(IpInfo, ttl=u8),
    ]
    if ecn:
        forms.append(st.builds(IpInfo, ecn=marks, flow_label=st.none() | label))
    if dialect == "nplab":
        dscp = st.integers(0, 63)
        forms.append(
            st.builds(IpInfo, ecn=st.none() | marks, dscp=dscp, flow_label=st.none() | label, ttl=st.none() | u8)
        )
    return draw(st.one_of(forms))


labels = st.builds(MplsLabel, st.integers(0, 0xFFFFF), st.integers(0, 7), st.booleans(), u8)


def encaps(dialect: str) -> st.SearchStrategy[Encap]:
    infos = st.none() | ip_infos(dialect)
    v4 = st.ip_addresses(v=4).map(str)
    v6 = st.ip_addresses(v=6).map(str)
    headers = st.builds(GreEncap, u16.map(lambda flags: flags & 0xBFF8), u16, u16, u32, u32)
    return st.one_of(
        st.builds(IpEncap, st.just(4), v4, v4, infos),
        st.builds(IpEncap, st.just(6), v6, v6, infos),
        st.just(GreEncap()) if dialect == "nplab" else headers,
        st.builds(MplsEncap, st.lists(labels, max_size=6).map(tuple)),
    )


@st.composite
def segments(draw: st.DrawFn, dialect: str, *, inbound: bool) -> TcpSpec:
    lists: st.SearchStrategy[tuple[ScriptOption, ...] | None] = option_lists(dialect)
    return TcpSpec(
        flags=draw(tcp_flags()),
        sequence=draw(sequences(dialect)),
        ack=draw(st.none() | u32),
        window=draw(u16 if inbound else st.none() | u16),
        urgent=draw(st.none() | u16),
        options=draw(lists if inbound else st.none() | lists),
        ports=draw(ports),
        udp_ports=draw(ports) if dialect == "nplab" else None,
    )


def datagrams(dialect: str) -> st.SearchStrategy[UdpSpec]:
    coverage = st.none() | u16 if dialect == "nplab" else st.none()
    return st.builds(UdpSpec, st.integers(0, 60000), ports, coverage)


@st.composite
def icmp_messages(draw: st.DrawFn, dialect: str) -> IcmpSpec:
    """ICMP of IPv4: the strategies assume the default family."""
    type_word, code_word, mtu = draw(
        st.one_of(
            st.tuples(st.sampled_from(["echo_request", "redirect", "type_200"]), st.none(), st.none()),
            st.tuples(st.just("unreachable"), st.sampled_from([None, "host_unreachable", "code_77"]), st.none()),
            st.tuples(st.just("unreachable"), st.just("frag_needed"), st.none() | u16),
        )
    )
    assert icmp.resolve(4, type_word, code_word)
    length = st.integers(0, 60000)
    forms: list[st.SearchStrategy[Echoed]] = [
        st.builds(EchoedTcp, sequences(dialect), ports if dialect == "nplab" else st.none()),
        st.builds(EchoedUdp, length, st.none() | u16 if dialect == "nplab" else st.none()),
    ]
    if dialect != "nplab":
        forms.append(st.builds(EchoedRaw, st.integers(8, 60000)))
    return IcmpSpec(type_word, code_word, mtu, draw(st.none() | u16), draw(st.none() | st.one_of(forms)))


@st.composite
def packets(draw: st.DrawFn, dialect: str) -> PacketEvent:
    direction = draw(st.sampled_from(Direction))
    inbound = direction is Direction.INBOUND
    body: PacketBody = draw(st.one_of(segments(dialect, inbound=inbound), datagrams(dialect), icmp_messages(dialect)))
    ecn = dialect == "nplab" or not isinstance(body, UdpSpec)
    info = draw(st.none() | ip_infos(dialect, ect01=not inbound, ecn=ecn))
    most = 3 if isinstance(body, TcpSpec) and body.udp_ports else 4
    outer = tuple(draw(st.lists(encaps(dialect), max_size=most))) if draw(st.booleans()) else ()
    return PacketEvent(direction, body, outer, info)


# ---------------------------------------------------------------- other events

_QUOTED = st.lists(st.sampled_from(["ls ", "-x", "\n", "\\n", '\\"', "\\`", '"', "'", "é", "//", "$PPID", "}%", "#"]))
commands = _QUOTED.map("".join).filter(lambda text: not text.endswith("\\")).map(Command)

_CODE = st.lists(st.sampled_from(["assert a == 1", "\n", "  ", "{", "}", "} ", "}}", '"', "`", "# %", "é", "\t"]))
codes = _CODE.map(lambda pieces: CodeBlock("".join(pieces).strip(" \t")))


@st.composite
def calls(draw: st.DrawFn, dialect: str) -> SyscallEvent:
    values = expressions(dialect)
    note = " ".join(draw(st.lists(words(dialect), min_size=1, max_size=4)))
    return SyscallEvent(
        draw(words(dialect)),
        tuple(draw(st.lists(values, max_size=4))),
        draw(values),
        *draw(st.sampled_from([(None, None), (None, note), ("EINVAL", note)])),
        draw(st.none() | times),
    )


@st.composite
def events(draw: st.DrawFn, dialect: str) -> Event:
    action = draw(st.one_of(packets(dialect), calls(dialect), commands, codes))
    start, end = sorted((draw(times), draw(times)))
    kinds = [EventTime(TimeKind.ABSOLUTE, start), EventTime(TimeKind.RELATIVE, start)]
    if isinstance(action, PacketEvent) and action.direction is Direction.OUTBOUND:
        kinds += [
            EventTime(TimeKind.ANY),
            EventTime(TimeKind.RANGE, start, end),
            EventTime(TimeKind.RELATIVE_RANGE, start, end),
        ]
    return Event(draw(st.sampled_from(kinds)), action)


option_lines = st.sampled_from(
    [
        OptionLine("tolerance_usecs", "10000"),
        OptionLine("verbose"),
        OptionLine("remote_ip", "192.0.2.1/24", '"'),
        OptionLine("local_ip", "192.168.0.77"),
        OptionLine("define", "DEFINED_NAME=value"),
        OptionLine("define", 'DEFINED_STRING="some text"'),
        OptionLine("define", "DEFINED_NUMBER=7", '"'),
        OptionLine("ip_version", "ipv4"),
    ]
)


def scripts(dialect: str) -> st.SearchStrategy[Script]:
    """Return a strategy for whole scripts."""
    return st.builds(
        Script,
        st.lists(option_lines, max_size=3).map(tuple),
        st.none() | commands,
        st.lists(events(dialect), min_size=1, max_size=5).map(tuple),
        st.none() | commands,
        dialect=st.just(dialect),
    )
