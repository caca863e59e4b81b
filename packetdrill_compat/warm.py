"""Imported by the process from which those of a crew are forked: what every script needs is there at once in each.

Importing it reads the grammar and plays a scene on a stage, so that this is done once instead of once a process.
"""

from contextlib import suppress

import targets.kernel.target  # noqa: F401
from packetdrill_compat import runner  # noqa: F401
from packetdrill_compat.play.rehearsal import rehearse
from targets.base import TargetError
from targets.kernel.capabilities import running_kernel
from targets.kernel.clock import tick

tick()
rehearse()
with suppress(TargetError):  # who plays a script is told
    running_kernel()
