"""The small shell: words, connectors, redirections (POSIX.1-2017, Shell Command Language, sections 2.2 to 2.9)."""

import re

import pytest

from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import Routes, make_prefix
from reference_stack.host.shell.run import Shell, ShellOutcome
from reference_stack.host.shell.words import arithmetic
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
        ("echo one 1> /dev/null", 0, ""),
        ("./missing 2> /dev/null", 127, ""),
        ("./missing 2>&1 > /dev/null", 127, "./missing: No such file or directory\n"),
        ("./missing 2>&1 | grep -c missing", 0, "1\n"),
        ("echo a b | cat", 0, "a b\n"),
        ("false | true", 0, ""),
        ("true | false", 1, ""),
        ("! true", 1, ""),
        ("! false && echo yes", 0, "yes\n"),
        ("X=1; true | X=2; echo $X", 0, "1\n"),
        ("echo $(echo a; echo b) `echo c`", 0, "a b c\n"),
        ("echo \"$(echo 'a  b')\" $(echo 'a  b')", 0, "a  b a b\n"),
        ("X='a  b'; echo $X \"$X\"", 0, "a b a  b\n"),
        ("X=; echo ${X:-d} ${X-e} ${Y:=f} $Y ${Y:+g}", 0, "d f f g\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", 0, "b\n"),
        ("if false\nthen echo a\nelse echo c\nfi", 0, "c\n"),
        ("if false; then echo a; fi", 0, ""),
        ("for X in 1 2 3; do echo -n $X; done; echo", 0, "123\n"),
        ("X=0; while test $X -lt 3; do X=$((X + 1)); done; echo $X", 0, "3\n"),
        ("X=0; until [ $X = 2 ]; do X=$((X + 1)); done; echo $X", 0, "2\n"),
        ("{ echo a; echo b; } | wc -l", 0, "2\n"),
        ("(X=5; cd /tmp; exit 3); echo $? $X", 0, "3\n"),
        ("[ a = b ] || [ -n x ] && echo yes", 0, "yes\n"),
        ("[ ! -e /no/file ]", 0, ""),
        ("[ 1 -eq x ]", 2, "[: Illegal number\n"),
        ("set -e; false; echo no", 1, ""),
        ("set -e; if false; then :; fi; echo yes", 0, "yes\n"),
        ("A=1 echo x; echo .$A", 0, "x\n.\n"),
        ("export A=5 B; echo $A; unset A; echo .$A", 0, "5\n.\n"),
        ("sh -c 'echo $0; exit 4'", 4, "sh\n"),
        ("printf '%s-%d\\n' a 5", 0, "a-5\n"),
        ("uname", 0, "Linux\n"),
        ("printf '1\\n2\\n3\\n' | head -n 2 | tail -1", 0, "2\n"),
        ("cat < /dev/null", 0, ""),
        ("echo x > /tmp/f; cat < /tmp/f", 0, "x\n"),
    ],
)
def test_a_command_text_ends_with_its_status_and_output(shell: Shell, text: str, status: int, output: str) -> None:
    assert shell.run(text) == ShellOutcome(status, output)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frobnicate --all", "no command frobnicate"),
        ("true; /sbin/mystery", "no command mystery"),
        ("sleep 1", "no command sleep"),
        ("echo x &", "operator &"),
        ("(true", "no closing )"),
        ("echo $(true", "no closing )"),
        ("f() { true; }", "operator ("),
        ("echo ${X#5}", "parameter expansion"),
        ("echo 'open", "no closing '"),
        ("&& true", "&& without a command"),
        ("true &&", "&& without a command"),
        ("echo x >", "> without a target"),
        ("echo x > /etc/passwd", "redirection to /etc/passwd"),
        ("echo x 2> /tmp/x", "redirection 2> /tmp/x"),
        ("cat < file", "redirection < file"),
        ("cat << END", "operator <<"),
        ("if true; then", "fi is missing"),
        ("if true; fi", "then is missing"),
        ("for X in a; done", "do is missing"),
        ("case x in x) true;; esac", "case"),
        ("fi", "no command fi"),
        ("while true; do :; done", "a loop of more than"),
        ("set -u", "set -u"),
        ("test a -nt b", "test: a -nt b"),
        ("grep --color x", "grep: option --color"),
        ("echo x | grep '['", "grep: pattern"),
        ("nstat -d 5", "nstat: option -d"),
        ("nstat TcpExtTCPTimeouts", "nstat: counter TcpExtTCPTimeouts"),
        ("nstat | grep TcpExtTCPTimeouts", "grep: whether there is a line with TcpExtTCPTimeouts"),
        ("nstat | wc -l", "wc -l"),
        ("uname -r", "uname -r"),
        ("printf %5d 1", "printf: format"),
    ],
)
def test_what_the_shell_does_not_know_is_named_and_never_passed_over(shell: Shell, text: str, reason: str) -> None:
    with pytest.raises(NotModelled, match=re.escape(reason)):
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


