"""What the running kernel can do, as the capability words of `targets.base`; asked once per process."""

import functools

from targets import base
from targets.base import TargetError
from targets.kernel.helper_process import pool

_ALWAYS = frozenset({base.LINUX, base.LINUX_SETTINGS, base.IPV4, base.SHELL})
_WORDS = {
    "ipv6": base.IPV6,
    "tcp_info": base.TCP_INFO,
    "tcp_md5": base.TCP_MD5,
    "tcp_ao": base.TCP_AO,
    "fast_open": base.FAST_OPEN,
    "mptcp": base.MPTCP,
    "ecn": base.ECN,
    "cubic": base.CUBIC,
}


def running_kernel() -> frozenset[str]:
    """Return the capabilities of the running kernel.

    Where no namespace can be made, only what every Linux has: `KernelTarget.open` then says what is missing.
    """
    try:
        return _ALWAYS | {word for key, word in _WORDS.items() if facts()[key]}
    except TargetError:
        return _ALWAYS


@functools.cache
def facts() -> dict[str, bool]:
    """Return the probe's findings (`helper.probe.probe`). Raises `TargetError` where no namespace can be made."""
    helper = pool.take()
    try:
        answer, _ = helper.ask({"do": "probe"})
    finally:
        pool.give_back(helper)
    return answer
