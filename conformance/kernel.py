"""Whether the kernel of this machine can be a target."""

import functools
import os

from targets.base import TargetError
from targets.kernel.capabilities import facts


@functools.cache
def why_no_kernel() -> str:
    """Return why the kernel target cannot run here, in one line; empty when it can."""
    if os.uname().sysname != "Linux":
        return f"the kernel target needs Linux, this is {os.uname().sysname}"
    try:
        facts()
    except TargetError as error:
        return f"the kernel target cannot run here: {error.message}"
    return ""
