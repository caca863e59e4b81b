"""The eleven states of a TCP connection and the groups in which RFC 9293 speaks of them (sections 3.3.2 and 3.10.7)."""

from enum import Enum


class State(Enum):
    """A connection state. The value is the RFC's own spelling."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


SYNCHRONIZED = frozenset(
    {
        State.ESTABLISHED,
        State.FIN_WAIT_1,
        State.FIN_WAIT_2,
        State.CLOSE_WAIT,
        State.CLOSING,
        State.LAST_ACK,
        State.TIME_WAIT,
    }
)
"""Both SYNs are acknowledged (RFC 9293, 3.5: "synchronized state")."""

OPENING = frozenset({State.SYN_SENT, State.SYN_RECEIVED})
"""The handshake goes on."""

MAY_SEND_DATA = frozenset({State.ESTABLISHED, State.CLOSE_WAIT})
"""The application may still hand over octets that go out (RFC 9293, 3.10.2)."""

MAY_RECEIVE_DATA = frozenset({State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2})
"""Segment text is still taken (RFC 9293, 3.10.7.4, seventh check)."""

FIN_RECEIVED = frozenset({State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT})
"""The peer's FIN has been reached in order."""

FIN_QUEUED = frozenset({State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.LAST_ACK, State.TIME_WAIT})
"""Our own direction has been closed by the application."""

TCP_INFO_STATE = {
    State.ESTABLISHED: 1,
    State.SYN_SENT: 2,
    State.SYN_RECEIVED: 3,
    State.FIN_WAIT_1: 4,
    State.FIN_WAIT_2: 5,
    State.TIME_WAIT: 6,
    State.CLOSED: 7,
    State.CLOSE_WAIT: 8,
    State.LAST_ACK: 9,
    State.LISTEN: 10,
    State.CLOSING: 11,
}
"""``tcpi_state`` of ``TCP_INFO`` (tcp(7)), the numbers of Linux' ``enum tcp_state``."""
