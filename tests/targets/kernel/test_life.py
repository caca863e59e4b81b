"""Opening and closing: errors that say what is missing, nothing left behind, many targets at once."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from targets import base, calls
from targets.base import Completion, Target, TargetError
from targets.calls import SocketAddress
from targets.kernel import capabilities, create
from targets.kernel.doctor import diagnose
from targets.kernel.helper_process import pool
from targets.registry import create_target
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import IPV4, IPV6, VARIANTS, Peer, do, established, listener, next_segment
from tests.targets.kernel.processes import (
    children_of,
    is_running,
    network_namespaces,
    processes_with,
    wait_for_end,
    wait_for_processes,
)
from wire.tcp import ACK, PSH

pytestmark = pytest.mark.needs_kernel

ROOT = Path(__file__).parents[3]


def descriptors() -> dict[str, str]:
    """Return this process's open descriptors and what they are."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the listing itself
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return found


def helper_of(target: Target) -> int:
    result = target.shell("echo $PPID", directory="/", environment={}, timeout=5_000_000)
    return int(result.output)


# ---------------------------------------------------------------- closing


def test_close_is_harmless_without_open_and_twice(opened: Opener) -> None:
    target = create()
    target.close()
    target = opened()
    target.close()
    target.close()


def test_a_closed_target_says_so() -> None:
    target = create()
    for use in (target.now, lambda: target.poll(0), lambda: target.inject(b""), lambda: target.call(calls.Pipe())):
        with pytest.raises(TargetError, match="is not open"):
            use()


def test_a_target_can_be_opened_again(opened: Opener) -> None:
    target = opened()
    established(target)
    with pytest.raises(TargetError, match="open already"):
        target.open(IPV4)
    target.close()
    target.open(IPV6)
    assert target.now() < 500_000
    established(target, VARIANTS["ipv6"])


def test_close_interrupts_blocked_calls_and_closes_every_descriptor(opened: Opener) -> None:
    for target in [opened() for _ in range(4)]:
        target.close()  # the helpers of the pool stay
    before, threads = descriptors(), threading.active_count()
    target = opened()
    fd, _ = established(target)
    reading, _ = do(target, calls.Pipe()).fds
    target.call(calls.Recv(fd, 1, 0))
    target.call(calls.Read(reading, 1))
    connecting = do(target, calls.Socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)).value
    target.call(calls.Connect(connecting, SocketAddress(socket.AF_INET, IPV4.remote_ip, 8080)))
    target.call(calls.EpollWait(do(target, calls.EpollCreate(1)).value, 1, -1))
    target.close()
    assert descriptors() == before
    assert threading.active_count() == threads


def test_no_orphaned_connection_remains_to_hold_the_namespace(opened: Opener) -> None:
    target = opened()
    fd, _ = established(target)
    target.call(calls.Write(fd, b"never acknowledged", 18))
    do(target, calls.Close(fd))  # an orphan in FIN-WAIT-1 from now on
    count = "grep -c ' 04 00000013:00000000 ' /proc/net/tcp"  # state FIN-WAIT-1, 19 octets in the send queue
    assert target.shell(count, directory="/", environment={}, timeout=5_000_000).output == "1\n"
    # What the helper does at close, done by hand while its effect can still be seen.
    program = "import sys; from targets.kernel.helper import orphans; sys.exit(not orphans.destroy_connections())"
    destroy = f"cd {ROOT} && {sys.executable} -c '{program}'"
    if target.shell(destroy, directory="/", environment={}, timeout=5_000_000).status == 1:
        pytest.skip("this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)")
    assert target.shell(count, directory="/", environment={}, timeout=5_000_000).output == "0\n"


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (replace(IPV4, local_ip="not an address"), "impossible network"),
        (replace(IPV4, remote_prefix_length=33), "impossible network"),
        (replace(IPV4, remote_ip=IPV4.local_ip), "is the local address"),
        (replace(IPV4, gateway_ip="10.9.9.9"), "adding the route towards the peer failed"),
        (replace(IPV4, mtu=10), "setting the MTU failed"),
        (replace(IPV6, prefix_length=200), "adding the local address failed"),
    ],
)
def test_an_impossible_network_is_an_error_that_names_it(network: base.Network, message: str) -> None:
    target = create()
    with pytest.raises(TargetError, match=message) as caught:
        target.open(network)
    assert caught.value.next_step
    with pytest.raises(TargetError, match="is not open"):
        target.now()


