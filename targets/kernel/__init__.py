"""The running Linux kernel as a target: a TUN or veth link in a namespace of its own, real sockets, real time.

Importing this package costs nothing: the helper process imports it too, and has to start fast.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from targets.kernel.target import KernelTarget


def create(link: str = "auto", *, segmentation_offload: bool = True, align_to_tick: bool = True) -> "KernelTarget":
    """Make a target of the running kernel; nothing is touched before `KernelTarget.open`.

    `link` is ``tun``, ``veth`` or ``auto`` (TUN where /dev/net/tun can be opened, else veth), or ``here``: a TUN in
    the network namespace that the process is in, as packetdrill makes it, instead of in a fresh one. With
    `segmentation_offload` the stack may hand over super-segments, as packetdrill's tunnel lets it. `align_to_tick`
    makes a script's time 0 lie a quarter of a millisecond after a timer tick, so that runs meet the kernel's timers
    alike; it costs up to one tick per script.
    """
    from targets.kernel.target import KernelTarget  # noqa: PLC0415 - the helper must not load the target

    return KernelTarget(link, segmentation_offload=segmentation_offload, align_to_tick=align_to_tick)
