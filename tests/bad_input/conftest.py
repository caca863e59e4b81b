"""The two ways by which users hand in a script: the console command and pytest."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

# Loaded here once: pytester forgets what its inner runs import, and would load it again for each of them.
import conformance.kernel
import conformance.reporting  # noqa: F401
from packetdrill_compat.cli import main
from tests.bad_input.scripts import assert_clear

INNER_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
REFERENCE = "--tcprove-target=reference:rfc"


class Said(NamedTuple):
    """What a command ended with and what it wrote."""

    status: int
    out: str
    err: str


Tcprove = Callable[..., Said]
Play = Callable[..., pytest.RunResult]
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(pytester: pytest.Pytester) -> Write:
    """Write a script ``it.pkt`` into the current directory."""

    def write_script(content: str | bytes) -> Path:
        path = pytester.path / "it.pkt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_script


@pytest.fixture
def tcprove(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> Tcprove:
    """Run the console command; `run` plays on the reference target unless another one is named."""

    def run(command: str, *arguments: str) -> Said:
        if command == "run" and not any(each.startswith("--tcprove-target") for each in arguments):
            arguments = (REFERENCE, *arguments)
        capsys.readouterr()
        try:
            status = main([command, *arguments])
        except SystemExit as stop:  # argparse refuses wrong usage so
            status = int(stop.code or 0)
        said = Said(status, *capsys.readouterr())
        assert_clear(said.out + said.err)
        return said

    return run


@pytest.fixture
def run_pytest(pytester: pytest.Pytester) -> Play:
    """Run pytest on a folder, in this process."""

    def run(*arguments: str) -> pytest.RunResult:
        result = pytester.runpytest(*INNER_PLUGINS, *(arguments or (".",)))
        assert_clear(result.stdout.str() + result.stderr.str())
        return result

    return run


@pytest.fixture
def play(write: Write, run_pytest: Play) -> Play:
    """Run pytest on one script, over IPv4."""

    def run(content: str | bytes, *options: str) -> pytest.RunResult:
        write(content)
        return run_pytest("--tcprove-variants=ipv4", *options, "it.pkt")

    return run
