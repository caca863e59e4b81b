"""Numbers, words and quoted text in the spelling that reads back as the same value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from packetdrill_compat.definitions import Replacement, replacements

_PLAIN = re.compile(r"[0-9a-zA-Z_]+")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Style:
    """What decides the spelling of a script: its dialect, and the definitions that its reader will apply."""

    dialect: str = "google"
    definitions: Mapping[str, Replacement] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """Return the word that reads back as `name`.

        A name that is itself defined, or that is no word at all, can only have come from a definition; then the defined
        word is written.
        """
        if name in self.definitions or not _PLAIN.fullmatch(name):
            wanted = Replacement("WORD", name)
            return next((word for word, value in self.definitions.items() if value == wanted), name)
        return name


def style_of(dialect: str, definitions: Mapping[str, str]) -> Style:
    """Return the style for a script with these definitions."""
    return Style(dialect, replacements(definitions, dialect))


def seconds(time: int) -> str:
    """Return a time in microseconds as seconds.

    The reader multiplies a double by a million and cuts the rest off, which can lose a microsecond; then one more digit
    is written.
    """
    whole, rest = divmod(time, _MILLION)
    if not rest:
        return str(whole)
    text = f"{whole}.{rest:06d}".rstrip("0")
    return text if int(float(text) * 1e6) == time else f"{whole}.{rest:06d}5"


def blob(data: bytes) -> str:
    """Return octets as hexadecimal digits. Upper case keeps short ones apart from keywords such as ``ce``."""
    digits = data.hex()
    return digits.upper() if len(digits) <= 4 else digits


def quoted(text: str) -> str:
    """Return a string with its quotes."""
    return f'"{text}"'
