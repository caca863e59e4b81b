"""What the grammar accepts and refuses. Source: language specification, sections 1.3, 2.1, 3 and 12 "Parsing"."""

import pytest

from packetdrill_compat.ast import (
    BraceList,
    CallExpr,
    CmsgExpr,
    Direction,
    EchoedRaw,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Ellipsis_,
    EpollEventExpr,
    EventTime,
    Expression,
    ExtendedErrorExpr,
    GreEncap,
    GreExpr,
    IcmpSpec,
    Integer,
    IovecExpr,
    IpEncap,
    IpInfo,
    KeyValue,
    LingerExpr,
    ListExpr,
    MplsEncap,
    MplsLabel,
    MplsStackExpr,
    MsgHdrExpr,
    OptionLine,
    Or,
    PlainOption,
    PollFdExpr,
    ScmTimestampExpr,
    SequenceRange,
    SockAddrExpr,
    String,
    SyscallEvent,
    TcpFlags,
    TimeKind,
    UdpSpec,
    Word,
)
from tests.packetdrill_compat.reading.helpers import call, expression, packet, read, refused, tcp
from wire.options import (
    AccEcn,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    WindowScale,
)
from wire.tcp import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG

# ---------------------------------------------------------------- scripts and option lines


def test_the_three_places_of_commands() -> None:
    script = read("`init` 0 `event` `cleanup`")
    assert script.init
    assert script.cleanup
    assert (script.init.text, script.cleanup.text, len(script.events)) == ("init", "cleanup", 1)


@pytest.mark.parametrize("text", ["", "\n", "// only a comment\n", "`init`", "--mtu=1500"])
def test_a_script_needs_an_event(text: str) -> None:
    assert refused(text).message.startswith("parse error at ''")


def test_option_lines_stand_in_front() -> None:
    lines = read('--mtu=1500 --strict_segments --init_scripts="a,b"\n--local_ip=192.0.2.9 0 `true`').options
    assert lines == (
        OptionLine("mtu", "1500"),
        OptionLine("strict_segments"),
        OptionLine("init_scripts", "a,b", '"'),
        OptionLine("local_ip", "192.0.2.9"),
    )
    assert refused("0 `true` --mtu=1500").message.startswith("parse error at '--mtu'")


@pytest.mark.parametrize(
    "line", ["--tolerance_percent=12.5", "--ip_version=ipv4-mapped-ipv6", "--remote_ip=192.0.2.1/24", "--mtu=0x5"]
)
def test_floats_slashes_hyphens_and_hexadecimal_need_quotes(line: str) -> None:
    assert "syntax error" in refused(f"{line}\n0 `true`").message
    name, _, value = line.partition("=")
    read(f'{name}="{value}"\n0 `true`')


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1.5", EventTime(TimeKind.ABSOLUTE, 1_500_000)),
        ("2", EventTime(TimeKind.ABSOLUTE, 2_000_000)),
        ("+.1", EventTime(TimeKind.RELATIVE, 100_000)),
        ("*", EventTime(TimeKind.ANY)),
        ("1~2.5", EventTime(TimeKind.RANGE, 1_000_000, 2_500_000)),
        ("+0~+.25", EventTime(TimeKind.RELATIVE_RANGE, 0, 250_000)),
        # The product of doubles is cut off: 0.000251 * 1e6 is 250.99999999999997.
        ("0.000251", EventTime(TimeKind.ABSOLUTE, 250)),
        ("0.0000019", EventTime(TimeKind.ABSOLUTE, 1)),
    ],
)
def test_times(text: str, time: EventTime) -> None:
    assert read(f"{text} > . 1:1(0) ack 1").events[0].time == time


@pytest.mark.parametrize("text", ["+0~1", "0~+1", "1e3", "0x1", "--1", "+ +1"])
def test_times_that_are_none(text: str) -> None:
    assert "syntax error" in refused(f"{text} > . 1:1(0) ack 1").message


def test_a_blocking_call_has_an_end() -> None:
    assert call("+.1...0.3 f() = 0").end == 300_000
    assert call("0 ... 1 f() = 0").end == 1_000_000
    for text in ("0...+1 f() = 0", "0...1 `true`", "0...1 > . 1:1(0)"):
        assert "syntax error" in refused(text).message


# ---------------------------------------------------------------- system calls


