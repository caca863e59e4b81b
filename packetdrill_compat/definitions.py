"""Symbol definitions (``-D NAME=value``): what the scanner delivers in place of a word.

Source: the language specification, sections 1.2, 10.1 and 10.2.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from packetdrill_compat import numbers


class Replacement(NamedTuple):
    """The terminal and the value that a defined word becomes."""

    type: str
    value: str


def replacements(definitions: Mapping[str, str], dialect: str) -> dict[str, Replacement]:
    """Return what each defined name becomes in a script of `dialect`."""
    convert = {"nplab": _nplab, "mptcp": _word}.get(dialect, _google)
    return {name: _quoted(value) or convert(value) for name, value in definitions.items()}


def _quoted(value: str) -> Replacement | None:
    kind = {'"': "STRING", "`": "BACK_QUOTED"}.get(value[:1])
    return Replacement(kind, value[1:-1]) if kind else None


def _word(value: str) -> Replacement:
    return Replacement("WORD", value)


def _google(value: str) -> Replacement:
    number = strtol(value)
    return _word(value) if number is None else Replacement("INTEGER", str(number))


def _nplab(value: str) -> Replacement:
    """The first character decides; a value that starts like a number is cut off behind its leading digits."""
    if value.startswith("0x"):
        digits = re.match(r"0x([0-9a-fA-F]*)", value)
        return Replacement("HEX_INTEGER", "0x" + (digits[1] if digits and digits[1] else "0"))
    digits = re.match(r"[0-9]+", value)
    return Replacement("INTEGER", digits[0]) if digits else _word(value)


def strtol(value: str) -> int | None:
    """Read `value` as C's ``strtol`` with base 0 does; None if a rest remains or the number is out of range.

    A leading zero means octal, ``0x`` hexadecimal. The empty value is 0. The two extreme values of a 64-bit ``long``
    are what ``strtol`` gives for everything beyond them, so they count as out of range.
    """
    match = re.fullmatch(r"[ \t\n\v\f\r]*([-+]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))", value)
    if match is None:
        return 0 if value == "" else None
    sign, hexadecimal, octal, decimal = match.groups()
    if decimal:
        number = numbers.decimal(sign + decimal)
    else:
        magnitude = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        number = -magnitude if sign == "-" else magnitude
    return number if numbers.S64_MIN < number < numbers.S64_MAX else None
