"""Bad input and a missing environment on the running kernel: one error at the right line, and nothing left behind."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.bad_input.conftest import Play, Tcprove, Write
from tests.bad_input.leftovers import nothing_left
from tests.bad_input.scripts import ESTABLISHED, LINES, LISTEN, assert_clear, places
from tests.targets.kernel.test_life import system_python

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NEXT = LINES + 1
KERNEL = "--tcprove-target=kernel"
LIMIT = "--tcprove-time-limit=1s"

# Time-outs of commands and calls; what the target says names the command.
NEVER_ENDING = {
    "accept()": ("accept(3, ..., ...) = 5", "time limit of 1 s reached while waiting for a system call to return"),
    "a command": ("`sleep 1000`", "a command did not end within 0.* s: sleep 1000"),
    "a command that ignores signals": (
        "`trap '' TERM INT HUP; sleep 1001; sleep 1000`",
        "a command did not end within *",
    ),
    "code": ("%{ while True: pass }%", "error in Python code: the block *: does it loop for ever[?]"),
    "code that sleeps": (
        "%{ import time; time.sleep(1000) }%",
        "error in Python code: the blocks did not end within 1 *",
    ),
}


@pytest.mark.parametrize("name", NEVER_ENDING)
def test_what_never_ends_is_an_error_at_its_line(play: Play, name: str) -> None:
    event, message = NEVER_ENDING[name]
    with nothing_left("sleep\0001000"):
        result = play(f"{ESTABLISHED}+0 {event}\n", KERNEL, LIMIT)
    result.assert_outcomes(errors=1)
    assert places(result.stdout.str()) == [f"it.pkt:{NEXT}"]
    result.stdout.fnmatch_lines([f"it.pkt:{NEXT}: {message}", "  next step: *"])


def test_a_packet_that_never_comes_is_an_error_at_its_line(write: Write, tcprove: Tcprove) -> None:
    write(ESTABLISHED + "* > P. 1:100(99) ack 1\n")
    with nothing_left():
        said = tcprove("run", "it.pkt", KERNEL, "--tcprove-time-limit=1")
    assert said.status == 1
    assert said.err.startswith(f"it.pkt:{NEXT}: time limit of 1 s reached while waiting for a packet\n")


def test_an_init_command_that_never_ends_is_an_error_at_its_line(play: Play) -> None:
    with nothing_left("sleep\0001000"):
        result = play(f"// first\n`sleep 1000`\n{LISTEN}", KERNEL, LIMIT)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt:2: a command did not end within 1.000 s: sleep 1000"])


@pytest.mark.parametrize("command", ["sleep 1000 &", "setsid sleep 1000 >/dev/null 2>&1 &", "nohup sleep 1000 &"])
def test_a_child_in_the_background_ends_with_its_script(play: Play, command: str) -> None:
    with nothing_left("sleep\0001000"):
        play(f"{ESTABLISHED}+0 `{command}`\n", KERNEL, LIMIT).assert_outcomes(passed=1)


def test_a_port_that_another_process_has_is_named_at_the_bind(play: Play) -> None:
    # bind(2): EADDRINUSE, the given address is already in use.
    Path("holder.py").write_text(
        "import socket, time\n"
        "holder = socket.create_server(('0.0.0.0', 8080))\n"
        "print('yes', file=open('ready', 'w'), flush=True)\n"
        "time.sleep(1000)\n"
    )
    os.mkfifo("ready")
    with nothing_left("holder.py"):
        result = play(f"`{sys.executable} holder.py & read answer < ready`\n{LISTEN}", KERNEL)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["it.pkt:3: runtime error in bind call: *(Address already in use)"])


def test_two_sockets_at_one_port_fail_at_the_second(play: Play) -> None:
    second = LISTEN.replace("3", "4").replace("0   ", "+0  ", 1)
    result = play(LISTEN + second, KERNEL)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["it.pkt:5: runtime error in bind call: *(Address already in use)"])


def test_a_sysctl_that_does_not_exist_is_named(play: Play) -> None:
    result = play(f"`sysctl -q net.ipv4.tcp_bogus=1`\n{LISTEN}", KERNEL)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "it.pkt: error executing init command: non-zero status *",
            "*net/ipv4/tcp_bogus: No such file or directory",
        ]
    )


def test_a_script_without_ipv6_in_its_namespace_fails_where_it_needs_it(write: Write, run_pytest: Play) -> None:
    write(f"`sysctl -q net.ipv6.conf.all.disable_ipv6=1`\n{LISTEN}")
    result = run_pytest(KERNEL, "it.pkt@ipv6")
    result.assert_outcomes(failed=1)
    # ipv6(7): an address that this host does not have is EADDRNOTAVAIL.
    result.stdout.fnmatch_lines(["it.pkt:3: runtime error in bind call: *(Cannot assign requested address)"])


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--mtu=67", "it.pkt: setting the MTU failed: *"),
        ("--mtu=2147483647", "it.pkt: setting the MTU failed: *"),
    ],
)
def test_an_impossible_link_is_an_error_that_names_the_setting(play: Play, flag: str, message: str) -> None:
    with nothing_left():
        result = play(f"{flag}\n{LISTEN}", KERNEL)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message, "  next step: *"])


# ---------------------------------------------------------------- the helper process


def test_a_helper_that_is_killed_is_an_error_at_the_line_that_was_played(play: Play) -> None:
    # $PPID of a command is the helper.
    with nothing_left("sleep\0001000"):
        result = play(f"{ESTABLISHED}+0 `sleep 1000 & kill -9 $PPID`\n+0 close(4) = 0\n", KERNEL, LIMIT)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"it.pkt:{NEXT}: the kernel target's helper process * was killed by SIGKILL under way", "  next step: *"]
    )


def test_a_helper_that_dies_while_a_script_waits_is_an_error_at_the_line_that_waits(play: Play) -> None:
    os.mkfifo("go")
    killer = "helper=$PPID; (read answer < go; kill -9 $helper) & :"
    text = f"{ESTABLISHED}+0 `{killer}`\n+0 `echo now > go`\n* > P. 1:2(1) ack 1\n"
    with nothing_left():
        result = play(text, KERNEL, "--tcprove-time-limit=10s")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt:*: the kernel target's helper process * was killed by SIGKILL under way"])
    assert places(result.stdout.str())[0] in (f"it.pkt:{NEXT + 1}", f"it.pkt:{NEXT + 2}")


def test_the_next_script_plays_after_a_helper_was_killed(write: Write, run_pytest: Play) -> None:
    write(f"{LISTEN}+0 `kill -9 $PPID`\n")
    Path("next.pkt").write_text(ESTABLISHED)
    run_pytest(KERNEL, "--tcprove-variants=ipv4", "it.pkt", "next.pkt").assert_outcomes(errors=1, passed=1)


# ---------------------------------------------------------------- a machine that lacks something

RUN = """
import sys
sys.path.insert(0, {root!r})
sys.path += {packages!r}
from packetdrill_compat.cli import main
sys.exit(main(["run", "--tcprove-target={target}", "it.pkt"]))
"""


def run_in(unshare: str, prepare: str, target: str, user: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a good script in fresh namespaces, which end with the command, after `prepare` has changed things there."""
    packages = [each for each in sys.path if each.endswith("site-packages")]
    words = ["unshare", *unshare.split(), "sh", "-c", f"{prepare} && exec {user} {system_python()} -"]
    program = RUN.format(root=str(ROOT), packages=packages, target=target)
    with tempfile.TemporaryDirectory() as folder:
        # Other users read it, too.
        Path(folder).chmod(0o755)
        script = Path(folder, "it.pkt")
        script.write_text(ESTABLISHED)
        script.chmod(0o644)
        result = subprocess.run(
            words, input=program, capture_output=True, text=True, timeout=60, check=False, cwd=folder
        )
    assert_clear(result.stdout + result.stderr)
    return result


