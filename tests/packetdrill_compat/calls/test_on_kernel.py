"""The calls on the running kernel, with scripts of our own.

They pass in packetdrill 2.0 as well (measured), except two: its build without libcap ends at CAP_PERMITTED, and it
breaks at a raw ICMPv6 packet.
"""

import os
from pathlib import Path

import pytest

from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.kernel import create

pytestmark = pytest.mark.needs_kernel

CONNECTED = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+0 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
"""
NAMED = "msg_name(...)=..., msg_iov(1)=[{..., 3}]"


def run(text: str, *, opening: str = CONNECTED, variant: str = "ipv4", path: str = "t.pkt") -> RunResult:
    script, config = load(path, text=opening + text + "\n", config=variant_config(variant))
    return play(script, config, create())


def assert_passes(result: RunResult) -> None:
    assert result.failure is None, str(result.failure)


def effective_capabilities() -> str:
    lines = Path("/proc/thread-self/status").read_text(encoding="ascii").splitlines()
    return next(line for line in lines if line.startswith("CapEff"))


@pytest.mark.parametrize("variant", ["ipv4", "ipv6", "ipv4-mapped-ipv6"])
def test_recvmsg_gives_the_octets_left_and_cuts_what_has_no_room(variant: str) -> None:
    text = f"""+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0
+0 < P. 1:11(10) ack 1 win 514
+0 recvmsg(4, {{{NAMED}, msg_flags=0, msg_control=[
    {{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=7}}]}}, 0) = 3
+0 recvmsg(4, {{{NAMED}, msg_flags=MSG_CTRUNC}}, 0) = 3
+0 recvmsg(4, {{msg_name(...)=..., msg_iov(2)=[{{..., 1}}, {{..., 9}}], msg_flags=0, msg_control=[
    {{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=0}}]}}, 0) = 4
+0 recvmsg(4, {{{NAMED}, msg_flags=99, msg_control=[
    {{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=5}}]}}, 0) = -1 EAGAIN (nothing there)"""
    assert_passes(run(text, variant=variant))


def test_a_blocking_recvmsg_returns_when_data_arrive() -> None:
    text = f"""+0 fcntl(4, F_SETFL, O_RDWR) = 0
+0...0.1 recvmsg(4, {{{NAMED}, msg_flags=0}}, 0) = 3
+.1 < P. 1:4(3) ack 1 win 514
+0 > . 1:1(0) ack 4"""
    assert_passes(run(text))


@pytest.mark.parametrize(("variant", "level"), [("ipv4", "IP"), ("ipv6", "IPV6"), ("ipv4-mapped-ipv6", "IPV6")])
def test_sendmsg_is_time_stamped_in_script_time(variant: str, level: str) -> None:
    options = "SOF_TIMESTAMPING_SOFTWARE|SOF_TIMESTAMPING_OPT_ID|SOF_TIMESTAMPING_OPT_TSONLY"
    text = f"""+0 setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [{options}], 4) = 0
+.02 sendmsg(4, {{{NAMED}, msg_flags=0, msg_control=[
    {{cmsg_level=SOL_SOCKET, cmsg_type=SO_TIMESTAMPING, cmsg_data=SOF_TIMESTAMPING_TX_ACK}}]}}, 0) = 3
+0 > P. 1:4(3) ack 1
+.02 < . 1:1(0) ack 4 win 1000
+.01 recvmsg(4, {{{NAMED}, msg_flags=MSG_ERRQUEUE, msg_control=[
    {{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={{scm_sec=0, scm_nsec=40000000}}}},
    {{cmsg_level=SOL_{level}, cmsg_type={level}_RECVERR, cmsg_data={{ee_errno=ENOMSG,
        ee_origin=SO_EE_ORIGIN_TIMESTAMPING, ee_type=0, ee_code=0, ee_info=SCM_TSTAMP_ACK, ee_data=2}}}}]}},
    MSG_ERRQUEUE) = 0"""
    assert_passes(run(text, variant=variant))
    result = run(text.replace("=40000000", "=60000000"), variant=variant)
    assert result.failure is not None
    assert "Bad timestamp 0 in scm_timestamping 0: expected=" in result.failure.message


def test_zero_copy_completions_come_from_the_error_queue() -> None:
    text = f"""+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0
