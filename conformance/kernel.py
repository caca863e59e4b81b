"""Whether the kernel of this machine can be a target."""

import functools
import os

_TUN = "/dev/net/tun"


@functools.cache
def why_no_kernel() -> str:
    """Return why the kernel target cannot run here, in one line; empty when it can."""
    if os.uname().sysname != "Linux":
        return f"the kernel target needs Linux, this is {os.uname().sysname}"
    if os.geteuid() != 0:
        return "the kernel target needs root, for a network namespace and a TUN device"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"the kernel target needs {_TUN} (container: --device {_TUN} --cap-add NET_ADMIN --cap-add SYS_ADMIN)"
    return ""