def test_without_dev_net_tun_the_link_tun_says_so_and_auto_takes_another() -> None:
    hide = "mount -t tmpfs none /dev/net"
    result = run_in("--mount", hide, "kernel:tun")
    assert result.returncode == 1
    assert result.stderr.startswith("it.pkt: /dev/net/tun is not there\n  next step: load it: modprobe tun; ")
    result = run_in("--mount", hide, "kernel")
    assert (result.returncode, result.stderr) == (0, "")


NO_NAMESPACES = "echo 0 > /proc/sys/user/max_user_namespaces"


def test_a_user_who_may_not_make_namespaces_is_told_what_to_do() -> None:
    # Inside a user namespace of its own, where the number of further ones is 0; nothing of the host is changed.
    # Its root without capabilities may do there what an ordinary user may.
    result = run_in("--user --map-root-user", NO_NAMESPACES, "kernel", "setpriv --bounding-set=-all --inh-caps=-all")
    assert result.returncode == 1
    assert result.stderr.startswith("it.pkt: not root, and no further user namespace is allowed\n")
    assert "next step: raise the sysctl user.max_user_namespaces" in result.stderr


def test_a_machine_that_allows_no_network_namespace_is_told_what_to_do() -> None:
    result = run_in("--user --map-root-user", "echo 0 > /proc/sys/user/max_net_namespaces", "kernel")
    assert result.returncode == 1
    assert result.stderr.startswith("it.pkt: no further network namespace is allowed\n  next step: raise the sysctl ")