def test_arguments_and_results() -> None:
    assert call("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3") == SyscallEvent(
        "socket", (Ellipsis_(), Word("SOCK_STREAM"), Word("IPPROTO_TCP")), Integer(3)
    )
    assert call("0 f() = -1").result == Integer(-1)
    assert call("0 f() = X").result == Word("X")
    assert call("0 f() = ...").result == Ellipsis_()


def test_errno_comes_with_a_note() -> None:
    event = call("0 f() = -1 EAGAIN (Resource temporarily unavailable)")
    assert (event.errno, event.note) == ("EAGAIN", "Resource temporarily unavailable")
    assert call("0 f() = -1 (some note)").errno is None
    assert call("0 f() = -1 E (flags bad)").note == "flags bad"
    assert call("0 f() = -1 E (a) (b)").errno == "E"
    assert refused("0 f() = -1 EAGAIN").message.startswith("parse error at ''")
    assert refused("0 f() = -1 EAGAIN\n+0 `true`").message.startswith("parse error at '+'")


@pytest.mark.parametrize("note", ["", "a, b", "a-b", "can't", "a.", "1", "a 1", "ack", "a flags"])
def test_notes_hold_bare_words_only(note: str) -> None:
    assert "syntax error" in refused(f"0 f() = -1 EINVAL ({note})").message


@pytest.mark.parametrize("text", ["0 f()", "0 f = 0", "0 5() = 0", "0 fd() = 0", "0 f(1,) = 0", "0 f(1 2) = 0"])
def test_system_calls_that_are_none(text: str) -> None:
    assert "syntax error" in refused(text).message


# ---------------------------------------------------------------- expressions

MSGHDR = "{msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0%s}"
IOV = ListExpr((IovecExpr(5),))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("...", Ellipsis_()),
        ("0x10", Integer(16, hexadecimal=True)),
        ("A|B|C", Or(Word("A"), Or(Word("B"), Word("C")))),
        ("A=B|C", KeyValue("A", Or(Word("B"), Word("C")))),
        ("A|B=C", Or(Word("A"), KeyValue("B", Word("C")))),
        ('"a" "b"', String(("a", "b"))),
        ('"a"...', String(("a",), ellipsis=True)),
        ("[]", ListExpr(())),
        ("[1, ...]", ListExpr((Integer(1), Ellipsis_()))),
        ("{..., 5}", IovecExpr(5)),
        ("{...}", BraceList((Ellipsis_(),))),
        ("{1, ...}", BraceList((Integer(1), Ellipsis_()))),
        ("{A=1, B=...}", BraceList((KeyValue("A", Integer(1)), KeyValue("B", Ellipsis_())))),
        ("{}", MplsStackExpr(())),
        ("{(label 1, tc 2, [S], ttl 3)}", MplsStackExpr((MplsLabel(1, 2, True, 3),))),
        ("{flags 0x2000, sum 0, off 0, key = 5, seq 6}", GreExpr(GreEncap(0x2000, 0, 0, 5, 6))),
        ('inet_addr("192.0.2.1")', CallExpr("inet_addr", String(("192.0.2.1",)))),
        ('inet6_addr("::1")', CallExpr("inet6_addr", String(("::1",)))),
        (
            '{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("192.0.2.1")}',
            SockAddrExpr("AF_INET", 80, CallExpr("inet_addr", String(("192.0.2.1",)))),
        ),
        (MSGHDR % "", MsgHdrExpr(1, IOV, Integer(0))),
        (MSGHDR % ", msg_control=[]", MsgHdrExpr(1, IOV, Integer(0), ListExpr(()))),
        ("{cmsg_level=A, cmsg_type=B, cmsg_data=1}", CmsgExpr(Word("A"), Word("B"), Integer(1))),
        ("{scm_sec=1, scm_nsec=2}", ScmTimestampExpr(1, 2)),
        (
            "{ee_errno=1, ee_origin=2, ee_type=3, ee_code=4, ee_info=5, ee_data=6}",
            ExtendedErrorExpr(Integer(1), Integer(2), Integer(3), Integer(4), Integer(5), Integer(6)),
        ),
        ("{fd=3, events=POLLIN}", PollFdExpr(Integer(3), Word("POLLIN"), Integer(0))),
        ("{fd=3, events=A, revents=B}", PollFdExpr(Integer(3), Word("A"), Word("B"))),
        ("{events=A, u32=5}", EpollEventExpr(Word("A"), "u32", Integer(5))),
        ("{onoff=1, linger=0}", LingerExpr(1, 0)),
    ],
)
def test_expressions(text: str, value: Expression) -> None:
    assert expression(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "1.5",
        "(1)",
        "A|",
        "1=2",
        '"a" "b"...',
        '"a" B',
        "[1,]",
        "{..., X}",
        "{..., 0x5}",
        "{..., 5, 6}",
        "inet_addr(X)",
        "htons(5)",
        "{fd=1}",
        "{events=1}",
        "{linger=1, onoff=2}",
        "{onoff=0x1, linger=2}",
        "{scm_sec=1}",
        "{cmsg_level=1, cmsg_data=3, cmsg_type=2}",
        "{(label 1, tc 0, ttl 0), (label 1, tc 0, ttl 0)}",
        "192.0.2.1",
        "`x`",
    ],
)
def test_expressions_that_are_none(text: str) -> None:
    assert "syntax error" in refused(f"0 f({text}) = 0").message


