"""What a script's commands look like: settings of the machine, files that others may use, or nothing of that kind."""

from pathlib import Path

import pytest

from packetdrill_compat.claims import claims_of
from packetdrill_compat.reader import load
from targets.base import FILES, HOST

CALL = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"


def claims(tmp_path: Path, text: str) -> frozenset[str]:
    path = tmp_path / "a.pkt"
    path.write_text(text)
    return claims_of(*load(str(path)))


@pytest.mark.parametrize(
    "command",
    [
        "sysctl -q net.ipv4.tcp_sack=1",
        "sysctl -w net.ipv4.tcp_rmem='4096 540000 1000000' > /dev/null 2>&1",
        "echo 1 > /proc/sys/net/ipv4/tcp_ecn",
        "ip route add 10.0.0.0/8 dev tun0; tc qdisc add dev tun0 root pfifo",
        "ethtool -K tun0 tso off",
        "grep x /proc/net/tcp | wc -l",
        "echo $$ > /tmp/of-$$",
        "cat /tmp/of-${PPID}",
    ],
)
def test_what_belongs_to_the_namespace_or_to_the_script_is_no_claim(tmp_path: Path, command: str) -> None:
    assert claims(tmp_path, f"`{command}`\n{CALL}") == frozenset()


@pytest.mark.parametrize(
    "command",
    [
        "echo 0 > /sys/module/tcp_cubic/parameters/hystart",
        "sysctl -w kernel.printk=1",
        "modprobe tcp_dctcp",
        "/sbin/modprobe tcp_dctcp",
        "echo 5 > /proc/sys/vm/swappiness",
        "ip netns add other",
    ],
)
def test_what_the_machine_has_only_once_is_claimed(tmp_path: Path, command: str) -> None:
    assert HOST in claims(tmp_path, f"`{command}`\n{CALL}")


@pytest.mark.parametrize("command", ["dd if=/dev/zero of=/tmp/f count=1", "echo x > f", "nstat | grep Ip", "rm -f f"])
def test_files_with_fixed_names_are_claimed(tmp_path: Path, command: str) -> None:
    assert claims(tmp_path, f"`{command}`\n{CALL}") == {FILES}


def test_commands_between_and_behind_the_events_count(tmp_path: Path) -> None:
    assert claims(tmp_path, f"{CALL}+0 `touch f`\n+0 close(3) = 0\n") == {FILES}
    assert claims(tmp_path, f"`true`\n{CALL}`modprobe x`\n") == {HOST}


def test_shell_scripts_that_a_command_calls_are_read(tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text("#!/bin/sh\n./more.sh\n")
    (tmp_path / "more.sh").write_text("#!/bin/bash\necho 1 > /sys/module/x/parameters/y\n")
    (tmp_path / "other.py").write_text("#!/usr/bin/env python3\nprint('modprobe')\n")
    assert HOST in claims(tmp_path, f"`./setup.sh`\n{CALL}")
    assert claims(tmp_path, f"`./other.py`\n{CALL}") == frozenset()


def test_code_that_opens_files_claims_them(tmp_path: Path) -> None:
    assert claims(tmp_path, f"{CALL}+0 %{{ open('f', 'w') }}%\n") == {FILES}
    assert claims(tmp_path, f"{CALL}+0 %{{ assert tcpi_state == 1 }}%\n") == frozenset()
