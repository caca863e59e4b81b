"""Programs that some tests of this room need beside Python."""

import importlib.util
import os
import shutil

import pytest

REQUIRE_VARIABLE = "TCPROVE_REQUIRE"
"""Comma separated features that must be there; a test that lacks one then fails instead of being skipped."""


def require(feature: str, *programs: str, modules: tuple[str, ...] = ()) -> None:
    """Skip the running test when a program or a Python module is missing, or fail it where `feature` is required."""
    missing = [program for program in programs if shutil.which(program) is None]
    missing += [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return
    message = f"{feature} needs {', '.join(missing)}; see .ci/packages.txt and the dev extra"
    if feature in os.environ.get(REQUIRE_VARIABLE, "").split(","):
        pytest.fail(message)
    pytest.skip(message)
