"""Sequence numbers: 32 bits, all arithmetic modulo 2**32 (RFC 9293, section 3.4)."""

from typing import Self, overload

_MASK = 0xFFFF_FFFF
_SIGN = 0x8000_0000


class Seq(int):
    """A point in sequence space.

    ``Seq + int`` and ``Seq - int`` are points again; ``Seq - Seq`` is the signed distance, -2**31 to 2**31 - 1. Order
    is serial: ``a < b`` says that `b` lies ahead of `a` by less than half the space, so it is not transitive over the
    whole space and sorting numbers further apart than that means nothing. Two numbers exactly 2**31 apart each come
    before the other, as in the C idiom ``(int32_t)(a - b) < 0``; RFC 1982, section 3.2, leaves that case undefined.
    Equality and hash are those of the plain number, and a plain number on the other side is taken modulo 2**32.
    """

    __slots__ = ()

    def __new__(cls, value: int = 0) -> Self:
        """Take `value` modulo 2**32."""
        return super().__new__(cls, value & _MASK)

    def __add__(self, octets: int) -> "Seq":
        return Seq(int(self) + int(octets))

    __radd__ = __add__

    @overload
    def __sub__(self, other: "Seq") -> int: ...  # type: ignore[overload-overlap]

    @overload
    def __sub__(self, other: int) -> "Seq": ...

    def __sub__(self, other: int) -> int:
        if isinstance(other, Seq):
            return _signed(int(self) - int(other))
        return Seq(int(self) - other)

    def __rsub__(self, other: int) -> int:
        return _signed(other - int(self))

    def __lt__(self, other: int) -> bool:
        return _signed(int(self) - int(other)) < 0

    def __le__(self, other: int) -> bool:
        return int(self) == int(other) & _MASK or self < other

    def __gt__(self, other: int) -> bool:
        return _signed(int(other) - int(self)) < 0

    def __ge__(self, other: int) -> bool:
        return int(self) == int(other) & _MASK or self > other

    def is_between(self, first: int, end: int) -> bool:
        """Tell whether this number lies in the half-open interval from `first` to `end`, around the wrap if need be."""
        return (int(self) - int(first)) & _MASK < (int(end) - int(first)) & _MASK

    def __repr__(self) -> str:
        return f"Seq({int(self)})"


def _signed(difference: int) -> int:
    return ((difference + _SIGN) & _MASK) - _SIGN
