from collections.abc import Callable
from pathlib import Path

import pytest

# Loaded here once: pytester forgets what its inner runs import, and would load it again for each of them.
import conformance.kernel
import conformance.reporting
import conformance.testing  # noqa: F401
import reports.capture  # noqa: F401

# Hypothesis is not used in inner runs, but its plugin would be loaded again in each.
INNER_PLUGINS = ("-p", "tests.conformance.fake_play", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")

Write = Callable[..., Path]


@pytest.fixture
def script(pytester: pytest.Pytester) -> Write:
    """Write a script whose run ends as `play` says; the other arguments become ``//:`` lines."""

    def write(name: str, play: str = "pass", **keys: str) -> Path:
        lines = [f"//: {key.replace('_', '-')} {value}".rstrip() for key, value in keys.items()]
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([f"// play: {play}", *lines, "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", ""]))
        return path

    return write


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in the same process, with the fake interpreter."""

    def run_pytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest(*INNER_PLUGINS, *arguments)

    return run_pytest
