"""Processes that do jobs beside each other and ahead of time, for targets whose time is real and mostly spent waiting.

A crew has no idea of scripts: a job is a value, `work` the function that does it. Work that must not be done beside
other work says so by returning `ALONE`; it is done again, alone, when nothing else is under way any more.
"""

import ctypes
import enum
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from targets.base import TargetError

__all__ = ["ALONE", "Crew", "Future", "Turn"]

_PR_SET_PDEATHSIG = 1

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class Turn(enum.Enum):
    """What work may answer instead of an outcome."""

    ALONE = "alone"


ALONE = Turn.ALONE

Work = Callable[[Job, bool], "Outcome | Turn"]
"""``work(job, is_alone)``; a module-level function, because it is sent to other processes by name."""


class Crew(Generic[Job, Outcome]):
    """`size` processes with one kind of work. Outcomes are futures; `close` ends everything at once.

    The processes are forked from a fresh one in which `preload`, names of modules, have been imported.
    """

    def __init__(self, work: "Work[Job, Outcome]", *, size: int, preload: Sequence[str] = ()) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._under_way = 0
        self._is_one_alone = False
        self._alone: deque[tuple[Job, Future[Outcome]]] = deque()
        self._others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preload))
        self._pool = ProcessPoolExecutor(size, context, initializer=_begin)

    def submit(self, job: Job) -> "Future[Outcome]":
        """Have a job done; jobs begin in the order of submission. The future also raises what the work did."""
        outcome: Future[Outcome] = Future()
        with self._lock:
            self._under_way += 1
        self._start(job, False, outcome)
        return outcome

    def _start(self, job: Job, is_alone: bool, outcome: "Future[Outcome]") -> None:
        try:
            done: Future[Outcome | Turn] = self._pool.submit(self._work, job, is_alone)
        except BrokenProcessPool as error:
            done = Future()
            done.set_exception(error)
        done.add_done_callback(lambda future: self._finished(job, is_alone, future, outcome))

    def _finished(self, job: Job, is_alone: bool, done: "Future[Outcome | Turn]", outcome: "Future[Outcome]") -> None:
        answer: Outcome | Turn | None = None
        error = None if done.cancelled() else done.exception()
        if error is None and not done.cancelled():
            answer = done.result()
        if answer is ALONE:
            with self._lock:
                self._alone.append((job, outcome))
        elif done.cancelled():
            outcome.cancel()
        elif error is not None:
            outcome.set_exception(_worker_died() if isinstance(error, BrokenProcessPool) else error)
        else:
            outcome.set_result(answer)  # type: ignore[arg-type]
        self._go_on(is_alone)

    def _go_on(self, was_alone: bool) -> None:
        """Start the next job that has to be alone, when its time has come."""
        with self._lock:
            if was_alone:
                self._is_one_alone = False
            else:
                self._under_way -= 1
            if self._under_way or self._is_one_alone or not self._alone:
                return
            self._is_one_alone = True
            job, outcome = self._alone.popleft()
        try:
            self._start(job, True, outcome)
        except RuntimeError:  # the crew was closed meanwhile
            outcome.cancel()

    def close(self) -> None:
        """End the processes, also in the middle of their work; outcomes that are not there yet will not come."""
        workers: set[BaseProcess] = set(multiprocessing.active_children()) - self._others
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            with suppress(OSError, ValueError):
                worker.kill()
                worker.join()


def _worker_died() -> TargetError:
    return TargetError(
        "a process that played scripts was killed",
        next_step="run again; if nobody killed it (see dmesg), play fewer at once: --tcprove-jobs=2",
    )


def _begin() -> None:
    """Prepare a worker: it ends with its owner, whatever ends that, and leaves Ctrl-C to it."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
