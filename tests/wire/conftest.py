"""Settings of the property tests."""

from hypothesis import settings

# How long an example takes depends on what else the machine does; speed has a test of its own (test_speed.py).
settings.register_profile("tcprove", deadline=None)
settings.load_profile("tcprove")
