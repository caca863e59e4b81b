"""The nplab dialect. Source: language specification, section 10.1; details measured with the fork's ``--dry_run``."""

import pytest

from packetdrill_compat.ast import (
    BraceList,
    CallExpr,
    CmsgExpr,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Ellipsis_,
    Expression,
    ExtendedErrorExpr,
    IcmpSpec,
    Integer,
    IovecExpr,
    IpInfo,
    KeyValue,
    LingerExpr,
    ListExpr,
    Md5Valid,
    MsgHdrExpr,
    PlainOption,
    RawOption,
    ScriptOption,
    SequenceRange,
    String,
    TcpFlags,
    TimestampPattern,
    UdpSpec,
    Word,
)
from tests.packetdrill_compat.reading import helpers
from tests.packetdrill_compat.reading.helpers import read
from wire.options import AccEcn, FastOpen, Nop
from wire.tcp import ACK, AE, CWR, ECE, PSH, SYN, URG


def refused(text: str, *flags: str) -> str:
    return helpers.refused(text, *flags, dialect="nplab").message


def events(text: str, *flags: str) -> int:
    return len(read(text, *flags, dialect="nplab").events)


# ---------------------------------------------------------------- conditional text


def test_text_for_the_own_system_is_read() -> None:
    assert events("#ifdef Linux\n0 `a`\n#endif\n0 `b`") == 2
    assert events("#ifdef FreeBSD\n) garbage (\n#endif\n0 `b`") == 1


def test_the_directives_may_stand_anywhere() -> None:
    assert events("0 #ifdef Linux `a` #endif") == 1
    assert events("0 `a` #ifdef FreeBSD 0 ` #endif") == 1
    assert events("0 `a`\n#ifdef\n\nLinux\n0 `b`\n#endif") == 2


def test_skipped_text_is_not_scanned() -> None:
    # The first #endif ends it, wherever it stands.
    assert refused("0 `a` #ifdef FreeBSD // #endif \n #endif") == "missing #ifdef for #endif"


def test_defined_names_count_from_the_end_of_the_option_section() -> None:
    assert "parse error at '('" in refused("0 `a`\n#ifdef NAME\n(\n#endif", "-DNAME=1")
    assert "parse error at '('" in refused("--define=NAME=1\n0 `a`\n#ifdef NAME\n(\n#endif")
    assert events("--mtu=1000\n#ifdef NAME\n(\n#endif\n0 `a`", "-DNAME=1") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#endif\n0 `a`", "missing #ifdef for #endif"),
        ("#ifdef Linux\n0 `a`", "unterminated #ifdef in line 1"),
        ("0 `a`\n#ifdef FreeBSD\n", "unterminated #ifdef in line 2"),
        ("0 `a`\n#ifdef", "unterminated #ifdef in line 2"),
        ("#ifdef Linux\n#ifdef Linux\n#endif\n0 `a`", "#ifdef already seen in line 1"),
        ("#ifdef 5\n#endif\n0 `a`", "#ifdef must be followed by name"),
    ],
)
def test_directives_must_match(text: str, told: str) -> None:
    assert refused(text) == told


def test_other_hashes_are_stray_characters() -> None:
    for text in ("# comment\n0 `a`", "# ifdef Linux\n0 `a`\n#endif", "#ifndef X\n0 `a`\n#endif"):
        assert refused(text).startswith("parse error at '#'")


# ---------------------------------------------------------------- packets


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("P.U", TcpFlags(PSH | ACK | URG)),
        ("S.EW", TcpFlags(SYN | ACK | ECE | CWR)),
        ("S U", TcpFlags(SYN | URG)),
        ("S.5", TcpFlags(SYN | ACK | AE | ECE, 5)),
        (".0", TcpFlags(ACK, 0)),
    ],
)
def test_letters_may_follow_the_dot(text: str, flags: TcpFlags) -> None:
    assert helpers.tcp(f"> {text} 1:1(0)", dialect="nplab").flags == flags


def test_sequence_forms() -> None:
    assert helpers.tcp("> . 1:6(5)!", dialect="nplab").sequence == SequenceRange(1, 6, 5, absolute=True)
    assert helpers.tcp("> . ...(5) ack 1", dialect="nplab").sequence == SequenceRange(0, 5, 5, ignored=True)


