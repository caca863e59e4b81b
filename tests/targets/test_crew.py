"""A crew does jobs beside each other, and those alone that ask for it."""

import os
import select
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.crew import ALONE, Crew, Turn

pytestmark = pytest.mark.slow


def work(job: str, is_alone: bool) -> str | Turn:
    word, _, rest = job.partition(" ")
    if word == "alone" and not is_alone:
        return ALONE
    if word == "fail":
        raise ValueError(rest)
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "wait":  # for a file that another job makes, which only works beside each other
        tries = range(500)
        return "met" if any(Path(rest).exists() or _pause() for _ in tries) else "missed"
    if word == "make":
        Path(rest).touch()
    return f"{word} {'alone' if is_alone else 'beside others'}"


def _pause() -> bool:
    select.select([], [], [], 0.01)
    return False


@pytest.fixture
def crew() -> Iterator[Crew[str, str]]:
    made: Crew[str, str] = Crew(work, size=2)
    yield made
    made.close()


def test_jobs_are_done_beside_each_other(crew: Crew[str, str], tmp_path: Path) -> None:
    waiting = crew.submit(f"wait {tmp_path}/there")
    crew.submit(f"make {tmp_path}/there")
    assert waiting.result(20) == "met"


def test_a_job_that_asks_for_it_is_done_again_alone(crew: Crew[str, str]) -> None:
    lonely, other = crew.submit("alone"), crew.submit("make /dev/null")
    assert other.result(20) == "make beside others"
    assert lonely.result(20) == "alone alone"


def test_what_work_raises_comes_out_of_its_future(crew: Crew[str, str]) -> None:
    with pytest.raises(ValueError, match="no luck"):
        crew.submit("fail no luck").result(20)


def test_a_worker_that_is_killed_is_one_clear_error(crew: Crew[str, str]) -> None:
    with pytest.raises(TargetError, match="a process that played scripts was killed"):
        crew.submit("die").result(20)


def test_closing_ends_work_that_is_under_way(tmp_path: Path) -> None:
    crew: Crew[str, str] = Crew(work, size=2)
    assert crew.submit("make /dev/null").result(20)
    unfinished = crew.submit(f"wait {tmp_path}/never")
    crew.close()
    with pytest.raises((TargetError, CancelledError)):
        unfinished.result(20)
