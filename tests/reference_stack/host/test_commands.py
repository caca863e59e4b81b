"""Commands of scripts: sysctl(8) as of procps 4.0.2 (messages and status measured), ip(8), tc(8), ethtool(8)."""

from ipaddress import ip_network

import pytest

from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import Route, Routes, make_prefix
from reference_stack.host.shell.run import Shell
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.settings import ConnectionSettings

INVALID = 'sysctl: setting key "net.ipv4.tcp_syn_retries": Invalid argument\n'
UNKNOWN = "sysctl: cannot stat /proc/sys/net/ipv4/tcp_nosuch: No such file or directory\n"


@pytest.fixture
def shell() -> Shell:
    routes = Routes({"192.168.0.1"}, [make_prefix("192.168.0.1", 16)])
    return Shell(SysctlSettings(ConnectionSettings()), routes, {}, "/scripts", {"PACKETDRILL_PID": "4711"})


@pytest.mark.parametrize(
    ("text", "status", "output"),
    [
        ("sysctl net.ipv4.tcp_sack", 0, "net.ipv4.tcp_sack = 1\n"),
        ("sysctl -n net.ipv4.tcp_rmem", 0, "4096\t131072\t6291456\n"),
        ("sysctl net/ipv4/tcp_sack", 0, "net.ipv4.tcp_sack = 1\n"),
        ("sysctl net.ipv4.tcp_sack=0", 0, "net.ipv4.tcp_sack = 0\n"),
        ("sysctl -w net.ipv4.tcp_sack=0", 0, "net.ipv4.tcp_sack = 0\n"),
        ("sysctl -q -w net.ipv4.tcp_sack=0 && sysctl -n net.ipv4.tcp_sack", 0, "0\n"),
        ("sysctl -qw net.ipv4.tcp_early_retrans=4 net.ipv4.tcp_recovery=1", 0, ""),
        ("sysctl net.ipv4.tcp_nosuch", 1, UNKNOWN),
        ("sysctl -q net.ipv4.tcp_nosuch=1", 1, UNKNOWN),
        ("sysctl -e net.ipv4.tcp_nosuch=1", 0, ""),
        ("sysctl net.inet.sctp.pr_enable=0 > /dev/null 2>&1", 1, ""),
        ("sysctl -q net.ipv4.tcp_syn_retries=200", 1, INVALID),
        ("echo 0 > /proc/sys/net/ipv4/tcp_sack; cat /proc/sys/net/ipv4/tcp_sack", 0, "0\n"),
        ("echo 300 > /proc/sys/net/ipv4/tcp_sack", 1, "sh: /proc/sys/net/ipv4/tcp_sack: Invalid argument\n"),
        ("echo 1 > /proc/sys/net/ipv4/tcp_nosuch", 2, "sh: /proc/sys/net/ipv4/tcp_nosuch: No such file or directory\n"),
        ("cat /proc/sys/net/ipv4/nosuch", 1, "cat: /proc/sys/net/ipv4/nosuch: No such file or directory\n"),
        ("echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect", 0, ""),
        ("tc qdisc add dev tun0 root pfifo", 0, ""),
        ("tc qdisc replace dev tun0 root fq", 0, ""),
        ("tc qdisc del dev tun0 root", 0, ""),
        ("tc qdisc add dev", 1, "tc: no device given\n"),
        ("ethtool -K tun0 tso off gso off", 0, ""),
        ("ethtool -K tun0 tso maybe", 1, "ethtool: bad command line argument(s)\n"),
        ("rm /tmp/nothing", 1, "rm: cannot remove '/tmp/nothing': No such file or directory\n"),
        ("/bin/rm -f /tmp/nothing", 0, ""),
        ("dd bs=1 count=3 if=/dev/zero of=/tmp/x status=none; cat /tmp/x; rm /tmp/x", 0, "\0\0\0"),
        ("ethtool -s tun0 speed 10000 autoneg off", 0, ""),
        ("ip tcp_metrics flush all > /dev/null 2>&1", 0, ""),
        ("ip link set dev tun0 up", 0, ""),
    ],
)  # fmt: skip
def test_a_command_answers_as_on_linux(shell: Shell, text: str, status: int, output: str) -> None:
    outcome = shell.run(text)
    assert (outcome.status, outcome.output) == (status, output)


@pytest.mark.parametrize(
    "text",
    [
        "sysctl -a",
        "tc qdisc add dev tun0 root netem delay 10ms",
        "tc filter show",
        "ethtool -i tun0",
        "dd if=/etc/passwd of=/tmp/x count=1",
        "dd if=/dev/zero of=/etc/x count=1",
        "dd if=/dev/zero of=/tmp/x",
        "rm -r /tmp",
        "ip rule add from all",
        "ip route get 192.0.2.1",
        "ip route add 192.0.2.1 encap mpls 100",
        "ip link set dev tun0 mtu 60",
        "ip link set dev tun0 address 00:11:22:33:44:55",
        "ip tcp_metrics show",
        "sh -x true",
    ],
)
def test_what_a_command_cannot_do_here_is_refused(shell: Shell, text: str) -> None:
    with pytest.raises(NotModelled):
        shell.run(text)


