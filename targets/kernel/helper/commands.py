"""Running a script's shell commands as direct children, and making sure that none of them outlives its script."""

import ctypes
import os
import select
import signal
import socket
import time
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class OwnerGone(Exception):
    """The process that this helper works for is gone."""


class Commands:
    """Runs commands; watches `control` and `owner` meanwhile, so that they end with the process that wanted them."""

    def __init__(self, control: socket.socket, owner: int) -> None:
        self._control = control
        self._owner = owner

    def run(self, request: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Run one command to its end or time-out. Return how it ended and a memory file with what it printed."""
        output = os.memfd_create("output", os.MFD_CLOEXEC)
        deadline = time.monotonic_ns() + request["timeout_us"] * 1000
        child = os.fork()
        if child == 0:
            _become_shell(request, output)
        try:
            if not self._wait(child, deadline):
                kill_descendants()
                return {"timed_out": True}, output
            _, status = os.waitpid(child, 0)
        except OwnerGone:
            kill_descendants()
            raise
        reap()
        code = os.waitstatus_to_exitcode(status)
        return {"timed_out": False, "status": None if code < 0 else code, "signal": max(0, -code)}, output

    def _wait(self, child: int, deadline: int) -> bool:
        """Wait until the child has ended; False when the deadline comes first."""
        descriptor = os.pidfd_open(child)
        try:
            watched = select.poll()
            watched.register(descriptor, select.POLLIN)
            # Nothing is sent to us during a command, so anything readable on the control socket is its end.
            watched.register(self._control, select.POLLIN)
            watched.register(self._owner, select.POLLIN)
            left_ms = (deadline - time.monotonic_ns()) / 1e6
            ready = {number for number, _ in watched.poll(max(0, left_ms))}
        finally:
            os.close(descriptor)
        if ready & {self._control.fileno(), self._owner}:
            raise OwnerGone
        return bool(ready)


def _become_shell(request: dict[str, Any], output: int) -> NoReturn:
    """Turn the forked child into the shell of a command."""
    try:
        os.setpgid(0, 0)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # Python ignores these two; a shell must not inherit that (signal(7): ignored signals stay ignored in exec).
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(request["directory"])
        environment = {**request["environment"], "PACKETDRILL_PID": str(os.getppid())}
        os.execve("/bin/sh", ["sh", "-c", request["command"]], environment)
    except BaseException as error:  # whatever it is, this process must not become a second helper
        os.write(2, f"{error}\n".encode(errors="replace"))
    os._exit(127)


def reap() -> bool:
    """Collect ended children; True when others still run."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def kill_descendants(limit_s: float = 2.0) -> None:
    """Kill every descendant. Orphaned ones become children of this process (it is a subreaper), so none is missed."""
    deadline = time.monotonic() + limit_s
    while reap() and time.monotonic() < deadline:
        for child in children_of(os.getpid()):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.001)


def children_of(parent: int) -> list[int]:
    """List the children of a process, ended ones included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _parent_of(entry) == parent:
            found.append(int(entry))
    return found


def _parent_of(process: str) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # The command name stands in parentheses and may hold anything; the parent is the second field behind.
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return -1