def test_an_unknown_link_is_an_error() -> None:
    with pytest.raises(TargetError, match="has no link 'token-ring'"):
        create_target("kernel:token-ring")


def test_a_failed_open_leaves_the_helper_usable(opened: Opener) -> None:
    with pytest.raises(TargetError):
        create().open(replace(IPV4, gateway_ip="10.9.9.9"))
    established(opened())


def test_a_dead_helper_is_an_error_that_tells_how_it_died(opened: Opener) -> None:
    target = opened()
    helper = helper_of(target)
    orphan = int(target.shell("sleep 1000 & echo $!", directory="/", environment={}, timeout=5_000_000).output)
    os.kill(helper, signal.SIGKILL)
    with pytest.raises(TargetError, match=rf"helper process {helper} was killed by SIGKILL"):
        target.poll(target.now() + 5_000_000)
    with pytest.raises(TargetError, match="was killed by SIGKILL"):
        target.call(calls.Socket(socket.AF_INET, socket.SOCK_STREAM, 0))
    target.close()
    assert wait_for_end([orphan]) == []
    established(opened())


def test_an_idle_helper_that_died_is_replaced(opened: Opener) -> None:
    targets = [opened(), opened()]
    helpers = [helper_of(target) for target in targets]
    for target in targets:
        target.close()
    for helper in helpers:
        os.kill(helper, signal.SIGKILL)
    wait_for_end(helpers)
    established(opened())


# ---------------------------------------------------------------- a killed runner

RUNNER = """
import sys
sys.path.insert(0, {root!r})
from targets import calls
from targets.kernel import create
from tests.targets.kernel.play import IPV4, established
target = create({link!r})
target.open(IPV4)
fd, peer = established(target)
target.call(calls.Recv(fd, 1, 0))
target.shell("(sleep {mark} & setsid sleep {mark} &) >/dev/null", directory="/", environment={{}}, timeout=5_000_000)
print("ready", flush=True)
{then}
"""


@contextmanager
def runner(link: str, mark: str, then: str = "target.poll(60_000_000)") -> Iterator["subprocess.Popen[str]"]:
    program = RUNNER.format(root=str(ROOT), link=link, mark=mark, then=then)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    "then",
    [
        "target.poll(60_000_000)",
        'target.shell("exec sleep {mark}", directory="/", environment={{}}, timeout=60_000_000)',
    ],
    ids=["in poll", "in a command"],
)
def test_a_killed_runner_leaves_no_process_and_no_namespace(link: str, then: str) -> None:
    mark = f"9{os.getpid()}"
    before = set(network_namespaces())
    with runner(link, mark, then.format(mark=mark)) as process:
        helpers = children_of(process.pid)
        sleepers = wait_for_processes(mark, 2 + ("exec" in then))
        assert helpers
        process.kill()
        assert wait_for_end([process.pid, *helpers, *sleepers]) == []
    assert processes_with(mark) == []
    # Others may work with namespaces at the same time: only those of the runner's processes count.
    left = {inode: pids for inode, pids in network_namespaces().items() if inode not in before}
    assert not {pid for pids in left.values() for pid in pids} & {*helpers, *sleepers}


@pytest.mark.slow
def test_a_runner_that_ends_properly_leaves_no_process() -> None:
    mark = f"8{os.getpid()}"
    with runner("auto", mark, "target.close()") as process:
        helpers = children_of(process.pid)
        assert process.wait(20) == 0
        assert wait_for_end(helpers) == []
    assert processes_with(mark) == []


def test_a_forked_child_gets_a_helper_of_its_own(opened: Opener) -> None:
    target = opened()
    mine = helper_of(target)
    target.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            other = create()
            other.open(IPV4)
            os.write(writing, str(helper_of(other)).encode())
            other.close()
            pool.stop()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as file:
        theirs = int(file.read())
    os.waitpid(child, 0)
    assert theirs != mine
    assert is_running(mine)
    established(opened())


# ---------------------------------------------------------------- without privilege

PLAY = """
import sys
sys.path.insert(0, {root!r})
from targets.kernel import create
from tests.targets.kernel.play import VARIANTS, established, do
from targets import calls
from wire.tcp import ACK, PSH
for variant in VARIANTS.values():
    target = create()
    target.open(variant.network)
    fd, peer = established(target, variant)
    peer.send(PSH | ACK, b"hello")
    assert do(target, calls.Read(fd, 10)).data == b"hello"
    command = "sysctl -q net.ipv4.tcp_sack=0 && sysctl -n net.ipv4.tcp_sack"
    result = target.shell(command, directory="/", environment={{}}, timeout=5_000_000)
    print(target.link, result.output, end="")
    target.close()
"""


