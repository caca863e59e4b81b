"""The commands that scripts run, simulated on one host: sysctl, echo into /proc/sys, ip, tc, ethtool and a few more.

Each is a function of the arguments. What a command does not know of its own language raises `NotModelled`, so that no
script goes on with a setting that was never made.
"""

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.ipcommand import ip_command
from reference_stack.host.routes import Routes
from reference_stack.host.shell import SimpleCommand, parse_commands
from reference_stack.host.sysctl_rows import SysctlError
from reference_stack.host.sysctls import SysctlSettings

ReadScript: TypeAlias = Callable[[str], str | None]
Command: TypeAlias = "Callable[[Shell, list[str]], tuple[int, str]]"

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
_QDISCS = ("pfifo", "pfifo_fast", "bfifo", "fq", "fq_codel", "noqueue")
_LEVELS_MAX = 8


@dataclass(frozen=True, slots=True)
class ShellOutcome:
    """How a command text ended: the exit status of its last command, and what it printed."""

    status: int
    output: str = ""


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(slots=True)
class Shell:
    """One run of a command text on a host.

    `read_script` gives the text of a file, or None; `files` are the files that commands of this host have made.
    """

    sysctls: SysctlSettings
    routes: Routes
    files: dict[str, str]
    directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    read_script: ReadScript = lambda _path: None
    _variables: dict[str, str] = field(default_factory=dict)
    _status: int = 0
    _output: list[str] = field(default_factory=list)
    _level: int = 0

    def run(self, text: str) -> ShellOutcome:
        """Run all commands; `NotModelled` at the first one that this host does not know."""
        try:
            self._sequence(text)
        except _Exit as end:
            self._status = end.status
        return ShellOutcome(self._status, "".join(self._output))

    def _sequence(self, text: str) -> None:
        for command in parse_commands(text, self._value):
            wanted = {"&&": self._status == 0, "||": self._status != 0}
            if wanted.get(command.connector, True):
                self._one(command)

    def _value(self, name: str) -> str:
        if name == "?":
            return str(self._status)
        if name in ("PPID", "$"):
            # The shell is the child of the tool, whose pid PACKETDRILL_PID holds (language spec 7.3).
            return self.environment.get("PPID", self.environment.get("PACKETDRILL_PID", "0"))
        return self._variables.get(name, self.environment.get(name, ""))

    def _one(self, command: SimpleCommand) -> None:
        name, equals, value = command.words[0].partition("=")
        if equals and name.isidentifier():
            if len(command.words) > 1:
                raise NotModelled(f"shell: assignment before a command ({command.words[0]})")
            self._variables[name] = value
            self._status = 0
            return
        self._status, output = self._execute(command)
        if command.output_to is not None:
            self._status, output = self._redirected(command, output)
        if not command.is_silent:
            self._output.append(output)

    def _execute(self, command: SimpleCommand) -> tuple[int, str]:
        name = command.words[0]
        folder, base = posixpath.split(name)
        if not folder or folder in _SYSTEM_FOLDERS:
            known = COMMANDS.get(base)
            if known is None:
                raise NotModelled(f"shell: no command {base} on this target")
            return known(self, command.words)
        return self._run_file(name, command.words)

    def _run_file(self, name: str, words: list[str]) -> tuple[int, str]:
        path = self.resolve(name)
        if posixpath.basename(path) == "set_sysctls.py":
            return set_sysctls(self, words)
        text = self.files.get(path)
        if text is None:
            text = self.read_script(path)
        if text is None:
            return 127, f"{name}: No such file or directory\n"
        first_line = text.partition("\n")[0]
        if first_line.startswith("#!") and "sh" not in posixpath.basename(first_line):
            raise NotModelled(f"shell: {name} is not a shell script")
        if self._level >= _LEVELS_MAX:
            raise NotModelled(f"shell: scripts call each other more than {_LEVELS_MAX} deep")
        inner = Shell(self.sysctls, self.routes, self.files, self.directory, self.environment, self.read_script)
        inner._level = self._level + 1
        outcome = inner.run(text)
        return outcome.status, outcome.output

    def resolve(self, name: str) -> str:
        """Return the absolute path of `name`."""
        return posixpath.normpath(posixpath.join(self.directory, name))

    def _redirected(self, command: SimpleCommand, output: str) -> tuple[int, str]:
        target = self.resolve(command.output_to or "")
        if self._status != 0:
            return self._status, ""
        if target.startswith("/proc/sys/"):
            return self._write_setting(target, output)
        if target.startswith("/sys/module/"):
            self.files[target] = output  # a module's parameter: kept, without effect
            return 0, ""
        if target.startswith("/tmp/"):
            self.files[target] = output
            return 0, ""
        raise NotModelled(f"shell: redirection to {target}")

    def _write_setting(self, path: str, text: str) -> tuple[int, str]:
        try:
            self.sysctls.write(path, text)
        except SysctlError as error:
            reason = str(error).rpartition(": ")[2]
            # dash, the usual /bin/sh: a file that cannot be created gives 2, a write that is refused 1.
            status = 2 if reason == "No such file or directory" and str(error).startswith("cannot") else 1
            return status, f"sh: {path}: {reason}\n"
        return 0, ""

    def change_directory(self, name: str) -> None:
        """Take `name` as the directory of the following commands."""
        self.directory = self.resolve(name)