+0 sendmsg(4, {{{NAMED}, msg_flags=0}}, MSG_ZEROCOPY) = 3
+0 > P. 1:4(3) ack 1
+.01 < . 1:1(0) ack 4 win 1000
+0 recvmsg(4, {{{NAMED}, msg_flags=MSG_ERRQUEUE, msg_control=[
    {{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={{ee_errno=0, ee_origin=SO_EE_ORIGIN_ZEROCOPY, ee_type=0,
        ee_code=SO_EE_CODE_ZEROCOPY_COPIED, ee_info=0, ee_data=0}}}}]}}, MSG_ERRQUEUE) = 0"""
    assert_passes(run(text))


def test_a_file_goes_out_by_sendfile_from_an_offset(tmp_path: Path) -> None:
    text = """+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0
+0 `head -c 7 /dev/zero > zeros`
+0 open("zeros", O_RDONLY) = 7
+0 sendfile(4, 7, [2], 100) = 5
+0 > P. 1:6(5) ack 1
+0 sendfile(4, 7, [7], 100) = 0
+0 sendfile(4, 7, [-1], 100) = -1 EINVAL (negative)
+0 read(7, ..., 100) = 7
+0 close(7) = 0
+0 open("absent", O_RDONLY) = -1 ENOENT (absent)"""
    assert_passes(run(text, path=str(tmp_path / "t.pkt")))


def test_splice_moves_octets_both_ways() -> None:
    text = """+0 pipe([5, 6]) = 0
+0 splice(4, 1, 6, NULL, 5, 0) = -1 EFAULT (no memory there)
+0 splice(4, NULL, 6, 3, 5, 0) = -1 ESPIPE (a pipe has no offsets)
+0 splice(4, NULL, 6, NULL, 5, 0) = -1 EAGAIN (nothing there)
+0 < P. 1:11(10) ack 1 win 514
+0 splice(4, NULL, 6, NULL, 8, 0) = 8
+0 splice(5, NULL, 4, NULL, 100, 0) = 8
+0 > P. 1:9(8) ack 11"""
    assert_passes(run(text))


@pytest.mark.parametrize(("variant", "family", "suffix"), [("ipv4", "AF_INET", ""), ("ipv6", "AF_INET6", "V6")])
def test_a_ping_socket_sends_echo_requests(variant: str, family: str, suffix: str) -> None:
    opening = f"""`sysctl -q net.ipv4.ping_group_range="0 2147483647"`
0 socket({family}, SOCK_DGRAM, IPPROTO_ICMP{suffix}) = 3
+0 sendto(3, ..., 7, 0, ..., ...) = -1 EINVAL (less than a header)
+0 sendto(3, ..., 20, 0, ..., ...) = 20
"""
    assert_passes(run("+0 > icmp echo_request [raw (20)]", opening=opening, variant=variant))


def test_sizes_without_memory_fail_as_the_kernel_says() -> None:
    # readv(2): EINVAL for a sum beyond ssize_t; EFAULT for memory that is not there.
    text = f"""+0 writev(4, [{{..., 10}}, {{..., -1}}], 2) = -1 EINVAL (negative)
+0 writev(4, [{{..., 99999999999}}], 1) = -1 EFAULT (no such memory)
+0 readv(4, [{{..., -1}}], 1) = -1 EINVAL (negative)
+0 sendmsg(4, {{{NAMED.replace("3", "-1")}, msg_flags=0}}, 0) = -1 EINVAL (negative)
+0 recvmsg(4, {{{NAMED.replace("3", "-1")}, msg_flags=0}}, 0) = -1 EINVAL (negative)
+0 ioctl(4, SIOCINQ) = -1 EFAULT (no room for the number)"""
    assert_passes(run(text))


@pytest.mark.parametrize(("variant", "family"), [("ipv6", "AF_INET"), ("ipv4-mapped-ipv6", "99"), ("ipv4", "AF_INET6")])
def test_a_family_without_address_is_long_enough_for_any(variant: str, family: str) -> None:
    opening = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
    # connect(2): EAFNOSUPPORT. An IPv6 socket says EINVAL to addresses shorter than its own (measured).
    call = f"+0 connect(3, {family}, ...) = -1 EAFNOSUPPORT (x)"
    assert_passes(run(call, opening=opening, variant=variant))


# TCP_ZEROCOPY_RECEIVE, struct tcp_zerocopy_receive of linux/tcp.h: 64 octets, address 0, so length 0 is asked for and
# what waits is told in recv_skip_hint and inq. The first member is a pointer, the fourth number is the hint.
ZEROCOPY = bytes(12) + (10).to_bytes(4, "little") + (10).to_bytes(4, "little")


def test_a_structure_without_notation_is_a_string_of_octets() -> None:
    octets = "".join(f"\\x{octet:02x}" for octet in ZEROCOPY)
    text = f"""+0 < P. 1:11(10) ack 1 win 514
