"""The small shell: words, connectors, redirections (POSIX.1-2017, Shell Command Language, sections 2.2 to 2.9)."""

import pytest

from reference_stack.host.commands import Shell, ShellOutcome
from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import Routes, make_prefix
from reference_stack.host.shell import arithmetic
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.settings import ConnectionSettings


@pytest.fixture
def shell() -> Shell:
    routes = Routes({"192.168.0.1"}, [make_prefix("192.168.0.1", 16)])
    return Shell(SysctlSettings(ConnectionSettings()), routes, {}, "/scripts", {"PACKETDRILL_PID": "4711"})


@pytest.mark.parametrize(
    ("text", "status", "output"),
    [
        ("echo a b", 0, "a b\n"),
        ("echo 'a  b' \"c  d\"", 0, "a  b c  d\n"),
        ("echo a\\ b", 0, "a b\n"),
        ("echo -n x; echo y", 0, "xy\n"),
        ("echo a # comment ; false", 0, "a\n"),
        ("echo a#b", 0, "a#b\n"),
        ("# only a comment", 0, ""),
        ("", 0, ""),
        ("echo one \\\n  two", 0, "one two\n"),
        ("echo jo\\\nined", 0, "joined\n"),
        ("false; true", 0, ""),
        ("true; false", 1, ""),
        ("false && echo no", 1, ""),
        ("false || echo yes", 0, "yes\n"),
        ("true || echo no && echo yes", 0, "yes\n"),
        ("false && echo no || echo yes", 0, "yes\n"),
        ("false\necho $?", 0, "1\n"),
        ("exit 7; echo no", 7, ""),
        ("false; exit", 1, ""),
        ("X=5; echo $X ${X}y \"$X\" '$X'", 0, "5 5y 5 $X\n"),
        ("echo $((15*1024*1024)) $(( 1 + 2 * 3 ))", 0, "15728640 7\n"),
        ("X=3; echo $((X * 2))", 0, "6\n"),
        ("echo gone > /dev/null", 0, ""),
        ("echo gone &> /dev/null", 0, ""),
        ("echo gone > /dev/null 2>&1", 0, ""),
        ("echo kept 2> /dev/null", 0, "kept\n"),
        ("echo ${PPID}", 0, "4711\n"),
        ("echo $NOBODY.", 0, ".\n"),
        ("echo 2 > /dev/null; echo 2", 0, "2\n"),
    ],
)
def test_a_command_text_ends_with_its_status_and_output(shell: Shell, text: str, status: int, output: str) -> None:
    assert shell.run(text) == ShellOutcome(status, output)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frobnicate --all", "no command frobnicate"),
        ("true; /sbin/mystery", "no command mystery"),
        ("nstat > /dev/null", "no command nstat"),
        ("echo x | cat", "operator |"),
        ("echo x &", "operator &"),
        ("(true)", "operator ("),
        ("echo `id`", "command substitution"),
        ("echo $(id)", "command substitution"),
        ("echo ${X:-5}", "parameter expansion"),
        ("echo 'open", "no closing '"),
        ("&& true", "&& without a command"),
        ("echo x >", "> without a target"),
        ("echo x > /etc/passwd", "redirection to /etc/passwd"),
        ("cat < file", "redirection < file"),
        ("A=1 true", "assignment before a command"),
        ("if true; then", "no command if"),
    ],
)
def test_what_the_shell_does_not_know_is_named_and_never_passed_over(shell: Shell, text: str, reason: str) -> None:
    with pytest.raises(NotModelled, match=reason.replace("|", r"\|").replace("(", r"\(")):
        shell.run(text)


@pytest.mark.parametrize("expression", ["1 +", "x.y", "__import__('os')", "1/0", "2 ** 9", "'a'"])
def test_arithmetic_takes_integers_only(expression: str) -> None:
    with pytest.raises(NotModelled):
        arithmetic(expression)


def test_a_script_named_by_a_relative_path_is_read_from_the_directory(shell: Shell) -> None:
    asked: list[str] = []

    def read_script(path: str) -> str:
        asked.append(path)
        return "#!/bin/bash\nsysctl -q net.ipv4.tcp_sack=0\n"

    shell.read_script = read_script
    assert shell.run("../common/defaults.sh") == ShellOutcome(0, "")
    assert asked == ["/common/defaults.sh"]
    assert shell.sysctls.read("net.ipv4.tcp_sack") == "0"


def test_cd_moves_the_directory_that_scripts_are_read_from(shell: Shell) -> None:
    shell.read_script = {"/other/x.sh": "echo here"}.get
    assert shell.run("cd /other && ./x.sh").output == "here\n"


def test_a_missing_script_has_status_127(shell: Shell) -> None:
    # POSIX.1-2017, 2.8.2: a command that is not found.
    assert shell.run("./missing.sh").status == 127


def test_a_script_of_another_interpreter_is_not_taken_for_shell(shell: Shell) -> None:
    shell.read_script = lambda _path: "#!/usr/bin/env python3\nprint(1)\n"
    with pytest.raises(NotModelled, match="not a shell script"):
        shell.run("./tool.py")


def test_scripts_that_call_each_other_without_end_are_refused(shell: Shell) -> None:
    shell.read_script = lambda _path: "./again.sh"
    with pytest.raises(NotModelled, match="deep"):
        shell.run("./again.sh")


def test_exit_in_a_called_script_ends_that_script_only(shell: Shell) -> None:
    shell.read_script = {"/scripts/x.sh": "exit 3"}.get
    assert shell.run("./x.sh; echo $?").output == "3\n"
