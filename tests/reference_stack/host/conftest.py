"""Fixtures of the host's tests: one simulated host, in each of the three address families where that matters."""

import pytest

from tests.reference_stack.host.world import World, linux_host


@pytest.fixture
def world() -> World:
    """A host that keeps every MUST and SHOULD, over IPv4."""
    return World()


@pytest.fixture
def linux() -> World:
    """A host with the choices of Linux around the same engine, over IPv4."""
    return World(chosen=linux_host())


@pytest.fixture(params=["ipv4", "mapped", "ipv6"])
def any_family(request: pytest.FixtureRequest) -> World:
    """A host over IPv4, over IPv6, and over IPv4 with an IPv6 socket."""
    return World(request.param)
