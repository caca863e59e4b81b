"""Runs a tiny pytest session whose tests report through `reports.allure`, as the conformance suite does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest

from reports.allure import record
from tests.reports.samples import FAILURE, failed_report, passed_report


def test_push():
    record(failed_report())
    pytest.fail(FAILURE.render(), pytrace=False)


def test_fin():
    record(passed_report())
"""


def run_sample_session(folder: Path, *arguments: str) -> Path:
    """Run the session in `folder` and return its folder of Allure results."""
    (folder / "test_sample.py").write_text(TESTS)
    results = folder / "results"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--alluredir={results}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # A session of its own: nothing of the outer one (xdist, addopts) is meant for it.
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return results
