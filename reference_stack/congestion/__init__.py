"""Congestion controls: one class each, registered by name, told of acknowledgments and losses only."""