# ---------------------------------------------------------------- TCP


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("S", TcpFlags(SYN)),
        ("S.", TcpFlags(SYN | ACK)),
        (".", TcpFlags(ACK)),
        ("-", TcpFlags(0)),
        ("FSRPUEWA", TcpFlags(FIN | SYN | RST | PSH | URG | ECE | CWR | AE)),
        ("SEW", TcpFlags(SYN | ECE | CWR)),
        # The digit is 4 AE + 2 CWR + 1 ECE.
        ("S.5", TcpFlags(SYN | ACK | AE | ECE, 5)),
        ("S5.", TcpFlags(SYN | ACK | AE | ECE, 5)),
        (".2", TcpFlags(ACK | CWR, 2)),
        ("P0.", TcpFlags(PSH | ACK, 0)),
        ("SS", TcpFlags(SYN)),
    ],
)
def test_flags(text: str, flags: TcpFlags) -> None:
    assert tcp(f"> {text} 1:1(0)").flags == flags


@pytest.mark.parametrize("text", [".S", "P.U", "S..", "..", "5", "S-", "-.", "-S", "ack", '"S"', "0x1"])
def test_flag_words_that_are_none(text: str) -> None:
    assert "syntax error" in refused(f"0 > {text} 1:1(0)").message


def test_the_parts_of_a_segment() -> None:
    body = tcp("< 1 > 2 P. 1:1001(1000) ack 2 win 3 urg 4 <nop,nop,nop,eol>")
    assert (body.ports, body.sequence) == ((1, 2), SequenceRange(1, 1001, 1000))
    assert (body.ack, body.window, body.urgent, len(body.options or ())) == (2, 3, 4, 4)
    body = tcp("> . 1:1(0)")
    assert (body.ports, body.ack, body.window, body.urgent, body.options) == (None, None, None, None, ())


def test_minus_needs_a_blank() -> None:
    assert refused("0 > -0:0(0)").message.startswith("parse error at ':'")


@pytest.mark.parametrize("text", ["win 5 ack 1", "urg 5 win 1", "<nop> ack 1", "ack 1 ack 2", "ack 0x1"])
def test_the_order_of_the_parts_is_fixed(text: str) -> None:
    assert "syntax error" in refused(f"0 > . 1:1(0) {text}").message


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("mss 1460", [Mss(1460)]),
        ("wscale 8,nop", [WindowScale(8), Nop()]),
        ("sackOK,eol,eol", [SackPermitted(), Eol(), Eol()]),
        ("nop,nop,sack 1:2 3:4", [Nop(), Nop(), Sack(((1, 2), (3, 4)))]),
        ("nop,nop,TS val 5 ecr 6", [Nop(), Nop(), Timestamps(5, 6)]),
        ("md5 00112233445566778899aabbccddeeff,nop,nop", [Md5(bytes(range(0, 256, 17))), Nop(), Nop()]),
        ("FO,FO abcd,nop,nop", [FastOpen(b""), FastOpen(b"\xab\xcd"), Nop(), Nop()]),
        ("FOEXP,FOEXP 12345678", [FastOpen(b"", True), FastOpen(b"\x12\x34\x56\x78", True)]),
        ("ECN e0b 1 ceb 2", [AccEcn(0, (1, 2))]),
        ("ECN e1b 1 ceb 2 e0b 3,nop", [AccEcn(1, (1, 2, 3)), Nop()]),
    ],
)
def test_tcp_options(text: str, options: list[TcpOption]) -> None:
    assert tcp(f"> S 0:0(0) <{text}>").options == tuple(map(PlainOption, options))


