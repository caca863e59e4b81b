"""Bad values of options, of ``//:`` lines and of option lines: refused with what to write instead."""

from pathlib import Path

import pytest

from tests.bad_input.conftest import Play, Tcprove, Write
from tests.bad_input.scripts import LISTEN, places

# ---------------------------------------------------------------- options of pytest


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--tcprove-target=nowhere", "no such target; known are *kernel, reference*"),
        ("--tcprove-target=:linux", "no such target; known are *"),
        ("--tcprove-time-limit=soon", "write 10s, 500ms or 2m"),
        ("--tcprove-time-limit=0", "write 10s, 500ms or 2m"),
        ("--tcprove-time-limit=-1s", "write 10s, 500ms or 2m"),
        ("--tcprove-time-limit=nan", "write 10s, 500ms or 2m"),
        (f"--tcprove-time-limit={'9' * 400}s", "write 10s, 500ms or 2m"),
        ("--tcprove-variants=ipv5", "'ipv5' is none of ipv4, ipv6, ipv4-mapped-ipv6"),
        ("--tcprove-variants=ipv4;ipv6", "'ipv4;ipv6' is none of *"),
        ("--tcprove-define=NAME", "write NAME=VALUE"),
        ("--tcprove-define==1", "write NAME=VALUE"),
        ("--tcprove-dialect=bsd", "none of google, nplab, mptcp"),
        ("--tcprove-strict=must", "only 'should' can be made strict"),
        ("--tcprove-attach=some", "the only other choice is 'all'"),
        ("--tcprove-pcap=it.pkt", "this is no directory; name one, it is made if need be"),
    ],
)
def test_a_bad_option_is_refused_once_and_before_anything_runs(play: Play, option: str, message: str) -> None:
    result = play(LISTEN, option)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    shown = option.replace("[", "[[]")
    result.stderr.fnmatch_lines([f"ERROR: {shown}: {message}"])
    assert "it.pkt" not in result.stdout.str().partition("collected")[2]


def test_a_bad_value_in_the_ini_file_is_refused_like_an_option(play: Play) -> None:
    Path("pytest.ini").write_text("[pytest]\ntcprove_time_limit = soon\n")
    result = play(LISTEN)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --tcprove-time-limit=soon: write 10s, 500ms or 2m"])


def test_workers_of_xdist_do_not_repeat_the_refusal(play: Play) -> None:
    result = play(LISTEN, "-n2", "--tcprove-variants=ipv5")
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("ERROR: --tcprove-variants=ipv5") == 1


