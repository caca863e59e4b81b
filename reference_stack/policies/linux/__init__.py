"""Policies in the way of Linux. Where a number stands without a source it is what Linux 6.18 was measured to do."""
