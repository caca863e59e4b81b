"""The settings of a DragonFly BSD host: names and defaults of tcp(4), and the log that log_in_vain asks for."""

import pytest

from reference_stack.host.sysctl_rows import SysctlError
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.host.sysctls_bsd import DRAGONFLY
from reference_stack.personality import personality
from tests.reference_stack.host.world import SECOND, World

# tcp(4), "MIB variables", in the order of the page; its "tcp.inet.tcp.rexmit_" is read as net.inet.tcp.rexmit_.
PAGE = """
rfc1323 mssdflt sendspace recvspace log_in_vain msl keepinit keepidle keepintvl keepcnt always_keepalive icmp_may_rst
do_tcpdrain blackhole delayed_ack delacktime newreno path_mtu_discovery tcbhashsize pcbcount syncookies
isn_reseed_interval rexmit_min rexmit_slop inflight_enable inflight_debug inflight_min inflight_max inflight_stab
"""


@pytest.fixture
def sysctls() -> SysctlSettings:
    return SysctlSettings(personality("dragonfly").settings, table=DRAGONFLY)


@pytest.fixture
def dragonfly() -> World:
    return World(chosen=personality("dragonfly"))


def test_every_setting_of_the_page_is_there_and_no_other_below_its_name(sysctls: SysctlSettings) -> None:
    names = {name.removeprefix("net.inet.tcp.") for name in sysctls if name.startswith("net.inet.tcp.")}
    assert names == set(PAGE.split())


def test_a_setting_reads_as_the_personality_behaves(sysctls: SysctlSettings) -> None:
    for name, row in DRAGONFLY.rows.items():
        assert sysctls.read(name) == row.default, name


def test_names_of_linux_and_paths_are_unknown(sysctls: SysctlSettings) -> None:
    for name in ("net.ipv4.tcp_sack", "/proc/sys/net/inet/tcp/msl", "net/inet/tcp/msl"):
        with pytest.raises(SysctlError, match="unknown oid"):
            sysctls.read(name)


def test_the_host_finds_under_the_names_of_linux_what_bsd_calls_otherwise(sysctls: SysctlSettings) -> None:
    assert sysctls.number("net.ipv4.ip_local_port_range") == 1024
    assert sysctls.number("net.ipv4.ip_local_port_range", 1) == 5000
    assert not sysctls.was_written("net.ipv4.ip_local_port_range")
    sysctls.write("net.inet.ip.portrange.last", "2000")
    assert sysctls.was_written("net.ipv4.ip_local_port_range")
    assert sysctls.number("net.ipv4.ip_local_port_range", 1) == 2000


def test_what_only_linux_can_set_has_its_default_there(sysctls: SysctlSettings) -> None:
    assert sysctls.number("net.ipv4.tcp_max_tw_buckets") == 131_072


def test_what_only_bsd_can_switch_on_is_off_on_linux() -> None:
    linux = SysctlSettings(personality("linux").settings)
    assert linux.number("net.inet.tcp.blackhole") == 0
    with pytest.raises(SysctlError):
        linux.read("net.inet.tcp.blackhole")


@pytest.mark.parametrize(("number", "lines"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_attempts_at_closed_ports_are_logged_as_log_in_vain_says(dragonfly: World, number: int, lines: int) -> None:
    dragonfly.host.shell(f"sysctl net.inet.tcp.log_in_vain={number}", now=dragonfly.now)
    dragonfly.inject("S 0:0(0)")
    dragonfly.inject(". 1:1(0) ack 1")
    assert len(dragonfly.host.log) == lines


def test_ports_for_connections_come_from_the_range_of_bsd(dragonfly: World) -> None:
    fd = dragonfly.nonblocking(dragonfly.socket())
    dragonfly.call("connect", fd=fd, address=dragonfly.peer_address())
    (packet,) = dragonfly.sent_packets()
    assert 1024 <= packet.body.src_port <= 5000  # type: ignore[union-attr]


def test_a_keepalive_setting_reaches_connections_that_exist(dragonfly: World) -> None:
    fd = dragonfly.nonblocking(dragonfly.socket())
    dragonfly.call("connect", fd=fd, address=dragonfly.peer_address())
    dragonfly.local_port = dragonfly.sent_packets()[0].body.src_port  # type: ignore[union-attr]
    dragonfly.inject("S. 0:0(0) ack 1")
    dragonfly.sent()
    dragonfly.host.shell("sysctl net.inet.tcp.keepidle=3000", now=dragonfly.now)
    dragonfly.advance(4 * SECOND)
    assert dragonfly.sent() == [". 0:0(0) ack 1"]
