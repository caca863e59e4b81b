"""Processes that do jobs beside each other and ahead of time, for targets whose time is real and mostly spent waiting.

A crew has no idea of scripts: a job is a value, `work` the function that does it. Work begins in the crowd. Where that
is no place for it, it answers with another one and is done again there, when the crowd has gone.
"""

import ctypes
import enum
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from targets.base import TargetError

__all__ = ["Crew", "Future", "Place"]

_PR_SET_PDEATHSIG = 1

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class Place(enum.Enum):
    """Where work is done; as an answer of work: where it is to be done instead."""

    CROWD = "crowd"
    CALM = "calm"
    """Beside a few others, behind the crowd."""
    ALONE = "alone"
    """Beside nothing else, behind all others."""


_CALM_SIZE = 6

Work = Callable[[Job, Place], "Outcome | Place"]
"""``work(job, place)``; a module-level function, because it is sent to other processes by name."""


class Crew(Generic[Job, Outcome]):
    """`size` processes with one kind of work. Outcomes are futures; `close` ends everything at once.

    The processes are forked from a fresh one in which `preload`, names of modules, have been imported.
    """

    def __init__(self, work: "Work[Job, Outcome]", *, size: int, preload: Sequence[str] = ()) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running = dict.fromkeys(Place, 0)
        self._waiting: dict[Place, deque[tuple[Job, Future[Outcome]]]] = {place: deque() for place in Place}
        self._others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preload))
        self._pool = ProcessPoolExecutor(size, context, initializer=_begin)

    def submit(self, job: Job) -> "Future[Outcome]":
        """Have a job done; jobs begin in the order of submission. The future also raises what the work did."""
        outcome: Future[Outcome] = Future()
        with self._lock:
            self._running[Place.CROWD] += 1
        self._start(job, Place.CROWD, outcome)
        return outcome

    def _start(self, job: Job, place: Place, outcome: "Future[Outcome]") -> None:
        try:
            done: Future[Outcome | Place] = self._pool.submit(self._work, job, place)
        except RuntimeError as error:  # closed, or broken (BrokenProcessPool is one)
            done = Future()
            done.set_exception(error)
        done.add_done_callback(lambda future: self._finished(job, place, future, outcome))

    def _finished(self, job: Job, place: Place, done: "Future[Outcome | Place]", outcome: "Future[Outcome]") -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled():
            outcome.cancel()
        elif error is not None:
            outcome.set_exception(_worker_died() if isinstance(error, BrokenProcessPool) else error)
        else:
            answer = done.result()
            if isinstance(answer, Place):
                with self._lock:
                    self._waiting[answer].append((job, outcome))
            else:
                outcome.set_result(answer)
        with self._lock:
            self._running[place] -= 1
            ready = [*self._ready()]
        for (waiting_job, waiting_outcome), its_place in ready:
            self._start(waiting_job, its_place, waiting_outcome)

    def _ready(self) -> "Iterator[tuple[tuple[Job, Future[Outcome]], Place]]":
        """Take what may start now, and count it as running."""
        running, waiting = self._running, self._waiting
        while not running[Place.CROWD] and not running[Place.ALONE]:
            if waiting[Place.CALM] and running[Place.CALM] < _CALM_SIZE:
                place = Place.CALM
            elif waiting[Place.ALONE] and not waiting[Place.CALM] and not running[Place.CALM]:
                place = Place.ALONE
            else:
                return
            running[place] += 1
            yield waiting[place].popleft(), place

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