def test_a_queue_without_room_fills_the_device_until_it_is_replaced(shell: Shell) -> None:
    shell.run("tc qdisc replace dev tun0 root pfifo limit 0")
    assert shell.routes.device.is_full
    shell.run("tc qdisc replace dev tun0 root pfifo")
    assert not shell.routes.device.is_full


def test_set_sysctls_restores_the_old_values_on_cleanup(shell: Shell) -> None:
    # The companion tool of the public scripts writes /tmp/sysctl_restore_PID.sh, PID being that of the tool.
    text = '../common/set_sysctls.py /proc/sys/net/ipv4/tcp_wmem="4096 50000 60000" \\\n  /proc/sys/net/ipv4/tcp_sack=0'
    assert shell.run(text).status == 0
    assert shell.sysctls.read("net.ipv4.tcp_wmem") == "4096\t50000\t60000"
    assert shell.sysctls.read("net.ipv4.tcp_sack") == "0"
    assert shell.run("/tmp/sysctl_restore_${PPID}.sh").status == 0
    assert shell.sysctls.read("net.ipv4.tcp_wmem") == "4096\t87040\t4194304"
    assert shell.sysctls.read("net.ipv4.tcp_sack") == "1"


def test_set_sysctls_fails_for_an_unknown_setting(shell: Shell) -> None:
    assert shell.run("./set_sysctls.py /proc/sys/net/ipv4/nosuch=1").status == 1


def test_ip_route_change_keeps_the_limits_of_the_route(shell: Shell) -> None:
    text = "ip route replace 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11 rto_min 300ms"
    assert shell.run(text).status == 0
    expected = Route(mtu=640, is_mtu_locked=True, advmss=600, initcwnd=11, rto_min_us=300_000)
    assert shell.routes.routes == {ip_network("192.0.2.1"): expected}
    assert shell.run("ip route replace 192.0.2.1 via 192.168.0.2 dev tun0 mtu 1400 congctl reno").status == 0
    assert shell.routes.route_to("192.0.2.1") == Route(mtu=1400, congestion_control="reno")
    assert shell.run("ip route del 192.0.2.1").status == 0
    assert shell.routes.route_to("192.0.2.1") == Route()


def test_ip_route_knows_ipv6_and_default(shell: Shell) -> None:
    assert shell.run("ip -6 route add default dev tun0 initrwnd 3").status == 0
    assert shell.routes.route_to("2001:db8::1") == Route(initrwnd=3)
    assert shell.routes.route_to("192.0.2.1") == Route()


def test_ip_route_refuses_what_is_no_prefix(shell: Shell) -> None:
    assert shell.run("ip route add nonsense dev tun0").status == 1


def test_ip_link_changes_the_mtu(shell: Shell) -> None:
    assert shell.run("ip link set dev tun0 mtu 1280").status == 0
    assert shell.routes.interface_mtu("192.0.2.1") == 1280


def test_ip_address_adds_and_removes(shell: Shell) -> None:
    assert shell.run("ip addr add 10.0.0.1/8 dev tun0").status == 0
    assert shell.routes.is_local("10.0.0.1")
    assert shell.run("ip a add 10.0.0.1/8 dev tun0").status == 2
    assert shell.run("ip address del 10.0.0.1/8 dev tun0").status == 0
    assert not shell.routes.is_local("10.0.0.1")
    assert shell.run("ip addr del 10.0.0.1/8 dev tun0").status == 2


def test_offload_that_is_switched_off_reaches_new_connections(shell: Shell) -> None:
    settings = ConnectionSettings(max_tso_segments=44)
    shell.run("ethtool -K tun0 gso off tso off")
    shell.routes.prepare(settings, "192.0.2.1", now=0)
    assert settings.max_tso_segments == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ip route change 192.0.2.1 dev tun0 mtu 640", "RTNETLINK answers: No such file or directory\n"),
        ("ip -6 route change 2001:db8::1 dev tun0", "Error: Can not replace route - no match found.\n"),
        ("ip route add 192.0.2.1 dev tun0; ip route add 192.0.2.1 dev tun0", "RTNETLINK answers: File exists\n"),
        ("ip route del 192.0.2.1", "RTNETLINK answers: No such process\n"),
        ("ip route add 192.0.2.1 via 10.0.0.1 dev tun0", "Error: Nexthop has invalid gateway.\n"),
        ("ip -6 route add 2001:db8::1 via fd00::1 dev tun0", "RTNETLINK answers: No route to host\n"),
    ],
)
def test_the_route_table_refuses_what_does_not_fit(shell: Shell, text: str, message: str) -> None:
    # Messages and status as measured with iproute2 on Linux 6.18.
    outcome = shell.run(text)
    assert (outcome.status, outcome.output) == (2, message)