+0 getsockopt(4, SOL_TCP, TCP_ZEROCOPY_RECEIVE, "{octets}", [{len(ZEROCOPY)}]) = 0"""
    assert_passes(run(text))


# SO_PRIORITY above 6 needs CAP_NET_ADMIN or CAP_NET_RAW (socket(7)).
PRIORITIES = """+0 cap_set(CAP_EFFECTIVE, CAP_NET_ADMIN, CAP_CLEAR) = 0
+0 setsockopt(4, SOL_SOCKET, SO_PRIORITY, [7], 4) = 0
+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_CLEAR) = 0
+0 setsockopt(4, SOL_SOCKET, SO_PRIORITY, [7], 4) = -1 EPERM (no capability)
+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_SET) = 0
+0 setsockopt(4, SOL_SOCKET, SO_PRIORITY, [7], 4) = 0"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose")
def test_a_capability_is_missing_until_it_is_raised_again() -> None:
    before = effective_capabilities()
    assert_passes(run(PRIORITIES))
    assert effective_capabilities() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose")
def test_new_sockets_and_files_feel_a_missing_capability() -> None:
    # raw(7): a raw socket needs CAP_NET_RAW.
    text = """+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_CLEAR) = 0
+0 socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = -1 EPERM (no capability)
+0 open("/dev/null", O_RDWR) = 5
+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_SET) = 0
+0 socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = 6"""
    assert_passes(run(text))
    assert_passes(run("+0 socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = 6"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose")
def test_a_capability_dropped_for_good_is_gone_for_that_script_only() -> None:
    text = """+0 cap_set(CAP_PERMITTED, CAP_NET_ADMIN, CAP_CLEAR) = -1 EPERM (still effective)
+0 cap_set(CAP_EFFECTIVE, CAP_NET_ADMIN, CAP_CLEAR) = 0
+0 cap_set(CAP_PERMITTED, CAP_NET_ADMIN, CAP_CLEAR) = 0
+0 cap_set(CAP_EFFECTIVE, CAP_NET_ADMIN, CAP_SET) = -1 EPERM (not permitted)
+0 setsockopt(4, SOL_SOCKET, SO_MARK, [1], 4) = 0
+0 cap_set(CAP_EFFECTIVE, CAP_NET_RAW, CAP_CLEAR) = 0
+0 setsockopt(4, SOL_SOCKET, SO_MARK, [2], 4) = -1 EPERM (no capability)"""
    before = effective_capabilities()
    assert_passes(run(text))
    assert effective_capabilities() == before
    assert_passes(run(PRIORITIES))


def test_without_root_capabilities_are_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.kernel.target.owns_namespace", lambda _pid: True)
    result = run(PRIORITIES)
    assert result.verdict is Verdict.UNSUPPORTED
    assert "capabilities cannot be dropped without root" in result.reason


# ---------------------------------------------------------------- code blocks


def test_a_block_that_reaches_out_runs_in_the_script_s_directory_and_namespace(tmp_path: Path) -> None:
    text = """+0 `echo 1 > seen`
+0 %{ import os; assert os.path.exists("seen") and os.environ["PACKETDRILL_PID"] }%
+0 %{
assert "tun0" in open("/proc/net/dev").read()
assert tcpi_state == TCP_ESTABLISHED and _line == 12
}%"""
    assert_passes(run(text, path=str(tmp_path / "t.pkt")))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "error executing code: 'python3' returned non-zero status 137"),
        ("import os; assert 0, 'odd'", "error in Python code: AssertionError: odd"),
        ("import nosuchmodule", "error in Python code: ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("raise KeyboardInterrupt", "error in Python code: KeyboardInterrupt"),
    ],
)
def test_a_block_that_fails_in_its_process_is_named(block: str, message: str, tmp_path: Path) -> None:
    result = run(f"+0 %{{ {block} }}%", path=str(tmp_path / "t.pkt"))
    assert result.failure is not None
    assert (result.failure.message, result.failure.line) == (message, 10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true", ""),
        ("python3 -O", ""),
        ("false", "error executing code: 'false' returned non-zero status 1"),
        ("no-such-program", "error executing code: 'no-such-program' returned non-zero status 127"),
    ],
)
def test_code_command_decides_what_runs_the_blocks(command: str, message: str) -> None:
    result = run("+0 %{ assert False }%", opening=f'--code_command="{command}"\n{CONNECTED}')
    assert ("" if result.failure is None else result.failure.message) == message
