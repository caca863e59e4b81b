"""The target's side of the helper process: start it, ask it, notice its death, and keep idle ones for the next test."""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.base import Micros, TargetError
from targets.kernel import protocol
from targets.kernel.forked import ForkedProcess, may_fork

_ROOT = str(Path(__file__).resolve().parents[2])
_START = (
    "import sys; sys.path.insert(0, {root!r}); from targets.kernel.helper.main import main; "
    "main({fd}, {pid}, is_here={here})"
)
_ANSWER_LIMIT_US = 10_000_000
_END_LIMIT_S = 5.0
# Helpers take turns when targets are played one after the other: while some clear up, which takes the kernel some 20 ms
# of waiting for itself, the next one works. Very short scripts open in 19 ms with two of them, in 3 ms with four.
_FEWEST = 4


class HelperProcess:
    """One helper; used by one target at a time.

    With `is_here` it works in the network namespace of this process and makes none; such a one is for one script.
    """

    def __init__(self, *, is_here: bool = False) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = os.memfd_create("helper-errors", os.MFD_CLOEXEC)
        program = _START.format(root=_ROOT, fd=theirs.fileno(), pid=os.getpid(), here=is_here)
        self._process: subprocess.Popen[bytes] | ForkedProcess
        with theirs:
            if is_here and may_fork():
                self._process = self._fork(theirs)
            else:
                self._process = self._start(program, theirs.fileno())
        self._is_leaving = False

    def _fork(self, theirs: socket.socket) -> ForkedProcess:
        from targets.kernel.helper.main import main  # noqa: PLC0415  only a forked helper needs it in this process

        number, owner = theirs.fileno(), os.getpid()
        return ForkedProcess(lambda: main(number, owner, is_here=True), keep=number, errors=self._errors)

    def _start(self, program: str, control: int) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                # Isolated and without site-packages: starts in a third of the time and imports nobody's modules.
                [sys.executable, "-I", "-S", "-c", program],
                pass_fds=[control],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                # Ctrl-C in the terminal is for the tests; the helper then ends after them.
                start_new_session=True,
            )
        except OSError as error:
            raise TargetError(
                f"the helper process cannot be started: {error}",
                next_step=f"see whether this user may run {sys.executable}, and ulimit -u",
            ) from error

    @property
    def pid(self) -> int:
        """Its process id: also PACKETDRILL_PID and the parent's id of shell commands."""
        return self._process.pid

    def ask(
        self, request: dict[str, Any], *, timeout: Micros = _ANSWER_LIMIT_US, descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        """Send a request and wait for its answer. Raises `TargetError` for the helper's own failures and its death."""
        try:
            if self._is_leaving:
                self._receive(_ANSWER_LIMIT_US)
                self._is_leaving = False
            protocol.send(self.control, request, descriptors)
            answer, received = self._receive(timeout)
        except (OSError, EOFError) as error:
            raise self.death() from error
        if "failure" in answer:
            raise TargetError(answer["failure"], next_step=answer["next_step"])
        return answer, received

    def _receive(self, timeout: Micros) -> tuple[dict[str, Any], list[int]]:
        watched = select.poll()
        watched.register(self.control, select.POLLIN)
        if not watched.poll(timeout / 1000):
            self._process.kill()  # its answer, should it still come, would be taken for that to a later question
            raise TargetError(
                f"the kernel target's helper process {self.pid} has not answered for {timeout / 1e6:.1f} s",
                next_step="look at what it waits for: cat /proc/PID/stack, /proc/PID/wchan",
            )
        return protocol.receive(self.control)

    def leave(self) -> None:
        """Tell it to clear up; it does so while the caller goes on. Harmless when it is dead."""
        try:
            protocol.send(self.control, {"do": "leave"})
            self._is_leaving = True
        except OSError:
            return

    @property
    def is_alive(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """True when it would answer at once; False while it clears up."""
        if self._is_leaving:
            watched = select.poll()
            watched.register(self.control, select.POLLIN)
            return bool(watched.poll(0))
        return True

    def death(self) -> TargetError:
        """Describe how it died."""
        try:
            status = self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait(_END_LIMIT_S)
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        said = os.pread(self._errors, 20_000, 0).decode(errors="replace").strip()
        step = f"its last words:\n{said}" if said else "run the test again; if nobody killed it, look into dmesg"
        return TargetError(f"the kernel target's helper process {self.pid} {how} under way", next_step=step)

    def stop(self) -> None:
        """End it and wait for that."""
        self.control.close()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_LIMIT_S)
        os.close(self._errors)


class _Pool:
    """Idle helpers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[HelperProcess] = []

    def take(self) -> HelperProcess:
        """Return a helper that nobody uses, starting one if need be."""
        with self._lock:
            for helper in self._idle:
                if helper.is_ready and helper.is_alive:
                    self._idle.remove(helper)
                    return helper
            if len(self._idle) >= _FEWEST and self._idle[0].is_alive:
                return self._idle.pop(0)
            dead = [helper for helper in self._idle if not helper.is_alive]
            self._idle = [helper for helper in self._idle if helper not in dead]
        for helper in dead:
            helper.stop()
        return HelperProcess()

    def give_back(self, helper: HelperProcess) -> None:
        """Keep a healthy helper for the next target."""
        helper.leave()
        if helper.is_alive:
            with self._lock:
                self._idle.append(helper)
        else:
            helper.stop()

    def stop(self) -> None:
        """End all idle helpers."""
        with self._lock:
            helpers, self._idle = self._idle, []
        for helper in helpers:
            helper.stop()

    def forget(self) -> None:
        """Drop the helpers of the parent: a forked child must not talk to them."""
        self._lock = threading.Lock()
        for helper in self._idle:
            helper.control.close()
        self._idle = []


pool = _Pool()
atexit.register(pool.stop)
os.register_at_fork(after_in_child=pool.forget)
