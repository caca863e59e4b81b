"""Runners that know only the packetdrill binary work with our command in its place.

Two kinds are played here in words of our own: one that starts each script in three variants inside a wrapper that makes
a namespace, and one in the manner of the kernel's selftests, with KTAP from the exit status.
"""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from packetdrill_compat.variants import VARIANT_FLAGS
from tests.bad_input.scripts import ESTABLISHED

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[3]

# The machine may be busy: what is tested here are not times.
GOOD = (
    "--tolerance_usecs=500000\n`./defaults.sh`\n"
    + ESTABLISHED
    + "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n"
    "+.01 < . 1:1(0) ack 1001 win 65535\n+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%\n"
)
BAD = "--tolerance_usecs=500000\n" + ESTABLISHED + "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 2\n"
DEFAULTS = "#!/bin/sh\nsysctl -qw net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 && tc qdisc add dev tun0 root pfifo\n"
WRAPPER = '#!/bin/sh\nexec unshare --net sh -c \'ip link set lo up; exec "$@"\' sh "$@"\n'
KTAP = """\
#!/bin/bash
# One script in a fresh namespace for each address family; the exit status of packetdrill is the result.
ipv4="--ip_version=ipv4 --local_ip=192.168.0.1 --gateway_ip=192.168.0.1 --netmask_ip=255.255.0.0 --remote_ip=192.0.2.1"
ipv6="--ip_version=ipv6 --mtu=1520 --local_ip=fd3d:0a0b:17d6::1 --gateway_ip=fd3d:0a0b:17d6:8888::1"
ipv6="$ipv6 --remote_ip=fd3d:fa7b:d17d::1"
cd "$(dirname "$1")" || exit 1
script=$(basename "$1")
echo TAP version 13
echo 1..2
number=0 failed=0
for version in ipv4 ipv6; do
  number=$((number + 1))
  if unshare -n packetdrill ${!version} --tolerance_usecs=500000 "$script" > /dev/null; then
    echo "ok $number $version"
  else
    echo "not ok $number $version"
    failed=1
  fi
done
exit $failed
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with our command under the name of the binary, and the scripts with what they call."""
    command = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m packetdrill_compat "$@"\n'
    executable(tmp_path / "tools" / "packetdrill", command)
    executable(tmp_path / "tools" / "in_netns.sh", WRAPPER)
    executable(tmp_path / "scripts" / "defaults.sh", DEFAULTS)
    (tmp_path / "scripts" / "good.pkt").write_text(GOOD)
    (tmp_path / "scripts" / "bad.pkt").write_text(BAD)
    return tmp_path / "tools"


def played(tools: Path, name: str, variant: str) -> "subprocess.CompletedProcess[str]":
    """Play a script as a runner does: wrapper, binary, flags of the variant, in the folder of the script."""
    words = [str(tools / "in_netns.sh"), str(tools / "packetdrill"), *VARIANT_FLAGS[variant], name]
    scripts = tools.parent / "scripts"
    return subprocess.run(words, cwd=scripts, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("variant", VARIANT_FLAGS)
def test_a_runner_of_three_variants_gets_status_0_and_silence_from_a_good_script(tools: Path, variant: str) -> None:
    said = played(tools, "good.pkt", variant)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_a_runner_of_three_variants_gets_status_1_and_the_place_from_a_bad_script(tools: Path) -> None:
    said = played(tools, "bad.pkt", "ipv4")
    assert said.returncode == 1
    assert said.stderr.startswith("bad.pkt:10: error handling packet: live packet field tcp_ack_seq: expected: 2 (0x2)")


def test_a_runner_in_the_manner_of_the_kernel_selftests_gives_ktap(tools: Path) -> None:
    runner = executable(tools / "run.sh", KTAP)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}

    def run(name: str) -> tuple[int, list[str]]:
        words = [str(runner), str(tools.parent / "scripts" / name)]
        said = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return said.returncode, said.stdout.splitlines()

    assert run("good.pkt") == (0, ["TAP version 13", "1..2", "ok 1 ipv4", "ok 2 ipv6"])
    assert run("bad.pkt") == (1, ["TAP version 13", "1..2", "not ok 1 ipv4", "not ok 2 ipv6"])
