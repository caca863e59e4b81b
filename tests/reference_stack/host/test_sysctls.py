"""Settings: names, limits and defaults as measured on Linux 6.18 in a fresh network namespace."""

import pytest

from reference_stack.host.sysctl_rows import Acts, SysctlError
from reference_stack.host.sysctls import TABLE, SysctlSettings
from reference_stack.personality import personality
from reference_stack.settings import ConnectionSettings


@pytest.fixture
def sysctls() -> SysctlSettings:
    return SysctlSettings(ConnectionSettings())


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("tcp_sack", ["0", "1", "2", "255"], ["-1", "256", "x", ""]),
        ("tcp_autocorking", ["0", "1"], ["2"]),
        ("tcp_ecn_fallback", ["0", "1"], ["2"]),
        ("tcp_ecn", ["0", "1", "2", "3", "5"], ["6"]),
        ("tcp_syn_retries", ["1", "127"], ["0", "128", "255"]),
        ("tcp_synack_retries", ["0", "255"], ["256"]),
        ("tcp_syn_linear_timeouts", ["0", "127"], ["128"]),
        ("tcp_reordering", ["1", "300"], ["0", "301"]),
        ("tcp_adv_win_scale", ["-31", "31"], ["-32", "32"]),
        ("tcp_app_win", ["0", "31"], ["32"]),
        ("tcp_base_mss", ["-1", "2147483647"], ["2147483648"]),
        ("tcp_tw_reuse", ["0", "2"], ["3"]),
        ("tcp_fin_timeout", ["-1", "0", "65536"], ["2147483647"]),
        ("tcp_keepalive_time", ["-1", "65536"], ["2147483647"]),
        ("tcp_min_snd_mss", ["48", "65535"], ["47", "65536"]),
        ("tcp_early_retrans", ["0", "4"], ["5"]),
        ("tcp_notsent_lowat", ["0", "4294967295"], ["4294967296", "-1"]),
        ("tcp_fastopen", ["0x70403", "-1"], ["0x80000000"]),
        ("tcp_rto_max_ms", ["1000", "120000"], ["999", "120001"]),
        ("tcp_rmem", ["4096 30000 50000", "1 1 1"], ["0 1 1", "1 2", "1 2 x"]),
        ("tcp_wmem", ["4096 50000 60000"], ["0 0 0"]),
        ("tcp_congestion_control", ["reno", "cubic"], ["nosuch"]),
        ("ip_local_port_range", ["50000 50000"], ["0 1"]),
    ],
)
def test_a_setting_takes_what_linux_takes(
    sysctls: SysctlSettings, name: str, accepted: list[str], refused: list[str]
) -> None:
    for text in accepted:
        sysctls.write(f"net.ipv4.{name}", text)
    for text in refused:
        with pytest.raises(SysctlError):
            sysctls.write(f"net.ipv4.{name}", text)


def test_a_read_only_setting_is_not_written(sysctls: SysctlSettings) -> None:
    with pytest.raises(SysctlError, match="Permission denied"):
        sysctls.write("net.ipv4.tcp_available_congestion_control", "reno")


@pytest.mark.parametrize("gone", ["tcp_abc", "tcp_bic", "tcp_tw_recycle", "tcp_vegas_cong_avoid", "tcp_frto_response"])
def test_settings_that_linux_has_removed_are_unknown(sysctls: SysctlSettings, gone: str) -> None:
    with pytest.raises(SysctlError, match="No such file"):
        sysctls.read(f"net.ipv4.{gone}")


def test_a_setting_that_nobody_wrote_shows_what_the_personality_does() -> None:
    sysctls = SysctlSettings(ConnectionSettings(sack=False, keepidle_us=5_000_000, rcvbuf=1000, rmem_max=2000))
    assert sysctls.read("net.ipv4.tcp_sack") == "0"
    assert sysctls.read("net.ipv4.tcp_keepalive_time") == "5"
    assert sysctls.read("net.ipv4.tcp_rmem") == "4096\t1000\t2000"


def test_the_personality_linux_has_the_defaults_of_linux() -> None:
    # The table holds what Linux 6.18 shows in a fresh network namespace; congestion control is the usual build's.
    sysctls = SysctlSettings(personality("linux").settings)
    assert {name: sysctls.read(name).split() for name, row in TABLE.items() if row.effect} == {
        name: row.default.split() for name, row in TABLE.items() if row.effect
    }
    assert sysctls.read("net.ipv4.tcp_congestion_control") == "cubic"


def test_every_default_is_one_that_could_be_written(sysctls: SysctlSettings) -> None:
    for name, row in TABLE.items():
        if not row.is_read_only and not row.is_text:
            sysctls.write(name, row.default)
            assert sysctls.read(name).split() == row.default.split()


def test_every_effect_reads_back_what_was_put() -> None:
    for row in TABLE.values():
        if row.effect is not None:
            settings = ConnectionSettings()
            numbers = tuple(map(int, row.default.split()))
            row.effect.put(settings, numbers)
            shown = row.effect.show(settings)
            assert shown in (numbers, tuple(int(bool(number)) for number in numbers)), row.name


def test_written_settings_reach_new_sockets_and_nothing_else_does(sysctls: SysctlSettings) -> None:
    settings = ConnectionSettings(retries2=4)
    sysctls.write("net.ipv4.tcp_wmem", "4096 50000 60000")
    sysctls.write("net.ipv4.tcp_congestion_control", "cubic")
    sysctls.apply(settings, Acts.AT_SOCKET)
    assert (settings.sndbuf, settings.congestion_control, settings.retries2) == (50_000, "cubic", 4)


def test_buffer_settings_do_not_reach_sockets_that_exist(sysctls: SysctlSettings) -> None:
    # Measured (tcp(7), tcp_congestion_control): a socket created before keeps its own.
    settings = ConnectionSettings()
    sysctls.write("net.ipv4.tcp_wmem", "4096 50000 60000")
    sysctls.write("net.ipv4.tcp_congestion_control", "cubic")
    sysctls.write("net.ipv4.tcp_sack", "0")
    sysctls.apply(settings, Acts.AT_CONNECT)
    assert (settings.sndbuf, settings.congestion_control, settings.sack) == (87_040, "reno", False)


def test_only_settings_that_act_at_once_reach_connections_that_exist(sysctls: SysctlSettings) -> None:
    # Measured: tcp_keepalive_probes applies while probes are going out.
    settings = ConnectionSettings()
    sysctls.write("net.ipv4.tcp_keepalive_probes", "2")
    sysctls.write("net.ipv4.tcp_sack", "0")
    sysctls.apply(settings, Acts.ALWAYS)
    assert (settings.keepcnt, settings.sack) == (2, True)


def test_what_a_socket_option_has_set_stays(sysctls: SysctlSettings) -> None:
    settings = ConnectionSettings(keepcnt=7)
    sysctls.write("net.ipv4.tcp_keepalive_probes", "2")
    sysctls.apply(settings, Acts.ALWAYS, keep={"keepcnt"})
    assert settings.keepcnt == 7


def test_settings_of_the_whole_machine_have_what_was_measured(sysctls: SysctlSettings) -> None:
    # tcp(7): tcp_low_latency is off; tcp_mem is low, pressure and high in pages; tcp_max_orphans follows the memory.
    assert sysctls.read("net.ipv4.tcp_low_latency") == "0"
    low, pressure, high = map(int, sysctls.read("net.ipv4.tcp_mem").split())
    assert low < pressure < high
    assert sysctls.read("net.ipv4.tcp_max_orphans") == "131072"
