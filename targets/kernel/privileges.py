"""Dropping and raising capabilities of the thread that makes the calls (capset(2), capabilities(7)).

Capabilities belong to a thread. The script's calls then run in threads of their own, which end with the target, so that
nothing has to be raised again that cannot be.
"""

import ctypes
import os
from collections.abc import Callable
from typing import TypeAlias

from targets import calls
from targets.kernel.libc import FUNCTIONS
from targets.kernel.syscalls import Prepared

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 capabilities each

Change: TypeAlias = Callable[[], int]


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    """One word of each set, in the order of libcap's numbers."""

    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


_MEMBERS = ("effective", "permitted", "inheritable")


def change_of(call: calls.CapSet) -> Change:
    """Return a function that changes the calling thread; it gives 0, or -1 with errno."""

    def change() -> int:
        header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
        if FUNCTIONS["capget"](ctypes.byref(header), sets) != 0:
            return -1
        word, bit = sets[call.capability // 32], 1 << call.capability % 32
        member = _MEMBERS[call.set]
        value = getattr(word, member)
        setattr(word, member, value | bit if call.is_raised else value & ~bit)
        return FUNCTIONS["capset"](ctypes.byref(header), sets)

    return change


def prepare_capset(call: calls.CapSet) -> Prepared:
    """Lay out a change of capabilities."""
    return Prepared(change_of(call), ())


def owns_namespace(helper: int) -> bool:
    """Tell whether the namespace under test belongs to this user alone: then no capability is needed in it.

    A user who is not root gets the network namespace inside a user namespace of his own, and "a process that is in the
    parent and whose effective user ID is the owner's has all capabilities in it" (user_namespaces(7)).
    """
    return os.stat(f"/proc/{helper}/ns/user").st_ino != os.stat("/proc/self/ns/user").st_ino
