"""Flags. Source: language specification, sections 7.1, 7.2, 10.1 and 10.2; limits measured with packetdrill."""

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.options import FLAGS, apply_command_line, apply_flag, check
from packetdrill_compat.reader import load
from packetdrill_compat.variants import VARIANT_FLAGS, variant_config, variants_of
from tests.packetdrill_compat.reading.helpers import read, refused, settings


def value_of(name: str, value: str | None) -> object:
    return getattr(apply_flag(Config(), name, value), name)


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("ip_version", "ipv6", "ipv6"),
        ("ip_version", "ipv4_mapped_ipv6", "ipv4-mapped-ipv6"),
        ("bind_port", "1", 1),
        ("connect_port", "65535", 65535),
        # Numbers are read as atoi reads them.
        ("bind_port", " 80x", 80),
        ("bind_port", "010", 10),
        ("mtu", "0x10", 0),
        ("mtu", "abc", 0),
        ("tolerance_usecs", "5.5", 5),
        ("tolerance_percent", "12.5", 12.5),
        ("tolerance_percent", "1e1x", 10.0),
        ("tolerance_percent", "abc", 0.0),
        ("tcp_ts_tick_usecs", "1000000", 1_000_000),
        ("speed", "4294967295", 4294967295),
        ("mss", "1000", 1000),
        ("code_command", "python3 -u", "python3 -u"),
        ("init_scripts", "a,b c", ("a", "b c")),
        ("strict_segments", None, True),
        ("tcp_ts_ecr_scaled", None, True),
        ("send_omit_free", None, True),
        ("is_anyip", None, True),
        ("dry_run", None, True),
        ("verbose", None, True),
    ],
)
def test_values(name: str, value: str | None, result: object) -> None:
    assert value_of(name, value) == result


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ip_version", "ipv5"),
        ("bind_port", "0"),
        ("bind_port", "65536"),
        ("connect_port", "abc"),
        ("mtu", "-1"),
        ("mss", "0"),
        ("tolerance_usecs", "0"),
        ("tolerance_percent", "-1"),
        ("tolerance_percent", "101"),
        ("tcp_ts_tick_usecs", "-1"),
        ("tcp_ts_tick_usecs", "1000001"),
        ("speed", "-1"),
        ("speed", "10x"),
        ("speed", "4294967296"),
        ("wire_server_port", "0"),
        ("psp_udp_port", "65536"),
        ("udp_encapsulation", "x"),
    ],
)
def test_bad_values(name: str, value: str) -> None:
    with pytest.raises(ScriptError) as caught:
        apply_flag(Config(), name, value)
    assert caught.value.message == f"bad --{name}: {value}"


def test_flags_with_and_without_a_value() -> None:
    assert refused("--foo\n0 `true`").message == "option 'foo' unknown"
    assert refused("--mtu\n0 `true`").message == "option 'mtu' requires an argument"
    assert refused("--strict_segments=1\n0 `true`").message == "option 'strict_segments' forbids an argument"


def test_messages_name_the_script_or_the_command_line() -> None:
    assert str(refused("--mtu=-1\n0 `true`")).startswith("t.pkt:1:1: bad --mtu: -1")
    assert str(refused("0 `true`", "--foo")).startswith("Command Line: option 'foo' unknown")


def test_non_fatal_takes_a_list_and_ignores_unknown_words() -> None:
    config = apply_flag(Config(), "non_fatal", "syscall, packet,foo")
    assert config.non_fatal_packet
    assert config.non_fatal_syscall
    assert not apply_flag(Config(), "non_fatal", "foo").non_fatal_packet


def test_abbreviations_work_on_the_command_line_only() -> None:
    assert apply_command_line(Config(), ["--bind=80", "--strict"]) == Config(bind_port=80, strict_segments=True)
    assert refused("--bind=80\n0 `true`").message == "option 'bind' unknown"
    with pytest.raises(ScriptError, match="option 'code' ambiguous"):
        apply_command_line(Config(), ["--code=x"])


def test_values_may_be_arguments_of_their_own() -> None:
    config = apply_command_line(Config(), ["--mtu", "900", "-D", "A=1", "-DB=2", "-v", "--define", "C=3"])
    assert config == Config(mtu=900, verbose=True, definitions={"A": "1", "B": "2", "C": "3"})
    for arguments in (["--mtu"], ["-D"], ["file"], ["--"]):
        with pytest.raises(ScriptError):
            apply_command_line(Config(), arguments)


def test_the_command_line_is_applied_again_behind_the_script() -> None:
    assert settings("--mtu=1000\n--mss=5\n0 `true`", "--mtu=2000").mtu == 2000
    assert load("t.pkt", text="--mtu=1000\n0 `true`", config=Config(mtu=3000))[1].mtu == 1000


