"""Targets that are closed again whatever a test does."""

import os
from collections.abc import Callable, Iterator

import pytest

from targets.base import Network
from targets.kernel import create
from targets.kernel.target import KernelTarget
from tests.targets.kernel.play import IPV4

Opener = Callable[..., KernelTarget]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open targets of the kernel: ``opened(network, link="tun")``."""
    targets = []

    def opener(network: Network = IPV4, link: str = "auto", **settings: bool) -> KernelTarget:
        target = create(link, **settings)
        targets.append(target)
        target.open(network)
        return target

    yield opener
    for target in targets:
        target.close()


@pytest.fixture(params=["tun", "veth"])
def link(request: pytest.FixtureRequest) -> str:
    """Each kind of link."""
    kind: str = request.param
    if kind == "tun" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun is closed to this user")
    return kind
