"""Whether the kernel of this machine can be a target, and what its absence means.

The variable ``TCPROVE_REQUIRE_KERNEL`` decides what happens where it cannot: with 1 all that needs it fails; with 0 all
of it is skipped; without a value tests marked ``needs_kernel`` are skipped, and the target that somebody asked for is
an error.
"""

import functools
import os

from targets.base import TargetError

_VARIABLE = "TCPROVE_REQUIRE_KERNEL"


@functools.cache
def why_no_kernel() -> str:
    """Return why the kernel target cannot run here, in one line; empty when it can."""
    if os.uname().sysname != "Linux":
        return f"the kernel target needs Linux, this is {os.uname().sysname}"
    from targets.kernel.capabilities import facts  # noqa: PLC0415 (a run without the kernel does not load its target)

    try:
        facts()
    except TargetError as error:
        return f"the kernel target cannot run here: {error.message}"
    return ""


def must_have_kernel() -> bool:
    """Whether a kernel that cannot be tested is a failure."""
    return os.environ.get(_VARIABLE, "") not in ("", "0")


def may_lack_kernel() -> bool:
    """Whether even the kernel target that was asked for may be missing."""
    return os.environ.get(_VARIABLE) == "0"
