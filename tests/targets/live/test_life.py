"""Starting and ending a live stack, what it leaves behind, and how it answers what makes no sense."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.calls import Close
from targets.live.client import LiveHost
from tests.bad_input.leftovers import namespaces_of, processes_in, wait_until_none
from tests.targets.live.server import ADDRESS, ROOT, serving, start

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]


def refused(*options: str) -> tuple[int, str]:
    """Start with options that cannot be served; return the status and what was said."""
    process = start(*options)
    said, _ = process.communicate(timeout=20)
    assert "Traceback" not in said, said
    return process.returncode, said


def test_nothing_is_left_after_it_was_killed(tmp_path: Path) -> None:
    links = set(os.listdir("/sys/class/net"))
    with serving(tmp_path) as server:
        spaces = namespaces_of({server.pid}) - namespaces_of({os.getpid()})
        assert spaces
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(20)
        assert wait_until_none(lambda: processes_in(spaces)) == set()
    assert set(os.listdir("/sys/class/net")) == links


def test_the_control_socket_that_a_killed_one_left_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(20)
    with serving(tmp_path) as server, LiveHost(server.control) as host:
        assert host.socket().descriptor > 2
    assert list(tmp_path.iterdir()) == []


def test_a_control_socket_in_use_is_not_taken(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        status, said = refused("--namespace", "--control", server.control)
        assert (status, "Address already in use" in said, "next step" in said) == (1, True, True)
        with LiveHost(server.control) as host:
            host.socket()


def test_an_idle_stack_takes_no_processor_time(tmp_path: Path) -> None:
    with serving(tmp_path) as server, LiveHost(server.control) as host:
        with host.socket() as listener:
            listener.bind(ADDRESS, 7000)
            listener.listen()
        before = server.processor_ticks()
        select.select([], [], [], 0.5)
        assert server.processor_ticks() - before <= 1


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--personality=bsd4",), 2, "bsd4"),
        (("--loss=2",), 2, "loss is a share between 0 and 1"),
        (("--mtu=20",), 2, "--mtu is 68 to 65535"),
        (("--address=nowhere",), 2, "nowhere"),
        (("--address=192.0.2.1",), 2, "two addresses"),
        (("--prefix-length=40",), 2, "40"),
        (("--http=99999",), 2, "--http is a port"),
        (("--delay-ms=-1",), 2, "delay"),
        (("--namespace", "--device=a-name-that-is-too-long"), 1, "no name for a device"),
        (("--namespace", "--device=lo"), 1, "has a device lo already"),
        (("--namespace", "--control=/nowhere/at/all"), 1, "no control socket at /nowhere/at/all"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(options: tuple[str, ...], status: int, words: str) -> None:
    got, said = refused(*options)
    assert got == status, said
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("hide", "words"),
    [
        ("mount -t tmpfs none /dev/net", "/dev/net/tun is not there"),
        ("mount -t tmpfs none /dev/net && mknod -m 0 /dev/net/tun p", "no TUN device: /dev/net/tun"),
    ],
    ids=["missing", "something else"],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="hiding a device needs root")
def test_a_missing_device_is_named_with_what_to_do(hide: str, words: str) -> None:
    command = f"{hide} && exec {sys.executable} -m targets.live --namespace"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "next step: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hello", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no object"),
        (b"{}", "either 'call' or 'shell'"),
        (b'{"call": "socket", "shell": "x"}', "either 'call' or 'shell'"),
        (b'{"call": "socket", "whatever": 1}', "unknown key 'whatever'"),
        (b'{"call": "fork"}', "no call 'fork'"),
        (b'{"call": 7}', "no call 7"),
        (b'{"call": "socket", "arguments": {"domain": 2}}', "socket: lacks type, protocol"),
        (b'{"call": "socket", "arguments": 5}', "socket: wants an object"),
        (b'{"call": "close", "arguments": {"fd": "3"}}', "close.fd: wants int, not '3'"),
        (b'{"call": "close", "arguments": {"fd": true}}', "close.fd: wants int, not True"),
        (b'{"call": "close", "arguments": {"fd": 1e3}}', "close.fd: wants int"),
        (b'{"call": "close", "arguments": {"fd": 99999999999999999999999}}', "does not fit 64 bits"),
        (b'{"call": "close", "arguments": {"fd": 3, "x": 1}}', "close: has no 'x'"),
        (b'{"call": "write", "arguments": {"fd": 3, "data": "???", "count": 3}}', "write.data: wants octets"),
        (b'{"call": "bind", "arguments": {"fd": 3, "address": {"port": 1}}}', "bind.address: lacks family"),
        (b'{"call": "poll", "arguments": {"entries": [1], "timeout_ms": 0}}', "poll.entries[0]: wants an object"),
        (b'{"shell": 5}', "shell: wants a command"),
        (b'{"shell": "reboot --now"}', "the reference stack has no"),
    ],
)
def test_garbage_at_the_control_socket_is_answered_and_harms_nobody(tmp_path: Path, line: bytes, words: str) -> None:
    with serving(tmp_path) as server:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(server.control)
            raw.settimeout(20)
            raw.sendall(line + b"\n")
            answer = json.loads(raw.makefile().readline())
            assert words in answer["error"]
            assert answer["next_step"]
        with LiveHost(server.control) as host:
            assert host.socket().descriptor > 2


def test_a_line_without_end_ends_the_connection(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.socket(socket.AF_UNIX) as raw:
        raw.connect(server.control)
        raw.settimeout(20)
        answer = b""
        try:
            while True:
                raw.sendall(b"x" * (1 << 20))
        except OSError:
            answer = raw.recv(1000)
        assert b"a line of more than" in answer


def test_a_failing_call_raises_the_simulated_errno(tmp_path: Path) -> None:
    with serving(tmp_path) as server, LiveHost(server.control) as host, host.socket() as ours:
        with pytest.raises(ConnectionRefusedError):
            ours.connect("192.0.2.1", 9)  # the kernel answers a SYN for a closed port by a reset
        with pytest.raises(OSError, match="Bad file descriptor"):
            host.call(Close(99))


def test_a_client_that_goes_leaves_no_port_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for _ in range(2):
            with LiveHost(server.control) as host:
                listener = host.socket()
                listener.bind(ADDRESS, 7001)
                listener.listen()


def test_without_a_server_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no live stack at"):
        LiveHost(str(tmp_path / "none"))


def test_settings_of_the_host_are_changed_by_its_commands(tmp_path: Path) -> None:
    with serving(tmp_path, "--personality=linux") as server, LiveHost(server.control) as host:
        host.shell("sysctl -w net.ipv4.tcp_sack=0")
        assert "net.ipv4.tcp_sack = 0" in host.shell("sysctl net.ipv4.tcp_sack")
