"""The commands that scripts run, simulated on one host: sysctl, ip, tc, ethtool, nstat and a few more.

Each is a function of the shell, the words and the input. What a command does not know of its own language raises
`NotModelled`, so that no script goes on with a setting that was never made.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.ipcommand import ip_command
from reference_stack.host.shell.bsdkeys import kernel_module, setkey
from reference_stack.host.shell.bsdsockets import sockstat, tcpdrop
from reference_stack.host.shell.builtins import BUILTINS
from reference_stack.host.shell.counters import COUNTED
from reference_stack.host.shell.filters import FILTERS, split_options
from reference_stack.host.shell.streams import Done, Stream, failed, printed
from reference_stack.host.sysctl_rows import SysctlError

if TYPE_CHECKING:
    from reference_stack.host.shell.run import Shell

Command: TypeAlias = "Callable[[Shell, list[str], Stream], Done]"

_QDISCS = ("pfifo", "pfifo_fast", "bfifo", "fq", "fq_codel", "noqueue")


def sysctl(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """sysctl(8): ``[-n] [-e] [-q] [-w] name[=value]...``; status 1 when something could not be done (procps 4)."""
    options, names = split_options(words[1:], "neqw", "sysctl")
    status, lines, errors = 0, [], []
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
                errors.append(f"sysctl: {error}\n")
    return Done(status, Stream("".join(line + "\n" for line in lines)), "".join(errors))


def set_sysctls(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
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
            return failed(1, f"{error}\n")
    shell.files[f"/tmp/sysctl_restore_{pid}.sh"] = "#!/bin/sh\n" + "".join(restore)
    return Done()


def _tc(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """tc(8): a simulated link never queues, so of a queueing discipline only ``limit 0`` (no room) has effect."""
    if words[1:2] != ["qdisc"] or words[2:3] not in ([verb] for verb in ("add", "replace", "change", "del", "delete")):
        raise NotModelled("tc: " + " ".join(words[1:3]))
    if "dev" not in words or words[words.index("dev") + 1 :] == []:
        return failed(1, "tc: no device given\n")
    after_root = words[words.index("root") + 1 :] if "root" in words else []
    if words[2].startswith("del"):
        shell.routes.device.is_full = False
        return Done()
    if not after_root or after_root[0] not in _QDISCS:
        raise NotModelled("tc: qdisc " + " ".join(after_root[:1] or ["without root"]))
    shell.routes.device.is_full = after_root[1:3] == ["limit", "0"]
    return Done()


def _ethtool(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """ethtool(8): ``-K`` switches segmentation offload (super-segments) for new connections, ``-s`` does nothing."""
    if words[1:2] in (["-s"], ["--change"]) and len(words) > 3:
        return Done()
    if words[1:2] not in (["-K"], ["--offload"]) or len(words) < 5 or len(words) % 2 == 0:
        raise NotModelled("ethtool: " + " ".join(words[1:2]))
    for feature, state in zip(words[3::2], words[4::2], strict=True):
        if state not in ("on", "off"):
            return failed(1, "ethtool: bad command line argument(s)\n")
        shell.routes.offloads[feature] = state == "on"
    return Done()


def _rm(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """rm(1) of files that commands of this host made."""
    options, names = split_options(words[1:], "f", "rm")
    for name in names:
        if shell.files.pop(shell.resolve(name), None) is None and "f" not in options:
            return failed(1, f"rm: cannot remove '{name}': No such file or directory\n")
    return Done()


def _dd(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """dd(1) from /dev/zero into a file in /tmp."""
    operands = dict(word.partition("=")[::2] for word in words[1:])
    target = shell.resolve(operands.pop("of", ""))
    size = int(operands.pop("bs", "512")) * int(operands.pop("count", "-1"))
    operands.pop("status", None)
    if operands != {"if": "/dev/zero"} or not target.startswith("/tmp/") or size < 0:
        raise NotModelled(" ".join(words))
    shell.files[target] = "\0" * size
    return Done()


def _ip(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """ip(8), see `reference_stack.host.ipcommand`."""
    status, text = ip_command(shell.routes, words)
    return failed(status, text) if status else printed(text)


def _uname(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """uname(1): the name of the system, and no other property."""
    if words[1:] not in ([], ["-s"]):
        raise NotModelled(" ".join(words))
    return printed(shell.system_name + "\n")


def _nstat(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """nstat(8): ``-a`` since the beginning, ``-z`` zeros too, ``-s`` keeps the history, ``-n`` only makes one."""
    options, patterns = split_options(words[1:], "aznsr", "nstat")
    unknown = [pattern for pattern in patterns if "*" in pattern or pattern not in COUNTED]
    if unknown:
        raise NotModelled(f"nstat: counter {unknown[0]}")
    found = shell.counters.look(is_absolute="a" in options, keeps_history="s" in options)
    lines = ["#kernel\n"]
    for name, count in found.items():
        if (count or "z" in options) and (not patterns or name in patterns):
            lines.append(f"{name:<32}{count:<16}0.0\n")
    return Done() if "n" in options else Done(0, Stream("".join(lines), None if patterns else COUNTED))


def _on(system: str, command: Command) -> Command:
    """Give a command to one system: elsewhere it is not known."""

    def run(shell: "Shell", words: list[str], stdin: Stream) -> Done:
        if shell.system_name != system:
            raise NotModelled(f"shell: no command {words[0]} on this target")
        return command(shell, words, stdin)

    return run


COMMANDS: dict[str, Command] = {
    "sysctl": sysctl,
    "set_sysctls.py": set_sysctls,
    "ip": _ip,
    "tc": _tc,
    "ethtool": _ethtool,
    "nstat": _nstat,
    "uname": _uname,
    "rm": _rm,
    "dd": _dd,
    "sockstat": _on("FreeBSD", sockstat),
    "tcpdrop": _on("FreeBSD", tcpdrop),
    "kldstat": _on("FreeBSD", kernel_module),
    "kldload": _on("FreeBSD", kernel_module),
    "setkey": _on("FreeBSD", setkey),
    **BUILTINS,
    **FILTERS,
}
"""Every command by name."""
