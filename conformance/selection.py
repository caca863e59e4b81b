"""Which target a test opens, and what deviations files call it. Nothing here opens anything."""

import functools
import os
from importlib import metadata

from conformance.settings import Settings
from packetdrill_compat.header import Header

REFERENCE = "reference"
KERNEL = "kernel"


def target_name(header: Header, settings: Settings) -> str:
    """Return the name to open for a test, argument included.

    The plain ``reference`` plays a test that is about one system with that system's rules, and every other test with
    the RFCs' rules. With an argument (``reference:rfc``) the choice is made, and what does not fit is unsupported.
    """
    if settings.target == REFERENCE and header.systems:
        return f"{REFERENCE}:{header.systems[0]}"
    return settings.target


def personality_of(name: str) -> str:
    """Return the rule set that a target name stands for; empty for targets that have none."""
    base_name, _, argument = name.partition(":")
    return (argument or "rfc") if base_name == REFERENCE else argument


@functools.cache
def target_version(name: str) -> str:
    """Return the version that deviations files compare: the kernel's release, else the project's own version."""
    return os.uname().release if name.partition(":")[0] == KERNEL else metadata.version("tcprove")
