"""Capabilities belong to a thread (capabilities(7)): all calls of a script have the same, the program keeps its own."""

import errno
import os
import socket

import pytest

from targets import calls
from targets.calls import CapSet
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import do, established

pytestmark = [
    pytest.mark.needs_kernel,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose"),
]

EFFECTIVE = 0
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13


def set_priority(fd: int) -> calls.SetSockOpt:
    """SO_PRIORITY above 6 needs CAP_NET_ADMIN or CAP_NET_RAW (socket(7))."""
    return calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_PRIORITY, (7).to_bytes(4, "little"), 4)


def test_a_call_beside_a_blocked_one_lacks_the_capability_too(opened: Opener) -> None:
    target = opened()
    fd, _peer = established(target)
    for capability in (CAP_NET_ADMIN, CAP_NET_RAW):
        assert do(target, CapSet(EFFECTIVE, capability, is_raised=False)).value == 0
    target.call(calls.Recv(fd, 10, 0))  # holds the thread that has dropped them
    assert do(target, set_priority(fd)).errno == errno.EPERM
    assert do(target, CapSet(EFFECTIVE, CAP_NET_RAW, is_raised=True)).value == 0
    assert do(target, set_priority(fd)).value == 0


def test_the_program_and_other_targets_keep_their_capabilities(opened: Opener) -> None:
    confined, free = opened(), opened()
    for capability in (CAP_NET_ADMIN, CAP_NET_RAW):
        assert do(confined, CapSet(EFFECTIVE, capability, is_raised=False)).value == 0
    fd, _peer = established(free)
    assert do(free, set_priority(fd)).value == 0
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 7)


def test_a_change_that_the_kernel_refuses_changes_nothing(opened: Opener) -> None:
    target = opened()
    fd, _peer = established(target)
    permitted = 1
    result = do(target, CapSet(permitted, CAP_NET_RAW, is_raised=False))  # it is effective still
    assert (result.value, result.errno) == (-1, errno.EPERM)
    assert do(target, set_priority(fd)).value == 0
