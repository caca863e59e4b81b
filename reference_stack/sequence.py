"""The one place where 32-bit sequence numbers wrap.

Inside a connection sequence numbers are plain integers that count on past 2**32: the first octet after ISN 0xFFFFFFFF
is 0x100000000. Comparisons and differences are then ordinary arithmetic, which is both fast and free of wrap-around
mistakes. `SequenceSpace.unwrap` carries a number from the wire over, next to a known one; `wire` carries it back.
RFC 9293, section 3.4 asks for arithmetic modulo 2**32; this is the same as long as two compared numbers are less than
2**31 apart, which the window limit of RFC 7323 (2**30) ensures.
"""

MODULUS = 1 << 32
MASK = MODULUS - 1
HALF = 1 << 31


class SequenceSpace:
    """Conversion between wire numbers (0 to 2**32-1) and unbounded ones."""

    __slots__ = ()

    def unwrap(self, reference: int, wire: int) -> int:
        """Return the unbounded number nearest to `reference` that is `wire` modulo 2**32."""
        distance = (wire - reference) & MASK
        return reference + distance - MODULUS if distance >= HALF else reference + distance

    def wire(self, number: int) -> int:
        """Return what stands in a header for an unbounded number."""
        return number & MASK

    def timestamp_before(self, a: int, b: int) -> bool:
        """Tell whether timestamp `a` is older than `b` in 32-bit serial order (RFC 7323, 5.2)."""
        return (a - b) & MASK >= HALF