def test_an_argument_that_a_target_does_not_take_is_an_error_of_the_script(play: Play) -> None:
    result = play(LISTEN, "--tcprove-target=reference:plan9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["target 'reference:plan9': no personality 'plan9'; known are *", "*next step: *"])


GOOD = 'script = "it.pkt"\nreason = "why"\nlink = "https://example.org"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not = [toml", "*d.toml: this is no TOML: Invalid value (at line 1, column 8)"),
        (b"\xff\xfe", "*d.toml: this is no TOML: 'utf-8' codec can't decode byte 0xff in position 0: *"),
        ("[[deviations]]\n", "*d.toml: only [[]?deviation]] tables may stand here"),
        ("deviation = 5\n", "*d.toml: only [[]?deviation]] tables may stand here"),
        ("deviation = [1]\n", "*d.toml: only [[]?deviation]] tables may stand here"),
        ("[[deviation]]\ncolour = 1\n", "d.toml:1: unknown colour; known: *"),
        ('[[deviation]]\nscript = "it.pkt"\nlink = "x"\n', "d.toml:1: a deviation needs a reason"),
        ('\n[[deviation]]\nreason = "x"\nlink = "x"\n', "d.toml:2: a deviation names a requirement or a script"),
        (f"[[deviation]]\n{GOOD}message = 5\n", "d.toml:1: * are texts"),
        (f'[[deviation]]\n{GOOD}versions = "new"\n', "d.toml:1: versions: *; write for example '>=5.10,<6.12'"),
        (f'[[deviation]]\n{GOOD}variants = "ipv4"\n', "d.toml:1: variants is a list of ipv4, ipv6, ipv4-mapped-ipv6"),
        (f'[[deviation]]\n{GOOD}variants = ["ipv5"]\n', "d.toml:1: variants is a list of *"),
    ],
)
def test_a_bad_deviations_file_is_refused_with_its_line(play: Play, content: str | bytes, message: str) -> None:
    Path("d.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = play(LISTEN, "--tcprove-deviations=d.toml")
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --tcprove-deviations: {message.replace('[[]?', '[[][[]')}"])


def test_a_missing_deviations_file_is_refused(play: Play) -> None:
    result = play(LISTEN, "--tcprove-deviations=none.toml")
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --tcprove-deviations: *none.toml: No such file or directory"])


# ---------------------------------------------------------------- lines of scripts for pytest


@pytest.mark.parametrize(
    ("line", "place", "message", "next_step"),
    [
        ("//: requirment RFC9293-MUST-1", "1:5", "unknown key 'requirment'", "known keys: check, *requirement, *"),
        ("//: requirement RFC9293-MUST-999", "1:17", "the catalogue has no requirement *-999", "the nearest are *"),
        ("//:requirement  x RFC0-1", "1:17", "the catalogue has no requirement x", "see conformance/requirements*"),
        ("//: requirement", "1:16", "'requirement' takes a value", None),
        ("//: targets plan9", "1:13", "unknown target or capability 'plan9'", "known: *linux*"),
        ("//: targets all linux", "1:13", "'all' contradicts 'linux'", "write one of them"),
        ("//: level OUGHT", "1:11", "'OUGHT' is none of MUST, *", None),
        ("//: expect nothing", "1:12", "'nothing' is none of info, fail", None),
        ("//: variants ipv5", "1:14", "'ipv5 *is none of ipv4, ipv6, ipv4-mapped-ipv6", None),
        ("//: dialect bsd", "1:13", "'bsd' is none of google, nplab, mptcp", None),
        ("//: time-limit soon", "1:16", "'soon' is no time", "write 10s, 500ms or 2m"),
        (f"//: time-limit {'9' * 400}", "1:16", "'999*9' is no time", "write 10s, 500ms or 2m"),
        ("//: slow very", "1:10", "'slow' takes no value", None),
        ("//: slow\n//: slow", "2:5", "'slow' stands twice", None),
    ],
)
def test_a_bad_line_for_pytest_is_an_error_with_its_place(
    play: Play, line: str, place: str, message: str, next_step: str | None
) -> None:
    result = play(f"{line}\n{LISTEN}")
    result.assert_outcomes(errors=1)
    assert places(result.stdout.str())[:1] == [f"it.pkt:{place}"]
    result.stdout.fnmatch_lines([f"it.pkt:{place}: {message.replace(' *', '*')}"])
    if next_step is not None:
        result.stdout.fnmatch_lines([f"*next step: {next_step}"])


# ---------------------------------------------------------------- option lines

FLAGS = [
    ("--bogus=3", "option 'bogus' unknown", "known options: --bind_port, *"),
    ("--mss", "option 'mss' requires an argument", "write --mss=VALUE"),
    ("--mss=0", "bad --mss: 0", "--mss takes a number from 1 to 65535"),
    ("--mss=many", "bad --mss: many", "--mss takes a number from 1 to 65535"),
    ("--mss=70000", "bad --mss: 70000", "--mss takes a number from 1 to 65535"),
    ("--mtu=99999999999999999999", "bad --mtu: 9223372036854775807", "--mtu takes a number from 0 up"),
    ("--mtu=-1", "bad --mtu: -1", "--mtu takes a number from 0 up"),
    ("--bind_port=99999", "bad --bind_port: 99999", "--bind_port takes a number from 1 to 65535"),
    ("--connect_port=http", "bad --connect_port: http", "--connect_port takes a number from 1 to 65535"),
    ("--tolerance_usecs=0", "bad --tolerance_usecs: 0", "--tolerance_usecs takes a number from 1 up"),
    ('--tolerance_percent="101"', "bad --tolerance_percent: 101", "--tolerance_percent takes a percentage *"),
    ("--speed=fast", "bad --speed: fast", "--speed takes a number of Mbit/s below 2*"),
    ('--ip_version="ipv5"', "bad --ip_version: ipv5", "--ip_version takes ipv4, ipv6, ipv4-mapped-ipv6"),
    ('--strict_segments="yes"', "option 'strict_segments' forbids an argument", "write --strict_segments alone"),
]


@pytest.mark.parametrize(("line", "message", "next_step"), FLAGS)
def test_a_bad_option_line_is_an_error_with_its_place(
    play: Play, tcprove: Tcprove, line: str, message: str, next_step: str
) -> None:
    result = play(f"// first\n\n{line}\n{LISTEN}")
    result.assert_outcomes(errors=1)
    assert places(result.stdout.str()) == ["it.pkt:3:1"]
    shown = message if "9223372036854775807" not in message else "bad --mtu: 9*"
    result.stdout.fnmatch_lines([f"it.pkt:3:1: {shown}", f"  next step: {next_step}"])
    for command in ("run", "check"):
        said = tcprove(command, "it.pkt")
        assert said.status == 1
        assert places(said.err) == ["it.pkt:3:1"]


def test_a_network_that_no_link_carries_is_an_error(play: Play) -> None:
    # RFC 791 section 3.2: every link carries 68 octets.
    result = play(f"--mtu=67\n{LISTEN}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt: bad network: an MTU of 67 octets", "  next step: IPv4 needs 68"])


