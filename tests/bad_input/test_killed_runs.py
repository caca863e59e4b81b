"""Runs that end in the middle of a script: killed, interrupted, crashed. No process, namespace or device remains."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bad_input.leftovers import LIMIT_S, descendants, namespaces_of, processes_in, processes_with, wait_until_none
from tests.bad_input.scripts import ESTABLISHED, assert_clear
from tests.targets.kernel.processes import children_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KERNEL = "--tcprove-target=kernel"
_MAIN = "import sys; from packetdrill_compat.cli import main; sys.exit(main())"
TCPROVE = (sys.executable, "-c", _MAIN, "run", KERNEL)
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tcprove-variants=ipv4")


class Waiting:
    """A run in a process of its own that has come to the middle of its script."""

    def __init__(self, process: "subprocess.Popen[str]", mark: str) -> None:
        self.process = process
        self._mark = mark
        self._links = set(os.listdir("/sys/class/net"))
        self.all = descendants(process.pid)
        mine = namespaces_of({os.getpid()})
        self.namespaces = namespaces_of(self.all) - mine

    def ended(self) -> str:
        """Wait for the end of the run; return what it wrote."""
        output, _ = self.process.communicate(timeout=20)
        return output

    def assert_nothing_left(self) -> None:
        assert self.namespaces
        assert wait_until_none(lambda: {each for each in self.all if Path(f"/proc/{each}/exe").is_symlink()}) == set()
        assert wait_until_none(lambda: processes_with(self._mark)) == set()
        assert wait_until_none(lambda: processes_in(self.namespaces)) == set()
        assert set(os.listdir("/sys/class/net")) == self._links


@contextmanager
def waiting(directory: Path, command: tuple[str, ...], last: str) -> Iterator[Waiting]:
    """Start `command` on a script, and give it as soon as the script's `last` event has begun.

    The script leaves two processes in the background, one of them in a session of its own.
    """
    mark = f"7{os.getpid()}"
    os.mkfifo(directory / "ready")
    background = f"sleep {mark} & setsid sleep {mark} & echo yes > ready"
    (directory / "it.pkt").write_text(f"{ESTABLISHED}+0 `{background}`\n{last.format(mark=mark)}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "it.pkt"],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert _line_of(directory / "ready") == b"yes\n"
            count = 2 + last.count("sleep")
            _wait_for(mark, count)
            yield Waiting(process, mark)
        finally:
            process.kill()


def _line_of(fifo: Path) -> bytes:
    """Return what is written into a FIFO, nothing if that takes too long."""
    with open(os.open(fifo, os.O_RDWR), "rb", buffering=0) as file:
        return os.read(file.fileno(), 100) if select.select([file], [], [], 2 * LIMIT_S)[0] else b""


def _wait_for(mark: str, count: int) -> None:
    missing = {0}
    assert wait_until_none(lambda: missing if len(processes_with(mark)) < count else set(), LIMIT_S) == set()


# The script waits in a call, for a packet, in a command.
LAST = {
    "a call": "+0 accept(3, ..., ...) = 5",
    "a packet": "* > P. 1:2(1) ack 1",
    "a command": "+0 `exec sleep {mark}`",
}


@pytest.mark.needs_kernel
@pytest.mark.parametrize("name", LAST)
def test_a_killed_run_leaves_nothing(tmp_path: Path, name: str) -> None:
    with waiting(tmp_path, TCPROVE, LAST[name]) as run:
        run.process.kill()
        run.ended()
        run.assert_nothing_left()


@pytest.mark.needs_kernel
@pytest.mark.parametrize("name", LAST)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pytest_ends_and_leaves_nothing(tmp_path: Path, name: str, number: signal.Signals) -> None:
    with waiting(tmp_path, (*PYTEST, KERNEL), LAST[name]) as run:
        run.process.send_signal(number)
        output = run.ended()
        run.assert_nothing_left()
    assert "INTERNALERROR" not in output
    if number is signal.SIGINT:
        assert run.process.returncode == pytest.ExitCode.INTERRUPTED
        assert "KeyboardInterrupt" in output
        assert "no tests ran" in output


@pytest.mark.needs_kernel
def test_an_interrupted_command_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with waiting(tmp_path, TCPROVE, LAST["a packet"]) as run:
        run.process.send_signal(signal.SIGINT)
        output = run.ended()
        run.assert_nothing_left()
    assert (run.process.returncode, output) == (130, "interrupted\n")


@pytest.mark.needs_kernel
def test_a_worker_of_xdist_that_crashes_leaves_nothing(tmp_path: Path) -> None:
    with waiting(tmp_path, (*PYTEST, KERNEL, "-n1", "--max-worker-restart=0"), LAST["a packet"]) as run:
        (worker,) = children_of(run.process.pid)
        os.kill(worker, signal.SIGKILL)
        output = run.ended()
        run.assert_nothing_left()
    assert "it.pkt@ipv4" in output
    assert "crashed" in output
    assert run.process.returncode == pytest.ExitCode.TESTS_FAILED


def test_a_script_on_the_reference_target_is_interrupted_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    # Without a file object: an interrupt in the destructor of one is lost, as everywhere in Python.
    code = "%{\nimport os, time\nos.write(os.open('ready', os.O_WRONLY), b'yes')\ntime.sleep(1000)\n}%"
    (tmp_path / "it.pkt").write_text(f"{ESTABLISHED}+0 {code}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*PYTEST, "it.pkt"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert _line_of(tmp_path / "ready") == b"yes"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert_clear(output.partition("!!!")[0])
