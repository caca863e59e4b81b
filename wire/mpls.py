"""MPLS label stacks (RFC 3032, section 2.1; traffic class RFC 5462)."""

from typing import NamedTuple

from wire.errors import MalformedPacket, WireError

PROTOCOL = 137  # RFC 4023, section 3: MPLS directly in IP


class MplsLabel(NamedTuple):
    """One entry: 20-bit label, 3-bit traffic class, bottom-of-stack bit, 8-bit TTL."""

    label: int
    traffic_class: int = 0
    bottom: bool = True
    ttl: int = 64


class MplsStack(NamedTuple):
    """The entries, outermost first; the last one has `bottom` set on a well-formed wire."""

    labels: tuple[MplsLabel, ...]

    @property
    def size(self) -> int:
        """Octets of the stack."""
        return 4 * len(self.labels)


def build_mpls(stack: MplsStack) -> bytes:
    """Return the octets of a stack. Raises `WireError` for a field out of range and for a stack without entries."""
    if not stack.labels:
        raise WireError("an MPLS label stack has at least one entry")
    return b"".join(_build_label(label) for label in stack.labels)


def _build_label(entry: MplsLabel) -> bytes:
    label, traffic_class, bottom, ttl = entry
    if not (0 <= label < 1 << 20 and 0 <= traffic_class <= 7 and 0 <= ttl <= 0xFF):
        raise WireError(f"MPLS label stack entry out of range: {entry}")
    return (label << 12 | traffic_class << 9 | bool(bottom) << 8 | ttl).to_bytes(4, "big")


def read_mpls(data: bytes, at: int, end: int) -> MplsStack:
    """Read the stack at `at`, up to its bottom. Raises `MalformedPacket` when the data end before it."""
    labels: list[MplsLabel] = []
    while not labels or not labels[-1].bottom:
        if end - at < 4:
            raise MalformedPacket("MPLS label stack without bottom", at)
        word = int.from_bytes(data[at : at + 4], "big")
        labels.append(MplsLabel(word >> 12, word >> 9 & 7, bool(word & 0x100), word & 0xFF))
        at += 4
    return MplsStack(tuple(labels))
