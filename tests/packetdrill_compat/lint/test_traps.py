"""``tcprove check`` names every trap of the language that can be seen without playing (specification, section 12)."""

import pytest

from packetdrill_compat.lint.command import findings
from packetdrill_compat.variants import variant_config
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN
from tests.bad_input.test_mutated_scripts import BASES

E, L = LINES + 1, LISTEN.count("\n") + 1
SYN = "+0 < S 0:0(0) win 9 <mss 1460>\n"


def traps(text: str, *, dialect: str = "google", notes: bool = False) -> list[tuple[int, int, str]]:
    found = findings("a.pkt", text, dialect=dialect, config=variant_config("ipv4"))
    return [(each.position.line, each.position.column, each.trap) for each in found if each.is_note == notes]


TRAPS = [
    # text (section 1)
    ('0 setsockopt(3, SOL_TCP, TCP_X, "a\\"b", 3) = 0\n', 1, 33, "goes on behind"),
    ("/* one **/ */\n0 `true`\n", 1, 9, "does not end the comment"),
    ("0 %{ x = {1: {2: 3}}% 5 }%\n", 1, 3, "}}% does not end a code block"),
    ('0 setsockopt(3, SOL_TCP, TCP_X, "a\\\\b", 3) = 0\n', 1, 33, "become a form feed"),
    ("0 `true`\n+.0000015 `true`\n", 2, 2, "played as 1 us"),
    ('--define="N=010"\n0 `true`\n', 1, 1, "read as octal: 010 is 8"),
    ("--non_fatal=syscall\n0 `true`\n", 1, 1, "--non_fatal=syscall has no effect"),
    ('--non_fatal="packet,call"\n0 `true`\n', 1, 1, "'call' in --non_fatal is ignored"),
    ("--code_sockopt=TCP_INFO\n0 `true`\n", 1, 1, "--code_sockopt has no effect"),
    # times (section 2)
    ("1 `true`\n", 1, 1, "the first event must be at time 0"),
    ("0 `true`\n2 `true`\n1 `true`\n", 3, 1, "time goes backward"),
    # packets (sections 3 and 4)
    (ESTABLISHED + "+0 > 8080 > 7 . 1:1(0) ack 1\n", E, 4, "ports of an expected packet are never compared"),
    (ESTABLISHED + "+0 > [ttl 255] . 1:1(0) ack 1\n", E, 4, "means that it is not compared"),
    (ESTABLISHED + "+0 < [ttl 0] . 1:1(0) ack 1 win 9\n", E, 4, "goes out as 255"),
    (ESTABLISHED + "+0 > R 1:1(0) ack 1\n", E, 4, "ack 1 without the flag '.'"),
    (ESTABLISHED + "+0 > . 1:1(0) ack 1 <eol,nop,nop,nop>\n", E, 4, "eol does not end the list"),
    (ESTABLISHED + "+0 < icmp unreachable host_unreachable\n", E, 4, "relative sequence number 0"),
    (ESTABLISHED + "+0 > icmp echo_request\n", E, 4, "never matched while the newest socket is of IPPROTO_TCP"),
    (
        ESTABLISHED + "+0 < . 1:1(0) ack 1 win 9 <nop,nop,TS val 1 ecr 5>\n",
        E,
        36,
        "no expected packet before has TS val 5",
    ),
    (LISTEN + "+0 < . 1:1(0) ack 1 win 9\n", L, 4, "begins a connection, whatever its flags are"),
    (LISTEN + SYN + "+0 > S. 0:0(0) ack 1 <...>\n" + SYN, L + 2, 4, "it is no second connection"),
    # calls (section 5)
    ("0 socket(..., SOCK_STREAM, 0) = 3\n", 1, 28, "with 0 none ever is"),
    (LISTEN + "+0 listen(3, 1) = N\n", L, 19, "never evaluated"),
    (LISTEN + "+0 read(3, ..., 9) = 9 EAGAIN (no)\n", L, 22, "EAGAIN is compared although the call is to succeed"),
    (LISTEN + "+0 accept(3, ..., ...) = -1 (try again)\n", L, 26, "the note '(try again)' is no error name"),
    (LISTEN + "+.5...0.1 accept(3, ..., ...) = 4\n", L, 11, "to return 400000 us before it begins"),
    (LISTEN + "+0...1 splice(3, 0, 3, 0, 9, 0) = 9\n", L, 8, "stops packetdrill with an assertion"),
    (LISTEN + "+0 setsockopt(3, SOL_TCP, TCP_NODELAY, 1, 4) = 0\n", L, 40, "a bare value fails"),
    (
        LISTEN + "+0 getsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=0, linger=0}, [8]) = 0\n",
        L,
        41,
        "SO_LINGER cannot be read back",
    ),
    (
        LISTEN + "+0 getsockopt(3, SOL_TCP, TCP_MAXSEG, [9], [4]) = -1 EINVAL (bad)\n",
        L,
        39,
        "compared after an expected failure",
    ),
    (
        LISTEN + "+0 epoll_create(1) = 5\n+0 epoll_wait(5, {events=EPOLLIN, fd=3}, 1, 0) = 0\n",
        L + 1,
        18,
        "compared even when none came",
    ),
    ("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = -1 EINVAL (x)\n", 2, 19, "listening socket"),
    ("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0\n", 2, 4, "waits for the answer"),
    (LISTEN + "+0 close(3) = 0\n+0 listen(3, 1) = 0\n", L + 1, 4, "descriptor 3 is closed"),
    # commands and code (sections 6 and 7.3)
    ("0 `true`\n`echo bye`\n", 2, 1, "never runs, because the script has no init command"),
    ("`false\ntrue`\n0 `true`\n", 1, 1, "only the status of the last line counts"),
    ("`tc qdisc add dev tun1 root pfifo`\n0 `true`\n", 1, 1, "the device is called tun0, never tun1"),
    (LISTEN + SYN + "+0 %{ x = 1 }%\n", L + 1, 4, "no descriptor before accept()"),
    (ESTABLISHED + "+0 close(4) = 0\n+0 %{ x = 1 }%\n", E + 1, 4, "the newest socket is closed here"),
]


