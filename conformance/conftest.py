"""A fixture for each state of a connection, so that a test begins where it means to begin."""

import pytest

from conformance.testing import Connections, Conversation


@pytest.fixture
def syn_sent(connection: Connections) -> Conversation:
    """An active open whose SYN came."""
    return connection.syn_sent()


@pytest.fixture
def syn_received(connection: Connections) -> Conversation:
    """A passive open whose SYN-ACK is not acknowledged."""
    return connection.syn_received()


@pytest.fixture
def established(connection: Connections) -> Conversation:
    """An accepted connection without data."""
    return connection.established()


@pytest.fixture
def fin_wait_1(connection: Connections) -> Conversation:
    """The application shut down; its FIN is not acknowledged."""
    return connection.fin_wait_1()


@pytest.fixture
def fin_wait_2(connection: Connections) -> Conversation:
    """The application shut down; its FIN is acknowledged."""
    return connection.fin_wait_2()


@pytest.fixture
def close_wait(connection: Connections) -> Conversation:
    """The peer closed; the application has not."""
    return connection.close_wait()


@pytest.fixture
def closing(connection: Connections) -> Conversation:
    """FINs crossed; the application's is not acknowledged."""
    return connection.closing()


@pytest.fixture
def last_ack(connection: Connections) -> Conversation:
    """The peer closed, then the application; its FIN is not acknowledged."""
    return connection.last_ack()


@pytest.fixture
def time_wait(connection: Connections) -> Conversation:
    """Both closed; 2 MSL run."""
    return connection.time_wait()
