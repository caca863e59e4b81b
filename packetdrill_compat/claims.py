"""What a script's commands may change outside of its own namespace, so that it does not meet another one there.

Commands are read, not understood: a word that could mean a change counts as one. A claim too many costs time, one too
few a verdict that depends on what else plays. Scripts of the shell that a command calls are read as well.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from packetdrill_compat.ast import CodeBlock, Command, Script
from packetdrill_compat.config import Config
from targets.base import FILES, HOST

ClaimsRule: TypeAlias = Callable[[Script, Config], frozenset[str]]
"""Gives the claims (`targets.base.Network`) with which a script is played."""

# Programs that change the machine itself, and files under which its settings stand. What stands in /proc/sys/net, or
# is called net.…, belongs to the namespace (network_namespaces(7)); what does not cannot be written there from inside.
_MACHINE_PROGRAM = re.compile(
    r"(?<![\w./-])(?:/\S*/)?(?:modprobe|insmod|rmmod|mount|umount|date\s+(?:-s|--set)|hwclock|cpupower|swapon|swapoff"
    r"|systemctl|service|ip\s+netns)(?![\w-])"
)
_MACHINE_FILE = re.compile(r"(?<!/proc)/sys/(?!class/net|devices/virtual/net|fs/cgroup)\w|/proc/sys/(?!net/)\w")
_MACHINE_SYSCTL = re.compile(r"(?<![\w./-])(?:kernel|vm|fs|dev|user|abi|debug)[./]\w[\w./-]*\s*=")

# Programs that make, change or remove files. nstat keeps the last counters in a file of the user.
_FILE_PROGRAM = re.compile(
    r"(?<![\w./-])(?:/\S*/)?(?:dd|touch|truncate|fallocate|rm|rmdir|mkdir|mkfifo|cp|mv|ln|tee|install|nstat|rtacct"
    r"|tcpdump|killall|pkill)(?![\w-])"
)
_REDIRECTION = re.compile(r"(?:&|\d)?>{1,2}\|?\s*(?P<file>[^\s;&|)>]+)")
# Nobody else has a file that is named after a process, and these two are no files of anybody.
_OWN_FILE = re.compile(r"\$\$|PPID|PACKETDRILL_PID|mktemp|^/dev/(?:null|std\w+|tty)|^/proc/sys/net/|^&\d|^/proc/self/")
_CODE_WRITES = re.compile(r"\b(?:open|os\.\w+|subprocess|shutil|pathlib|tempfile)\b")

_MOST_OCTETS = 1 << 16
_MOST_FILES = 16


def claims_of(script: Script, config: Config) -> frozenset[str]:
    """Return what the script claims: `HOST`, `FILES`, both or, mostly, nothing."""
    commands = [each for each in (script.init, script.cleanup) if each is not None]
    commands += [event.action for event in script.events if isinstance(event.action, Command)]
    folder = Path(script.path).parent
    texts = [command.text for command in commands]
    claims = set()
    for text in [*texts, *_called(texts, folder), *_called(config.init_scripts, folder)]:
        claims |= _claims_of_text(text)
    if any(isinstance(event.action, CodeBlock) and _CODE_WRITES.search(event.action.text) for event in script.events):
        claims.add(FILES)
    return frozenset(claims)


def _claims_of_text(text: str) -> set[str]:
    claims = set()
    if any(pattern.search(text) for pattern in (_MACHINE_PROGRAM, _MACHINE_FILE, _MACHINE_SYSCTL)):
        claims.add(HOST)
    written = (match["file"] for match in _REDIRECTION.finditer(text))
    if _FILE_PROGRAM.search(text) or any(not _OWN_FILE.search(file) for file in written):
        claims.add(FILES)
    return claims


def _called(commands: "list[str] | tuple[str, ...]", folder: Path) -> Iterator[str]:
    """Yield the texts of shell scripts that commands name, and of those that these name."""
    waiting, seen = list(commands), set[Path]()
    while waiting and len(seen) < _MOST_FILES:
        for word in re.findall(r"[\w./+-]*/[\w./+-]+", waiting.pop()):
            path = folder / word
            if path in seen or (text := _shell_script(path)) is None:
                continue
            seen.add(path)
            waiting.append(text)
            yield text


def _shell_script(path: Path) -> str | None:
    """Return the text of a shell script; None for what is no file, no text, or another program."""
    try:
        if not path.is_file() or not 0 < path.stat().st_size <= _MOST_OCTETS:
            return None
        text = path.read_text()
    except (OSError, ValueError):
        return None
    first = text.partition("\n")[0]
    is_shell = not first.startswith("#!") or re.search(r"\b(?:ba|da|k|z)?sh\b", first) is not None
    return text if is_shell and "\0" not in text else None