def sysctl(shell: Shell, words: list[str]) -> tuple[int, str]:
    """sysctl(8): ``[-n] [-e] [-q] [-w] name[=value]...``; status 1 when something could not be done (procps 4)."""
    options, names = _split_options(words[1:], "neqw", "sysctl")
    status, lines = 0, []
    for item in names:
        name, equals, value = item.partition("=")
        try:
            if equals:
                shell.sysctls.write(name, value)
                if "q" not in options:
                    lines.append(f"{name} = {value}")
            else:
                text = shell.sysctls.read(name)
                lines.append(text if "n" in options else f"{name.replace('/', '.')} = {text}")
        except SysctlError as error:
            if not ("e" in options and str(error).startswith(("cannot stat", "unknown oid"))):
                status = 1
                lines.append(f"sysctl: {error}")
    return status, "".join(line + "\n" for line in lines)


def set_sysctls(shell: Shell, words: list[str]) -> tuple[int, str]:
    """Set ``/proc/sys/...=value`` arguments; write the shell file that restores the old values.

    The file is ``/tmp/sysctl_restore_PID.sh`` with the tool's pid, which a cleanup command runs later.
    """
    pid = shell.environment.get("PACKETDRILL_PID", "0")
    restore = []
    for item in words[1:]:
        path, equals, value = item.partition("=")
        try:
            restore.append(f'echo "{shell.sysctls.read(path)}" > {path}\n')
            if equals:
                shell.sysctls.write(path, value)
        except SysctlError as error:
            return 1, f"{error}\n"
    shell.files[f"/tmp/sysctl_restore_{pid}.sh"] = "#!/bin/sh\n" + "".join(restore)
    return 0, ""


def _split_options(words: list[str], known: str, command: str) -> tuple[str, list[str]]:
    options = ""
    rest = []
    for word in words:
        if word.startswith("-") and len(word) > 1:
            if not set(word[1:]) <= set(known):
                raise NotModelled(f"{command}: option {word}")
            options += word[1:]
        else:
            rest.append(word)
    return options, rest


def _echo(_shell: Shell, words: list[str]) -> tuple[int, str]:
    ends_line = words[1:2] != ["-n"]
    return 0, " ".join(words[1 if ends_line else 2 :]) + ("\n" if ends_line else "")


def _cat(shell: Shell, words: list[str]) -> tuple[int, str]:
    output = []
    for name in words[1:]:
        path = shell.resolve(name)
        try:
            output.append(shell.files[path] if path in shell.files else shell.sysctls.read(path) + "\n")
        except SysctlError:
            return 1, f"cat: {name}: No such file or directory\n"
    return 0, "".join(output)


