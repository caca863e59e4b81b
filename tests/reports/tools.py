"""Programs that some tests of this room need beside Python."""

import importlib.util
import os
import shutil

import pytest

REQUIRE_PREFIX = "TCPROVE_REQUIRE_"
"""``TCPROVE_REQUIRE_BROWSER=1``: a test that lacks something for this then fails instead of being skipped."""


def require(feature: str, *programs: str, modules: tuple[str, ...] = ()) -> None:
    """Skip the running test when a program or a Python module is missing, or fail it where `feature` is required."""
    missing = [program for program in programs if shutil.which(program) is None]
    missing += [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return
    message = f"{feature} needs {', '.join(missing)}; see .ci/packages.txt and the dev extra"
    if os.environ.get(REQUIRE_PREFIX + feature.upper(), "0") not in ("", "0"):
        pytest.fail(message)
    pytest.skip(message)