def test_an_init_script_that_is_not_there_is_named(play: Play) -> None:
    result = play(f'--init_scripts="/nowhere/init.sh"\n{LISTEN}')
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["it.pkt: error executing init script '/nowhere/init.sh': non-zero status 127"])


# ---------------------------------------------------------------- the console command


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("play",), 2, "unknown command 'play'"),
        (("run",), 1, "error: missing script path"),
        (("check", "it.pkt", "--mss=1"), 2, "unknown flag --mss=1"),
        (("run", "it.pkt", "--tcprove-time-limit=soon"), 1, "'soon' is no time: write seconds"),
        (("run", "it.pkt", "--tcprove-time-limit=nan"), 1, "'nan' is no time: write seconds"),
        (("run", "it.pkt", "--tcprove-time-limit=inf"), 1, "'inf' is no time: write seconds"),
        (("run", "it.pkt", "--tcprove-time-limit=-1"), 1, "'-1' is no time: write seconds"),
        (("run", "it.pkt", "--ip_version=ipv5"), 1, "Command Line: bad --ip_version: ipv5"),
        (
            ("run", "it.pkt", "--tcprove-dialect=bsd"),
            1,
            "bad --tcprove-dialect: bsd: choose one of google, ",
        ),
        (("run", "it.pkt", "--tcprove-target=nowhere"), 1, "no target 'nowhere'; known targets are: "),
        (("run", "it.pkt", "--tcprove-target=reference:plan9"), 1, "no personality 'plan9'"),
        (("run", "it.pkt", "--bogus=1"), 1, "unrecognized option '--bogus=1'"),
        (("run", "it.pkt", "--mss=0"), 1, "bad --mss: 0"),
        (("run", "it.pkt", "--netmask_ip=1.2.3.4"), 1, "bad netmask: 1.2.3.4"),
        (("run", "it.pkt", "--local_ip=here"), 1, "bad IPv4 address: here"),
        (("run", "it.pkt", "-D", "NAME"), 1, "bad definition: NAME"),
    ],
)
def test_wrong_usage_is_told_apart_from_broken_scripts(
    write: Write, tcprove: Tcprove, arguments: tuple[str, ...], status: int, message: str
) -> None:
    write(LISTEN)
    said = tcprove(*arguments)
    assert (said.status, said.out) == (status, "")
    assert message in said.err
