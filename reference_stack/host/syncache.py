"""What a client remembers of servers for Fast Open: cookies, their MSS, and what did not work (RFC 7413, 4.1.3)."""

from dataclasses import dataclass, field

from reference_stack.host.values import Micros
from wire.options import FastOpen

_REFUSED_US = 3600 * 1_000_000
"""How long a negative answer counts: RFC 7413, 4.1.3.1 says "temporarily"."""
_MOST_DOUBLINGS = 6


@dataclass(slots=True)
class KnownServer:
    """What is known of the way between two addresses. `mss` is the server's newest MSS option."""

    cookie: FastOpen | None = None
    mss: int | None = None
    attempts: int = 0
    """Cookie requests that brought none: 0, 1 after one by option 34, 2 after one by the experimental option too."""
    refused_until: Micros = 0

    @property
    def asks_by_experiment(self) -> bool:
        """The next request uses the experimental option, because the other one brought nothing (Linux)."""
        return self.attempts == 1


@dataclass(slots=True)
class SynCache:
    """All of a host, by local and remote address; and whether a middlebox made it give up Fast Open for a while."""

    _servers: dict[tuple[str, str], KnownServer] = field(default_factory=dict)
    _is_off_until: Micros = 0
    _times_off: int = 0

    def server(self, local_ip: str, remote_ip: str) -> KnownServer:
        """Return what is known, a blank one if nothing is."""
        return self._servers.setdefault((local_ip, remote_ip), KnownServer())

    def clear(self) -> None:
        """Forget all servers (``ip tcp_metrics flush``)."""
        self._servers.clear()

    def refuse(self, local_ip: str, remote_ip: str, *, now: Micros) -> None:
        """Text on a SYN did not get through to this server (RFC 7413, 4.1.3.1)."""
        self.server(local_ip, remote_ip).refused_until = now + _REFUSED_US

    def switch_off(self, timeout_us: Micros, *, now: Micros) -> None:
        """A black hole was met: no Fast Open for `timeout_us`, twice as long each time, up to 64 times (Linux)."""
        if timeout_us:
            self._is_off_until = now + (timeout_us << min(self._times_off, _MOST_DOUBLINGS))
            self._times_off += 1

    def is_off(self, *, now: Micros) -> bool:
        """Whether a black hole keeps Fast Open off."""
        return now < self._is_off_until