@pytest.mark.parametrize(("text", "line", "column", "trap"), TRAPS)
def test_a_trap_is_named_with_its_place(text: str, line: int, column: int, trap: str) -> None:
    (found,) = [each for each in traps(text) if trap in each[2]]
    assert found[:2] == (line, column)


NOTES = [
    ("--remote_ip=192.0.2.9\n" + LISTEN, 1, "--remote_ip of a command line wins"),
    (ESTABLISHED + "* > . 1:1(0) ack 1\n", E, "* waits for ever"),
    (ESTABLISHED + "+2 > . 1:1(0) ack 1\n", E, "0.25 s too early or too late"),
    (ESTABLISHED + "+0 close(4) = 0\n", LINES - 1, "never looked at"),
    (ESTABLISHED + "+0 > S0. 0:0(0) ack 1\n", E, "ACE digit 0"),
    (ESTABLISHED + "+0 > . 1:1(0) ack 1 <nop,nop,TS val 5 ecr 7>\n", E, "the ecr of an expected packet"),
    (ESTABLISHED + "+0 > P. 1:11(10) ack 1\n", E, "also a pure ACK in front of it"),
]


@pytest.mark.parametrize(("text", "line", "note"), NOTES)
def test_what_most_scripts_can_live_with_is_a_note(text: str, line: int, note: str) -> None:
    assert [each[0] for each in traps(text, notes=True) if note in each[2]] == [line]
    assert [each for each in traps(text) if note in each[2]] == []


@pytest.mark.parametrize("text", [LISTEN, ESTABLISHED, *BASES])
def test_scripts_that_do_what_they_say_have_no_traps(text: str) -> None:
    assert traps(text) == []


def test_what_sets_a_socket_apart_is_known() -> None:
    nonblocking = "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
    socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    assert traps(socket + nonblocking + "+0 connect(3, ..., ...) = 0\n") == []
    assert traps(socket + "+0...1 connect(3, ..., ...) = 0\n") == []
    assert (
        traps(socket + "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0\n+0 connect(3, ..., ...) = 0\n")
        == []
    )
    echo = "+0 > . 1:1(0) ack 1 <nop,nop,TS val 5 ecr 0>\n+0 < . 1:1(0) ack 1 win 9 <nop,nop,TS val 1 ecr 5>\n"
    assert traps(ESTABLISHED + echo) == []
    assert traps(LISTEN + SYN + LISTEN.replace("0   socket", "+0 socket").replace("= 3", "= 4") + SYN) == []
