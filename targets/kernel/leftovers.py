"""Processes that a script left in its network namespace after its helper died; the helper itself clears up else."""

import os
import signal
from contextlib import suppress


def kill_processes_of(netns: int) -> list[int]:
    """Kill every process in the network namespace with this inode number; return their ids."""
    killed = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _netns_of(entry) == netns:
            with suppress(OSError):
                os.kill(int(entry), signal.SIGKILL)
                killed.append(int(entry))
    return killed


def _netns_of(process: str) -> int:
    try:
        return os.stat(f"/proc/{process}/ns/net").st_ino
    except OSError:
        return -1
