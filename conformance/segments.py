"""What a test says about a segment: fields that are left out are filled in when sending and ignored when matching."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

from packetdrill_compat.notation import describe_flags
from wire.options import TcpOption
from wire.tcp import PSH, TcpSegment


@dataclass(frozen=True, slots=True)
class Segment:
    """A pattern for TCP segments; None is "not said".

    `seq`, `ack` and `window` are the numbers on the wire (the window unscaled). `length` is the length of the payload,
    for when its octets do not matter. PSH is ignored unless `exact`: RFC 9293 section 3.9.1 leaves it to the sender.
    """

    flags: int | None = None
    seq: int | None = None
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[TcpOption, ...] | None = None
    payload: bytes | None = None
    length: int | None = None
    exact: bool = False

    def but(self, **changes: Any) -> Self:
        """Return the same pattern with other fields; a template is used like this."""
        return replace(self, **changes)

    def differences(self, got: TcpSegment) -> list[str]:
        """Return one line ``field: want A, got B`` for each field that was said and differs."""
        mask = ~0 if self.exact else ~PSH
        found: list[str] = []
        if self.flags is not None and self.flags & mask != got.flags & mask:
            found.append(f"flags: want {describe_flags(self.flags)}, got {describe_flags(got.flags)}")
        if self.length is not None and self.length != len(got.payload):
            found.append(f"length: want {self.length}, got {len(got.payload)}")
        for name in ("seq", "ack", "window", "urgent", "options", "payload"):
            wanted = getattr(self, name)
            if wanted is not None and wanted != getattr(got, name):
                found.append(f"{name}: want {wanted!r}, got {getattr(got, name)!r}")
        return found

    def __str__(self) -> str:
        words = [describe_flags(self.flags)] if self.flags is not None else ["any flags"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("flags", "exact") and value is not None:
                words.append(f"{field.name} {value!r}")
        return " ".join(words)


def pattern_of(wanted: "Segment | int") -> Segment:
    """Return a pattern; a bare flag mask stands for a segment with these flags."""
    return wanted if isinstance(wanted, Segment) else Segment(flags=wanted)
