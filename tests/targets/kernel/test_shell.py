"""Commands of scripts: where they run, what they see, and that nothing of them stays."""

import os
import signal
from dataclasses import replace

import pytest

from targets.base import ShellResult, TargetError
from targets.kernel.target import KernelTarget
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import IPV4, IPV6
from tests.targets.kernel.processes import is_running, processes_with

pytestmark = pytest.mark.needs_kernel

LIMIT = 5_000_000


def run(target: KernelTarget, command: str, *, timeout: int = LIMIT, directory: str = "/") -> ShellResult:
    return target.shell(command, directory=directory, environment={"GREETING": "hello"}, timeout=timeout)


def test_the_parent_of_a_command_is_the_process_that_packetdrill_pid_names(opened: Opener) -> None:
    # The corpora save sysctls in a file named by PACKETDRILL_PID and restore them from one named by $PPID.
    target = opened()
    first = run(target, 'echo "$PPID $PACKETDRILL_PID"').output.split()
    assert first[0] == first[1]
    assert run(target, "echo $PPID").output.split() == first[:1]


def test_a_command_has_the_given_directory_and_environment(opened: Opener, tmp_path: os.PathLike[str]) -> None:
    result = run(opened(), "pwd; echo $GREETING; echo $PATH", directory=os.fspath(tmp_path))
    assert result.output.split("\n")[:3] == [os.fspath(tmp_path), "hello", os.environ["PATH"]]


@pytest.mark.parametrize(
    ("command", "status", "number"),
    [
        ("true", 0, 0),
        ("exit 3", 3, 0),
        ("false; true", 0, 0),
        ("kill -TERM $$", None, signal.SIGTERM),
        ("kill -INT $$", None, signal.SIGINT),
        ("no-such-command-anywhere", 127, 0),
    ],
)
def test_status_and_signal_are_told_apart(opened: Opener, command: str, status: int | None, number: int) -> None:
    result = run(opened(), command)
    assert (result.status, result.signal) == (status, number)


def test_both_outputs_of_a_command_are_kept_in_order(opened: Opener) -> None:
    assert run(opened(), "echo one; echo two >&2; echo three").output == "one\ntwo\nthree\n"


def test_a_big_environment_reaches_the_command(opened: Opener) -> None:
    big = {f"V{number}": "x" * 100_000 for number in range(8)}
    result = opened().shell("echo ${#V7}", directory="/", environment=big, timeout=LIMIT)
    assert result.output == "100000\n"


def test_sysctls_are_those_of_the_namespace(opened: Opener) -> None:
    first, second = opened(), opened()
    run(first, "sysctl -q net.ipv4.tcp_sack=0")
    assert run(first, "sysctl -n net.ipv4.tcp_sack").output == "0\n"
    assert run(second, "sysctl -n net.ipv4.tcp_sack").output == "1\n"
    with open("/proc/sys/net/ipv4/tcp_sack", encoding="ascii") as file:
        assert file.read() == "1\n"


def test_a_pipe_in_a_command_ends_by_sigpipe_as_in_a_terminal(opened: Opener) -> None:
    # Python ignores SIGPIPE; a command must not inherit that, or "yes | head" complains.
    assert run(opened(), "yes | head -n 1").output == "y\n"


def test_a_command_that_does_not_end_in_time_is_an_error_and_gone(opened: Opener) -> None:
    target = opened()
    mark = f"4{os.getpid()}"
    with pytest.raises(TargetError, match=r"did not end within 0\.100 s: echo begun"):
        run(target, f"echo begun; sleep {mark} & setsid sleep {mark} & sleep {mark}", timeout=100_000)
    assert processes_with(mark) == []
    assert run(target, "echo alive").output == "alive\n"


def test_a_background_process_lives_as_long_as_its_target(opened: Opener) -> None:
    target = opened()
    other = opened()
    pid = int(run(target, "setsid sleep 1000 >/dev/null 2>&1 & echo $!").output)
    assert run(target, f"kill -0 {pid}").status == 0
    target.close()
    run(other, f"while kill -0 {pid} 2>/dev/null; do sleep 0.01; done")
    assert not is_running(pid)


def test_the_link_has_the_wanted_mtu_speed_address_and_route(opened: Opener) -> None:
    target = opened(replace(IPV4, mtu=1_234, speed_mbit=100), "tun")
    shown = run(target, "cat /proc/net/dev; ip -o link show tun0; ip -o addr show tun0; ip route; ethtool tun0").output
    assert "mtu 1234" in shown
    assert "inet 192.168.0.1/16" in shown
    assert "192.0.2.0/24 via 192.168.0.1 dev tun0" in shown
    assert "Speed: 100Mb/s" in shown
    assert "qlen 500" in shown


def test_an_ipv6_address_can_be_used_at_once(opened: Opener, link: str) -> None:
    shown = run(opened(IPV6, link), "ip -o -6 addr show tun0; ip -6 route").output
    assert "inet6 fd3d:a0b:17d6::1/48 scope global" in shown
    assert "tentative" not in shown
    assert "fe80" not in shown
    assert "fd3d:fa7b:d17d::/64 via fd3d:a0b:17d6:8888::1 dev tun0" in shown


def test_anyip_gives_no_address_and_a_route_without_gateway(opened: Opener, link: str) -> None:
    target = opened(replace(IPV4, is_anyip=True), link)
    assert run(target, "ip -o -4 addr show tun0").output == ""
    assert run(target, "ip route").output.strip() == "192.0.2.0/24 dev tun0 scope link"


def test_the_speed_of_a_veth_pair_is_an_error(opened: Opener) -> None:
    with pytest.raises(TargetError, match="setting the speed of a veth device failed"):
        opened(replace(IPV4, speed_mbit=100), "veth")
