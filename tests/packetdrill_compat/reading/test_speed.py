"""The reader's budget: five milliseconds for sixty lines."""

import pytest

from benchmarks.parser import BUDGET_MS, milliseconds, sample


@pytest.mark.slow
def test_sixty_lines_are_read_within_the_budget() -> None:
    text = sample()
    assert text.count("\n") == 60
    assert milliseconds(text, 50) < BUDGET_MS
