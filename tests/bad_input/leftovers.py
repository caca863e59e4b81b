"""What a run may leave behind: processes, network namespaces, descriptors, files."""

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.targets.kernel.processes import children_of

LIMIT_S = 10.0


def processes_with(text: str) -> set[int]:
    """Return the processes with `text` in their command line; its words end in NULs."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                if text in Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace"):
                    found.add(int(entry))
    return found - {os.getpid()}


def namespaces_of(processes: set[int]) -> set[int]:
    """Return the network namespaces that these processes are in."""
    found = set()
    for process in processes:
        with suppress(OSError):
            found.add(os.stat(f"/proc/{process}/ns/net").st_ino)
    return found


def processes_in(namespaces: set[int]) -> set[int]:
    """Return the processes that are in one of these network namespaces."""
    everybody = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    return {process for process in everybody if namespaces_of({process}) & namespaces}


def wait_until_none(find: Callable[[], set[int]], limit_s: float = LIMIT_S) -> set[int]:
    """Call `find` until it finds nothing; return what it finds at the end."""
    deadline = time.monotonic() + limit_s
    while (found := find()) and time.monotonic() < deadline:
        select.select([], [], [], 0.01)
    return found


def descendants(process: int) -> set[int]:
    """Return the children of a process, their children, and so on."""
    found: set[int] = set()
    waiting = [process]
    while waiting:
        new = _children(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def _children(process: int) -> set[int]:
    with suppress(OSError):
        return set(children_of(process))
    return set()


def _temporary_files() -> set[str]:
    return {each for each in os.listdir("/tmp") if "tcprove" in each or "packetdrill" in each or "sysctl" in each}


@contextmanager
def nothing_left(mark: str = "") -> Iterator[None]:
    """Assert that what runs inside leaves no process, device, descriptor or file.

    Idle helpers stay, in namespaces without anything; `mark` finds processes of the script by their command line.
    """
    marked = processes_with(mark) if mark else set()
    links, files = set(os.listdir("/sys/class/net")), _temporary_files()
    yield
    if mark:
        assert wait_until_none(lambda: processes_with(mark) - marked) == set()
    # The helpers themselves are children of this process; theirs are the commands of scripts.
    helpers = children_of(os.getpid())
    assert wait_until_none(lambda: {child for helper in helpers for child in _children(helper)}) == set()
    assert set(os.listdir("/sys/class/net")) == links
    assert _temporary_files() <= files