@pytest.mark.parametrize(
    ("text", "info"),
    [
        ("[ttl 5, dscp cs1, ecn ect0, flowlabel 0x5]", IpInfo(EcnMark.ECT0, None, 5, 5, 8)),
        ("(hlim 5, class 0x4)", IpInfo(tos=4, ttl=5)),
        ("[dscp af43]", IpInfo(dscp=38)),
        ("[dscp voice-admit]", IpInfo(dscp=44)),
        ("[dscp le]", IpInfo(dscp=1)),
        ("[dscp 0x3f, ect01]", IpInfo(EcnMark.ECT01, dscp=63)),
        ("[ttl 5, ttl 6]", IpInfo(ttl=6)),
    ],
)
def test_ip_annotations_are_lists(text: str, info: IpInfo) -> None:
    assert helpers.packet(f"> {text} . 1:1(0)", dialect="nplab").info == info


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tos 0x1, tos 0x2]", "tos already set"),
        ("[tos 0x1, ect0]", "can't set ecn, tos already set"),
        ("[ect0, ect01]", "can't set ECT01, tos already set"),
        ("[dscp cs1, dscp cs2]", "can't set dscp, tos already set"),
        ("[dscp 0x40]", "dscp out of range for 6 bits"),
        ("[ttl 256]", "ttl out of range"),
        ("[hlim -1]", "hlim out of range"),
    ],
)
def test_ip_annotations_exclude_each_other(text: str, told: str) -> None:
    assert refused(f"0 > {text} . 1:1(0)") == f"semantic error: {told}"


def test_udp_and_udp_lite() -> None:
    assert helpers.packet("> [ect0] udp (5)", dialect="nplab").body == UdpSpec(5)
    assert helpers.packet("> udplite 1 > 2 (5, 8)", dialect="nplab").body == UdpSpec(5, (1, 2), 8)
    assert refused("0 > udplite (5, -1)") == "semantic error: UDPLite checksum coverage out of range"


def test_udp_around_tcp() -> None:
    body = helpers.tcp("< S 0:0(0) win 5 <nop,nop,nop,nop> /udp(5 > 6)", dialect="nplab")
    assert body.udp_ports == (5, 6)
    assert refused("0 > . 1:1(0)/udp(65536 > 1)") == "semantic error: UDP source port out of range"
    assert refused(f"0 > {'gre: ' * 4} . 1:1(0)/udp(1 > 1)") == "semantic error: too many headers"


def test_rst_diagnostic_payload() -> None:
    assert helpers.tcp("> R. 1:9(8) [code 1, pen 2]", dialect="nplab").rst_code == (1, 2)
    told = "semantic error: unexpected payload length of 0 for RST diagnostic payload"
    assert refused("0 > R 1:1(0) [code 1, pen 2]") == told
    told = "semantic error: RST diagnostic payload of code/pen = 1/2 for non RST segment"
    assert refused("0 > . 1:9(8) [code 1, pen 2]") == told
    assert refused("0 > R 1:9(8) [code 65536, pen 2]") == "semantic error: code out of range"


def test_icmp() -> None:
    body = helpers.packet("< icmp unreachable [1:2(1)!/udp(5 > 6)]", dialect="nplab").body
    assert body == IcmpSpec("unreachable", echoed=EchoedTcp(SequenceRange(1, 2, 1, absolute=True), (5, 6)))
    body = helpers.packet("< icmp time_exceeded ttl_exceeded_in_transit [udplite (5, 8)]", dialect="nplab").body
    assert body == IcmpSpec("time_exceeded", "ttl_exceeded_in_transit", echoed=EchoedUdp(5, 8))
    read("0 < icmp router_advertisement mtu 1492", "--ip_version=ipv6", dialect="nplab")
    assert "syntax error" in refused("0 < icmp unreachable [raw (8)]")


NOP = PlainOption(Nop())


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("nop,nop,TS val ... ecr 5", (NOP, NOP, TimestampPattern(None, 5))),
        ("nop,nop,TS val 4 ecr 5!", (NOP, NOP, TimestampPattern(4, 5, ecr_absolute=True))),
        ("nop,nop,md5 valid", (NOP, NOP, Md5Valid())),
        ("abcd1234", (RawOption(b"\xab\xcd\x12\x34"),)),
        ("gen-5 abcd", (RawOption(b"\x05\x04\xab\xcd", "gen-5"),)),
        ("gen-1,nop,nop", (RawOption(b"\x01\x02", "gen-1"), NOP, NOP)),
        ("exp-F98", (RawOption(b"\xfe\x04\x0f\x98", "exp-0F98"),)),
        ("EXP-FO,exp-FO abcd,nop,nop", (*(PlainOption(FastOpen(c, True)) for c in (b"", b"\xab\xcd")), NOP, NOP)),
        ("AccECN1 ee1b 1 eceb 2", (PlainOption(AccEcn(1, (1, 2))),)),
        ("exp-AccECN0 ee0b 1,nop", (RawOption(b"\xfe\x07\xac\xc0\0\0\1", "exp-AccECN0"), NOP)),
        ("exp-tarr", (RawOption(b"\xfe\x04\x00\xac", "exp-tarr"),)),
        ("exp-tarr 5,nop,nop,nop", (RawOption(b"\xfe\x05\x00\xac\x0a", "exp-tarr"), NOP, NOP, NOP)),
    ],
)
def test_tcp_options(text: str, options: tuple[ScriptOption, ...]) -> None:
    assert helpers.tcp(f"> . 1:1(0) <{text}>", dialect="nplab").options == options


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gen-256 abcd", "TCP option kind out of range"),
        ("gen-5 abc", "TCP option data has an odd number of digits"),
        ("gen-5 zz", "TCP option data is not a valid hex string"),
        (f"gen-5 {'ab' * 40}", "TCP option data of 40 bytes exceeds maximum length of 38 bytes"),
        ("exp-12345", "TCP ExID out of range"),
        ("exp-tarr 128", "exp-tarr: r out of range"),
        ("zz", "TCP options are not a valid hex string"),
        ("abc", "TCP options have an odd number of digits"),
        ("AccECN0 eceb 2", "AccECN0: illegal sequence"),
        ("AccECN0 ee0b 16777216,nop,nop,nop", "AccECN0: EE0B out of range"),
        (f"FO {'ab' * 39}", "TCP fast open cookie of 39 bytes exceeds maximum length of 38 bytes"),
    ],
)
def test_bad_tcp_options(text: str, told: str) -> None:
    assert refused(f"0 > . 1:1(0) <{text}>") == f"semantic error: {told}"


