"""How often a segment that proves nothing is answered (RFC 5961, section 7; RFC 1337, hazard H2)."""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore


class ChallengeAck:
    """At most `settings.challenge_ack_limit` answers in any `settings.challenge_ack_interval_us`.

    Each connection counts for itself: a common counter would tell an attacker about other connections (CVE-2016-5696).
    """

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: deque[int] = deque()

    def allows_challenge(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether a challenge ACK may leave now, and count it."""
        settings = connection.settings
        if settings.challenge_ack_limit is None:
            return True
        while self._sent and now - self._sent[0] >= settings.challenge_ack_interval_us:
            self._sent.popleft()
        if len(self._sent) >= settings.challenge_ack_limit:
            return False
        self._sent.append(now)
        return True

    def on_established(self, connection: "ConnectionCore") -> None:
        """The handshake is over."""

    def allows_reply(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether an unacceptable segment may be answered by an ACK: always when it carried text."""
        return bool(arrival.segment.payload) or self.allows_challenge(connection, now=arrival.now)
