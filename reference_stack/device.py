"""The way out of a host as its connections see it: a queue in front of the link that may have no room."""

from dataclasses import dataclass


@dataclass(slots=True)
class Device:
    """Shared by the host, which fills and empties it, and its connections, which may notice a refusal."""

    is_full: bool = False
    """The queue takes no packet: what is sent is lost before it reaches the link."""