def system_python() -> str:
    """Return an interpreter that an ordinary user may run: this one may lie in root's home."""
    for path in ("/usr/bin/python3.13", "/usr/bin/python3.12", "/usr/bin/python3.11"):
        if os.access(path, os.X_OK):
            return path
    pytest.skip("no Python of the system to run as an ordinary user")


def play_in(unshare: str, prepare: str, run: str = "") -> "subprocess.CompletedProcess[str]":
    """Play in fresh namespaces, which end with the command, after `prepare` has changed things there."""
    words = ["unshare", *unshare.split(), "sh", "-c", f"{prepare} && exec {run} {system_python()} -"]
    program = PLAY.format(root=str(ROOT))
    return subprocess.run(words, input=program, capture_output=True, text=True, timeout=60, check=False, cwd="/")


def as_nobody(prepare: str) -> "subprocess.CompletedProcess[str]":
    return play_in("--mount", prepare, "setpriv --reuid=65534 --regid=65534 --clear-groups")


@pytest.mark.slow
def test_an_ordinary_user_without_tun_gets_a_veth_pair() -> None:
    result = as_nobody("mount -t tmpfs none /dev/net")
    assert (result.stdout, result.stderr) == ("veth 0\n" * 3, "")


@pytest.mark.slow
def test_an_ordinary_user_gets_a_tun_where_the_device_is_open_to_all() -> None:
    prepare = "mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200"
    result = as_nobody(prepare)
    assert (result.stdout, result.stderr) == ("tun 0\n" * 3, "")


@pytest.mark.slow
def test_a_user_without_any_namespace_is_told_what_to_do() -> None:
    # 0 namespaces allowed for a fresh user namespace, inside of which the run takes place.
    result = play_in("--user --map-root-user", "echo 0 > /proc/sys/user/max_net_namespaces")
    assert "TargetError: no further network namespace is allowed" in result.stderr
    assert "next step: raise the sysctl user.max_net_namespaces" in result.stderr


@pytest.mark.slow
def test_read_only_sysctls_are_made_writable_for_commands() -> None:
    result = play_in("--mount", "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys")
    assert (result.stdout, result.stderr) == ("tun 0\n" * 3, "")


# ---------------------------------------------------------------- many at once


def converse(number: int) -> int:
    target = create()
    target.open(IPV4)
    try:
        fd, peer = established(target)
        for turn in range(20):
            peer.send(PSH | ACK, bytes([number, turn]))
            _, answer = next_segment(target)
            assert answer.ack == peer.snd_nxt
            assert do(target, calls.Read(fd, 10)).data == bytes([number, turn])
        return number
    finally:
        target.close()


def test_eight_targets_play_at_once_in_threads() -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(converse, range(8))) == list(range(8))


def test_two_targets_take_turns_in_one_thread(opened: Opener) -> None:
    first, second = opened(), opened()
    handles = {}
    for target in (first, second):
        fd = listener(target, VARIANTS["ipv4"])
        handles[target] = target.call(calls.Accept(fd))
    for target in (second, first):
        Peer(target, IPV4).handshake()
        happening = target.poll(target.now() + 1_000_000)
        assert isinstance(happening, Completion)
        assert happening.handle == handles[target]


# ---------------------------------------------------------------- what there is


def test_capabilities_are_those_of_the_running_kernel() -> None:
    found = create().capabilities
    assert {base.LINUX, base.IPV4, base.SHELL, base.TCP_INFO, base.ECN} <= found
    assert base.VIRTUAL_TIME not in found
    assert (base.IPV6 in found) == os.path.exists("/proc/net/if_inet6")


def test_without_namespaces_only_the_certain_capabilities_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> dict[str, bool]:
        raise TargetError("no namespaces")

    monkeypatch.setattr(capabilities, "facts", nothing)
    assert create().capabilities == {base.LINUX, base.LINUX_SETTINGS, base.IPV4, base.SHELL}


def test_the_doctor_has_a_sentence_and_a_next_step_for_everything() -> None:
    checks = diagnose()
    assert {"namespaces", "tun", "link", "timestamps", "ipv6", "sysctls", "cubic"} <= {each.name for each in checks}
    assert len({each.name for each in checks}) == len(checks)
    for each in checks:
        assert each.message.endswith((".", "s"))
        assert each.is_ok or each.next_step
    assert all(each.is_ok for each in checks if each.is_needed)