def test_options_that_are_not_compared() -> None:
    assert tcp("> S 0:0(0) <...>").options is None


@pytest.mark.parametrize(
    "text", ["<>", "<nop nop>", "<...,nop>", "<nop,nop,sack>", "<ECN>", "<ECN e0b 1 e1b 2>", "<FO 0x12>", "<mss 0x5>"]
)
def test_option_lists_that_are_none(text: str) -> None:
    assert "syntax error" in refused(f"0 > S 0:0(0) {text}").message


# ---------------------------------------------------------------- IP, UDP, ICMP


@pytest.mark.parametrize(
    ("text", "info"),
    [
        ("[ect0]", IpInfo(ecn=EcnMark.ECT0)),
        ("(noecn)", IpInfo(ecn=EcnMark.NOECN)),
        ("[ect01]", IpInfo(ecn=EcnMark.ECT01)),
        ("[tos 0x28]", IpInfo(tos=0x28)),
        ("[flowlabel 0x1]", IpInfo(flow_label=1)),
        ("[ttl 64]", IpInfo(ttl=64)),
        ("[ce, flowlabel 0x1]", IpInfo(ecn=EcnMark.CE, flow_label=1)),
        ("[tos 0x1, flowlabel 0x2]", IpInfo(tos=1, flow_label=2)),
        # packetdrill puts the number into one octet and says nothing.
        ("[ttl 257]", IpInfo(ttl=1)),
    ],
)
def test_ip_annotations(text: str, info: IpInfo) -> None:
    assert packet(f"> {text} . 1:1(0)").info == info


@pytest.mark.parametrize("text", ["[]", "(ect0]", "[ttl 5, ect0]", "[tos 5]", "[flowlabel 5]", "[ect0, ce]"])
def test_ip_annotations_that_are_none(text: str) -> None:
    assert "syntax error" in refused(f"0 > {text} . 1:1(0)").message


def test_encapsulation() -> None:
    event = packet(
        "< ipv4 [ect0] 192.0.2.1 > 192.0.2.2: ipv6 2001:DB8::1 > ::2: gre: mpls (label 1, tc 2, ttl 3): . 1:1(0) win 1"
    )
    assert event.direction is Direction.INBOUND
    assert event.encaps == (
        IpEncap(4, "192.0.2.1", "192.0.2.2", IpInfo(ecn=EcnMark.ECT0)),
        IpEncap(6, "2001:db8::1", "::2"),
        GreEncap(),
        MplsEncap((MplsLabel(1, 2, False, 3),)),
    )
    flags = "checksum present, key present, sequence# present"
    gre = packet(f"> gre flags [{flags}] sum 1, off 0x2, key 3 seq 4: . 1:1(0)")
    assert gre.encaps == (GreEncap(0xB000, 1, 2, 3, 4),)


def test_udp() -> None:
    assert packet("> udp (5)").body == UdpSpec(5)
    assert packet("< udp 1 > 2 (5)").body == UdpSpec(5, (1, 2))
    for text in ("0 > 1 > 2 udp (5)", "0 > udp 5"):
        assert "syntax error" in refused(text).message


def test_icmp() -> None:
    body = packet("< icmp unreachable frag_needed mtu 1400 [1:1001(1000)]").body
    echoed = EchoedTcp(SequenceRange(1, 1001, 1000))
    assert body == IcmpSpec("unreachable", "frag_needed", mtu=1400, echoed=echoed)
    assert packet("< icmp echo_request id 7").body == IcmpSpec("echo_request", echo_id=7)
    assert packet("< icmp type_3 code_1 [udp (9)]").body == IcmpSpec("type_3", "code_1", echoed=EchoedUdp(9))
    assert packet("< icmp unreachable [raw (28)]").body == IcmpSpec("unreachable", echoed=EchoedRaw(28))


@pytest.mark.parametrize("text", ["[1:1(0)] icmp unreachable", "icmp [1:1(0)] unreachable", "icmp x id 5 mtu 6"])
def test_the_old_icmp_order_does_not_parse(text: str) -> None:
    assert "syntax error" in refused(f"0 < {text}").message
