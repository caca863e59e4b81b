"""TCP over UDP: the nplab dialect's `/udp(a > b)` against the FreeBSD personality, whose tcp(4) has the option."""

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from targets.registry import create_target

HEAD = """--udp_encapsulation=tcp
 0 `sysctl -w net.inet.tcp.udp_tunneling_port=9811`
"""
CONNECTING = (
    HEAD
    + """
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 setsockopt(3, IPPROTO_TCP, TCP_REMOTE_UDP_ENCAPS_PORT, [7], 4) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (no)
+0 > S 0:0(0) win 65535 <mss 1452,nop,wscale 6,sackOK,TS val 100 ecr 0>/udp(9811 > 7)
"""
)
CONNECTED = (
    CONNECTING
    + """
+.1 < S. 0:0(0) ack 1 win 65535 <mss 1452,sackOK,eol,eol>/udp(7 > 9811)
+0 > . 1:1(0) ack 1 win 65535/udp(9811 > 7)
"""
)
LISTENING = (
    HEAD
    + """
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
)
ACCEPTED = (
    LISTENING
    + """
+0 < S 0:0(0) win 65535 <mss 1452,sackOK,eol,eol>/udp(7 > 9811)
+0 > S. 0:0(0) ack 1 <mss 1452,sackOK,eol,eol>/udp(9811 > 7)
+.1 < . 1:1(0) ack 1 win 65535/udp(7 > 9811)
+0 accept(3, ..., ...) = 4
"""
)


def played(text: str, target: str = "reference:freebsd") -> RunResult:
    script, config = load("t.pkt", text=text, config=Config(), dialect="nplab")
    return play(script, config, create_target(target))


def passes(text: str) -> None:
    result = played(text)
    assert result.verdict is Verdict.PASS, result.failure


def says(text: str) -> str:
    failure = played(text).failure
    assert failure is not None
    return failure.first_line


def test_a_connection_in_datagrams_leaves_room_for_their_header() -> None:
    # tcp(4): udp_tunneling_overhead, 8 octets by default, is taken from the segment size.
    passes(CONNECTED + "+0 write(3, ..., 2000) = 2000\n+0 > . 1:1453(1452) ack 1 win 65535/udp(9811 > 7)\n")
    more = CONNECTING.replace("9811`", "9811 net.inet.tcp.udp_tunneling_overhead=100`").replace("1452", "1360")
    passes(more)


def test_a_listener_answers_the_way_the_syn_came() -> None:
    passes(ACCEPTED + "+0 getsockopt(4, IPPROTO_TCP, TCP_REMOTE_UDP_ENCAPS_PORT, [7], [4]) = 0\n")


@pytest.mark.parametrize(("way", "back"), [("", ""), ("/udp(8 > 9811)", "/udp(9811 > 8)")])
def test_a_segment_that_comes_another_way_finds_no_connection(way: str, back: str) -> None:
    passes(CONNECTED + f"+0 < . 1:1(0) ack 1 win 65535{way}\n+0 > R 1:1(0) win 0{back}\n")
    waiting = ACCEPTED.replace(
        "+.1 <",
        f"+0 < . 1:1(0) ack 1 win 9{way}\n+0 > R 1:1(0) win 0{back}\n+0 accept(3, ..., ...) = -1 EAGAIN (no)\n+.1 <",
    )
    passes(waiting)


def test_a_cookie_does_not_hold_the_port() -> None:
    passes(
        ACCEPTED.replace("9811`", "9811 net.inet.tcp.syncookies_only=1`").replace(
            ". 1:1(0) ack 1 win 65535/udp(7 ", ". 1:1(0) ack 1 win 65535/udp(8 "
        )
        + "+0 getsockopt(4, IPPROTO_TCP, TCP_REMOTE_UDP_ENCAPS_PORT, [8], [4]) = 0\n"
    )


@pytest.mark.parametrize(("ports", "error"), [("9811 > 7", "ECONNREFUSED"), ("9812 > 7", "0"), ("9811 > 8", "0")])
def test_an_icmp_error_must_quote_both_ports(ports: str, error: str) -> None:
    passes(
        CONNECTING
        + f"+.1 < icmp unreachable port_unreachable [0:0(0)/udp({ports})]\n"
        + f"+.1 getsockopt(3, SOL_SOCKET, SO_ERROR, [{error}], [4]) = 0\n"
    )


def test_too_big_is_about_the_packet_around_the_datagram() -> None:
    passes(
        CONNECTED
        + """+0 write(3, ..., 1452) = 1452
+0 > P. 1:1453(1452) ack 1 win 65535/udp(9811 > 7)
+0 < icmp unreachable frag_needed mtu 1300 [1:1453(1452)/udp(9811 > 7)]
+0 > . 1:1253(1252) ack 1 win 65535/udp(9811 > 7)
+0 > P. 1253:1453(200) ack 1 win 65535/udp(9811 > 7)
"""
    )


def test_the_option_needs_a_closed_socket_and_a_port_of_the_host() -> None:
    option = "setsockopt(3, IPPROTO_TCP, TCP_REMOTE_UDP_ENCAPS_PORT"
    passes(LISTENING + f"+0 {option}, [7], 4) = -1 EINVAL (no)\n")
    passes(HEAD + f"+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 {option}, [65536], 4) = -1 EINVAL (no)\n")
    without = HEAD.replace("9811", "0")
    passes(without + f"+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 {option}, [7], 4) = -1 EINVAL (no)\n")


def test_the_ports_of_the_datagram_and_its_absence_are_differences() -> None:
    assert "udp_dst_port: expected: 8 (0x8) vs actual: 7 (0x7)" in says(CONNECTING.replace("9811 > 7)", "9811 > 8)"))
    assert "expected: 2 headers vs actual: 3 headers" in says(CONNECTING.replace("/udp(9811 > 7)", ""))


def test_without_the_flag_a_datagram_is_no_segment() -> None:
    # As in the fork: such a packet is none of the socket's.
    assert "Timed out waiting for packet" in says(CONNECTING.replace("--udp_encapsulation=tcp\n", ""))


def test_a_datagram_without_a_segment_is_dropped() -> None:
    passes(LISTENING + "+0 < udp 7 > 9811 (5)\n+1 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <...>\n")
