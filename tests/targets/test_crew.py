"""A crew does jobs beside each other, and those alone that ask for it."""

import os
import select
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.crew import Crew, Place

pytestmark = pytest.mark.slow


def work(job: str, place: Place) -> str | Place:
    word, _, rest = job.partition(" ")
    if word == "apart" and place is Place.CROWD:
        return Place(rest)
    if word == "fail":
        raise ValueError(rest)
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "wait":  # for a file that another job makes, which only works beside each other
        tries = range(500)
        return "met" if any(Path(rest).exists() or _pause() for _ in tries) else "missed"
    if word == "make":
        Path(rest).touch()
    return f"{word} {place.value}"


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


@pytest.mark.parametrize("place", ["calm", "alone"])
def test_a_job_that_asks_for_another_place_is_done_again_there(crew: Crew[str, str], place: str) -> None:
    apart, other = crew.submit(f"apart {place}"), crew.submit("make /dev/null")
    assert other.result(20) == "make crowd"
    assert apart.result(20) == f"apart {place}"


def test_jobs_in_calm_and_alone_all_get_their_turn(crew: Crew[str, str]) -> None:
    places = ["calm", "alone", "calm", "calm", "alone", "calm", "calm"]
    futures = [crew.submit(f"apart {place}") for place in places]
    assert [future.result(20) for future in futures] == [f"apart {place}" for place in places]


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
