"""Who has to wait for whom when many scripts play at once, in one process or in several."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from targets.base import FILES, HOST
from targets.kernel.admission import Admission, seat
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import IPV4

ROOT = str(Path(__file__).parents[3])
NOTHING: frozenset[str] = frozenset()
SOON_S = 5.0
# Long enough to see that somebody waits, who would else be through in a fraction of it.
WAITING_S = 0.1


@pytest.fixture
def admitted() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def hold(stack: ExitStack, *claims: str) -> Admission:
    admission = Admission()
    admission.claim(frozenset(claims))
    stack.callback(admission.leave)
    return admission


class Waiting:
    """Somebody who claims something in a thread of their own."""

    def __init__(self, stack: ExitStack, *claims: str) -> None:
        self.is_in = threading.Event()
        self._thread = threading.Thread(target=self._enter, args=(claims,), daemon=True)
        self._thread.start()
        stack.callback(self._thread.join, SOON_S)

    def _enter(self, claims: tuple[str, ...]) -> None:
        admission = Admission()
        admission.claim(frozenset(claims))
        self.is_in.set()
        admission.leave()


def test_those_who_claim_nothing_are_in_together(admitted: ExitStack) -> None:
    hold(admitted)
    assert Waiting(admitted).is_in.wait(SOON_S)


@pytest.mark.slow
@pytest.mark.parametrize(("inside", "outside"), [((FILES,), (FILES,)), ((), (HOST,)), ((HOST,), ())])
def test_a_claim_keeps_others_waiting(admitted: ExitStack, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    admission = hold(admitted, *inside)
    waiting = Waiting(admitted, *outside)
    assert not waiting.is_in.wait(WAITING_S)
    admission.leave()
    assert waiting.is_in.wait(SOON_S)


def test_files_do_not_keep_those_waiting_who_claim_none(admitted: ExitStack) -> None:
    hold(admitted, FILES)
    assert Waiting(admitted).is_in.wait(SOON_S)


@pytest.mark.slow
def test_newcomers_let_the_one_in_first_who_waits_for_the_whole_machine(admitted: ExitStack) -> None:
    admission = hold(admitted)
    alone = Waiting(admitted, HOST)
    assert not alone.is_in.wait(WAITING_S)
    newcomer = Waiting(admitted)
    assert not newcomer.is_in.wait(WAITING_S)
    admission.leave()
    assert alone.is_in.wait(SOON_S)
    assert newcomer.is_in.wait(SOON_S)


@pytest.mark.slow
def test_a_killed_process_holds_nothing_any_more(admitted: ExitStack) -> None:
    program = (
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from targets.kernel.admission import Admission\n"
        "admission = Admission(); admission.claim(frozenset({'host'})); print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        waiting = Waiting(admitted)
        assert not waiting.is_in.wait(WAITING_S)
        other.send_signal(signal.SIGKILL)
    assert waiting.is_in.wait(SOON_S)


@pytest.mark.slow
def test_only_as_many_are_set_up_at_once_as_there_are_processors(
    admitted: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    entered = threading.Event()

    def another() -> None:
        with seat():
            entered.set()

    with seat():
        thread = threading.Thread(target=another, daemon=True)
        thread.start()
        assert not entered.wait(WAITING_S)
    assert entered.wait(SOON_S)
    thread.join(SOON_S)


@pytest.mark.needs_kernel
def test_a_target_gives_its_claim_back_when_it_is_closed(opened: Opener, admitted: ExitStack) -> None:
    target = opened(replace(IPV4, claims=frozenset({HOST})))
    waiting = Waiting(admitted)
    assert not waiting.is_in.wait(WAITING_S)
    target.close()
    assert waiting.is_in.wait(SOON_S)