def test_each_dialect_knows_its_own_flags() -> None:
    read("--tcp_md5_secret=abc --no_cleanup\n0 `true`", dialect="nplab")
    assert refused("--no_cleanup\n0 `true`").message == "option 'no_cleanup' unknown"
    assert refused("--mss=5\n0 `true`", dialect="nplab").message == "option 'mss' unknown"
    assert refused("--tolerance_percent=5\n0 `true`", dialect="mptcp").message == "option 'tolerance_percent' unknown"
    # A command line may name the flags of all dialects.
    assert settings("0 `true`", "--mss=5", dialect="nplab").mss == 5


def test_all_flags_of_the_specification_are_known() -> None:
    names = """
        ip_version bind_port connect_port code_command code_format code_sockopt remote_ip local_ip gateway_ip netmask_ip
        init_scripts speed mss mtu tolerance_usecs tolerance_percent tcp_ts_ecr_scaled tcp_ts_tick_usecs strict_segments
        non_fatal wire_client wire_server wire_server_ip wire_server_at wire_server_port wire_client_dev wire_server_dev
        so_filename so_flags dry_run is_anyip send_omit_free psp_udp_port debug verbose define
    """
    assert set(names.split()) <= set(FLAGS)


# ---------------------------------------------------------------- addresses


def test_addresses_are_canonical_and_have_defaults() -> None:
    config = settings("--remote_ip=2001:DB8::0005\n0 `true`", "--ip_version=ipv6")
    assert (config.remote_ip, config.remote_prefix_length) == ("2001:db8::5", None)
    assert (config.local_ip, config.gateway_ip) == ("fd3d:fa7b:d17d::1", "fd3d:fa7b:d17d:8888::")
    config = settings('--remote_ip="198.51.100.1/16"\n0 `true`')
    assert (config.remote_ip, config.remote_prefix_length) == ("198.51.100.1", 16)


@pytest.mark.parametrize(
    ("line", "version", "told"),
    [
        ("--local_ip=::1", "ipv4", "bad IPv4 address: ::1"),
        ("--local_ip=192.0.2.1", "ipv6", "bad IPv6 address: 192.0.2.1"),
        ("--gateway_ip=192.0.2.256", "ipv4", "bad IPv4 address: 192.0.2.256"),
        ("--netmask_ip=abc", "ipv4-mapped-ipv6", "bad IPv4 address: abc"),
        ('--remote_ip="192.0.2.1/33"', "ipv4", "bad prefix length in prefix '192.0.2.1/33'"),
        ('--remote_ip="::1/129"', "ipv6", "bad prefix length in prefix '::1/129'"),
    ],
)
def test_addresses_must_fit_the_family(line: str, version: str, told: str) -> None:
    assert refused(f"{line}\n0 `true`", f"--ip_version={version}").message == told


def test_a_bad_address_of_the_script_may_be_replaced() -> None:
    settings("--local_ip=::1\n0 `true`", "--local_ip=192.0.2.9")
    settings('--remote_ip="192.0.2.1/x"\n0 `true`', "--remote_ip=192.0.2.9")


def test_refused_combinations() -> None:
    assert refused("--psp_udp_port=1000\n0 `true`").message.startswith("PSP requires wireserver mode")
    assert "must specify --wire_server_at" in refused("--wire_client\n0 `true`").message


# ---------------------------------------------------------------- variants


@pytest.mark.parametrize("variant", list(VARIANT_FLAGS))
def test_variants_win_over_option_lines(variant: str) -> None:
    text = "--local_ip=198.51.100.7\n--tolerance_usecs=10\n0 `true`"
    _, config = load("t.pkt", text=text, config=variant_config(variant))
    assert config.ip_version == variant
    assert config.local_ip == ("fd3d:a0b:17d6::1" if variant == "ipv6" else "192.168.0.1")
    assert config.tolerance_usecs == 10
    assert check(config) == config


def test_what_the_variants_define() -> None:
    assert variant_config("ipv4").definitions == {
        "TFO_COOKIE": "3021b9d889017eeb",
        "CODE": "host_unreachable",
        "CMSG_LEVEL_IP": "SOL_IP",
        "CMSG_TYPE_RECVERR": "IP_RECVERR",
    }
    assert variant_config("ipv4-mapped-ipv6").definitions["CMSG_LEVEL_IP"] == "SOL_IPV6"
    assert variant_config("ipv6").definitions["TFO_COOKIE"] == "c1d1e9742a47a9bc"
    assert "CODE" not in variant_config("ipv6").definitions
    assert variant_config("ipv6").mtu == 1520


def test_file_names_choose_variants() -> None:
    assert variants_of("a/b-v6.pkt") == ("ipv6",)
    assert variants_of("a/b-v4.pkt") == ("ipv4", "ipv4-mapped-ipv6")
    assert variants_of("a/b.pkt") == ("ipv4", "ipv4-mapped-ipv6", "ipv6")