def _cd(shell: Shell, words: list[str]) -> tuple[int, str]:
    shell.change_directory(words[1] if len(words) > 1 else "/")
    return 0, ""


def _exit(shell: Shell, words: list[str]) -> tuple[int, str]:
    raise _Exit(int(words[1]) & 0xFF if len(words) > 1 else int(shell._value("?")))


def _tc(shell: Shell, words: list[str]) -> tuple[int, str]:
    """tc(8): a simulated link never queues, so of a queueing discipline only ``limit 0`` (no room) has effect."""
    if words[1:2] != ["qdisc"] or words[2:3] not in ([verb] for verb in ("add", "replace", "change", "del", "delete")):
        raise NotModelled("tc: " + " ".join(words[1:3]))
    if "dev" not in words or words[words.index("dev") + 1 :] == []:
        return 1, "tc: no device given\n"
    after_root = words[words.index("root") + 1 :] if "root" in words else []
    if words[2].startswith("del"):
        shell.routes.device.is_full = False
        return 0, ""
    if not after_root or after_root[0] not in _QDISCS:
        raise NotModelled("tc: qdisc " + " ".join(after_root[:1] or ["without root"]))
    shell.routes.device.is_full = after_root[1:3] == ["limit", "0"]
    return 0, ""


def _ethtool(shell: Shell, words: list[str]) -> tuple[int, str]:
    """ethtool(8): ``-K`` switches segmentation offload (super-segments) for new connections, ``-s`` does nothing."""
    if words[1:2] in (["-s"], ["--change"]) and len(words) > 3:
        return 0, ""
    if words[1:2] not in (["-K"], ["--offload"]) or len(words) < 5 or len(words) % 2 == 0:
        raise NotModelled("ethtool: " + " ".join(words[1:2]))
    for feature, state in zip(words[3::2], words[4::2], strict=True):
        if state not in ("on", "off"):
            return 1, "ethtool: bad command line argument(s)\n"
        shell.routes.offloads[feature] = state == "on"
    return 0, ""


def _rm(shell: Shell, words: list[str]) -> tuple[int, str]:
    """rm(1) of files that commands of this host made."""
    options, names = _split_options(words[1:], "f", "rm")
    for name in names:
        if shell.files.pop(shell.resolve(name), None) is None and "f" not in options:
            return 1, f"rm: cannot remove '{name}': No such file or directory\n"
    return 0, ""


def _dd(shell: Shell, words: list[str]) -> tuple[int, str]:
    """dd(1) from /dev/zero into a file in /tmp."""
    operands = dict(word.partition("=")[::2] for word in words[1:])
    target = shell.resolve(operands.pop("of", ""))
    size = int(operands.pop("bs", "512")) * int(operands.pop("count", "-1"))
    operands.pop("status", None)
    if operands != {"if": "/dev/zero"} or not target.startswith("/tmp/") or size < 0:
        raise NotModelled(" ".join(words))
    shell.files[target] = "\0" * size
    return 0, ""


def _run_shell(shell: Shell, words: list[str]) -> tuple[int, str]:
    if len(words) < 2 or words[1].startswith("-"):
        raise NotModelled(" ".join(words[:2]))
    return shell._run_file(words[1], words[1:])


def _ip(shell: Shell, words: list[str]) -> tuple[int, str]:
    return ip_command(shell.routes, words)


def _succeed(_shell: Shell, _words: list[str]) -> tuple[int, str]:
    return 0, ""


def _fail(_shell: Shell, _words: list[str]) -> tuple[int, str]:
    return 1, ""


COMMANDS: dict[str, Command] = {
    "sysctl": sysctl,
    "echo": _echo,
    "cat": _cat,
    "cd": _cd,
    "exit": _exit,
    "ip": _ip,
    "tc": _tc,
    "ethtool": _ethtool,
    "rm": _rm,
    "dd": _dd,
    "sh": _run_shell,
    "bash": _run_shell,
    ".": _run_shell,
    "source": _run_shell,
    "true": _succeed,
    ":": _succeed,
    "false": _fail,
}
"""Every command by name."""
