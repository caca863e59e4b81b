"""``python -m packetdrill_compat`` on the running kernel, in the namespace it is started in, as the binary is used."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bad_input.leftovers import LIMIT_S, descendants, wait_until_none
from tests.bad_input.scripts import ESTABLISHED
from tests.targets.kernel.processes import processes_with, wait_for_processes

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
DROP_IN = f"{sys.executable} -m packetdrill_compat"
ADDRESSES = "--ip_version=ipv4 --local_ip=192.168.0.1 --gateway_ip=192.168.0.1 --netmask_ip=255.255.0.0"
# The machine may be busy: what is tested here are not times.
FLAGS = f"{ADDRESSES} --remote_ip=192.0.2.1 --tolerance_usecs=500000"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def in_namespace(directory: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a shell command in a network namespace of its own."""
    words = ["unshare", "--net", "sh", "-c", command]
    return subprocess.run(
        words, cwd=directory, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def devices(said: str) -> list[str]:
    """Return the devices that a shown /proc/net/dev names."""
    return re.findall(r"^\s*(\w+):", said, re.MULTILINE)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "it.pkt"
    path.write_text(ESTABLISHED + "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n")
    return path


def test_a_good_script_says_nothing_and_leaves_the_namespace_as_it_was(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} it.pkt it.pkt && cat /proc/net/dev /proc/net/tcp")
    assert (said.returncode, said.stderr) == (0, "")
    assert devices(said.stdout) == ["lo"]
    assert len(said.stdout.split("rem_address", 1)[1].splitlines()) == 1


def test_verbose_output_has_the_shapes_of_packetdrill(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} -v it.pkt")
    shapes = [re.sub(r"\b\d{5,}\b", "N", re.sub(r"\d+\.\d{6}", "T", line)) for line in said.stdout.splitlines()]
    assert shapes == [
        "socket syscall: T",
        "bind syscall: T",
        "listen syscall: T",
        "inbound injected packet:  T S 0:0(0) win N <mss 1460>",
        "outbound sniffed packet:  T S. N:N(0) ack 1 win N <mss 1460>",
        "inbound injected packet:  T . 1:1(0) ack N win N",
        "accept syscall: T",
        "write syscall: T",
        "outbound sniffed packet:  T P. N:N(100) ack 1 win N",
    ]


def test_a_failure_goes_to_stderr_and_ends_with_status_1(tmp_path: Path, script: Path) -> None:
    script.write_text(ESTABLISHED + "+0 write(4, ..., 100) = 99\n")
    said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} it.pkt missing.pkt")
    assert (said.returncode, said.stdout) == (1, "")
    first, *rest = said.stderr.splitlines()
    assert first.startswith("it.pkt:8: runtime error in write call: Expected result 99 but got 100 with errno ")
    assert f"  again: python -m packetdrill_compat {FLAGS} it.pkt" in rest
    assert "missing.pkt" not in said.stderr


def test_commands_see_the_process_id_and_the_folder_that_they_see_under_packetdrill(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "it.pkt"
    path.write_text('`echo "$PPID $PACKETDRILL_PID $(pwd)"`\n0 `test $PPID = $PACKETDRILL_PID`\n`echo end`\n')
    said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} folder/it.pkt")
    assert said.returncode == 0, said.stderr
    parent, variable, folder = said.stdout.splitlines()[0].split(" ")
    assert parent == variable
    assert folder == str(tmp_path)
    assert said.stdout.splitlines()[1] == "end"