# ---------------------------------------------------------------- expressions

ERROR = "{ee_errno=1, ee_origin=2, ee_type=3, ee_code=4, ee_info=..., ee_data=6}"
ERROR_VALUE = ExtendedErrorExpr(Integer(1), Integer(2), Integer(3), Integer(4), Ellipsis_(), Integer(6))
CMSG = f"{{cmsg_len=5, cmsg_level=SOL_IP, cmsg_type=..., cmsg_data={ERROR}}}"
CMSG_VALUE = CmsgExpr(Word("SOL_IP"), Ellipsis_(), ERROR_VALUE, Integer(5))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NULL", Word("NULL")),
        ("flags", Word("flags")),
        ("htonl(5)", CallExpr("htonl", Integer(5))),
        ("{iov_base=..., iov_len=5}", IovecExpr(5)),
        ("{onoff=..., linger=2}", LingerExpr(None, 2)),
        (ERROR, ERROR_VALUE),
        (CMSG, CMSG_VALUE),
        (
            f"{{msg_name(...)=..., msg_iov(1)=[{{..., 5}}], msg_control(7)=[{CMSG}], msg_flags=A}}",
            MsgHdrExpr(1, ListExpr((IovecExpr(5),)), Word("A"), ListExpr((CMSG_VALUE,)), 7),
        ),
        (
            '{af_name="a", af_arg=...}',
            BraceList((KeyValue("af_name", String(("a",))), KeyValue("af_arg", Ellipsis_()))),
        ),
        ("{enable=0x1, psk=key}", BraceList((KeyValue("enable", Integer(1, True)), KeyValue("psk", Word("key"))))),
        (
            "{headers(1)=[], trailers(0)=[]}",
            BraceList((KeyValue("headers", ListExpr(()), 1), KeyValue("trailers", ListExpr(()), 0))),
        ),
        (
            "{trr_flags=A, trr_code=1, trr_pen=2}",
            BraceList(
                (KeyValue("trr_flags", Word("A")), KeyValue("trr_code", Integer(1)), KeyValue("trr_pen", Integer(2)))
            ),
        ),
        (
            "{function_set_name=..., pcbcnt=5}",
            BraceList((KeyValue("function_set_name", Ellipsis_()), KeyValue("pcbcnt", Integer(5)))),
        ),
    ],
)
def test_expressions(text: str, value: Expression) -> None:
    assert helpers.expression(text, dialect="nplab") == value


@pytest.mark.parametrize(
    "text", ['"a" "b"', "A=1", "{}", "{1}", "{scm_sec=1, scm_nsec=2}", 'inet6_addr("::1")', "{events=1, fd=2}"]
)
def test_expressions_that_are_upstream_only(text: str) -> None:
    assert "syntax error" in refused(f"0 f({text}) = 0")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("htonl(-1)", "number out of range"),
        ("{onoff=99999999999, linger=2}", "linger onoff out of range"),
        ("{trr_flags=A, trr_code=65536, trr_pen=2}", "trr_code out of range"),
        ('{sa_family = AF_FOO, sin_port = htons(1), sin_addr = inet_addr("192.0.2.1")}', "invalid address family"),
    ],
)
def test_ranges(text: str, told: str) -> None:
    assert refused(f"0 f({text}) = 0") == f"semantic error: {told}"


def test_notes_may_contain_is() -> None:
    assert helpers.call("0 f() = -1 E (this is bad)", dialect="nplab").note == "this is bad"
    assert "syntax error" in refused("0 f() = -1 E (is bad)")
