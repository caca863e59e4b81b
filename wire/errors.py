"""Errors of the codec."""


class WireError(ValueError):
    """A value that has no form on the wire: a field out of its range, a bad address, too many options."""


class MalformedPacket(WireError):
    """Octets that are not the packet they claim to be.

    `reason` is one line for people; `offset` is where the trouble starts, in octets from the start of the data that was
    to be parsed.
    """

    def __init__(self, reason: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(reason, offset)

    def __str__(self) -> str:
        return f"{self.reason} (at octet {self.offset})"
