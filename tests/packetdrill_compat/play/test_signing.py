"""Options of the nplab dialect that say what is to be right, not which octets it is: signatures and timestamps."""

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from targets.registry import create_target

KEYS = """--tcp_md5_secret=secret
 0 `kldstat -q -m tcpmd5 || kldload tcpmd5; echo 'add 192.168.0.1 192.0.2.1 tcp 0x1000 -A tcp-md5 "secret" ;
    add 192.0.2.1 192.168.0.1 tcp 0x1001 -A tcp-md5 "secret" ;' | setkey -c`
"""
SIGNING = (
    KEYS
    + """
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, IPPROTO_TCP, TCP_MD5SIG, [1], 4) = 0
"""
)
CONNECTED = (
    SIGNING
    + """
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (no)
+0 > S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0,nop,nop,md5 valid>
+.1 < S. 0:0(0) ack 1 win 32767 <mss 1460,sackOK,md5 valid>
+0 > . 1:1(0) ack 1 win 65535 <nop,nop,md5 valid>
"""
)
PLAIN = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (no)
+0 > S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val {val} ecr 0>
+.1 < S. 0:0(0) ack 1 win 32767 <mss 1460,nop,nop,TS val 7 ecr {ecr}>
"""


def played(text: str) -> RunResult:
    script, config = load("t.pkt", text=text, config=Config(), dialect="nplab")
    return play(script, config, create_target("reference:freebsd"))


def passes(text: str) -> None:
    result = played(text)
    assert result.verdict is Verdict.PASS, result.failure


def test_a_connection_of_signed_segments_both_ways() -> None:
    # RFC 2385; the signature takes 20 octets of each segment (RFC 9293, MUST-16).
    passes(
        CONNECTED
        + """+0 write(3, ..., 1500) = 1500
+0 > . 1:1441(1440) ack 1 win 65535 <nop,nop,md5 valid>
+0 > P. 1441:1501(60) ack 1 win 65535 <nop,nop,md5 valid>
+.1 < . 1:1(0) ack 1501 win 32767 <nop,nop,md5 valid>
+0 close(3) = 0
+0 > F. 1501:1501(0) ack 1 win 65535 <nop,nop,md5 valid>
"""
    )


def test_a_listener_and_the_socket_before_it_sign() -> None:
    passes(
        SIGNING
        + """+0 bind(3, ..., ...) = 0
+0 < S 0:0(0) win 32767 <mss 1460,sackOK,md5 valid>
+0 > R. 0:0(0) ack 1 win 0 <nop,nop,md5 valid>
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32767 <mss 1460,sackOK,md5 valid>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,md5 valid>
+.1 < . 1:1(0) ack 1 win 32767 <nop,nop,md5 valid>
+0 accept(3, ..., ...) = 4
"""
    )


@pytest.mark.parametrize("options", ["", "<nop,nop,md5 00112233445566778899aabbccddeeff>"])
def test_a_segment_without_the_right_signature_is_dropped(options: str) -> None:
    dropped = f"+0 < R. 1:1(0) ack 1 win 0 {options}\n+.1 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n"
    passes(CONNECTED + dropped)
    passes(CONNECTED + "+0 < R. 1:1(0) ack 1 win 0 <nop,nop,md5 valid>\n+0 read(3, ..., 9) = -1 ECONNRESET (no)\n")


def test_a_wrong_signature_and_a_missing_secret_are_named() -> None:
    failure = played(CONNECTED.replace("--tcp_md5_secret=secret", "--tcp_md5_secret=other")).failure
    assert failure is not None
    assert "bad value in outbound TCP option (kind=19)" in failure.message
    failure = played(CONNECTED.replace("--tcp_md5_secret=secret\n", "")).failure
    assert failure is not None
    assert failure.message.endswith("'md5 valid' without a secret")
    assert failure.next_step == "pass --tcp_md5_secret=SECRET"


def test_forgotten_secrets_sign_nothing_more() -> None:
    passes(
        KEYS
        + """+0 `setkey -F`
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, IPPROTO_TCP, TCP_MD5SIG, [1], 4) = 0
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (no)
+0 > S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>
"""
    )


def test_setkey_says_what_it_cannot_read() -> None:
    failure = played(" 0 `echo 'del nobody;' | setkey -c`\n").failure
    assert failure is not None
    assert "syntax error at [del]" in failure.got


def test_a_timestamp_that_is_left_open_fits_any() -> None:
    passes(PLAIN.format(val="...", ecr="0!"))


def test_an_absolute_echo_is_not_translated() -> None:
    # RFC 7323, 3.2: an echo of 0 is of no timestamp of ours; translated it would be the one of the SYN.
    passes(PLAIN.format(val="0", ecr="0!") + "+0 > . 1:1(0) ack 1 <nop,nop,TS val 100 ecr 7>\n")
    result = played(PLAIN.format(val="5", ecr="6") + "+0 > . 1:1(0) ack 1 <nop,nop,TS val 100 ecr 7>\n")
    assert result.failure is not None
    assert "unable to infer live TS ecr for script TS ecr 6" in result.failure.message
