"""Numbers as C reads them."""

S64_MAX = 2**63 - 1
S64_MIN = -(2**63)
U64_MAX = 2**64 - 1
_LONGEST = 20  # more digits than 64 bits have, and far fewer than Python refuses to convert


def decimal(text: str) -> int:
    """Return the value of decimal digits with an optional sign: 64 bits, saturating, as ``strtoll`` does."""
    if len(text) < _LONGEST - 1:
        return int(text)
    digits = text.lstrip("+-").lstrip("0")
    magnitude = int(digits or "0") if len(digits) <= _LONGEST else U64_MAX
    return max(S64_MIN, min(-magnitude if text.startswith("-") else magnitude, S64_MAX))


def hexadecimal(text: str) -> int:
    """Return the value of hexadecimal digits, with or without ``0x``: 64 bits without sign, saturating."""
    return min(int(text, 16), U64_MAX)
