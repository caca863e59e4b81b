"""Congestion controls: one class each, registered by name."""
