"""Scripts on a real kernel are played ahead of pytest, many at once; an item then only takes its result.

pytest runs one item after the other. A script on a kernel mostly waits, so a crew of processes plays the ones to come
meanwhile, in the order of the items.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from conformance import running
from conformance.items import ScriptItem
from conformance.selection import KERNEL
from conformance.settings import settings_of
from packetdrill_compat.outcome import RunResult
from targets.crew import Crew, Future

# Scripts of the public suites need a processor for a twentieth of their time; the rest is room for their commands.
_JOBS_PER_PROCESSOR = 10


class Ahead:
    """The crew of a pytest process and what it has been given to do."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._crew: Crew[running.Job, RunResult] | None = None
        self._futures: dict[str, Future[RunResult]] = {}

    def look(self, items: Iterable[pytest.Item]) -> None:
        """Let the crew begin with what is to come; nothing happens for items that it has already."""
        for item in items:
            if isinstance(item, ScriptItem) and item.nodeid not in self._futures and item.problem is None:
                if self._crew is None:
                    self._crew = Crew(
                        running.play_beside_others,
                        size=self._size,
                        preload=("packetdrill_compat.warm", "conformance.running"),
                    )
                self._futures[item.nodeid] = self._crew.submit(item.job)

    def play(self, item: ScriptItem) -> RunResult:
        """Return the result of an item, when it is there; raises what playing it raised."""
        future = self._futures.get(item.nodeid)
        return running.play(item.job) if future is None else future.result()

    def close(self) -> None:
        """End the crew."""
        if self._crew is not None:
            self._crew.close()


_AHEAD = pytest.StashKey[Ahead]()


def start(session: pytest.Session) -> None:
    """Prepare to play ahead, if that helps: a real kernel, several scripts, and a user who does not forbid it."""
    config = session.config
    settings = settings_of(config)
    scripts = [item for item in session.items if isinstance(item, ScriptItem)]
    size = min(_jobs(config), len(scripts))
    if settings.target == KERNEL and size > 1 and not config.option.collectonly:
        config.stash[_AHEAD] = Ahead(size)
        config.add_cleanup(config.stash[_AHEAD].close)


def look(item: pytest.Item) -> None:
    """Let what comes behind this item be played meanwhile."""
    ahead = item.config.stash.get(_AHEAD, None)
    if ahead is not None:
        ahead.look(_upcoming(item))


def play(item: ScriptItem) -> RunResult:
    """Play an item, or take the result if it was played ahead. Raises what `running.play` raises."""
    ahead = item.config.stash.get(_AHEAD, None)
    return running.play(item.job) if ahead is None else ahead.play(item)


def _jobs(config: pytest.Config) -> int:
    """How many scripts may play at once in this process; the workers of pytest-xdist share what the machine can do."""
    settings = settings_of(config)
    workers: dict[str, Any] = getattr(config, "workerinput", {})
    jobs = settings.jobs or _JOBS_PER_PROCESSOR * (os.cpu_count() or 1)
    return max(1, jobs // int(workers.get("workercount", 1)))


def _upcoming(item: pytest.Item) -> Iterator[pytest.Item]:
    """Yield this item and those that this process will run behind it, as far as that is known."""
    items = item.session.items
    if not hasattr(item.config, "workerinput"):
        yield from items[items.index(item) :]
        return
    yield item
    for index in _queue_of_worker(item.config):
        if isinstance(index, int):
            yield items[index]


def _queue_of_worker(config: pytest.Config) -> list[Any]:
    """Return the numbers of the items that a worker of pytest-xdist has been given.

    This looks into xdist, which offers no other way; where it has changed the worker plays one script at a time.
    """
    for plugin in config.pluginmanager.get_plugins():
        queue = getattr(plugin, "torun", None)
        if queue is not None and hasattr(queue, "lock"):
            with queue.lock() as waiting:
                return [getattr(plugin, "nextitem_index", None), *waiting]
    return []
