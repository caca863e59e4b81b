"""Tests of the rooms themselves; ``tests/quality`` holds faults that the suite must find."""
