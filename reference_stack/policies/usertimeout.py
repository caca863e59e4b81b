"""The user timeout option (RFC 5482): both ends tell each other how long data may stay unacknowledged."""

from typing import TYPE_CHECKING

from wire.options import UserTimeout

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
_MAX_VALUE = 0x7FFF
OCTETS = 4


def option_of(timeout_us: int) -> UserTimeout:
    """Return the option for a timeout: seconds as far as 15 bits reach, then minutes; never zero (3.3, 3.4)."""
    seconds = max(-(-timeout_us // SECOND_US), 1)
    if seconds <= _MAX_VALUE:
        return UserTimeout(minutes=False, value=seconds)
    return UserTimeout(minutes=True, value=min(-(-timeout_us // MINUTE_US), _MAX_VALUE))


def timeout_of(option: UserTimeout) -> int | None:
    """Return the timeout in microseconds that an option tells; None for the reserved value zero (3.4)."""
    return option.value * (MINUTE_US if option.minutes else SECOND_US) or None


class UserTimeoutExchange:
    """Announces ours where ``settings.announces_user_timeout``, and adopts the longer one of both ends."""

    __slots__ = ("_announced", "_segments", "remote_us")

    LOWER_LIMIT_US = 100 * SECOND_US
    """L_LIMIT: at least 100 seconds (3.1; RFC 9293, SHLD-11)."""
    UPPER_LIMIT_US = 3600 * SECOND_US
    """U_LIMIT, against a peer that would have us keep a dead connection for weeks (3.1; section 6)."""

    def __init__(self) -> None:
        self.remote_us: int | None = None
        """REMOTE_UTO: what the peer announced."""
        self._announced: int | None = None
        self._segments = 0

    def on_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Take in the peer's announcement (3.1)."""
        if not connection.settings.announces_user_timeout or not arrival.segment.options:
            return
        for option in arrival.segment.options:
            if isinstance(option, UserTimeout):
                timeout = timeout_of(option)
                self.remote_us = self.remote_us if timeout is None else timeout

    def own_us(self, connection: "ConnectionCore") -> int:
        """ADV_UTO: what we announce; the user's own timeout, else the default of the personality."""
        return connection.settings.user_timeout_us or connection.limits.R2_US

    def adopted_us(self, connection: "ConnectionCore") -> int | None:
        """Return the timeout that both ends agreed on; None where the user fixed it, or the peer said nothing (3.1)."""
        if self.remote_us is None or connection.settings.user_timeout_us:
            return None
        # "The lower limit MUST be larger than the current retransmission timeout."
        lower = max(self.LOWER_LIMIT_US, connection.rtt.rto + SECOND_US)
        return max(min(self.UPPER_LIMIT_US, max(self.own_us(connection), self.remote_us)), lower)

    def option(self, connection: "ConnectionCore", *, room: int) -> UserTimeout | None:
        """Return the option where it is due: on the SYN, on the first segment after it, and after a change (3)."""
        if not connection.settings.announces_user_timeout or room < OCTETS:
            return None
        own = self.own_us(connection)
        self._segments += 1
        if own == self._announced and self._segments > 2:
            return None
        self._announced = own
        return option_of(own)
