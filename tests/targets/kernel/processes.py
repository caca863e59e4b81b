"""Looking for processes in /proc."""

import os
import select
import time
from contextlib import suppress
from pathlib import Path


def command_line(pid: str | int) -> list[str]:
    """Return the words of a process's command line; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def processes_with(word: str) -> list[int]:
    """List the processes with this word in their command line."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and word in command_line(entry)]


def wait_for_processes(word: str, count: int, *, limit_s: float = 10) -> list[int]:
    """Wait until so many processes have this word in their command line; return them."""
    deadline = time.monotonic() + limit_s
    while len(found := processes_with(word)) < count:
        assert time.monotonic() < deadline, f"only {len(found)} processes with {word}"
        select.select([], [], [], 0.005)
    return found


def is_running(pid: int) -> bool:
    """Tell whether a process exists that is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state != b"Z"


def network_namespaces() -> dict[int, list[int]]:
    """Return the network namespaces that processes are in, with those processes."""
    found: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.setdefault(os.stat(f"/proc/{entry}/ns/net").st_ino, []).append(int(entry))
            except OSError:
                continue
    return found


def children_of(parent: int) -> list[int]:
    """List the children of a process, those of all its threads."""
    found = []
    for task in os.listdir(f"/proc/{parent}/task"):
        with suppress(OSError):  # a thread that has just ended
            found += [int(word) for word in Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
    return found


def wait_for_end(pids: list[int], *, limit_s: float = 10) -> list[int]:
    """Wait until these processes have ended; return those that have not."""
    left = []
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with open(descriptor, "rb", buffering=0):
            if not select.select([descriptor], [], [], limit_s)[0]:
                left.append(pid)
    return left
