"""Calls that may block, made in threads of their own, so that a call without completion hangs nobody.

A thread counts as blocked when the kernel shows it inside a system call that is not the lock of a Python thread: then
it neither runs nor waits for its turn in the interpreter.
"""

import contextlib
import ctypes
import os
import platform
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from targets.base import CallHandle, Completion, TargetError
from targets.calls import CallResult
from targets.kernel import urgency
from targets.kernel.clock import Clock, Waiter
from targets.kernel.syscalls import Prepared

_FUTEX = {"x86_64": b"202", "aarch64": b"98", "riscv64": b"98"}.get(platform.machine(), b"")

# Between two looks at a thread that has neither finished nor blocked; growing, in nanoseconds.
_FIRST_LOOK_NS = 20_000
_LONGEST_LOOK_NS = 500_000
# A thread that computes for longer than this inside the kernel is left alone; its completion comes when it comes.
_PATIENCE_NS = 1_000_000_000
_END_LIMIT_S = 2.0
# Without /proc/PID/task/TID/syscall only the state "sleeping" shows, which waiting for the interpreter shares.
_SLEEPING_LOOKS = 3

_WAKE = signal.SIGRTMIN + 6


def _install_wake_signal() -> None:
    """Give the wake signal a handler that does nothing and restarts nothing, so that it ends a call with EINTR.

    The handler is getpid(2): harmless, allowed in a handler (signal-safety(7)), and there without the interpreter,
    whose own handlers run in the main thread only.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal.restype = ctypes.c_void_p
    libc.signal(_WAKE, ctypes.cast(libc.getpid, ctypes.c_void_p))
    libc.siginterrupt(_WAKE, 1)


class _Job(NamedTuple):
    handle: CallHandle
    prepared: Prepared
    finish: Callable[[int, int], CallResult]


class _Worker:
    """One thread and the call that it makes."""

    def __init__(self, pool: "Workers") -> None:
        self._pool = pool
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._started = threading.Event()
        self._changes_made = 0
        self.job: _Job | None = None
        self._view = -1
        self._shows_call = False
        self._looks = 0
        self.thread = threading.Thread(target=self._run, name="kernel-target-call", daemon=True)
        self.thread.start()
        if not self._started.wait(_END_LIMIT_S):
            raise TargetError("no thread for system calls could be started", next_step="see ulimit -u and memory")

    def start(self, job: _Job) -> None:
        """Let the thread make a call."""
        self._looks = 0
        self.job = job
        self._jobs.put(job)

    def stop(self) -> None:
        """Ask the thread to end after its call."""
        self._jobs.put(None)

    def _run(self) -> None:
        # Signals for the process (an alarm, a child's end) must not interrupt a call of the test with EINTR.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {_WAKE})
        urgency.hurry()
        self._open_view()
        self._started.set()
        while (job := self._jobs.get()) is not None:
            for change in self._pool.changes[self._changes_made :]:
                change()
                self._changes_made += 1
            value, errno = job.prepared.make()
            self._pool.note(job, value, errno)
            self.job = None
            self._pool.wake()
        if self._view >= 0:
            os.close(self._view)

    def _open_view(self) -> None:
        task = f"/proc/self/task/{threading.get_native_id()}/"
        for name in ("syscall", "stat") if _FUTEX else ("stat",):
            try:
                self._view = os.open(task + name, os.O_RDONLY | os.O_CLOEXEC)
                os.pread(self._view, 512, 0)
            except OSError:
                continue
            self._shows_call = name == "syscall"
            return

    def is_blocked(self) -> bool:
        """Tell whether the kernel shows the thread asleep in the call."""
        if self._view < 0:
            return True
        shown = os.pread(self._view, 512, 0)
        if self._shows_call:
            return shown.split(b" ", 1)[0] not in (_FUTEX, b"running\n")
        self._looks = self._looks + 1 if shown.rpartition(b") ")[2].startswith(b"S") else 0
        return self._looks >= _SLEEPING_LOOKS


class Workers:
    """The threads of one target, and what their calls gave back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._completions: deque[Completion] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._waiter = Waiter([self._wake])
        _install_wake_signal()
        self.changes: list[Callable[[], int]] = []
        self._threads = [_Worker(self)]

    def fileno(self) -> int:
        """Return a descriptor that is readable when completions wait."""
        return self._wake

    def run(self, handle: CallHandle, prepared: Prepared, finish: Callable[[int, int], CallResult]) -> None:
        """Start a call; return when it has finished or is blocked."""
        worker = next((worker for worker in self._threads if worker.job is None), None)
        if worker is None:
            worker = _Worker(self)
            self._threads.append(worker)
        job = _Job(handle, prepared, finish)
        worker.start(job)
        look_ns = _FIRST_LOOK_NS
        give_up = time.monotonic_ns() + _PATIENCE_NS
        while time.monotonic_ns() < give_up:
            self._calm()
            self._waiter.doze(look_ns)
            if worker.job is not job or worker.is_blocked():
                return
            look_ns = min(2 * look_ns, _LONGEST_LOOK_NS)

    @property
    def is_confined(self) -> bool:
        """True when calls have to be made here because the threads have other capabilities than the program."""
        return bool(self.changes)

    def confine(
        self,
        handle: CallHandle,
        prepared: Prepared,
        finish: Callable[[int, int], CallResult],
        change: Callable[[], int],
    ) -> None:
        """Make a call that changes the capabilities of its thread; `change` does the same to all others if it worked.

        Each thread catches up before its next call, in the order of the changes; one of them made twice does no harm.
        """
        outcome: list[int] = []

        def note(value: int, errno: int) -> CallResult:
            outcome.append(value)
            return finish(value, errno)

        self.run(handle, prepared, note)
        if outcome and outcome[0] >= 0:
            self.changes.append(change)

    def note(self, job: _Job, value: int, errno: int) -> None:
        """Keep the result of a call that has returned just now; called in its thread."""
        now = self._clock.now()
        self._completions.append(Completion(now, job.handle, job.finish(value, errno)))

    def wake(self) -> None:
        """Make the descriptor readable; called in the thread of a call that has returned."""
        os.eventfd_write(self._wake, 1)

    def take(self) -> list[Completion]:
        """Take the calls that have returned."""
        self._calm()
        taken = []
        while self._completions:
            taken.append(self._completions.popleft())
        return taken

    def _calm(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def close(self) -> None:
        """Interrupt calls that still block and end the threads. Raises `TargetError` if one does not end."""
        for worker in self._threads:
            worker.stop()
        deadline = time.monotonic() + _END_LIMIT_S
        stuck = self._threads
        while stuck and time.monotonic() < deadline:
            # Again and again: a signal that comes a moment before the system call starts is lost.
            for worker in stuck:
                with contextlib.suppress(ProcessLookupError):
                    signal.pthread_kill(worker.thread.ident or 0, _WAKE)
                worker.thread.join(0.001)
            stuck = [worker for worker in stuck if worker.thread.is_alive()]
        if stuck:
            calls = ", ".join(type(worker.job.handle.syscall).__name__ for worker in stuck if worker.job)
            raise TargetError(
                f"a blocked system call could not be interrupted: {calls}", next_step="see /proc/PID/task/*/stack"
            )
        self._threads = []
        os.close(self._wake)
