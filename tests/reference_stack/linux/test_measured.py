"""The scripts beside this, about what Linux 6.18 does beyond the RFCs, were measured: a kernel passes them too.

On the personality ``linux`` they are played as any script is.
"""

from itertools import takewhile
from pathlib import Path

import pytest

from packetdrill_compat.config import Config
from packetdrill_compat.runner import run_file
from targets.registry import create_target

TRIES = 3
"""A busy machine injects late; a kernel that does otherwise fails each time."""
SCRIPTS = sorted(Path(__file__).parent.glob("measured/*.pkt"))


@pytest.mark.needs_kernel
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_kernel_does_as_measured(script: Path) -> None:
    tries = (run_file(str(script), target=create_target("kernel"), config=Config()).failure for _ in range(TRIES))
    failures = list(takewhile(lambda failure: failure is not None, tries))
    assert len(failures) < TRIES, str(failures[-1])
