"""Hypothesis state machines and segment strategies; a finding is written as a ``.pkt`` script."""
