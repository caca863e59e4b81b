"""The command line is read as GNU getopt reads packetdrill's (language specification, section 7.1; getopt_long(3))."""

import pytest

from packetdrill_compat.arguments import Invocation, UsageError, read_arguments, usage
from packetdrill_compat.options import FLAGS


def flags(*arguments: str) -> tuple[str, ...]:
    return read_arguments(arguments).flags


def test_flags_and_scripts_may_stand_in_any_order() -> None:
    read = read_arguments(["a.pkt", "--mss=5", "b.pkt", "--mtu", "1400", "-v", "c.pkt"])
    assert read.scripts == ("a.pkt", "b.pkt", "c.pkt")
    assert read.flags == ("--mss=5", "--mtu=1400", "--verbose")


@pytest.mark.parametrize(
    ("argument", "flag"),
    [
        ("--ip=ipv6", "--ip_version=ipv6"),
        ("--tolerance_u=9", "--tolerance_usecs=9"),
        ("--non=packet", "--non_fatal=packet"),
        ("--local=1.2.3.4", "--local_ip=1.2.3.4"),
        ("--dry", "--dry_run"),
        ("--verb", "--verbose"),
        ("--de", "--define, --debug"),
    ],
)
def test_a_unique_beginning_of_a_name_will_do(argument: str, flag: str) -> None:
    if "," in flag:
        with pytest.raises(UsageError, match="ambiguous"):
            flags(argument)
    else:
        assert flags(argument) == (flag,)


def test_short_flags_may_stand_together() -> None:
    assert flags("-vvD", "A=1", "-DB=2", "-v") == (
        "--verbose",
        "--verbose",
        "--define=A=1",
        "--define=B=2",
        "--verbose",
    )


def test_two_dashes_end_the_flags() -> None:
    assert read_arguments(["--mss=5", "--", "--mtu=3", "-v"]) == Invocation(("--mtu=3", "-v"), ("--mss=5",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "unrecognized option '--bogus'"),
        (["--tol=3"], "option '--tol=3' is ambiguous; possibilities: '--tolerance_usecs' '--tolerance_percent'"),
        (["--mtu"], "option '--mtu' requires an argument"),
        (["--dry_run=3"], "option '--dry_run' doesn't allow an argument"),
        (["-x"], "invalid option -- 'x'"),
        (["-D"], "option requires an argument -- 'D'"),
        (["--pcap="], "bad --pcap: name a directory"),
        (["--tcprove-dialect=bsd"], "bad --tcprove-dialect: bsd: choose one of google, nplab, mptcp"),
        (
            ["--tcprove-time-limit=-1"],
            "bad --tcprove-time-limit: '-1' is no time: write seconds, for instance 10 or 0.5",
        ),
    ],
)
def test_wrong_usage_is_worded_as_getopt_does(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments(arguments)
    assert str(caught.value) == message


def test_our_own_flags_have_plain_names_too() -> None:
    for names in (("--pcap=d", "--no-shell"), ("--tcprove-pcap", "d", "--tcprove-no-shell")):
        assert read_arguments(names) == Invocation(pcap="d", allows_shell=False)


def test_the_last_value_of_a_flag_counts() -> None:
    read = read_arguments(["--ip_version=ipv4", "--ip_version", "ipv6", "--dry_run"])
    assert read.value_of("ip_version") == "ipv6"
    assert read.value_of("mtu") is None
    assert read.has("dry_run")


def test_the_usage_names_every_flag() -> None:
    text = usage("packetdrill")
    assert [name for name in FLAGS if f"[--{name}" not in text] == []