@pytest.mark.parametrize(
    ("options", "status", "output"),
    [
        ("bc", 0, "abc\nbcd\n"),
        ("-c bc", 0, "2\n"),
        ("-v bc", 0, "a.c\n(x)\n"),
        ("-n '^a'", 0, "1:abc\n2:a.c\n"),
        ("-F a.c", 0, "a.c\n"),
        ("'a.c'", 0, "abc\na.c\n"),
        ("'(x)'", 0, "(x)\n"),
        ("-E '(b|x)c?d'", 0, "bcd\n"),
        ("'\\(b\\|x\\)cd'", 0, "bcd\n"),
        ("-i ABC", 0, "abc\n"),
        ("-w x", 0, "(x)\n"),
        ("-x abc", 0, "abc\n"),
        ("-o 'c$'", 0, "c\nc\n"),
        ("-q abc", 0, ""),
        ("-q zzz", 1, ""),
        ("-c zzz", 1, "0\n"),
        ("-l abc", 0, "(standard input)\n"),
        ("'a[[:alpha:]]c'", 0, "abc\n"),
    ],
)
def test_grep_selects_lines(shell: Shell, options: str, status: int, output: str) -> None:
    # grep(1); basic and extended expressions of POSIX.1-2017, 9.3 and 9.4.
    text = f"printf 'abc\\na.c\\nbcd\\n(x)\\n' | grep {options}"
    assert shell.run(text) == ShellOutcome(status, output)


def test_grep_of_several_files_names_them(shell: Shell) -> None:
    shell.run("echo abc > /tmp/one; echo bcd > /tmp/two")
    assert shell.run("grep bc /tmp/one /tmp/two").output == "/tmp/one:abc\n/tmp/two:bcd\n"
    assert shell.run("grep -h bc /tmp/one /tmp/two").output == "abc\nbcd\n"
    assert shell.run("grep abc /tmp/none") == ShellOutcome(2, "grep: /tmp/none: No such file or directory\n")


def test_a_script_gets_its_arguments_and_keeps_its_variables_to_itself(shell: Shell) -> None:
    shell.read_script = {"/scripts/x.sh": "X=inside; echo $1-$2 $#"}.get
    assert shell.run("X=outside; ./x.sh a b; echo $X").output == "a-b 2\noutside\n"


def test_a_sourced_script_shares_the_variables(shell: Shell) -> None:
    shell.read_script = {"/scripts/x.sh": "X=inside"}.get
    assert shell.run("X=outside; . ./x.sh; echo $X").output == "inside\n"


def test_nstat_tells_what_was_counted_since_it_was_asked_last(shell: Shell) -> None:
    # nstat(8): differences since the last call; -a the whole counts, -s leaves the history alone.
    shell.counters.count("TcpActiveOpens")
    assert shell.run("nstat -s | grep -c TcpActiveOpens").output == "1\n"
    assert shell.run("nstat -n").output == ""
    assert shell.run("nstat | grep TcpActiveOpens").status == 1
    assert shell.run("nstat -a TcpActiveOpens").output.split() == ["#kernel", "TcpActiveOpens", "1", "0.0"]
    assert shell.run("nstat -z TcpPassiveOpens").output.split() == ["#kernel", "TcpPassiveOpens", "0", "0.0"]
