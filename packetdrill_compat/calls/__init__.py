"""System calls of a script: arguments to values, the call for the target, and the checks of its result (section 5).

`base` has the order of checks that all calls share, `arguments` the typed access to evaluated arguments, and the other
modules one function per call, registered under its name.
"""

from packetdrill_compat.calls import data, descriptors, files, messages, options, privileges, sockets
from packetdrill_compat.calls.base import CALLS, CallContext, Prepared, check_result, prepare

__all__ = [
    "CALLS",
    "CallContext",
    "Prepared",
    "check_result",
    "data",
    "descriptors",
    "files",
    "messages",
    "options",
    "prepare",
    "privileges",
    "sockets",
]