def test_sysctls_stay_in_the_namespace_and_its_other_device_is_untouched(tmp_path: Path) -> None:
    (tmp_path / "it.pkt").write_text("`sysctl -qw net.ipv4.tcp_retries2=7`\n" + ESTABLISHED)
    said = in_namespace(
        tmp_path,
        "ip tuntap add other0 mode tap && ip addr add 10.1.1.1/24 dev other0 && ip link set other0 up && "
        f"{DROP_IN} {FLAGS} it.pkt && cat /proc/sys/net/ipv4/tcp_retries2 && ip -o -4 addr show dev other0",
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("7\n")
    assert "10.1.1.1/24" in said.stdout


def test_another_device_of_the_name_tun0_is_never_taken_over(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"ip tuntap add tun0 mode tun; {DROP_IN} {FLAGS} it.pkt; cat /proc/net/dev")
    assert "open tun device: this network namespace has another device tun0" in said.stderr
    assert "unshare -n" in said.stderr
    assert "tun0" in devices(said.stdout)


def test_a_remote_address_of_this_host_is_refused(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"ip addr add 192.0.2.1/32 dev lo; ip link set lo up; {DROP_IN} {FLAGS} it.pkt")
    assert "error: live_remote_ip 192.0.2.1 is not remote" in said.stderr
    assert said.returncode == 1


def test_a_passing_run_is_captured_too(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} --pcap captures it.pkt")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "captures" / "it.pkt@ipv4.pcapng").read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_dry_run_reads_all_scripts_and_makes_no_device(tmp_path: Path, script: Path) -> None:
    said = in_namespace(tmp_path, f"ip tuntap add tun0 mode tun; {DROP_IN} --dry_run it.pkt it.pkt")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@contextmanager
def killed_in_the_middle(directory: Path, last: str) -> Iterator[tuple["subprocess.Popen[str]", set[int]]]:
    """Kill a run at the last event of its script; its namespace is held by a process that then looks around in it."""
    mark = f"8{os.getpid()}"
    (directory / "it.pkt").write_text(f"{ESTABLISHED}+0 `sleep {mark} & setsid sleep {mark} &`\n{last}\n")
    command = f"{DROP_IN} {FLAGS} it.pkt & echo $!; wait $!; read line; cat /proc/net/dev /proc/net/tcp"
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", command],
        cwd=directory,
        env=ENVIRONMENT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as holder:
        assert holder.stdout is not None
        try:
            runner = int(holder.stdout.readline())
            wait_for_processes(mark, 2)
            everybody = descendants(runner)
            os.kill(runner, signal.SIGKILL)
            assert wait_until_none(lambda: set(processes_with(mark)), LIMIT_S) == set()
            yield holder, everybody
        finally:
            holder.kill()


@pytest.mark.parametrize("last", ["* > P. 1:2(1) ack 1", "+0 accept(3, ..., ...) = 5", "+0 `sleep 1000`"])
def test_a_killed_run_leaves_no_process_device_or_connection(tmp_path: Path, last: str) -> None:
    with killed_in_the_middle(tmp_path, last) as (holder, everybody):
        assert wait_until_none(lambda: {each for each in everybody if Path(f"/proc/{each}/exe").is_symlink()}) == set()
        output, _ = holder.communicate("\n", timeout=20)
    assert devices(output) == ["lo"]
    assert len(output.split("rem_address", 1)[1].splitlines()) == 1


def test_code_that_is_run_by_a_command_leaves_no_file_when_the_run_is_killed(tmp_path: Path) -> None:
    mark = f"9{os.getpid()}"
    code = f"%{{\nimport os\nos.system('sleep {mark}')\n}}%"
    (tmp_path / "it.pkt").write_text(f"{ESTABLISHED}+0 {code}\n")
    before = {each for each in os.listdir("/tmp") if each.startswith("code_")}
    words = ["unshare", "--net", *DROP_IN.split(), *FLAGS.split(), "it.pkt"]
    with subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as run:
        wait_for_processes(mark, 1)
        run.kill()
    assert wait_until_none(lambda: set(processes_with(mark)), LIMIT_S) == set()
    assert {each for each in os.listdir("/tmp") if each.startswith("code_")} <= before


def test_code_goes_to_the_command_that_is_named_and_its_status_counts(tmp_path: Path) -> None:
    block = ESTABLISHED + "+0 %{ import os; assert tcpi_state == TCP_ESTABLISHED }%\n"
    (tmp_path / "it.pkt").write_text(block)
    for command, status, line in (
        ("cat", 0, ""),
        ("sh -c", 1, "it.pkt: error executing code: 'sh -c' returned non-zero status 126"),
        ("false", 1, "it.pkt: error executing code: 'false' returned non-zero status 1"),
    ):
        said = in_namespace(tmp_path, f"{DROP_IN} {FLAGS} --code_command='{command}' it.pkt")
        assert (said.returncode, said.stderr.partition("\n")[0]) == (status, line)
        assert ("assert tcpi_state == TCP_ESTABLISHED" in said.stdout) == (command == "cat")
